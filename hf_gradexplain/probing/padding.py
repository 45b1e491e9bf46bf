"""How long texts may be that share a batch by padding, tried on the model before it is done."""

from collections.abc import Sequence
from dataclasses import replace

from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.memory import ran_out
from hf_gradexplain.probing.gradient_checks import batch_error, sample_documents, tokens_around
from hf_gradexplain.probing.probe import LENGTHS, Profile

_SMALLEST, _STEP = 64, 4
_WORTH = 16


class PaddingLimit:
    """The length up to which padding was seen to leave a model's answers alone.

    Some models read long texts in another way than short ones: they cut them into blocks, or switch to sparse
    attention. So that a padded batch of short texts says nothing about one of long texts, and each range of lengths
    `(64 * 4^(i - 1), 64 * 4^i]` is tried once, on texts as long as the longest that are there. What is tried is the
    model as it is, not compiled and in its own precision: beside the rounding of bfloat16 nothing would hold.

    Args:
        profile: What the model showed on very short texts.
        tokenizer: The tokenizer.
    """

    def __init__(self, profile: Profile, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer, self.tolerance = tokenizer, profile.tolerance
        self.around = tokens_around(tokenizer)
        self.safe = max(LENGTHS) + self.around if profile.padding_safe else 0
        self.unsafe = float("inf") if profile.padding_safe else 0
        self._tried: dict[int, bool] = {}

    def __call__(self, classifier: HookedClassifier, lengths: Sequence[int]) -> int:
        """The limit for texts of these lengths, which are tried where there are enough of them to be worth it.

        It depends on these lengths alone, not on those of earlier calls: so the batches of a set of texts do not
        depend on what was explained before.
        """
        safe, unsafe, top = self.safe, self.unsafe, _SMALLEST
        while safe < min(max(lengths, default=0), unsafe):
            further = [n for n in lengths if safe < n <= top and n < unsafe]
            if sum(further) >= _WORTH * max(further, default=1):
                longest = max(further)
                safe, unsafe = (longest, unsafe) if self._holds(classifier, longest) else (safe, longest)
            if top >= max(lengths):
                break
            top *= _STEP
        return safe

    def _holds(self, classifier: HookedClassifier, longest: int) -> bool:
        """Whether padding up to here leaves the answers alone; where memory runs out, not this time."""
        if longest not in self._tried:
            try:
                self._tried[longest] = self._error(classifier, longest) <= self.tolerance
            except (MemoryError, RuntimeError) as error:
                if not ran_out(error):
                    raise
                return False
        return self._tried[longest]

    def _error(self, classifier: HookedClassifier, longest: int) -> float:
        n = longest - self.around
        documents = sample_documents(self.tokenizer, [LENGTHS[0], n // 2, n - 1, n])
        plain = replace(classifier, mixed_precision=False, compiled={})
        return batch_error(plain, documents, self.tokenizer, gradients=False)

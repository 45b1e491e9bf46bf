"""Find the length up to which texts may be padded, by trying it on the model."""

from collections.abc import Sequence
from dataclasses import replace

from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.memory import is_out_of_memory
from hf_gradexplain.perturb import shortcut_of
from hf_gradexplain.probing.gradient_checks import LENGTHS, batch_error, documents_without_ties, tokens_around
from hf_gradexplain.probing.probe import Profile
from hf_gradexplain.probing.propagation_check import propagation_batch_error

_SMALLEST, _STEP = 64, 4
"""The first length interval ends at 64 tokens; each further interval ends at four times the end of the one before."""

_WORTH = 16
"""An interval is tried if its texts together have at least this many times the tokens of its longest text; twice this
number if the passes of the model take almost no time. With deletion, one text is enough, because it has copies of many
lengths."""


class PaddingLimit:
    """The length up to which padding does not change a model's results.

    Some models process long texts in another way than short ones: they cut them into blocks, or switch to sparse
    attention. A padded batch of short texts therefore says nothing about a padded batch of long texts. So each interval
    of lengths `(64 * 4^(i - 1), 64 * 4^i]` that has enough texts is tried, on sample texts as long as the longest text
    in the interval. No length is tried twice. The model is tried uncompiled and in its own dtype: the rounding errors
    of mixed precision would exceed the tolerance. For relevance propagation, relevances are compared as well.

    Args:
        profile: The results of probing the model with very short texts.
        tokenizer: The model's tokenizer.
    """

    def __init__(self, profile: Profile, tokenizer: PreTrainedTokenizerBase) -> None:
        self.profile, self.tokenizer, self.around = profile, tokenizer, tokens_around(tokenizer)
        self._tried: dict[tuple[int, bool], bool] = {}

    def __call__(self, classifier: HookedClassifier, lengths: Sequence[int]) -> int:
        """Return the limit for texts of these lengths.

        An interval of lengths is tried only if it holds enough texts to save time by padding. The limit depends on
        these lengths only, not on earlier calls, so the batches of a list of texts are always the same.
        """
        profile = self.profile
        if not (profile.propagation_padding_safe if classifier.for_propagation else profile.padding_safe):
            return 0
        is_fast = shortcut_of(classifier.model).linear
        worth = 1 if classifier.deletion is not None else 2 if is_fast else _WORTH
        safe, unsafe, top = max(LENGTHS) + self.around, float("inf"), _SMALLEST
        while safe < min(max(lengths, default=0), unsafe):
            further = [n for n in lengths if safe < n <= top and n < unsafe]
            if sum(further) >= worth * max(further, default=1):
                longest = max(further)
                safe, unsafe = (longest, unsafe) if self._holds(classifier, longest) else (safe, longest)
            if top >= max(lengths):
                break
            top *= _STEP
        return safe

    def _holds(self, classifier: HookedClassifier, longest: int) -> bool:
        """Return whether padding up to this length changes nothing; False, for this call, if memory runs out."""
        trial = longest, classifier.for_propagation
        if trial not in self._tried:
            try:
                self._tried[trial] = self._error(classifier, longest) <= self.profile.tolerance
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                return False
        return self._tried[trial]

    def _error(self, classifier: HookedClassifier, longest: int) -> float:
        n = longest - self.around
        documents = documents_without_ties(self.tokenizer, [LENGTHS[0], n // 2, n - 1, n])
        plain = replace(classifier, mixed_precision=False, compiled={})
        if classifier.for_propagation:
            return propagation_batch_error(plain, documents, self.tokenizer)
        return batch_error(plain, documents, self.tokenizer, gradients=False)

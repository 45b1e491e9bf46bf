"""Masked fine-tuning: train on texts in which some words are masked in the same way as in an evaluation.

Half of the texts of each batch get a masking rate, drawn uniformly from 0 to 1. Each word of such a text is masked with
this probability. So all numbers of masked words, from none to all, are equally likely, as on a removal curve.

Source: Madsen, Reddy and Chandar, "Faithfulness Measurable Masked Language Models" (ICML 2024), section 4.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerBase, Trainer

from hf_gradexplain.attribution.baseline import baseline_vectors
from hf_gradexplain.classifier.embedding_lookups import OtherPlacesError, edit_lookups
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import BaselineName
from hf_gradexplain.probing.open_classifier import open_classifier
from hf_gradexplain.text.data import rng_of
from hf_gradexplain.text.encode import Encoder

WORD_OF = "word_of"
"""Column of encoded texts: for each token, the number of its word; negative for tokens that are never masked."""

MASKED = "masked"
"""Input of a batch: which tokens are masked, `(B, T)` bool."""

FULLY_MASKED = "fully_masked_"
"""The prefix of metrics on texts with all words masked."""


class WordMasks:
    """Masks words of training texts: tokenizes the texts, draws words in each batch, and replaces their vectors.

    The draws for a text depend on the seed, the epoch and the tokens of the text, not on its batch or process.

    Args:
        model: The model to train.
        tokenizer: Its tokenizer.
        max_length: The largest number of tokens; longer texts are truncated. None for no limit.
        baseline: What replaces the word vector of a masked word, see `baseline_vectors`.
        seed: The seed of the draws.

    Attributes:
        share: Which words are masked: `half` for random words in half of the texts of each batch; `all`; or `none`.
        epoch: The current epoch.

    Raises:
        GradexplainError: The embedding lookups of the model cannot be found.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_length: int | None = None,
        baseline: BaselineName = "zero",
        seed: int = 0,
    ) -> None:
        self._tokenizer, self._baseline, self._seed = tokenizer, baseline, seed
        self._encoder = Encoder(tokenizer, max_length, "word", filler=tokenizer.pad_token_id or 0)
        self._pad = DataCollatorWithPadding(tokenizer)
        with frozen_eval_mode(model):
            self._classifier = open_classifier(model, tokenizer)
            baseline_vectors(self._classifier, tokenizer, baseline)  # raises an error before the training
        self.share: Literal["half", "all", "none"] = "half"
        self.epoch = 0

    def tokenize(self, texts: Sequence[Any], pairs: Sequence[str] | None = None) -> dict[str, list[Any]]:
        """Tokenize texts, pairs or conversations as they are tokenized for explanations, with the column `WORD_OF`."""
        documents = self._encoder(texts if pairs is None else list(zip(texts, pairs, strict=True)))
        inputs = {name: [document.inputs[name].tolist() for document in documents] for name in documents[0].inputs}
        return {**inputs, WORD_OF: [document.unit_of.tolist() for document in documents]}

    def pad(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the batch of tokenized texts, padded to the longest, with `MASKED`."""
        batch = dict(self._pad([{name: x for name, x in row.items() if name != WORD_OF} for row in rows]))
        batch[MASKED] = torch.zeros(batch["input_ids"].shape, dtype=torch.bool)
        masked = self.draw([row["input_ids"] for row in rows], [np.array(row[WORD_OF]) for row in rows])
        for row, tokens in zip(batch[MASKED], masked, strict=True):
            left = self._tokenizer.padding_side == "left"
            row[slice(-len(tokens), None) if left else slice(len(tokens))] = torch.from_numpy(tokens)
        return batch

    def draw(self, ids: Sequence[Sequence[int]], word_of: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return which tokens of each text are masked: `(T,)` bool per text.

        If the number of texts is odd, half of it is rounded up or down with equal probability.

        Args:
            ids: The token ids `(T,)` of each text.
            word_of: The word of each token `(T,)` of each text, see `WORD_OF`.
        """
        if self.share != "half":
            return [(words >= 0) & (self.share == "all") for words in word_of]
        rngs = list(map(self._rng, ids))
        draws = np.array([rng.random() for rng in rngs])
        half = (len(draws) + (np.median(draws) < 0.5)) // 2
        chosen = set(draws.argsort(kind="stable")[:half].tolist())
        return [
            _random_words(rng, words) if i in chosen else np.zeros(len(words), bool)
            for i, (rng, words) in enumerate(zip(rngs, word_of, strict=True))
        ]

    def _rng(self, ids: Sequence[int]) -> np.random.Generator:
        """Return the random generator of a text in this epoch."""
        return rng_of(ids, self._seed, f"masked fine-tuning, epoch {self.epoch}")

    @contextmanager
    def edit(self, ids: Tensor, masked: Tensor) -> Iterator[None]:
        """In the block, set the word vectors of the `masked` tokens `(B, T)` of the texts `ids` to the baseline.

        Raises:
            GradexplainError: The model looks these words up in an embedding layer that was not found by the check.
        """
        classifier = replace(self._classifier)  # one that restores the present mode of the model
        classifier = replace(classifier, baseline=baseline_vectors(classifier, self._tokenizer, self._baseline))
        try:
            with edit_lookups(classifier.model, classifier.lookups, classifier.mask(masked), ids):
                yield
        except OtherPlacesError as error:
            raise GradexplainError(
                f"masked_fine_tuning: {type(classifier.model).__name__} looks up some words in an embedding that "
                "was not found when the model was checked, so they cannot be masked: leave masked_fine_tuning out"
            ) from error


def _random_words(rng: np.random.Generator, word_of: np.ndarray) -> np.ndarray:
    """Return the tokens `(T,)` of random words: all words have the same probability, drawn uniformly from 0 to 1."""
    rate = rng.random()
    chosen = rng.random(1 + int(word_of.max(initial=0))) < rate
    return (word_of >= 0) & chosen[word_of]


class MaskingTrainer(Trainer):
    """A `Trainer` that masks words.

    The embedding table is trained only through the words that are not masked; the baseline itself is not trained.
    """

    masks: WordMasks

    def mask_words(self, masks: WordMasks) -> None:
        """Mask words from now on; the data collator of the trainer has to use `masks.pad`.

        Raises:
            GradexplainError: This process uses several GPUs.
        """
        if self.args.n_gpu > 1:
            raise GradexplainError(
                f"masked_fine_tuning needs a process per GPU, but this one has {self.args.n_gpu}: start it with "
                "`accelerate launch`, or choose one GPU by CUDA_VISIBLE_DEVICES=0"
            )
        self.masks = masks

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: torch.device) -> Any:
        """Return the next batches, with words drawn for the current epoch."""
        self.masks.epoch = int(self.state.epoch or 0)
        return super().get_batch_samples(epoch_iterator, num_batches, device)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the loss of a batch in which the tokens marked in `MASKED` are masked."""
        masked = inputs.pop(MASKED)
        with self.masks.edit(inputs["input_ids"], masked):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Return the metrics on unmasked texts and, with the prefix `FULLY_MASKED`, on texts with all words masked."""
        self.masks.share = "none"
        metrics = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        self.masks.share = "all"
        metrics |= super().evaluate(eval_dataset, ignore_keys, f"{metric_key_prefix}_{FULLY_MASKED}".rstrip("_"))
        self.masks.share = "half"
        return metrics

    def _set_signature_columns_if_needed(self) -> None:
        """Keep the column `WORD_OF` for the collator."""
        super()._set_signature_columns_if_needed()
        columns: Any = self._signature_columns
        if WORD_OF not in columns:
            columns.append(WORD_OF)

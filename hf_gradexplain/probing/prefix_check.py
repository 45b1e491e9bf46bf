"""Check by experiment that a model is causal and can continue from the keys and values of earlier tokens."""

from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.key_values import KeyValues
from hf_gradexplain.classifier.memory import FAILURES, is_out_of_memory
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.probing.gradient_checks import largest, relative_error
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.data import Batch, Document

_NOT_ROUNDING = 0.1
"""A relative error that is too large for rounding; when it is exceeded, the comparison ends."""


def prefix_error(
    classifier: HookedClassifier, documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase
) -> float:
    """Return the largest relative error of masked texts whose first tokens are taken from the plain texts.

    A word is masked at the beginning, in the middle and at the end of the texts. Two things are compared:

    - the keys and values of the tokens before the masked word, in the masked and in the plain texts: they are equal if
      the model is causal;
    - two ways to compute the logits of the masked texts: by a full pass, and by a pass over the masked word and the
      tokens after it, with the keys and values of earlier tokens from the plain texts.

    The comparison ends at the first word whose keys and values differ by more than 10 %; every model that is not causal
    has such a word. Infinite if the model does not keep keys and values, or fails when it is given some; NaN if any
    result is NaN.

    Args:
        classifier: The model, within `frozen_eval_mode`.
        documents: Sample documents; the last one is the longest.
        tokenizer: The model's tokenizer.
    """
    batch = collate(documents, [0] * len(documents), tokenizer, device_of(classifier.model))
    try:
        return _error(classifier, batch)
    except FAILURES as error:
        if is_out_of_memory(error):
            raise
        return float("inf")


def _error(classifier: HookedClassifier, batch: Batch) -> float:
    inputs, unit_of, count = batch.inputs, batch.units.unit_of, int(batch.units.count[-1])
    starts = [int((unit_of[-1] == unit).nonzero()[0]) for unit in sorted({1, count // 2, count - 1})]
    texts, columns = torch.arange(len(unit_of), device=unit_of.device), torch.arange(unit_of.shape[1])
    plain, errors = KeyValues.of(classifier, inputs), list[float]()
    for start in starts:
        masked = (columns == start).to(unit_of.device).expand(unit_of.shape)
        whole = KeyValues.of(classifier, inputs, masked)
        errors += [
            relative_error(before[:, :, :start], changed[:, :, :start])
            for layer, other in zip(plain.layers, whole.layers, strict=True)
            for before, changed in zip(layer, other, strict=True)
        ]
        if largest(errors) > _NOT_ROUNDING:
            break
        rest = plain.rest_of(inputs, texts, slice(start, len(columns)))
        errors += [
            relative_error(classifier.masked_logits(inputs, masked), logits)
            for logits in (whole.logits, classifier.masked_logits(rest, masked[:, start:]))
        ]
    return largest(errors)

"""Baselines: the vectors that replace removed words."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, get_args
from weakref import WeakKeyDictionary

import torch
from accelerate.utils import align_module_device
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.limits import vocabulary_size
from hf_gradexplain.classifier.objective import widest
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.options import BaselineName
from hf_gradexplain.probing.gradient_checks import document_of, ordinary_ids
from hf_gradexplain.text.collate import collate

_CHUNK = 64


def baseline_vectors(
    classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, name: BaselineName
) -> tuple[Tensor, ...] | None:
    """Return the baseline, one vector `(D,)` per embedding table.

    Masking sets a word's vectors to the baseline. `signed_gi` multiplies the gradient by the difference between the
    word's vector and the baseline.

    Args:
        classifier: The classifier, within `frozen_eval_mode`.
        tokenizer: Its tokenizer.
        name: `zero` as in Du & Xu; `pad`, `mask` or `unk` for the vector of this special token; `mean` for the mean
            vector of the vocabulary without special tokens.

    Returns:
        The vectors, or None for zero.

    Raises:
        GradexplainError: The name is unknown, the tokenizer has no such token, or the model has no vector for it.
    """
    choose("baseline", name, get_args(BaselineName))
    if name == "zero":
        return None
    if name == "mean":
        return vocabulary_moments(classifier, tokenizer)[0]
    token = token_for(name, tokenizer, classifier.model, asked=f"baseline={name!r}")
    return tuple(vectors[0, 0] for vectors in _vectors(classifier, tokenizer, [[token]]))


def token_for(name: BaselineName, tokenizer: PreTrainedTokenizerBase, model: nn.Module, *, asked: str) -> int:
    """Return the id of the special token whose vector is the baseline `pad`, `mask` or `unk`.

    Args:
        name: The name of the baseline.
        tokenizer: The tokenizer.
        model: The model.
        asked: What asks for the baseline, such as `baseline='pad'`; error messages begin with it.

    Raises:
        GradexplainError: The tokenizer has no such token, or the model has no vector for it.
    """
    token: int | None = getattr(tokenizer, f"{name}_token_id")
    if token is None:
        raise GradexplainError(
            f"{asked}: the tokenizer has no {name} token: choose baseline='mean', which needs no token"
        )
    size = vocabulary_size(model)
    if size is not None and token >= size:
        raise GradexplainError(
            f"{asked}: the model has no vector for the tokenizer's {name} token: "
            "call model.resize_token_embeddings(len(tokenizer)), or choose baseline='mean'"
        )
    return token


Moments = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]
"""The means and the standard deviations of word vectors: one vector `(D,)` each per table."""

_MOMENTS: WeakKeyDictionary[nn.Module, tuple[Any, Moments]] = WeakKeyDictionary()
"""The moments of the vocabulary of each model, and the values that they depend on."""


def vocabulary_moments(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase) -> Moments:
    """Return the mean and the standard deviations of the vocabulary's word vectors, without special tokens.

    The result is cached until the weights that it depends on change.
    """
    ids = _vocabulary(classifier, tokenizer)
    device, weights = device_of(classifier.model), _column_sums(classifier)
    depends_on = ids, classifier.lookups, classifier.mixed_precision, device, weights
    if classifier.model not in _MOMENTS or _MOMENTS[classifier.model][0] != depends_on:
        _MOMENTS[classifier.model] = depends_on, _compute_moments(classifier, tokenizer, ids)
    return _MOMENTS[classifier.model][1]


def _compute_moments(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> Moments:
    """Return the moments of the vectors of these ids, summed in the widest dtype of the device."""
    sums: list[list[Tensor]] = []
    for tables in _batches(classifier, tokenizer, ids):
        wide = [x.to(widest(x.device)) for x in tables]
        sums.append([torch.stack([x.sum(1), x.square().sum(1)]) for x in wide])
        dtypes = [x.dtype for x in tables]
    moments = [torch.cat(parts, 1).sum(1) / len(ids) for parts in zip(*sums, strict=True)]
    deviations = [(squares - mean.square()).clamp_min(0).sqrt() for mean, squares in moments]
    means = tuple(mean.to(dtype) for (mean, _), dtype in zip(moments, dtypes, strict=True))
    return means, tuple(deviation.to(dtype) for deviation, dtype in zip(deviations, dtypes, strict=True))


def vectors_of_ids(
    classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]
) -> tuple[Tensor, ...]:
    """Return the word vectors of these ids, `(N, D)` per table."""
    batches = [[x.flatten(0, 1) for x in tables] for tables in _batches(classifier, tokenizer, ids)]
    return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))


def _batches(
    classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]
) -> Iterator[tuple[Tensor, ...]]:
    """Yield the word vectors of these ids, in rows of equal length: `(B, R, D)` per table."""
    *rows, last = (ids[at : at + _CHUNK] for at in range(0, len(ids), _CHUNK))
    step = max(1, classifier.batch_tokens // _CHUNK)
    for at in range(0, len(rows), step):
        yield _vectors(classifier, tokenizer, rows[at : at + step])
    yield _vectors(classifier, tokenizer, [last])


def _column_sums(classifier: HookedClassifier) -> list[Any]:
    """Return the dtype and the column sums of each weight of the lookup layers; they change if the mean changes.

    The version counter of a tensor does not count writes to its `data`, so the values are compared. Offloaded weights
    are fetched.
    """
    sums = []
    for name in dict.fromkeys(lookup.module for lookup in classifier.lookups):
        for module in classifier.model.get_submodule(name).modules():
            with align_module_device(module):
                for weight in chain(module.parameters(recurse=False), module.buffers(recurse=False)):
                    wide = torch.promote_types(weight.dtype, torch.float32)
                    sums.append((weight.dtype, weight.detach().sum(0, dtype=wide).tolist()))
    return sums


def _vocabulary(classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids that the model has vectors for, without special tokens."""
    size = vocabulary_size(classifier.model) or len(tokenizer)
    special = set(tokenizer.all_special_ids)
    return [i for i in range(min(size, len(tokenizer))) if i not in special]


def _vectors(
    classifier: HookedClassifier, tokenizer: PreTrainedTokenizerBase, ids: Sequence[Sequence[int]]
) -> tuple[Tensor, ...]:
    """Return the vectors of `B` rows of `R` ids, per table `(B, R, D)`.

    Each row gets an ordinary token at both ends, because some tables have no vectors for the outermost tokens.
    """
    end = ordinary_ids(tokenizer)[:1]
    documents = [document_of(tokenizer, [*end, *row, *end]) for row in ids]
    batch = collate(documents, [0] * len(documents), tokenizer, device_of(classifier.model))
    return tuple(batch.units.sum_rows(vectors)[:, 1:-1] for vectors in classifier.word_vectors(batch.inputs))

"""The shortcut of FastText: the logits are a sum of one contribution per token.

With `n` real tokens, `logits = W (1/n sum_t e_t) + b`. Masking token `t` subtracts `W (e_t - e_baseline) / n`, whatever
else is masked. After one projection, leave-one-out is a difference and a removal curve a cumulative sum: `O(U C)` each,
instead of `U` forward passes of `O(T D + D C)`.
"""

from typing import cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional as F

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.classifier.objective import gradient_dtype, widest
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.text.data import Gradients


def leave_one_out(forward: ForwardPass) -> Tensor:
    """Return the logits without each unit: `(B, U, C)`."""
    logits = forward.logits.detach()
    return (logits.unsqueeze(1) - _contributions(forward)).to(logits.dtype)


def removal_curves(forward: ForwardPass, ranks: Tensor) -> Tensor:
    """Return the logits without the `k` units ranked first, for orders `(M, B, U)`: `(M, B, U + 1, C)`."""
    logits, contributions = forward.logits.detach(), _contributions(forward)
    texts, size, classes = contributions.shape
    curves = contributions.new_zeros(len(ranks), texts, size + 1, classes)
    step = torch.where(forward.batch.units.real, ranks + 1, 0).unsqueeze(3)
    curves.scatter_add_(2, step.expand(-1, -1, -1, classes), contributions.neg().expand(len(ranks), -1, -1, -1))
    return curves.cumsum_(2).add_(logits.unsqueeze(1)).to(logits.dtype)


def subset_logits(forward: ForwardPass, text_of: Tensor, removed: Tensor) -> Tensor:
    """Return the logits of the texts `(N,)` without sets of units `(N, U)`: `(N, C)`."""
    logits, contributions = forward.logits.detach(), _contributions(forward).to(widest(removed.device))
    runs, counts = text_of.unique_consecutive(return_counts=True)
    parts = zip(runs.tolist(), removed.split(counts.tolist()), strict=True)
    effects = [sets.to(contributions) @ contributions[text] for text, sets in parts]
    return (logits[text_of] - torch.cat(effects)).to(logits.dtype)


def gradients(forward: ForwardPass) -> Gradients:
    """Return the gradients `dl_y/de_t = W^T (dl_y/dlogits) / n` without a backward pass, in at least float32.

    They are the same for each token, also for special tokens and padding, which belong to no unit.
    """
    classifier, ids = forward.classifier, forward.batch.inputs["input_ids"]
    model = cast(FastTextForSequenceClassification, classifier.model)
    embedding, slope = model.embedding(ids), forward.slope()
    dtype = gradient_dtype(model.classifier.weight.dtype, slope)
    n = model.real_tokens(ids, forward.batch.inputs.get("attention_mask"), embedding).sum(1, keepdim=True)
    grad = slope.to(dtype) @ model.classifier.weight.to(dtype) / n.clamp(min=1)
    baseline = None if classifier.gradient_baseline is None else classifier.gradient_baseline[0]
    return Gradients(embedding, grad.unsqueeze(1).expand_as(embedding), baseline)


_CONTRIBUTIONS: WeakKeyDictionary[ForwardPass, Tensor] = WeakKeyDictionary()
"""The contributions of the units of each forward pass."""


def _contributions(forward: ForwardPass) -> Tensor:
    """Return what each unit adds to the logits, in at least float32: `(B, U, C)`, 0 where a text has fewer units."""
    if forward not in _CONTRIBUTIONS:
        _CONTRIBUTIONS[forward] = _sum_by_unit(forward)
    return _CONTRIBUTIONS[forward]


def _sum_by_unit(forward: ForwardPass) -> Tensor:
    """Return the contributions of the tokens of each unit together: `(B, U, C)`."""
    model, units = cast(FastTextForSequenceClassification, forward.classifier.model), forward.batch.units
    ids = forward.batch.inputs["input_ids"]
    per_token = _projected(forward.classifier, ids)
    real = model.real_tokens(ids, forward.batch.inputs.get("attention_mask"), per_token)
    unit_of = units.unit_of.masked_fill(~real, units.size).unsqueeze(2)
    per_unit = per_token.new_zeros(len(ids), units.size + 1, per_token.shape[2])
    per_unit.scatter_add_(1, unit_of.expand_as(per_token), per_token)
    return per_unit[:, : units.size] / real.sum(1).clamp(min=1).view(-1, 1, 1)


_TABLES: WeakKeyDictionary[HookedClassifier, Tensor | None] = WeakKeyDictionary()
"""The projected table `(V, C)` of each classifier from its second call on; None after the first call."""


def _projected(classifier: HookedClassifier, ids: Tensor) -> Tensor:
    """Return `W (e_t - e_baseline)` of each token, in at least float32: `(B, T)` to `(B, T, C)`.

    The first call projects the tokens. The second call projects the whole table, and later calls reuse it: over a whole
    dataset, its cost is negligible. A classifier exists only as long as its weights stay the same.
    """
    model = cast(FastTextForSequenceClassification, classifier.model)
    baseline = 0 if classifier.baseline is None else classifier.baseline[0]
    dtype = torch.promote_types(model.classifier.weight.dtype, torch.float32)
    if classifier not in _TABLES:
        _TABLES[classifier] = None
        return ((model.embedding(ids) - baseline) @ model.classifier.weight.T).to(dtype)
    if (table := _TABLES[classifier]) is None:
        table = ((model.embedding.weight - baseline) @ model.classifier.weight.T).to(dtype)
        _TABLES[classifier] = table
    return F.embedding(ids, table)

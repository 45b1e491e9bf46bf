"""FastText under masks: its logits are a sum of one contribution per token.

With `n` real tokens, `logits = W (1/n sum_t e_t) + b`. Masking token `t` takes `W (e_t - e_baseline) / n` away, no
matter what else is masked. So after one projection a text's leave-one-out is a difference, and its removal curve a
cumulative sum: `O(U C)` each, instead of `U` forward passes of `O(T D + D C)`.
"""

from typing import cast

import torch
from torch import Tensor

from hf_gradexplain.classifier import Classifier, Reading
from hf_gradexplain.data import Gradients
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.perturb.words import read_words


def leave_one_out(classifier: Classifier, reading: Reading) -> Tensor:
    """The logits without each unit: `(B, U, C)`."""
    logits = reading.logits.detach()
    return (logits.unsqueeze(1) - _contributions(classifier, reading)).to(logits.dtype)


def removal_curves(classifier: Classifier, reading: Reading, ranks: Tensor) -> Tensor:
    """The logits without the `k` units ranked first, for orders `(M, B, U)`: `(M, B, U + 1, C)`."""
    logits, contributions = reading.logits.detach(), _contributions(classifier, reading)
    texts, size, classes = contributions.shape
    removed = contributions.new_zeros(len(ranks), texts, size + 1, classes)
    step = torch.where(reading.batch.units.real, ranks + 1, 0).unsqueeze(3)
    removed.scatter_add_(2, step.expand(-1, -1, -1, classes), contributions.expand(len(ranks), -1, -1, -1))
    return (logits.unsqueeze(1) - removed.cumsum(2)).to(logits.dtype)


def gradients(classifier: Classifier, reading: Reading) -> Gradients:
    """`dl_y/de_t = W^T (dl_y/dlogits) / n`, the same for every token: no pass through the model is needed.

    Special tokens and padding get it too; they belong to no unit.
    """
    model, ids = cast(FastTextForSequenceClassification, classifier.model), reading.batch.inputs["input_ids"]
    embedding, logits = model.embedding(ids), reading.logits.detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(classifier.objective.loss(logits, reading.batch.target).sum(), logits)
    n = model.real_tokens(ids, reading.batch.inputs.get("attention_mask"), embedding).sum(1, keepdim=True)
    grad = slope.to(embedding.dtype) @ model.classifier.weight / n.clamp(min=1)
    baseline = None if classifier.baseline is None else classifier.baseline[0]
    return Gradients(embedding, grad.unsqueeze(1).expand_as(embedding), baseline)


def _contributions(classifier: Classifier, reading: Reading) -> Tensor:
    """What each unit adds to the logits, in at least float32: `(B, U, C)`, 0 where a text has fewer units."""
    model, units = cast(FastTextForSequenceClassification, classifier.model), reading.batch.units
    words = read_words(classifier, reading)
    per_word = (words.vectors - words.baseline) @ model.classifier.weight.T
    per_token = per_word.to(torch.promote_types(per_word.dtype, torch.float32))[words.of]
    per_unit = per_token.new_zeros(len(per_token), units.size + 1, per_token.shape[2])
    per_unit.scatter_add_(1, words.unit_of.unsqueeze(2).expand_as(per_token), per_token)
    return per_unit[:, : units.size] / words.length.clamp(min=1).view(-1, 1, 1)

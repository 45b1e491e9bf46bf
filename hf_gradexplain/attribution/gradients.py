"""Gradients of the objective with respect to the word vectors, by derivatives or by propagation rules."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import reduce

import torch
from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.hooked_model import Differentiable
from hf_gradexplain.classifier.memory import FAILURES
from hf_gradexplain.classifier.objective import gradient_dtype, is_tiny
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.rules import RULE_SETS
from hf_gradexplain.text.data import Gradients

TOGETHER = 100
"""The largest number of tokens of a batch for which the backward passes of several classes run as one pass.

Up to this number, one pass with an axis of classes takes less time than a pass per class, as measured by
`benchmarks/all_classes.py`.
"""

CLASSES_TOGETHER = 16
"""The largest number of classes in one such pass; it bounds the memory of the pass."""


def gradients_of(forward: ForwardPass) -> Gradients:
    """Return the gradients of the objective in at least float32.

    The autograd graph is freed unless `forward.keep_graph` is True.

    The gradients of a confident prediction underflow. Therefore the derivatives of the objective with respect to the
    logits of each sequence are multiplied by a power of two, which is exact, and the resulting gradients are divided by
    it in a wider dtype. This is done in float16, and in every dtype if the derivatives are tiny.
    """
    return _gradients(forward, None, forward.classifier.gradient_baseline)


def gradients_of_classes(forwards: Sequence[ForwardPass]) -> Iterator[Gradients]:
    """Yield the result of `gradients_of` for each class, given a forward pass over the same texts for each class.

    If the texts have few tokens in all, the backward passes of all classes run as one pass with an axis of classes.
    Models with operations that do not support this, such as custom autograd functions, take one pass per class.

    Args:
        forwards: The same forward pass once per class. The `keep_graph` of the last one says whether the graph is kept.
    """
    for first in range(0, len(forwards), CLASSES_TOGETHER):
        some = forwards[first : first + CLASSES_TOGETHER]
        together = _together(some) if len(some) > 1 and _is_short(some[0]) else None
        yield from map(gradients_of, some) if together is None else together


def _is_short(forward: ForwardPass) -> bool:
    """Return whether all texts fit into one pass with a graph, and have few tokens."""
    return len(forward.held) == 1 and forward.batch.sequences is None and int(forward.batch.lengths.sum()) <= TOGETHER


def _together(forwards: Sequence[ForwardPass]) -> list[Gradients] | None:
    """Return the gradients for each class by one backward pass, or None if the model does not allow it."""
    (_, _, run), *_ = forwards[0].held
    slopes = torch.stack([forward.slope() for forward in forwards])
    try:
        grads = _backward(run, slopes, keep_graph=True)
    except (*FAILURES, MemoryError):
        return None
    vectors = torch.cat([words.embedding for words in run.words], -1)
    baseline = concatenated(forwards[0].classifier.gradient_baseline)
    return [Gradients(vectors, grad, baseline) for grad in grads]


def propagated_gradients(forward: ForwardPass, rules: str) -> Gradients:
    """Return the gradients of the objective as `gradients_of` does, but under a rule set.

    Args:
        forward: A forward pass that was run with an autograd graph.
        rules: Name of the rule set.
    """
    return _gradients(forward, rules, forward.classifier.baseline)


def _gradients(forward: ForwardPass, rules: str | None, baseline: tuple[Tensor, ...] | None) -> Gradients:
    slope, keep_graph = forward.slope(), forward.keep_graph and bool(forward.held)

    def backward(rows: Tensor, columns: slice, run: Differentiable) -> tuple[Tensor, slice, Tensor, Tensor]:
        graph = Graph(run.logits, [words.delta for words in run.words]) if rules else None
        with apply_rules(graph, RULE_SETS[rules], run.recorded) if graph and rules else nullcontext():
            grad = _backward(run, slope[rows], keep_graph=keep_graph)
        return rows, columns, torch.cat([words.embedding for words in run.words], -1), grad

    parts = forward.each_run(backward)
    _, _, vectors, grad = parts[0]
    if forward.batch.sequences is None:
        return Gradients(vectors, grad, concatenated(baseline))
    shape = *forward.batch.inputs["input_ids"].shape, grad.shape[2]
    dtype = reduce(torch.promote_types, (grad.dtype for *_, grad in parts))
    whole = Gradients(vectors.new_zeros(shape), grad.new_zeros(shape, dtype=dtype), concatenated(baseline))
    for rows, columns, vectors, grad in parts:
        whole.embedding[rows, columns], whole.grad[rows, columns] = vectors, grad.to(dtype)
    return whole


def _backward(run: Differentiable, slope: Tensor, *, keep_graph: bool) -> Tensor:
    """Return the gradients of a run, given the slopes of its sequences: `(..., s, C)` to `(..., s, T, D)`."""
    deltas = [words.delta for words in run.words]
    in_float16 = any(delta.dtype == torch.float16 for delta in deltas)
    scale = torch.where(is_tiny(slope) | in_float16, loss_scale(slope), 1.0)
    start, batched = (slope * scale).to(run.logits.dtype), slope.ndim == 3
    # Under rules, some words may get no gradient at all, such as words that only attention weights depend on.
    grads = torch.autograd.grad(
        run.logits, deltas, start, keep_graph, materialize_grads=not batched, is_grads_batched=batched
    )
    grad = torch.cat([grad.to(gradient_dtype(grad.dtype, slope)) for grad in grads], -1)
    return grad.div_(scale.unsqueeze(-1))


def loss_scale(slope: Tensor) -> Tensor:
    """Return the power of two that brings each row of slopes nearest to 1: `(..., C)` to `(..., 1)`.

    It is at most `2^120` for slopes in float32, and `2^1000` for those in float64.
    """
    largest = 1000 if slope.dtype == torch.float64 else 120
    return torch.exp2(-slope.abs().amax(-1, keepdim=True).log2().round().clamp(-largest, 0))


def concatenated(baseline: tuple[Tensor, ...] | None) -> Tensor | None:
    """Return a baseline as one vector `(D,)`; None for zero."""
    return None if baseline is None else torch.cat(baseline)

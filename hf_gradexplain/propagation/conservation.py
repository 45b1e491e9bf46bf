"""Measure whether a rule set conserves relevance on a model."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.hooked_model import EmbeddingOutput
from hf_gradexplain.classifier.recording import RecordAll
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.nodes import Kind, short_name
from hf_gradexplain.propagation.rules import Grads, RuleSet

_AT_ZERO: dict[str, Callable[[Any], float]] = {
    "Acos0": lambda node: math.pi / 2,
    "Clamp1": lambda node: float(torch.zeros((), dtype=torch.float64).clamp(node._saved_min, node._saved_max)),
    "ClampMax0": lambda node: min(0.0, node._saved_max),
    "ClampMin0": lambda node: max(0.0, node._saved_min),
    "Exp0": lambda node: 1.0,
    "Hardsigmoid0": lambda node: 0.5,
    "Hardtanh0": lambda node: min(max(0.0, node._saved_min_val), node._saved_max_val),
    "LogSigmoid0": lambda node: -math.log(2),
    "Sigmoid0": lambda node: 0.5,
    "Softplus0": lambda node: math.log(2) / node._saved_beta,
}
"""`f(0)` of the activations where it is not 0."""

_BIAS_ARGUMENT = {"NativeLayerNorm0": 3, "NativeGroupNorm0": 2}

_WITH_NUMBER = {"Add1", "ConstantPadNd0", "MaskedFill0", "Rsub1", "Scatter1", "torch::autograd::CopySlices"}
"""Linear operations that may add or fill in a number."""

_WITH_SUMMAND = {"Addmm0", "Baddbmm0"}
"""Matrix products whose first input is added to the product."""


def conservation_error(forward: ForwardPass, record: RecordAll, rules: RuleSet) -> float:
    """Return how far the sum of all relevances is from the first logit of a text.

    The relevance of a word vector `e` is `g e`. The constants that a model adds to its hidden states have relevance as
    well: biases, positions, and `f(0)` of an activation. All relevances together add up to the logit if each rule
    conserves relevance. The error is relative to the sum of the absolute relevances, because the logit itself may be
    near zero by chance.

    Args:
        forward: A forward pass over one text, with its graph, which is kept.
        record: The operations of this forward pass.
        rules: The rule set.
    """
    logit = forward.logits[0, 0]
    grads, relevances = gradients_and_constants(logit, None, forward.words, record, rules)
    for grad, words in zip(grads, forward.words, strict=True):
        relevances += [_dot(*of_word) for of_word in zip(grad[0], words.embedding[0], strict=True)]
    error, size = abs(math.fsum(relevances) - float(logit.detach())), math.fsum(map(abs, relevances))
    return error / size if size else error


def gradients_and_constants(
    output: Tensor, start: Tensor | None, words: Sequence[EmbeddingOutput], record: RecordAll, rules: RuleSet
) -> tuple[tuple[Tensor, ...], list[float]]:
    """Propagate relevance from an output to the word vectors, and collect the relevance of the constants on the way.

    Args:
        output: The output, part of an autograd graph, which is kept.
        start: The gradient of the output; None for a single number and the gradient 1.
        words: The word vectors that were looked up in the forward pass.
        record: The operations of this forward pass.
        rules: The rule set.

    Returns:
        The gradients of the word vectors, `(S, T, D)` per embedding table, and the relevances of the constants.
    """
    deltas = [each.delta for each in words]
    graph = Graph(output, deltas)
    relevances: list[float] = []

    def count(node: Node) -> Callable[[Grads, Grads], None]:
        def hook(grads: Grads, outputs: Grads) -> None:
            if outputs[0] is not None:
                relevances.append(_relevance_of_constants(graph, node, record, grads, outputs[0]))

        return hook

    # Hooks run in the order of their registration: these get the ordinary gradients, before a rule changes them.
    handles = [node.register_hook(count(node)) for node in graph.nodes]
    try:
        with apply_rules(graph, rules, record.inputs):
            grads = torch.autograd.grad(output, deltas, start, retain_graph=True, materialize_grads=True)
    finally:
        for handle in handles:
            handle.remove()
    return grads, relevances


def _relevance_of_constants(graph: Graph, node: Node, record: RecordAll, grads: Grads, output: Tensor) -> float:
    """Return the relevance of the constants that an operation adds: `g_out c`."""
    name, kind, inputs = short_name(node), graph.kinds[node], graph.inputs(node)
    if name in _AT_ZERO:
        return _dot(output, torch.full_like(output, _AT_ZERO[name](node)))
    if name in _BIAS_ARGUMENT:
        bias = record.operations[node].arguments[_BIAS_ARGUMENT[name]]
        return 0.0 if bias is None else _dot(output.movedim(1, -1) if name == "NativeGroupNorm0" else output, bias)
    if kind not in (Kind.LINEAR, Kind.MATRIX_PRODUCT) or not (None in inputs or name in _WITH_NUMBER):
        return 0.0
    if any(x is not None and _is_delta(graph, x) for x in inputs):
        return 0.0  # the word vectors themselves
    operation = record.operations[node]
    with_edge = [i for i, (edge, _) in enumerate(node.next_functions) if edge is not None]
    parts = {
        i: _dot(grad, value)
        for i, value in zip(with_edge, operation.inputs, strict=True)
        if (grad := grads[i]) is not None and inputs[i] is not None
    }
    if kind is Kind.MATRIX_PRODUCT:  # each factor has the relevance of the whole product
        summand = parts.pop(0, 0.0) if name in _WITH_SUMMAND else 0.0
        parts = {0: summand, 1: math.fsum(parts.values()) / max(len(parts), 1)}
    return _dot(output, operation.output) - math.fsum(parts.values())


def _is_delta(graph: Graph, node: Node) -> bool:
    """Return whether an output is the zeros that were added to the word vectors, or a view of them."""
    while graph.kinds[node] is not Kind.WORDS:
        before, *others = graph.inputs(node)
        if before is None or others:
            return False
        node = before
    return True


def _dot(grad: Tensor, value: Tensor) -> float:
    """Return the sum of products; a product with a zero gradient is 0, even if the value is infinite."""
    return float(torch.where(grad == 0, 0, grad * value).real.cpu().double().sum())

"""Measure whether a rule set conserves relevance on a model."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.recording import RecordAll, number_of
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.nodes import Kind, short_name
from hf_gradexplain.propagation.rules import Grads, RuleSet
from hf_gradexplain.text.data import Batch

_AT_ZERO: dict[str, Callable[[Any], float]] = {
    "Acos0": lambda node: math.pi / 2,
    "Clamp1": lambda node: float(torch.zeros(()).clamp(node._saved_min, node._saved_max)),
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

_WITH_NUMBER = {"Add1", "MaskedFill0", "Rsub1", "Scatter1"}
"""Linear operations that add or fill in a number."""


def conservation_error(classifier: HookedClassifier, batch: Batch, rules: RuleSet) -> float:
    """Return how far the relevances are from adding up to the first logit of a text, relative to the logit.

    The relevance of a word vector `e` is `g e`. The constants that a model adds to its hidden states have relevance,
    too: biases, positions, and `f(0)` of an activation. Together they are the logit if each rule conserves relevance.

    Args:
        classifier: The classifier, within `frozen_eval_mode`.
        batch: One text.
        rules: The rule set.
    """
    with RecordAll() as record:
        forward = replace(classifier, for_propagation=True, records_inputs=False).forward(batch, graph=True)
    logit, deltas = forward.logits[0, 0], [words.delta for words in forward.words]
    graph = Graph(logit, deltas)
    constants: list[float] = []

    def count(node: Node) -> Callable[[Grads, Grads], None]:
        def hook(grads: Grads, outputs: Grads) -> None:
            if outputs[0] is not None:
                constants.append(_relevance_of_constants(graph, node, record, grads, outputs[0]))

        return hook

    # Hooks run in the order of their registration: these see the ordinary gradients, before a rule changes them.
    handles = [node.register_hook(count(node)) for node in graph.nodes]
    try:
        with apply_rules(graph, rules, record.inputs):
            grads = torch.autograd.grad(logit, deltas)
    finally:
        for handle in handles:
            handle.remove()
    relevance = sum(_dot(grad, words.embedding) for grad, words in zip(grads, forward.words, strict=True))
    return abs((relevance + math.fsum(constants)) / float(logit.detach()) - 1)


def _relevance_of_constants(graph: Graph, node: Node, record: RecordAll, grads: Grads, output: Tensor) -> float:
    """Return the relevance of the constants that an operation adds: `g_out c`."""
    name, kind, inputs = short_name(node), graph.kinds[node], graph.inputs(node)
    if name in _AT_ZERO:
        return _dot(output, torch.full_like(output, _AT_ZERO[name](node)))
    if name in _BIAS_ARGUMENT:
        bias = record.arguments[number_of(node)][_BIAS_ARGUMENT[name]]
        return 0.0 if bias is None else _dot(output.movedim(1, -1) if name == "NativeGroupNorm0" else output, bias)
    if kind not in (Kind.LINEAR, Kind.MATRIX_PRODUCT) or not (None in inputs or name in _WITH_NUMBER):
        return 0.0
    if any(x is not None and _is_delta(graph, x) for x in inputs):
        return 0.0  # the word vectors themselves
    parts = [
        _dot(grad, record.outputs[number_of(x)][i])
        for grad, live, (x, i) in zip(grads, inputs, node.next_functions, strict=True)
        if grad is not None and live is not None and number_of(x) in record.outputs
    ]
    products = len(parts) if kind is Kind.MATRIX_PRODUCT and parts else 1
    return _dot(output, record.outputs[number_of(node)][0]) - math.fsum(parts) / products


def _is_delta(graph: Graph, node: Node) -> bool:
    """Return whether an output is the zeros that were added to the word vectors, or a view of them."""
    while graph.kinds[node] is not Kind.WORDS:
        before, *others = graph.inputs(node)
        if before is None or others:
            return False
        node = before
    return True


def _dot(grad: Tensor, value: Tensor) -> float:
    """Return the sum of products; a zero gradient counts as 0 also where the value is infinite."""
    return float(torch.where(grad == 0, 0, grad * value).real.sum(dtype=torch.float64))

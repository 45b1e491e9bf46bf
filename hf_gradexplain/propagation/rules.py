"""The rules of relevance propagation: what each kind of operation propagates in place of its derivative.

Relevance propagation is implemented as a modified gradient. The forward pass does not change. In the backward pass,
some nodes of the autograd graph return another gradient. Gradient times input turns the result into scores.

If `g_out` is the gradient of an operation's output `y`, and `g_in` the gradient of an input `x`, the relevance of the
output is `g_out y`, and the relevance of the input is `g_in x`. A rule conserves relevance if the relevances of the
inputs add up to the relevance of the output.

Sources:

- LRP: Bach et al. 2015, *On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance
  Propagation*.
- Ali et al. 2022, *XAI for Transformers: Better Explanations through Conservative Propagation*.
- AttnLRP: Achtibat et al. 2024, *AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers*.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.propagation.activations import ACTIVATIONS, GATED
from hf_gradexplain.propagation.nodes import Kind, degree_of, short_name

Grads = Sequence[Tensor | None]


class Role(IntEnum):
    """The role of an operation's input, if this input depends on the words."""

    SIGNAL = 0
    """Evidence for or against a class."""
    GATE = 1
    """A factor that comes from a bounded or positive function, such as a sigmoid, and weights a signal."""
    CONSTANT = 2
    """A number that the rules treat as a constant, such as one over a standard deviation."""


@dataclass(frozen=True)
class Step:
    """What a rule is given when the backward pass goes through a node.

    Attributes:
        node: The node of the autograd graph, with everything that it saved in the forward pass.
        grads: The ordinary gradient of each input; None if the input does not depend on the words.
        output: The gradient of the output.
        roles: The role of each input. `CONSTANT` means that the input depends on the words, but the rules treat it as a
            constant. None means that the input does not depend on the words.
        recorded: The input of the operation, if the node does not save it and the forward pass recorded it.
    """

    node: Any
    grads: Grads
    output: Tensor
    roles: Sequence[Role | None]
    recorded: Tensor | None


Rule = Callable[[Step], Grads]
"""A function that returns the gradients of a node's inputs."""


def nothing(step: Step) -> Grads:
    """The output counts as a constant: `g_in = 0`."""
    return [None for _ in step.grads]


def whole_to_numerator(step: Step) -> Grads:
    """`y = x / z`: `g_x = g_out / z`, `g_z = 0` (LN rule of Ali et al.: the statistics of a norm are constants)."""
    return [step.grads[0], None]


def whole_to_right_side(step: Step) -> Grads:
    """`y = A^-1 b`: `g_b = A^-T g_out`, `g_A = 0`, because `A` acts as a denominator."""
    return [None, step.grads[1]]


def halves(step: Step) -> Grads:
    """`y = x z`: half of the derivative to each factor (the uniform rule of AttnLRP for products).

    If one factor is a signal and the other a gate or a constant, the signal gets everything: `g_x = z g_out`.
    """
    return _divide(step, step.roles)


def halves_of_matrix_product(step: Step) -> Grads:
    """`Y = X Z`: half of the derivative to each factor, even if one is a gate (the uniform rule of AttnLRP)."""
    return _divide(step, [Role.SIGNAL if role is Role.GATE else role for role in step.roles])


_FACTORS = {"Addmm0": (1, 2), "Baddbmm0": (1, 2)}
"""Which inputs are the factors, for products that also add something."""


def _divide(step: Step, roles: Sequence[Role | None]) -> Grads:
    """Divide the gradient among the signals; if there are none, among the gates, otherwise among the constants."""
    places = _FACTORS.get(short_name(step.node), (0, 1))
    factors = {i: role for i, role in enumerate(roles) if i in places and role is not None}
    getting = [i for i, role in factors.items() if role is min(factors.values())]
    grads = list(step.grads)
    for i in factors:
        grads[i] = _times(grads[i], 1 / len(getting)) if i in getting else None
    return grads


def attention(step: Step) -> Grads:
    """`Y = softmax(Q K^T) V`: the rule `halves` for both products (AttnLRP).

    The softmax between the products keeps its derivative. The value gets half of its derivative; the query and the key
    get a quarter of theirs.
    """
    query, key, value, *mask = (role is not None for role in step.roles)
    outer = 0.5 if value and (query or key or any(mask)) else 1
    inner = outer * (0.5 if query and key else 1)
    factors = (inner, inner, outer, *[outer] * len(mask))
    return [_times(grad, factor) for grad, factor in zip(step.grads, factors, strict=True)]


def attention_values(step: Step) -> Grads:
    """`Y = P V` with the attention weights `P` as constants: `G_V = P^T G_out` (AH rule of Ali et al.)."""
    return [grad if i == 2 else None for i, grad in enumerate(step.grads)]


def fixed_statistics(step: Step) -> Grads:
    """`y = (x - mean(x)) w / s + b` with the statistic `s` as a constant (LN rule of Ali et al.).

    `g_in = g - mean(g)` with `g = g_out w / s`; RMS normalisation subtracts no mean.
    """
    node = step.node
    x, weight, rstd = node._saved_input, node._saved_weight, getattr(node, "_saved_result2", node._saved_result1)
    if short_name(node) == "NativeGroupNorm0":
        scaled = step.output if weight is None else step.output * weight.view(-1, *[1] * (x.ndim - 2))
        grouped = scaled.reshape(*rstd.shape, -1) * rstd.unsqueeze(-1)
        return [(grouped - grouped.mean(-1, keepdim=True)).view_as(x).to(x.dtype), *[None] * (len(step.grads) - 1)]
    g = (step.output if weight is None else step.output * weight) * rstd
    if short_name(node) == "NativeLayerNorm0":
        g = g - g.mean(tuple(range(-len(node._saved_normalized_shape), 0)), keepdim=True)
    return [g.to(x.dtype), *[None] * (len(step.grads) - 1)]


def line(step: Step) -> Grads:
    """`y = f(x)`: the slope of the line from `(0, f(0))` to `(x, y)`, `g_in = g_out (f(x) - f(0)) / x`.

    For functions with `f(0) = 0`, this is the identity rule of AttnLRP. At `x = 0` it is the derivative.
    """
    node, saved = step.node, next((name for name in ("_saved_self", "_saved_input") if hasattr(step.node, name)), None)
    x = step.recorded if saved is None else getattr(node, saved)
    if x is None:
        raise GradexplainError(
            f"the input of {node.name()} was not recorded in the forward pass: choose methods='integrated_gradients'"
        )
    name, wide = short_name(node), x.to(torch.promote_types(x.dtype, torch.float32))
    if name in GATED:
        return [step.output * GATED[name](node, wide).to(x.dtype)]
    slope, near_zero = ACTIVATIONS[name](node, wide) / wide, wide.abs() < torch.finfo(wide.dtype).tiny
    (grad,) = step.grads
    return [grad if grad is None else torch.where(near_zero, grad, step.output * slope.to(x.dtype))]


def divided_by_degree(step: Step) -> Grads:
    """`y = x^d`: the derivative divided by the degree, `g_in = g_out y / x`, so that relevance is conserved."""
    return [_times(grad, 1 / degree_of(step.node)) for grad in step.grads]


def _times(grad: Tensor | None, factor: float) -> Tensor | None:
    return grad if grad is None or factor == 1 else grad * factor


RuleSet = Mapping[Kind, Rule]
"""The rule for each kind of operation; kinds that are not listed keep their derivative."""

_DETACHED_NORMS: RuleSet = {
    Kind.NORM: fixed_statistics,
    Kind.STATISTIC: nothing,
    Kind.QUOTIENT: whole_to_numerator,
    Kind.SOLVE: whole_to_right_side,
}

RULE_SETS: dict[str, RuleSet] = {
    "attn_lrp": {
        **_DETACHED_NORMS,
        Kind.ATTENTION: attention,
        Kind.PRODUCT: halves,
        Kind.MATRIX_PRODUCT: halves_of_matrix_product,
        Kind.ACTIVATION: line,
        Kind.POWER: divided_by_degree,
    },
    "cp_lrp": {
        **_DETACHED_NORMS,
        Kind.SOFTMAX: nothing,
        Kind.ATTENTION: attention_values,
        Kind.PRODUCT: halves,
        Kind.MATRIX_PRODUCT: halves,
        Kind.ACTIVATION: line,
        Kind.POWER: divided_by_degree,
    },
    "gi_detached": {
        **_DETACHED_NORMS,
        Kind.SOFTMAX: nothing,
        Kind.ATTENTION: attention_values,
    },
}
"""The rule sets, by the names of their methods."""

CONSERVING = frozenset({"cp_lrp"})
"""The rule sets whose rules all conserve relevance."""

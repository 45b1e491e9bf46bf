"""Rules that return the ordinary derivative, recomputed from what each node saved in the forward pass.

With these rules the gradient stays what it is. So a difference shows that a node is not the operation that the tables
say, that what it saved has another meaning, or that a recorded input belongs to another node.
"""

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hf_gradexplain.propagation.nodes import Kind, short_name
from hf_gradexplain.propagation.rules import Grads, Rule, RuleSet, Step

ACTIVATIONS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "Acos0": lambda node, x: torch.acos(x),
    "Clamp1": lambda node, x: x.clamp(node._saved_min, node._saved_max),
    "ClampMax0": lambda node, x: x.clamp_max(node._saved_max),
    "ClampMin0": lambda node, x: x.clamp_min(node._saved_min),
    "Elu0": lambda node, x: torch.ops.aten.elu(x, node._saved_alpha, node._saved_scale, node._saved_input_scale),
    "Erf0": lambda node, x: torch.erf(x),
    "Exp0": lambda node, x: torch.exp(x),
    "Gelu0": lambda node, x: F.gelu(x, approximate=node._saved_approximate),
    "Hardsigmoid0": lambda node, x: F.hardsigmoid(x),
    "Hardswish0": lambda node, x: F.hardswish(x),
    "Hardtanh0": lambda node, x: F.hardtanh(x, node._saved_min_val, node._saved_max_val),
    "LogSigmoid0": lambda node, x: F.logsigmoid(x),
    "Mish0": lambda node, x: F.mish(x),
    "Sigmoid0": lambda node, x: torch.sigmoid(x),
    "Silu0": lambda node, x: F.silu(x),
    "Softplus0": lambda node, x: F.softplus(x, node._saved_beta, node._saved_threshold),
    "Tanh0": lambda node, x: torch.tanh(x),
}


def recomputed(rule: Rule) -> Rule:
    """Let a rule return the given gradients of constants, such as parameters."""

    @wraps(rule)
    def of_live_inputs(step: Step) -> Grads:
        return [old if role is None else new for old, role, new in zip(step.grads, step.roles, rule(step), strict=True)]

    return of_live_inputs


def _derivative(function: Callable[..., Tensor], step: Step, *inputs: Tensor) -> Sequence[Tensor]:
    """Return the gradients of the inputs of a function of what a node saved."""
    with torch.enable_grad():
        leaves = [x.detach().requires_grad_() for x in inputs]
        return torch.autograd.grad(function(*leaves), leaves, step.output)


def _sum_to(grad: Tensor, like: Tensor | None) -> Tensor | None:
    """Return the gradient of an input that was broadcast to the shape of the output; None where none is needed."""
    if like is None:
        return None
    return (grad if like.is_complex() == grad.is_complex() else grad.real).sum_to_size(like.shape)


def _signed(dims: int | Sequence[int] | None) -> Any:
    """Return dimensions, which nodes save as unsigned numbers."""
    if dims is None or isinstance(dims, int):
        return dims - 2**64 if dims is not None and dims >= 2**63 else dims
    return tuple(map(_signed, dims))


@recomputed
def activation(step: Step) -> Grads:
    """`g_x = g f'(x)`."""
    names = (name for name in ("_saved_self", "_saved_input") if hasattr(step.node, name))
    saved = next(names, None)
    x = step.recorded if saved is None else getattr(step.node, saved)
    return _derivative(lambda x: ACTIVATIONS[short_name(step.node)](step.node, x), step, x)


@recomputed
def power(step: Step) -> Grads:
    """`g_x = g e x^(e-1)`; the three nodes that save only their output `y` save the root or the reciprocal."""
    node, name, g = step.node, short_name(step.node), step.output
    if name == "Sqrt0":
        return [g / (2 * node._saved_result)]
    if name == "Rsqrt0":
        return [-0.5 * g * node._saved_result**3]
    if name == "Reciprocal0":
        return [-g * node._saved_result**2]
    x = node._saved_self
    if name == "Var0":
        dim, options = _signed(node._saved_dim), {"correction": node._saved_correction, "keepdim": node._saved_keepdim}
        return _derivative(lambda x: torch.var(x, dim, **options), step, x)
    exponent = node._saved_exponent
    return [torch.zeros_like(x) if exponent == 0 else g * exponent * x ** (exponent - 1)]


@recomputed
def product(step: Step) -> Grads:
    """`y = x z`: `g_x = g z`, `g_z = g x`."""
    node, g = step.node, step.output
    if short_name(node) == "Mul1":
        return [g * node._saved_other, *step.grads[1:]]
    factors = (node._saved_other, node._saved_self)
    return [None if x is None else _sum_to(g * z.conj(), x) for x, z in zip(step.grads, factors, strict=True)]


@recomputed
def quotient(step: Step) -> Grads:
    """`y = x / z`: `g_x = g / z`, `g_z = -g x / z^2`."""
    x, z = step.node._saved_self, step.node._saved_other
    of_x, of_z = step.grads
    return [_sum_to(step.output / z, of_x), None if of_z is None else _sum_to(-step.output * x / z**2, of_z)]


@recomputed
def matrix_product(step: Step) -> Grads:
    """`Y = a X Z + b B`: `G_X = a G Z^T`, `G_Z = a X^T G`, `G_B = b G`."""
    node, name, g = step.node, short_name(step.node), step.output
    if name == "Convolution0":
        return _convolution(step)
    if name in ("Addmm0", "Baddbmm0"):
        x, z = (getattr(node, f"_saved_{'mat' if name == 'Addmm0' else 'batch'}{i}") for i in (1, 2))
        added, of_x, of_z = step.grads
        alpha = node._saved_alpha
        return [
            _sum_to(node._saved_beta * g, added),
            None if of_x is None else alpha * (g @ z.mT),
            None if of_z is None else alpha * (x.mT @ g),
        ]
    x = node._saved_self
    z = getattr(node, {"Mv0": "_saved_vec", "Dot0": "_saved_tensor"}.get(name, "_saved_mat2"))
    of_x, of_z = step.grads
    if name in ("Mv0", "Dot0"):
        return [
            None if of_x is None else g.unsqueeze(-1) * z if name == "Mv0" else g * z,
            None if of_z is None else g @ x if name == "Mv0" else g * x,
        ]
    return [None if of_x is None else g @ z.mT, None if of_z is None else x.mT @ g]


def _convolution(step: Step) -> Grads:
    """A convolution is linear in its input and in its weight, so that neither is needed for its own gradient."""
    node = step.node
    options = [getattr(node, f"_saved_{name}") for name in ("stride", "padding", "dilation")]
    options += [node._saved_transposed, node._saved_output_padding, node._saved_groups]
    of_x, of_weight, of_bias = step.grads

    def convolve(x: Tensor, weight: Tensor) -> Tensor:
        return torch.ops.aten.convolution(x, weight, None, *options)

    if of_x is not None:
        (of_x,) = _derivative(lambda x: convolve(x, node._saved_weight), step, torch.zeros_like(of_x))
    if of_weight is not None:
        (of_weight,) = _derivative(lambda w: convolve(node._saved_input, w), step, torch.zeros_like(of_weight))
    return [of_x, of_weight, of_bias]


@recomputed
def softmax(step: Step) -> Grads:
    """`g_x = y (g - sum(g y))`."""
    y, dim = step.node._saved_result, _signed(step.node._saved_dim)
    of_y = step.output * y
    return [(of_y - y * of_y.sum(dim, keepdim=True)).to(step.grads[0].dtype)]


@recomputed
def attention(step: Step) -> Grads:
    """`Y = softmax(scale Q K^T + mask) V`, by the derivatives of these operations."""
    node = step.node
    mask = getattr(node, "_saved_attn_mask", getattr(node, "_saved_attn_bias", None))
    scale = node._saved_scale

    def function(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], -3) for x in (k, v))
        scores = q @ k.mT * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
        if node._saved_is_causal:
            scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        return torch._safe_softmax(scores, -1) @ v

    saved = (node._saved_query, node._saved_key, node._saved_value)
    return [*_derivative(function, step, *saved), *step.grads[3:]]


@recomputed
def norm(step: Step) -> Grads:
    """`y = w xh + b` with `xh = (x - mean) / s`: `g_x = (h - mean(h) - xh mean(h xh)) / s` with `h = g w`."""
    node, name, g = step.node, short_name(step.node), step.output
    x, weight, first = node._saved_input, node._saved_weight, node._saved_result1
    if name == "NativeGroupNorm0":
        h = g if weight is None else g * weight.view(-1, *[1] * (x.ndim - 2))
        mean, rstd = (y.unsqueeze(-1) for y in (first, node._saved_result2))
        x, h, dims = x.reshape(*first.shape, -1), h.reshape(*first.shape, -1), (-1,)
    else:
        h, dims = g if weight is None else g * weight, tuple(range(-len(node._saved_normalized_shape), 0))
        mean, rstd = (first, node._saved_result2) if name == "NativeLayerNorm0" else (torch.zeros_like(first), first)
    standard = (x - mean) * rstd
    of_x = h - standard * (h * standard).mean(dims, keepdim=True)
    if name != "FusedRmsNorm0":
        of_x = of_x - h.mean(dims, keepdim=True)
    return [(of_x * rstd).view_as(node._saved_input).to(node._saved_input.dtype), *step.grads[1:]]


@recomputed
def solve(step: Step) -> Grads:
    """`X = A^-1 B`: `G_B = A^-T G`, `G_A = -G_B X^T`; `X = B A^-1`: `G_B = G A^-T`, `G_A = -X^T G_B`."""
    node, a, x = step.node, step.node._saved_self, step.node._saved_result
    upper, left, unit = node._saved_upper, node._saved_left, node._saved_unitriangular
    of_b = torch.linalg.solve_triangular(a.mT, step.output, upper=not upper, left=left, unitriangular=unit)
    of_a = -of_b @ x.mT if left else -x.mT @ of_b
    of_a = of_a.triu(int(unit)) if upper else of_a.tril(-int(unit))
    return [None if step.grads[0] is None else of_a.sum_to_size(a.shape), of_b]


RECOMPUTED: RuleSet = {
    Kind.ACTIVATION: activation,
    Kind.ATTENTION: attention,
    Kind.MATRIX_PRODUCT: matrix_product,
    Kind.NORM: norm,
    Kind.POWER: power,
    Kind.PRODUCT: product,
    Kind.QUOTIENT: quotient,
    Kind.SOFTMAX: softmax,
    Kind.SOLVE: solve,
    Kind.STATISTIC: power,
}
"""A rule for every kind of operation that has one in a rule set of the package."""

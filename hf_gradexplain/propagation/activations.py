"""Elementwise functions in autograd graphs: for each of them `f(x) - f(0)`, which the rule `line` needs."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Rise = Callable[[Any, Tensor], Tensor]
"""A function `(node, x)` that returns `f(x) - f(0)`, exact up to rounding, even near `x = 0`."""

Slope = Callable[[Any, Tensor], Tensor]
"""A function `(node, x)` that returns `(f(x) - f(0)) / x`."""


def _gelu_gate(node: Any, x: Tensor) -> Tensor:
    """`(1 + erf(x / sqrt(2))) / 2`, or its approximation by tanh."""
    if node._saved_approximate == "tanh":
        return (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
    return torch.special.ndtr(x)


def _softplus(node: Any, x: Tensor) -> Tensor:
    """`log((1 + exp(b x)) / 2) / b`; above the threshold, where `f` is the identity, `x - log(2) / b`."""
    beta = node._saved_beta
    return torch.where(beta * x > node._saved_threshold, x - math.log(2) / beta, _log_mean_exp(beta * x) / beta)


def _log_mean_exp(x: Tensor) -> Tensor:
    """`log((1 + exp(x)) / 2)`."""
    return x.clamp(min=0) + torch.log1p(torch.expm1(-x.abs()) / 2)


def _elu(node: Any, x: Tensor) -> Tensor:
    """`s a (exp(i x) - 1)` below 0, `s x` above, with the scales that ELU and SELU save."""
    negative = node._saved_alpha * torch.expm1(x.clamp(max=0) * node._saved_input_scale)
    return node._saved_scale * torch.where(x > 0, x, negative)


def _clamp(node: Any, x: Tensor) -> Tensor:
    """`min(max(x, low), high)`; where 0 lies outside of the interval, `f(0)` is its nearer end."""
    low, high = (getattr(node, f"_saved_{end}", getattr(node, f"_saved_{end}_val", None)) for end in ("min", "max"))
    return x.clamp(low, high) - torch.zeros_like(x).clamp(low, high)


GATED: dict[str, Slope] = {
    "Gelu0": _gelu_gate,
    "Hardswish0": lambda node, x: F.hardsigmoid(x),
    "Mish0": lambda node, x: torch.tanh(F.softplus(x)),
    "Silu0": lambda node, x: torch.sigmoid(x),
}
"""Functions `f(x) = x gate(x)`, and their gates: `(f(x) - f(0)) / x` is the gate."""

ACTIVATIONS: dict[str, Rise] = {
    "Acos0": lambda node, x: -torch.asin(x),
    "Clamp1": _clamp,
    "ClampMax0": _clamp,
    "ClampMin0": _clamp,
    "Elu0": _elu,
    "Erf0": lambda node, x: torch.erf(x),
    "Exp0": lambda node, x: torch.expm1(x),
    "Hardsigmoid0": lambda node, x: (x / 6).clamp(-0.5, 0.5),
    "Hardtanh0": _clamp,
    "LogSigmoid0": lambda node, x: -_log_mean_exp(-x),
    "Sigmoid0": lambda node, x: torch.tanh(x / 2) / 2,
    "Softplus0": _softplus,
    "Tanh0": lambda node, x: torch.tanh(x),
}
"""`f(x) - f(0)` of the other functions."""

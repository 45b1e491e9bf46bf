"""The slopes of all elementwise functions, compared with their definitions in 250 decimal digits."""

import re
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.activations import ACT2FN

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.propagation.activations import ACTIVATIONS, GATED
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.nodes import Kind, short_name
from hf_gradexplain.propagation.rules import RULE_SETS, line
from tests.helpers.propagated import propagated

LINE = {Kind.ACTIVATION: line}
ONE, TWO = Decimal(1), Decimal(2)


def sigmoid(x: Decimal) -> Decimal:
    return ONE / (ONE + (-x).exp())


def tanh(x: Decimal) -> Decimal:
    return TWO * sigmoid(TWO * x) - ONE


def softplus(x: Decimal, beta: Decimal = ONE) -> Decimal:
    return x if beta * x > 20 else (ONE + (beta * x).exp()).ln() / beta


def arctan(x: Decimal) -> Decimal:
    """Halve the angle ten times, then sum the series."""
    for _ in range(10):
        x = x / (ONE + (ONE + x * x).sqrt())
    return 1024 * sum((-1) ** k * x ** (2 * k + 1) / (2 * k + 1) for k in range(80))


def arccos(x: Decimal) -> Decimal:
    """`2 arctan(sqrt((1 - x) / (1 + x)))`."""
    return TWO * arctan(((ONE - x) / (ONE + x)).sqrt())


def erf(x: Decimal) -> Decimal:
    """The Taylor series; 1 to more than 100 digits from 16 on."""
    if abs(x) > 16:
        return ONE.copy_sign(x)
    term, total, k = x, x, 0
    while k < 10 or abs(term) > abs(total) * Decimal("1e-200"):
        k += 1
        term = -term * x * x / k
        total += term / (2 * k + 1)
    return TWO * total / PI.sqrt()


def hard(x: Decimal, low: float, high: float) -> Decimal:
    return min(max(x, Decimal(low)), Decimal(high))


def elu(x: Decimal, alpha: Decimal = ONE, scale: Decimal = ONE) -> Decimal:
    return scale * (x if x > 0 else alpha * (x.exp() - ONE))


class Case(NamedTuple):
    """A function of PyTorch, the node that it leaves, and its definition."""

    node: str
    function: Callable[[Tensor], Tensor]
    definition: Callable[[Decimal], Decimal]


with localcontext(prec=250):
    PI = 4 * (4 * arctan(ONE / 5) - arctan(ONE / 239))
    TANH_SCALE = (TWO / PI).sqrt()
SELU = Decimal("1.6732632423543772848170429916717"), Decimal("1.0507009873554804934193349852946")

CASES = {
    "gelu": Case("Gelu0", F.gelu, lambda x: x * (ONE + erf(x / TWO.sqrt())) / 2),
    "gelu_tanh": Case(
        "Gelu0",
        lambda x: F.gelu(x, approximate="tanh"),
        lambda x: x * (ONE + tanh(TANH_SCALE * (x + Decimal("0.044715") * x**3))) / 2,
    ),
    "hardswish": Case("Hardswish0", F.hardswish, lambda x: x * hard(x + 3, 0, 6) / 6),
    "mish": Case("Mish0", F.mish, lambda x: x * tanh((ONE + x.exp()).ln())),
    "silu": Case("Silu0", F.silu, lambda x: x * sigmoid(x)),
    "acos": Case("Acos0", torch.acos, arccos),
    "clamp": Case("Clamp1", lambda x: x.clamp(-1.5, 2), lambda x: hard(x, -1.5, 2)),
    "clamp_above_zero": Case("Clamp1", lambda x: torch.clamp(x, 0.5, 2), lambda x: hard(x, 0.5, 2)),
    "clamp_from": Case("Clamp1", lambda x: x.clamp(min=-1), lambda x: max(x, -ONE)),
    "clamp_to": Case("Clamp1", lambda x: x.clamp(max=-0.25), lambda x: min(x, -ONE / 4)),
    "clamp_min": Case("ClampMin0", lambda x: x.clamp_min(0.5), lambda x: max(x, ONE / 2)),
    "clamp_max": Case("ClampMax0", lambda x: x.clamp_max(-0.5), lambda x: min(x, -ONE / 2)),
    "elu": Case("Elu0", lambda x: F.elu(x, 0.75), lambda x: elu(x, Decimal("0.75"))),
    "selu": Case("Elu0", F.selu, lambda x: elu(x, *SELU)),
    "erf": Case("Erf0", torch.erf, erf),
    "exp": Case("Exp0", torch.exp, Decimal.exp),
    "hardsigmoid": Case("Hardsigmoid0", F.hardsigmoid, lambda x: hard(x / 6 + ONE / 2, 0, 1)),
    "hardtanh": Case("Hardtanh0", F.hardtanh, lambda x: hard(x, -1, 1)),
    "relu6": Case("Hardtanh0", F.relu6, lambda x: hard(x, 0, 6)),
    "logsigmoid": Case("LogSigmoid0", F.logsigmoid, lambda x: sigmoid(x).ln()),
    "sigmoid": Case("Sigmoid0", torch.sigmoid, sigmoid),
    "softplus": Case("Softplus0", F.softplus, softplus),
    "softplus_of_beta": Case("Softplus0", lambda x: F.softplus(x, 2.5), lambda x: softplus(x, Decimal("2.5"))),
    "tanh": Case("Tanh0", torch.tanh, tanh),
}

SIZES = (1e-30, 1e-12, 1e-6, 1e-3, 0.1, 0.25, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 8.7, 10, 15, 20, 25, 50)
TOLERANCES = {torch.float64: 4e-15, torch.float32: 2e-6, torch.bfloat16: 0.004, torch.float16: 0.0005}


def inputs_of(name: str, dtype: torch.dtype) -> Tensor:
    smallest = torch.finfo(dtype).smallest_normal
    largest = 0.7 if name == "acos" else 10 if name == "exp" and dtype == torch.float16 else 100
    sizes = [size for size in SIZES if smallest < size <= largest]
    return torch.tensor([sign * size for sign in (1, -1) for size in sizes], dtype=dtype)


def exact_slopes(case: Case, x: Tensor) -> Tensor:
    """Return `(f(x) - f(0)) / x`."""
    with localcontext(prec=250):
        at_zero = case.definition(Decimal(0))
        slopes = [float((case.definition(v) - at_zero) / v) for v in map(Decimal, x.tolist())]
    return torch.tensor(slopes, dtype=torch.float64)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", CASES)
def test_the_slope_is_that_of_the_line_from_zero(name, dtype):
    case, x = CASES[name], inputs_of(name, dtype)
    (slopes,) = propagated(case.function, [x], LINE)
    assert slopes.dtype == dtype
    near_zero = torch.finfo(dtype).eps if case.node in GATED else torch.finfo(dtype).smallest_normal
    torch.testing.assert_close(slopes.double(), exact_slopes(case, x), rtol=TOLERANCES[dtype], atol=near_zero)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", CASES)
def test_at_zero_the_slope_is_the_derivative(name, dtype):
    case, x = CASES[name], torch.tensor([0.0, -0.0, torch.finfo(dtype).smallest_normal / 4], dtype=dtype)
    (slopes,), (derivatives,) = (propagated(case.function, [x], rules) for rules in (LINE, {}))
    torch.testing.assert_close(slopes, derivatives, rtol=TOLERANCES[dtype], atol=0)


@pytest.mark.parametrize("name", CASES)
def test_slopes_of_extreme_inputs_are_finite(name):
    """Masked scores are often `-inf` or the smallest number."""
    largest = torch.finfo(torch.float32).max
    x = torch.tensor([-largest, -1e4, largest / 4, 1e4])
    x = x.clamp(-1, 1) if name == "acos" else x.clamp(max=80) if name == "exp" else x
    (slopes,) = propagated(CASES[name].function, [x], LINE)
    assert slopes.isfinite().all()


@pytest.mark.parametrize("name", ["clamp", "clamp_from", "elu", "exp", "hardsigmoid", "hardtanh", "sigmoid", "tanh"])
def test_the_slope_at_minus_infinity_is_zero(name):
    (slopes,) = propagated(CASES[name].function, [torch.tensor([-torch.inf])], LINE)
    assert slopes.item() == 0


@pytest.mark.parametrize("name", CASES)
def test_the_node_is_the_one_in_the_table(name):
    case = CASES[name]
    x = torch.zeros(1, requires_grad=True)
    assert short_name(case.function(x).grad_fn) == case.node


def test_every_function_of_the_tables_is_tested():
    assert {case.node for case in CASES.values()} == {*ACTIVATIONS, *GATED}


def test_the_slope_is_multiplied_by_the_gradient_of_the_output():
    x, grad = torch.tensor([0.0, 1.5, -2], dtype=torch.float64), torch.tensor([2.0, -3, 5], dtype=torch.float64)
    for case in (CASES["tanh"], CASES["silu"]):
        (slopes,), (scaled,) = propagated(case.function, [x], LINE), propagated(case.function, [x], LINE, grad)
        torch.testing.assert_close(scaled, grad * slopes, rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", sorted(ACT2FN))
def test_activations_of_transformers_have_the_slope_of_their_line_however_they_are_written(name):
    """If `f(0) = 0`, the slope is `f(x) / x`, also where gates, products and powers make up the function."""
    function, x = ACT2FN[name], torch.linspace(-6, 6, 50, dtype=torch.float64)
    if name in ("prelu", "xielu"):
        with pytest.raises(GradexplainError, match=r"Prelu|Minimum"):
            propagated(function.double(), [x], LINE)
        return
    if name in ("laplace", "sigmoid", "sqrtsoftplus"):
        assert function(torch.zeros(1)).item() != 0
        return
    for rules in ("attn_lrp", "cp_lrp"):
        (slopes,) = propagated(function, [x], RULE_SETS[rules])
        torch.testing.assert_close(slopes, function(x.clone()) / x, rtol=1e-13, atol=1e-17)


IN_PLACE = {
    "clamp": lambda x: x.clamp_(-1.5, 2),
    "clamp_min": lambda x: x.clamp_min_(0.5),
    "clamp_max": lambda x: x.clamp_max_(-0.5),
    "erf": torch.erf_,
    "exp": torch.exp_,
    "gelu": torch.ops.aten.gelu_,
    "hardsigmoid": lambda x: F.hardsigmoid(x, inplace=True),
    "hardswish": lambda x: F.hardswish(x, inplace=True),
    "hardtanh": lambda x: F.hardtanh(x, inplace=True),
    "mish": lambda x: F.mish(x, inplace=True),
    "relu6": lambda x: F.relu6(x, inplace=True),
    "sigmoid": torch.sigmoid_,
    "silu": lambda x: F.silu(x, inplace=True),
    "tanh": torch.tanh_,
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_functions_in_place_have_the_same_slopes(name):
    x = inputs_of(name, torch.float64)
    (slopes,) = propagated(lambda x: IN_PLACE[name](x * 1), [x], LINE)
    (expected,) = propagated(CASES[name].function, [x], LINE)
    torch.testing.assert_close(slopes, expected, rtol=0, atol=0)


@pytest.mark.parametrize("function", [F.elu_, F.celu_, torch.selu_, F.rrelu_])
def test_functions_in_place_whose_input_is_lost_are_refused(function):
    with pytest.raises(GradexplainError, match=r"no propagation rule .* (Elu|Celu|Rrelu)\w*Backward1"):
        propagated(lambda x: function(x * 1), [torch.ones(2)], LINE)


@pytest.mark.parametrize("name", ["exp", "sigmoid", "tanh"])
def test_without_the_recorded_input_a_function_that_saves_its_output_is_refused(name):
    x = torch.ones(2, requires_grad=True)
    y = CASES[name].function(x)
    message = (
        f"the input of {y.grad_fn.name()} was not recorded in the forward pass: choose methods='integrated_gradients'"
    )
    with apply_rules(Graph(y, [x]), LINE, {}), pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        torch.autograd.grad(y.sum(), x)

"""Each rule, compared with its equation written with NumPy; attention and norms are in a file of their own."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hf_gradexplain.propagation.nodes import Kind
from hf_gradexplain.propagation.rules import (
    RULE_SETS,
    divided_by_degree,
    halves,
    halves_of_matrix_product,
    whole_to_right_side,
)
from tests.helpers.propagated import assert_equal, propagated, random

HALVES = {Kind.PRODUCT: halves}
MATRIX_HALVES = {Kind.MATRIX_PRODUCT: halves_of_matrix_product}
BOTH = ("attn_lrp", "cp_lrp")


def test_two_signals_get_half_each():
    x, z, grad = random(3, 4), random(3, 4, seed=1), random(3, 4, seed=2)
    of_x, of_z = propagated(torch.mul, [x, z], HALVES, grad)
    assert_equal(of_x, grad.numpy() * z.numpy() / 2)
    assert_equal(of_z, grad.numpy() * x.numpy() / 2)


def test_halves_of_a_broadcast_factor_are_summed():
    x, z = random(3, 4), random(4)
    of_x, of_z = propagated(torch.mul, [x, z], HALVES)
    assert_equal(of_x, np.tile(z.numpy() / 2, (3, 1)))
    assert_equal(of_z, x.numpy().sum(0) / 2)


@pytest.mark.parametrize("square", [lambda x: x * x, lambda x: x**2, torch.square])
def test_a_square_hands_back_its_root_however_it_is_written(square):
    x = random(5)
    (of_x,) = propagated(square, [x], RULE_SETS["attn_lrp"])
    assert_equal(of_x, x.numpy())


@pytest.mark.parametrize("constant", [random(3, 4, seed=1), random(4), torch.tensor(2.5, dtype=torch.float64), -3.0])
def test_beside_a_constant_a_signal_gets_the_whole(constant):
    (of_x,) = propagated(lambda x: x * constant, [random(3, 4)], HALVES)
    assert_equal(of_x, np.broadcast_to(np.asarray(constant), (3, 4)))


def logistic(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


GATES = {
    "sigmoid": torch.sigmoid,
    "softmax": partial(torch.softmax, dim=-1),
    "softplus": F.softplus,
    "exp": torch.exp,
    "hardsigmoid": F.hardsigmoid,
    "1 + tanh": lambda z: 1 + torch.tanh(z),
    "tanh + 1": lambda z: torch.tanh(z) + 1.0,
    "1 - tanh": lambda z: 1 - torch.tanh(z),
    "1 + erf": lambda z: 1 + torch.erf(z),
    "normal distribution": torch.special.ndtr,
    "1 - sigmoid": lambda z: 1 - torch.sigmoid(z),
    "a multiple": lambda z: 2 * torch.sigmoid(z),
    "a view": lambda z: torch.sigmoid(z).T.reshape(4, 3).T,
    "a sum of gates": lambda z: torch.sigmoid(z) + torch.exp(z),
    "a product of gates": lambda z: torch.sigmoid(z) * F.softplus(z),
    "divided by a live sum": lambda z: torch.sigmoid(z) / torch.sigmoid(z).sum(-1, keepdim=True),
    "divided in place": lambda z: z.softmax(-1).clone().div_(z.exp().sum(-1, keepdim=True)),
    "the largest of a softmax": lambda z: z.softmax(-1).topk(4, -1).values,
    "masked": lambda z: torch.sigmoid(z).masked_fill(torch.eye(3, 4).bool(), 0.0),
    "gathered": lambda z: torch.sigmoid(z).gather(1, torch.tensor([[0, 1, 1, 3]] * 3)),
}


@pytest.mark.parametrize("rules", BOTH)
@pytest.mark.parametrize("gate", GATES)
def test_a_gate_gets_nothing_and_its_signal_the_whole(gate, rules):
    x, z = random(3, 4), random(3, 4, seed=1)
    for function in (lambda x, z: x * GATES[gate](z), lambda x, z: GATES[gate](z) * x):
        of_x, of_z = propagated(function, [x, z], RULE_SETS[rules])
        assert_equal(of_x, GATES[gate](z).numpy())
        assert not of_z.any()


SIGNALS = {
    "tanh": torch.tanh,
    "erf": torch.erf,
    "twice tanh plus one": lambda z: 2 * torch.tanh(z) + 1,
    "tanh plus a signal": lambda z: torch.tanh(z) + z,
    "silu": F.silu,
    "a gated signal": lambda z: torch.sigmoid(z) * z,
    "a gate plus a signal": lambda z: torch.sigmoid(z) + z,
    "a signal over a gate": lambda z: z / torch.sigmoid(z),
    "log of a gate": F.logsigmoid,
}


@pytest.mark.parametrize("rules", BOTH)
@pytest.mark.parametrize("signal", SIGNALS)
def test_other_functions_are_no_gates(signal, rules):
    x, z = random(3, 4), random(3, 4, seed=1)
    of_x, of_z = propagated(lambda x, z: x * SIGNALS[signal](z), [x, z], RULE_SETS[rules])
    assert_equal(of_x, SIGNALS[signal](z).numpy() / 2)
    assert of_z.any()


def test_two_gates_get_half_each():
    u, v = random(5), random(5, seed=1)
    of_u, of_v = propagated(lambda u, v: torch.sigmoid(u) * torch.sigmoid(v), [u, v], RULE_SETS["attn_lrp"])
    slope_u, slope_v = ((logistic(z.numpy()) - 0.5) / z.numpy() for z in (u, v))
    assert_equal(of_u, logistic(v.numpy()) / 2 * slope_u)
    assert_equal(of_v, logistic(u.numpy()) / 2 * slope_v)


def test_a_gate_of_a_statistic_gets_the_whole():
    """One over a standard deviation counts as a constant, beside which a gate is the only live factor."""
    u, v = random(5), random(5, seed=1).abs()
    of_u, of_v = propagated(lambda u, v: torch.sigmoid(u) * torch.rsqrt(v), [u, v], RULE_SETS["attn_lrp"])
    assert_equal(of_u, v.numpy() ** -0.5 * (logistic(u.numpy()) - 0.5) / u.numpy())
    assert not of_v.any()


def test_without_a_rule_for_products_gates_get_their_derivative():
    x, z = random(5), random(5, seed=1)
    of_x, of_z = propagated(lambda x, z: x * torch.sigmoid(z), [x, z], RULE_SETS["gi_detached"])
    gate = logistic(z.numpy())
    assert_equal(of_x, gate)
    assert_equal(of_z, x.numpy() * gate * (1 - gate))


X, Z = random(2, 3, 4), random(2, 4, 5)
PRODUCTS = {
    "mm": (lambda x, z: torch.mm(x[0], z[0]), "ij,jk->ik", (0, 0)),
    "linear": (lambda x, z: F.linear(x[0], z[0].T), "ij,jk->ik", (0, 0)),
    "addmm": (lambda x, z: torch.addmm(torch.ones(5).double(), x[0], z[0]), "ij,jk->ik", (0, 0)),
    "bmm": (torch.bmm, "bij,bjk->bik", (...,)),
    "baddbmm": (lambda x, z: torch.baddbmm(torch.ones(2, 3, 5).double(), x, z), "bij,bjk->bik", (...,)),
    "matmul": (torch.matmul, "bij,bjk->bik", (...,)),
    "einsum": (lambda x, z: torch.einsum("bij,bjk->bik", x, z), "bij,bjk->bik", (...,)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_factors_of_a_matrix_product_get_half_each(name):
    function, equation, part = PRODUCTS[name]
    grad = random(*function(X, Z).shape, seed=3)
    of_x, of_z = propagated(function, [X, Z], MATRIX_HALVES, grad)
    i, j, k = equation.replace("->", ",").split(",")
    part = 0 if part == (0, 0) else ...
    assert_equal(of_x[part], np.einsum(f"{k},{j}->{i}", grad, Z[part]) / 2)
    assert_equal(of_z[part], np.einsum(f"{k},{i}->{j}", grad, X[part]) / 2)
    (alone,) = propagated(lambda x: function(x, Z), [X], MATRIX_HALVES, grad)
    assert_equal(alone[part], np.einsum(f"{k},{j}->{i}", grad, Z[part]))


@pytest.mark.parametrize(("alpha", "beta"), [(1, 1), (0.5, -2)])
def test_what_a_matrix_product_adds_gets_its_derivative(alpha, beta):
    for add, added, x, z in ((torch.addmm, random(3, 5), X[0], Z[0]), (torch.baddbmm, random(2, 3, 5), X, Z)):
        grads = propagated(partial(add, alpha=alpha, beta=beta), [added, x, z], MATRIX_HALVES)
        assert_equal(grads[0], np.full(added.shape, float(beta)))
        assert_equal(grads[1], alpha / 2 * np.broadcast_to(z.numpy().sum(-1)[..., None, :], x.shape))
        assert_equal(grads[2], alpha / 2 * np.broadcast_to(x.numpy().sum(-2)[..., None], z.shape))


def test_products_with_vectors_give_half_to_each_factor():
    """`y = X z`, also for a batch, and `y = x . z`."""
    x, z, grad = random(2, 3, 4), random(4), random(2, 3)
    for i in (0, ...):
        of_x, of_z = propagated(torch.matmul, [x[i], z], MATRIX_HALVES, grad[i])
        assert_equal(of_x, grad[i].numpy()[..., None] * z.numpy() / 2)
        assert_equal(of_z, (grad[i].numpy()[..., None] * x[i].numpy()).reshape(-1, 4).sum(0) / 2)
    of_x, of_z = propagated(torch.dot, [x[0, 0], z], MATRIX_HALVES)
    assert_equal(of_x, z.numpy() / 2)
    assert_equal(of_z, x[0, 0].numpy() / 2)


def test_a_convolution_with_a_live_kernel_gives_it_half():
    x, kernel, grad = random(1, 2, 6), random(3, 2, 2), random(1, 3, 5)
    of_x, of_kernel = propagated(F.conv1d, [x, kernel], MATRIX_HALVES, grad)
    expected_x, expected_kernel = np.zeros(x.shape), np.zeros(kernel.shape)
    for out, channel, t, tap in np.ndindex(3, 2, 5, 2):
        expected_x[0, channel, t + tap] += grad[0, out, t] * kernel[out, channel, tap] / 2
        expected_kernel[out, channel, tap] += grad[0, out, t] * x[0, channel, t + tap] / 2
    assert_equal(of_x, expected_x)
    assert_equal(of_kernel, expected_kernel)


@pytest.mark.parametrize(("rules", "share"), [("attn_lrp", 0.5), ("cp_lrp", 1)])
def test_in_matrix_products_a_gate_gets_half_by_attn_lrp_and_nothing_by_cp_lrp(rules, share):
    x, z = random(3, 4), random(4, 5)
    of_x, of_z = propagated(lambda x, z: torch.sigmoid(x) @ z, [x, z], RULE_SETS[rules])
    slope = (logistic(x.numpy()) - 0.5) / x.numpy()
    assert_equal(of_z, share * logistic(x.numpy()).sum(0)[:, None] * np.ones((1, 5)))
    assert_equal(of_x, (1 - share) * z.numpy().sum(1) * slope)


@pytest.mark.parametrize("divide", [torch.div, lambda x, z: x.clone().div_(z), lambda x, z: x * (1 / z)])
def test_the_numerator_gets_the_whole(divide):
    x, z, grad = random(5), random(5, seed=1), random(5, seed=2)
    of_x, of_z = propagated(divide, [x, z], RULE_SETS["attn_lrp"], grad)
    assert_equal(of_x, grad.numpy() / z.numpy())
    assert not of_z.any()


def test_a_constant_over_a_live_number_is_a_constant():
    x, z = random(5), random(5, seed=1)
    of_x, of_z = propagated(lambda x, z: x * torch.div(3, z), [x, z], RULE_SETS["attn_lrp"])
    assert_equal(of_x, 3 / z.numpy())
    assert not of_z.any()


@pytest.mark.parametrize("options", [{"upper": False}, {"upper": True}, {"upper": False, "unitriangular": True}])
@pytest.mark.parametrize("left", [True, False])
def test_the_right_side_of_linear_equations_gets_the_whole(left, options):
    """`A^-1 B` and `B A^-1`."""
    a, b, grad = random(4, 4), random(4, 4, seed=1), random(4, 4, seed=2)
    a += 3 * torch.eye(4)
    solve = partial(torch.linalg.solve_triangular, left=left, **options)
    of_a, of_b = propagated(solve, [a, b], {Kind.SOLVE: whole_to_right_side}, grad)
    triangle = np.triu(a) if options["upper"] else np.tril(a)
    if "unitriangular" in options:
        np.fill_diagonal(triangle, 1)
    inverse = np.linalg.inv(triangle).T
    assert_equal(of_b, inverse @ grad.numpy() if left else grad.numpy() @ inverse)
    assert not of_a.any()


POWERS = {
    "square": (lambda x: x**2, lambda x: x),
    "cube": (lambda x: x.pow(3), lambda x: x**2),
    "root": (torch.sqrt, lambda x: x**-0.5),
    "power of one and a half": (lambda x: x**1.5, lambda x: x**0.5),
    "squared relu": (lambda x: torch.relu(x - 0.5) ** 2, lambda x: np.maximum(x - 0.5, 0)),
    "variance": (torch.var, lambda x: (x - x.mean()) / (len(x) - 1)),
    "biased variance": (partial(torch.var, correction=0), lambda x: (x - x.mean()) / len(x)),
    "deviation": (torch.std, lambda x: (x - x.mean()) / (len(x) - 1) / x.std(ddof=1)),
}


@pytest.mark.parametrize("name", POWERS)
def test_powers_get_their_derivative_divided_by_their_degree(name):
    function, expected = POWERS[name]
    x = random(5).abs()
    (of_x,) = propagated(function, [x], {Kind.POWER: divided_by_degree})
    assert_equal(of_x, expected(x.numpy()))


@pytest.mark.parametrize("rules", RULE_SETS)
@pytest.mark.parametrize(
    "statistic", [torch.rsqrt, torch.reciprocal, lambda x: x**-0.5, lambda x: x**-2, lambda x: x**0]
)
def test_negative_powers_are_constants(statistic, rules):
    x, z = random(5), random(5, seed=1).abs()
    of_x, of_z = propagated(lambda x, z: x * statistic(z), [x, z], RULE_SETS[rules])
    assert_equal(of_x, statistic(z).numpy())
    assert not of_z.any()

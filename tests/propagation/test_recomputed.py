"""Without rules, and with rules that recompute the ordinary derivative, the gradient stays what it is."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hf_gradexplain.propagation.activations import ACTIVATIONS, GATED
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.rules import RULE_SETS
from tests.helpers import recomputed
from tests.helpers.propagated import forward_of, propagated, random
from tests.helpers.recomputed import RECOMPUTED
from tests.helpers.tiny import KINDS
from tests.propagation.test_activations import CASES, inputs_of


@pytest.mark.parametrize("kind", KINDS)
def test_without_rules_and_with_recomputed_derivatives_the_gradient_is_the_plain_one(kind):
    forward = forward_of(kind)
    words, output = [word.delta for word in forward.words], forward.logits[0, 0]
    graph = Graph(forward.logits, words)
    (plain,) = torch.autograd.grad(output, words, retain_graph=True)
    with apply_rules(graph, {}, forward.recorded):
        assert torch.equal(torch.autograd.grad(output, words, retain_graph=True)[0], plain)
    with apply_rules(graph, RECOMPUTED, forward.recorded):
        (grad,) = torch.autograd.grad(output, words)
    assert (grad - plain).norm() < 1e-12 * plain.norm()


def test_derivatives_of_all_kinds_and_functions_are_recomputed():
    assert set(RECOMPUTED) == set().union(*RULE_SETS.values())
    assert set(recomputed.ACTIVATIONS) == {*ACTIVATIONS, *GATED}


def as_complex(x: Tensor) -> Tensor:
    return torch.view_as_complex(x.unflatten(-1, (2, 2)))


SMALL = random(3, 4), random(4, 4, seed=1)
RECOMPUTED_FUNCTIONS = {
    **{name: (case.function, [inputs_of(name, torch.float64)]) for name, case in CASES.items()},
    "broadcast product": (lambda x, z: x * z[0] * 3.0, SMALL),
    "complex product": (lambda x, z: torch.view_as_real(as_complex(x) * as_complex(z[:3])), SMALL),
    "quotient": (lambda x, z: x / z[0], SMALL),
    "mm": (torch.mm, SMALL),
    "mv": (lambda x, z: x @ z[0], SMALL),
    "dot": (lambda x, z: x[0] @ z[0], SMALL),
    "addmm": (lambda x, z: torch.addmm(z[0], x, z, alpha=3, beta=2), SMALL),
    "baddbmm": (lambda x, z: torch.baddbmm(x[None], x[None], z[None], alpha=3, beta=2), SMALL),
    "convolution": (lambda x, z: F.conv1d(x[:, None], z[:, None, :2], stride=2, padding=1), SMALL),
    "grouped convolution": (lambda x, z: F.conv1d(z, z[:, None, :2], groups=4, dilation=2), SMALL),
    "transposed convolution": (lambda x, z: F.conv_transpose1d(x[:, None], z[None, :, :3], stride=2), SMALL),
    "softmax": (lambda x, z: x.softmax(0) * z[:3], SMALL),
    "attention": (
        lambda x, z: F.scaled_dot_product_attention(*[y[None, None] for y in (x, z, z * 2)], is_causal=True),
        SMALL,
    ),
    "layer norm": (lambda x, z: F.layer_norm(x, (4,), z[0].detach()) * z[:3], SMALL),
    "group norm": (lambda x, z: F.group_norm(z[:, :, None], 2, x[0].detach()) * x[0], SMALL),
    "powers": (lambda x, z: x**3 + torch.rsqrt(z[0] ** 2) + z[1].exp().sqrt() + z[2].exp() ** -1.5 + 1 / x, SMALL),
    "variance": (lambda x, z: x.var(-1, correction=0) + z.var(), SMALL),
    **{
        f"equations {left} {upper} {unit}": (
            lambda x, z, o=(left, upper, unit): torch.linalg.solve_triangular(
                z + 3 * torch.eye(4), x if not o[0] else x.T, left=o[0], upper=o[1], unitriangular=o[2]
            ),
            SMALL,
        )
        for left, upper, unit in itertools.product([True, False], repeat=3)
    },
}


@pytest.mark.parametrize("name", RECOMPUTED_FUNCTIONS)
def test_the_derivative_of_every_kind_of_node_is_recomputed(name):
    function, inputs = RECOMPUTED_FUNCTIONS[name]
    grad = random(*function(*inputs).shape, seed=2)
    plain, again = (propagated(function, inputs, rules, grad) for rules in ({}, RECOMPUTED))
    for a, b in zip(again, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)

"""The rules of attention and of norms, compared with their equations, and the conservation of relevance."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hf_gradexplain.propagation.nodes import Kind, short_name
from hf_gradexplain.propagation.rules import RULE_SETS, Role, Step, attention, attention_values, fixed_statistics
from tests.helpers.propagated import assert_equal, propagated, random

Q, K, V = random(2, 4, 3, 6), random(2, 4, 5, 6), random(2, 4, 5, 6, seed=1)
"""`(B, heads, T, D)`: three queries, five keys."""

MASKS = {
    "none": None,
    "boolean": torch.tensor([[1, 1, 0, 1, 1], [1, 0, 0, 1, 0], [0, 0, 0, 0, 1]]).bool(),
    "bias": random(3, 5, seed=9),
    "causal": torch.tensor([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]]).bool(),
}


def by_the_product_rule(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, grad: Tensor, live: str = "qkv", scale: float = 6**-0.5
) -> dict[str, np.ndarray]:
    """Return the gradients around an explicit softmax: halves where both factors of a product are live.

    `O = P V`, `P = softmax(S)`, `S = scale Q K^T + B`, with `dP_ij / dS_ik = P_ij ([j = k] - P_ik)`.
    """
    q, k, v, grad = (x.numpy() for x in (q, k, v, grad))
    scores = scale * np.einsum("bhid,bhjd->bhij", q, k)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == torch.bool else scores + mask.numpy()
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    outer = 0.5 if "v" in live and set(live) & set("qkb") else 1
    inner = 0.5 if "q" in live and "k" in live else 1
    of_p = outer * np.einsum("bhid,bhjd->bhij", grad, v)
    jacobian = np.einsum("bhij,jk->bhijk", p, np.eye(p.shape[-1])) - np.einsum("bhij,bhik->bhijk", p, p)
    of_scores = np.einsum("bhij,bhijk->bhik", of_p, jacobian)
    return {
        "q": inner * scale * np.einsum("bhij,bhjd->bhid", of_scores, k),
        "k": inner * scale * np.einsum("bhij,bhid->bhjd", of_scores, q),
        "v": outer * np.einsum("bhij,bhid->bhjd", p, grad),
        "b": of_scores,
    }


def fused(q: Tensor, k: Tensor, v: Tensor, mask: str = "none", **options: object) -> Tensor:
    if mask == "causal":
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, **options)
    return F.scaled_dot_product_attention(q, k, v, MASKS[mask], **options)


def by_hand(q: Tensor, k: Tensor, v: Tensor, mask: str = "none", scale: float = 6**-0.5) -> Tensor:
    scores, given = q @ k.transpose(-1, -2) * scale, MASKS[mask]
    if given is not None:
        scores = scores.masked_fill(~given, -torch.inf) if given.dtype == torch.bool else scores + given
    return scores.softmax(-1) @ v


@pytest.mark.parametrize("spelling", [fused, by_hand])
@pytest.mark.parametrize("mask", MASKS)
def test_attention_is_the_product_rule_around_the_softmax(mask, spelling):
    grad = random(2, 4, 3, 6)
    grads = propagated(lambda q, k, v: spelling(q, k, v, mask), [Q, K, V], RULE_SETS["attn_lrp"], grad)
    for actual, expected in zip(grads, by_the_product_rule(Q, K, V, MASKS[mask], grad).values(), strict=False):
        assert_equal(actual, expected)


@pytest.mark.parametrize("spelling", [fused, by_hand])
@pytest.mark.parametrize("live", ["q", "k", "v", "qk", "qv", "kv"])
def test_attention_divides_among_those_that_depend_on_the_words(live, spelling):
    grad, parts = random(2, 4, 3, 6), {"q": Q, "k": K, "v": V}

    def function(*inputs: Tensor) -> Tensor:
        return spelling(**parts | dict(zip(live, inputs, strict=True)))

    grads = propagated(function, [parts[name] for name in live], RULE_SETS["attn_lrp"], grad)
    expected = by_the_product_rule(Q, K, V, None, grad, live)
    for name, actual in zip(live, grads, strict=True):
        assert_equal(actual, expected[name])


@pytest.mark.parametrize("live", ["b", "vb", "qkvb"])
def test_attention_with_a_bias_that_depends_on_the_words(live):
    grad, parts = random(2, 4, 3, 6), {"q": Q, "k": K, "v": V, "b": random(2, 4, 3, 5)}

    def function(*inputs: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(*(parts | dict(zip(live, inputs, strict=True))).values())

    grads = propagated(function, [parts[name] for name in live], RULE_SETS["attn_lrp"], grad)
    expected = by_the_product_rule(Q, K, V, parts["b"], grad, live)
    for name, actual in zip(live, grads, strict=True):
        assert_equal(actual, expected[name])


@pytest.mark.parametrize(
    ("live", "factors"), [("b", [1, 1, 1, 1]), ("vb", [0.5, 0.5, 0.5, 0.5]), ("qkvb", [0.25, 0.25, 0.5, 0.5])]
)
def test_the_bias_of_a_fused_node_gets_what_the_softmax_gets(live, factors):
    """On CPU such a bias leaves no fused node, so that this calls the rule itself."""
    roles, ones = [Role.SIGNAL if name in live else None for name in "qkvb"], [torch.ones(1)] * 4
    assert torch.cat(attention(Step(None, ones, ones[0], roles, None))).tolist() == factors


def test_attention_with_a_scale_and_groups_of_queries():
    k, v, grad = K[:, :2], V[:, :2], random(2, 4, 3, 6)
    of_q, of_k, of_v = propagated(
        lambda q, k, v: fused(q, k, v, scale=0.3, enable_gqa=True), [Q, k, v], RULE_SETS["attn_lrp"], grad
    )
    k, v = (x.repeat_interleave(2, dim=1) for x in (k, v))
    expected = by_the_product_rule(Q, k, v, None, grad, scale=0.3)
    assert_equal(of_q, expected["q"])
    assert_equal(of_k, expected["k"].reshape(2, 2, 2, 5, 6).sum(2))
    assert_equal(of_v, expected["v"].reshape(2, 2, 2, 5, 6).sum(2))


@pytest.mark.parametrize("rules", ["cp_lrp", "gi_detached"])
@pytest.mark.parametrize("spelling", [fused, by_hand])
@pytest.mark.parametrize("mask", MASKS)
def test_with_constant_attention_the_values_get_the_whole(mask, spelling, rules):
    grad = random(2, 4, 3, 6)
    of_q, of_k, of_v = propagated(lambda q, k, v: spelling(q, k, v, mask), [Q, K, V], RULE_SETS[rules], grad)
    assert not of_q.any()
    assert not of_k.any()
    assert_equal(of_v, by_the_product_rule(Q, K, V, MASKS[mask], grad, "v")["v"])


@pytest.mark.parametrize("mask", MASKS)
def test_the_tests_above_see_fused_attention(mask):
    q, k, v = (x.clone().requires_grad_() for x in (Q, K, V))
    assert short_name(fused(q, k, v, mask).grad_fn).startswith("ScaledDotProduct")
    assert RULE_SETS["attn_lrp"][Kind.ATTENTION] is attention
    assert RULE_SETS["cp_lrp"][Kind.ATTENTION] is RULE_SETS["gi_detached"][Kind.ATTENTION] is attention_values


EPSILON = 1e-3


def layer_norm_by_hand(x: Tensor) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    return (x - mean) * torch.rsqrt((x - mean).pow(2).mean(-1, keepdim=True) + EPSILON)


def rms(x: Tensor) -> Tensor:
    return (x**2).mean(-1, keepdim=True) + EPSILON


def variance(x: Tensor) -> Tensor:
    return x.var(-1, unbiased=False, keepdim=True) + EPSILON


WEIGHT, BIAS = random(4, seed=5), random(4, seed=6)

LAYER_NORMS = {
    "fused": lambda x: F.layer_norm(x, (4,), WEIGHT, BIAS, EPSILON),
    "without weight": lambda x: F.layer_norm(x, (4,), None, None, EPSILON) * WEIGHT,
    "without bias": lambda x: F.layer_norm(x, (4,), WEIGHT, None, EPSILON),
    "rsqrt": lambda x: layer_norm_by_hand(x) * WEIGHT,
    "root": lambda x: (x - x.mean(-1, keepdim=True)) / torch.sqrt(variance(x)) * WEIGHT + BIAS,
    "power": lambda x: WEIGHT * (x - x.mean(-1, keepdim=True)) * variance(x) ** -0.5,
    "reciprocal": lambda x: WEIGHT * (x - x.mean(-1, keepdim=True)) * (1 / variance(x).sqrt()),
}
RMS_NORMS = {
    "functional": lambda x: F.rms_norm(x, (4,), WEIGHT, EPSILON),
    "layer": lambda x: nn.RMSNorm(4, EPSILON, dtype=torch.float64)(x) * WEIGHT,
    "rsqrt": lambda x: WEIGHT * (x * torch.rsqrt(rms(x))),
    "root": lambda x: x / rms(x).sqrt() * WEIGHT,
    "power": lambda x: x * torch.pow(rms(x), -0.5) * WEIGHT,
}


@pytest.mark.parametrize("rules", RULE_SETS)
@pytest.mark.parametrize("norm", LAYER_NORMS)
def test_the_statistics_of_a_layer_norm_are_constants(norm, rules):
    """`dy_i / dx_j = w_i ([i = j] - 1 / N) / s`."""
    x, grad = random(3, 4), random(3, 4, seed=1)
    (of_x,) = propagated(LAYER_NORMS[norm], [x], RULE_SETS[rules], grad)
    for row, g, actual in zip(x.numpy(), grad.numpy(), of_x, strict=True):
        jacobian = np.diag(WEIGHT) @ (np.eye(4) - 1 / 4) / np.sqrt(row.var() + EPSILON)
        assert_equal(actual, g @ jacobian)


@pytest.mark.parametrize("rules", RULE_SETS)
@pytest.mark.parametrize("norm", RMS_NORMS)
def test_the_statistic_of_an_rms_norm_is_a_constant(norm, rules):
    x, grad = random(3, 4), random(3, 4, seed=1)
    (of_x,) = propagated(RMS_NORMS[norm], [x], RULE_SETS[rules], grad)
    root = np.sqrt((x.numpy() ** 2).mean(-1, keepdims=True) + EPSILON)
    assert_equal(of_x, grad.numpy() * WEIGHT.numpy() / root)


@pytest.mark.parametrize("rules", RULE_SETS)
def test_the_length_of_a_vector_is_a_constant(rules):
    x, grad = random(3, 4), random(3, 4, seed=1)
    (of_x,) = propagated(lambda x: F.normalize(x, dim=-1), [x], RULE_SETS[rules], grad)
    assert_equal(of_x, grad.numpy() / np.linalg.norm(x, axis=-1, keepdims=True))


def test_a_layer_norm_over_several_dimensions():
    x, weight, grad = random(5, 2, 3), random(2, 3), random(5, 2, 3, seed=1)
    (of_x,) = propagated(lambda x: F.layer_norm(x, (2, 3), weight), [x], {Kind.NORM: fixed_statistics}, grad)
    for row, g, actual in zip(x.numpy(), (grad * weight).numpy(), of_x, strict=True):
        assert_equal(actual, (g - g.mean()) / np.sqrt(row.var() + 1e-5))


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5), (3, 4, 2, 3)])
def test_the_statistics_of_a_group_norm_are_constants(shape, weight):
    x, grad = random(*shape), random(*shape, seed=1)
    norm = [Kind.NORM, fixed_statistics]
    (of_x,) = propagated(
        lambda x: F.group_norm(x, 2, weight, None if weight is None else BIAS), [x], dict([norm]), grad
    )
    g = grad.numpy() * (1 if weight is None else weight.numpy().reshape(1, 4, *[1] * (len(shape) - 2)))
    for text, group in np.ndindex(3, 2):
        part = np.s_[text, 2 * group : 2 * group + 2]
        assert_equal(of_x[part], (g[part] - g[part].mean()) / np.sqrt(x.numpy()[part].var() + 1e-5))


CONSERVING = {
    "product": lambda x, z: x * z,
    "product with a gate": lambda x, z: x * torch.sigmoid(z),
    "product of a signal with itself": lambda x, z: x * x,
    "matrix product": lambda x, z: x @ z.T,
    "matrix product with a gate": lambda x, z: x.softmax(-1) @ z.T,
    "einsum of three": lambda x, z: torch.einsum("ij,kj,ij->ik", x, z, x),
    "convolution": lambda x, z: F.conv1d(x.unsqueeze(0), z.unsqueeze(1), groups=3),
    "quotient": lambda x, z: x / z,
    "linear equations": lambda x, z: torch.linalg.solve_triangular(z[:, :3], x, upper=False),
    "fused attention": lambda x, z: F.scaled_dot_product_attention(*[y[None, None] for y in (x, z, x)]),
    "fused attention, causal": lambda x, z: F.scaled_dot_product_attention(
        *[y[None, None] for y in (x, z, z)], is_causal=True
    ),
    "layer norm": lambda x, z: F.layer_norm(x, (4,), z[0].detach()),
    "group norm": lambda x, z: F.group_norm(x.unsqueeze(2), 2, z[0].detach()),
    "RMS norm": lambda x, z: F.rms_norm(x, (4,), z[0].detach()),
    "tanh": lambda x, z: torch.tanh(x),
    "GELU": lambda x, z: F.gelu(x),
    "SiLU by hand": lambda x, z: x * torch.sigmoid(1.702 * x),
    "cube": lambda x, z: x**3,
    "variance": lambda x, z: x.var(-1),
    "maximum": lambda x, z: x.amax(-1) + z.max(-1).values,
    "leaky ReLU": lambda x, z: F.leaky_relu(x, 0.2),
    "standardised": lambda x, z: (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True) + 1e-5),
}


@pytest.mark.parametrize("name", CONSERVING)
def test_cp_lrp_conserves_relevance(name):
    inputs, function = [random(3, 4), random(3, 4, seed=1)], CONSERVING[name]
    y = function(*inputs)
    grad = random(*y.shape, seed=2)
    before = (grad * y).sum()
    after = sum(
        (g * x).sum() for g, x in zip(propagated(function, inputs, RULE_SETS["cp_lrp"], grad), inputs, strict=True)
    )
    torch.testing.assert_close(after, before, rtol=1e-12, atol=1e-14)
    plain = sum((g * x).sum() for g, x in zip(propagated(function, inputs, {}, grad), inputs, strict=True))
    assert name in ("maximum", "leaky ReLU") or abs(plain - before) > 0.01 * abs(before)

"""Conservation is measured: every constant is counted, and a broken rule is seen."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import EmbeddingOutput
from hf_gradexplain.classifier.recording import RecordAll
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.propagation import conservation
from hf_gradexplain.propagation.conservation import conservation_error
from hf_gradexplain.propagation.nodes import Kind
from hf_gradexplain.propagation.rules import RULE_SETS, Grads, RuleSet, Step
from tests.helpers.propagated import forward_of, random

CP = RULE_SETS["cp_lrp"]

WORDS = random(1, 5, 4)


class Run:
    """A forward pass of a function of word vectors `(1, T, D)`; the sum of its output is the logit."""

    def __init__(self, function: Callable[[Tensor], Tensor], words: Tensor = WORDS) -> None:
        output = EmbeddingOutput(words, torch.zeros_like(words, requires_grad=True))
        with RecordAll() as self.record:
            logits = function(words + output.delta).sum().reshape(1, 1)
        self.forward: Any = SimpleNamespace(logits=logits, words=(output,))

    def error(self, rules: RuleSet = CP) -> float:
        return conservation_error(self.forward, self.record, rules)


def without_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conservation, "_relevance_of_constants", lambda *args: 0.0)


WEIGHT, BIAS, SCALE, OTHER = (
    random(4, 4, seed=1),
    random(4, seed=2),
    random(4, seed=3).abs() + 1,
    random(1, 5, 4, seed=4),
)


def test_the_error_is_the_missing_relevance_relative_to_the_sum_of_absolute_values(monkeypatch):
    """`logit = sum_t w e_t + b`: the relevance of word `t` is `w e_t`, that of the constant is `b`."""
    w, b = WEIGHT[0], 0.3
    run = Run(lambda x: (x @ w).sum() + b)
    assert run.error() < 1e-15
    without_constants(monkeypatch)
    size = sum(abs(sum(w[d] * WORDS[0, t, d] for d in range(4))) for t in range(5)).item()
    assert run.error() == pytest.approx(b / size, rel=1e-12)


def test_two_factors_with_a_whole_derivative_each_double_the_relevance():
    """`logit = sum_t (w e_t)^2`, all positive: relevances sum to twice the logit."""
    run = Run(lambda x: (x @ WEIGHT[0]) ** 2)
    assert run.error({}) == pytest.approx(0.5, rel=1e-12)
    assert run.error() < 1e-15


CONSTANTS = {
    "bias": lambda x: F.linear(x, WEIGHT, BIAS),
    "bias of addmm": lambda x: torch.addmm(BIAS, x[0], WEIGHT),
    "bias of baddbmm": lambda x: torch.baddbmm(OTHER @ WEIGHT, x, WEIGHT.unsqueeze(0)),
    "bias of a product of two": lambda x: torch.baddbmm(torch.ones(1, 5, 5).double(), x, x.transpose(1, 2)),
    "bias of a convolution": lambda x: F.conv1d(x.transpose(1, 2), random(3, 4, 2, seed=5), random(3, seed=6)),
    "bias of a norm": lambda x: F.layer_norm(x, (4,), SCALE, BIAS) * WEIGHT[1],
    "bias of a group norm": lambda x: F.group_norm(x.transpose(1, 2), 2, SCALE, BIAS) * WEIGHT[0, 0],
    "positions": lambda x: x + OTHER,
    "minus positions": lambda x: x - OTHER,
    "positions minus": lambda x: OTHER - x,
    "a number": lambda x: x + 2,
    "minus a number": lambda x: x - 2,
    "a number by another operation": lambda x: torch.ops.aten.add.Scalar(x, 2),
    "a number minus": lambda x: 1 - x,
    "concatenated": lambda x: torch.cat([x, OTHER], 1) * 2,
    "stacked": lambda x: torch.stack([OTHER, x]) @ WEIGHT,
    "where": lambda x: torch.where(x > 0, x, OTHER),
    "filled in": lambda x: x.masked_fill(x > 0, 3),
    "scattered": lambda x: x.scatter(1, torch.ones(1, 1, 4, dtype=torch.long), 3.0),
    "padded": lambda x: F.pad(x, (0, 1), value=2),
    "put at an index": lambda x: x.index_put((torch.tensor([0]), torch.tensor([1])), BIAS),
    "added at an index": lambda x: x.index_add(1, torch.tensor([1]), OTHER[:, :1]),
    "added in place to a part": lambda x: changed(x, lambda x: x[:, 1].add_(2)),
    "written in place": lambda x: changed(x, lambda x: x[:, 1].copy_(BIAS)),
    "filled in place": lambda x: changed(x, lambda x: x[:, 1].fill_(2)),
    "written into": lambda x: changed(OTHER, lambda y: y[:, 1].copy_(x[:, 1])),
    "sigmoid(0)": torch.sigmoid,
    "hardsigmoid(0)": F.hardsigmoid,
    "logsigmoid(0)": F.logsigmoid,
    "softplus(0)": lambda x: F.softplus(x, beta=2),
    "exp(0)": torch.exp,
    "acos(0)": lambda x: torch.acos(x / 10),
    "clamp(0)": lambda x: x.clamp(0.1, 1),
    "clamp_min(0)": lambda x: x.clamp_min(0.1),
    "clamp_max(0)": lambda x: x.clamp_max(-0.1),
    "hardtanh(0)": lambda x: F.hardtanh(x, 0.1, 1),
    "clamp(0) below 0": lambda x: x.clamp(-1, -0.1),
    "hardtanh(0) below 0": lambda x: F.hardtanh(x, -1, -0.1),
}


def changed(x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    x = x * 1
    change(x)
    return x


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_are_counted(name, monkeypatch):
    run = Run(CONSTANTS[name])
    assert run.error() < 1e-14
    without_constants(monkeypatch)
    assert run.error() > 1e-2


NO_CONSTANTS = {
    "addmm of words": lambda x: torch.addmm(x[0], x[0], WEIGHT),
    "baddbmm of words": lambda x: torch.baddbmm(x, x, WEIGHT.unsqueeze(0)),
    "addmm of words and a product of words": lambda x: torch.addmm(x[0, :, :1], x[0], x[0].T @ x[0]),
    "sums": lambda x: x + 2 * x.transpose(1, 2).mT - x.mean(1, keepdim=True),
    "a norm by hand": lambda x: (x - x.mean(-1, keepdim=True)) * (x.var(-1, keepdim=True) + 1e-5).rsqrt() * SCALE,
    "RMS norm": lambda x: F.rms_norm(x, (4,), SCALE) @ WEIGHT,
    "division by a length": lambda x: x / x.norm(dim=-1, keepdim=True) @ WEIGHT,
    "attention": lambda x: torch.softmax(x @ x.mT, -1) @ x,
    "fused attention": lambda x: F.scaled_dot_product_attention(x[:, None], x[:, None] + 1, x[:, None]),
    "a gate": lambda x: (x @ WEIGHT) * x.sigmoid(),
    "activations": lambda x: F.gelu(x) + F.silu(x) @ WEIGHT + x.tanh() + F.elu(x),
    "more activations": lambda x: F.mish(x) + F.hardswish(x) @ WEIGHT + x.erf() + F.leaky_relu(x),
    "limits on both sides of 0": lambda x: x.clamp(-0.2, 0.1) + F.hardtanh(x, -0.1, 0.2),
    "a limit above or below 0": lambda x: x.clamp_max(0.1) @ WEIGHT + x.clamp_min(-0.1),
    "a power": lambda x: (x @ WEIGHT).square() ** 1.5,
}


@pytest.mark.parametrize("name", NO_CONSTANTS)
def test_without_constants_words_have_all_relevance(name, monkeypatch):
    run = Run(NO_CONSTANTS[name])
    assert run.error() < 1e-14
    without_constants(monkeypatch)
    assert run.error() < 1e-14


def test_word_vectors_that_do_not_reach_the_logit_have_no_relevance():
    run = Run(lambda x: F.linear(x, WEIGHT, BIAS))
    unused = EmbeddingOutput(WORDS, torch.zeros_like(WORDS, requires_grad=True))
    run.forward.words = (*run.forward.words, unused)
    assert run.error() < 1e-14


def test_sums_in_half_precision_have_no_largest_number():
    x = torch.ones(100_000, dtype=torch.float16)
    assert conservation._dot(x, x) == 100_000


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_the_error_does_not_depend_on_the_size_of_the_logit(factor):
    run = Run(lambda x: factor * F.linear(x, WEIGHT, BIAS).square())
    assert run.error() < 1e-15
    assert run.error({}) == pytest.approx(Run(lambda x: F.linear(x, WEIGHT, BIAS).square()).error({}), rel=1e-12)


def test_a_logit_near_zero_is_no_error():
    logit = (WORDS @ WEIGHT).sum()
    run = Run(lambda x: (x @ WEIGHT).sum() - logit)
    assert abs(run.forward.logits.item()) < 1e-14
    assert run.error() < 1e-15
    assert Run(lambda x: 0 * x).error() == 0


def test_a_logit_that_is_not_finite_is_no_conservation():
    for run in (Run(lambda x: x / 0), Run(lambda x: x * float("nan"))):
        assert not run.error() <= 0.02


def lost(step: Step) -> Grads:
    """The halves of a product where the other factor, such as a statistic, gets half, and loses it."""
    return [None if grad is None else grad / 2 for grad in step.grads]


def test_half_of_the_relevance_lost_at_a_statistic_is_seen():
    """The words get half of the logit, so that the other half is missing."""
    run = Run(lambda x: x * x.square().mean().rsqrt())
    logit = run.forward.logits.item()
    relevances = (WORDS * WORDS.square().mean().rsqrt() / 2).sum(-1).abs().sum().item()
    assert run.error() < 1e-15
    assert run.error({**CP, Kind.PRODUCT: lost}) == pytest.approx(abs(logit) / 2 / relevances, rel=1e-12)


NEEDED = {
    "bert": {Kind.NORM, Kind.ATTENTION, Kind.ACTIVATION},
    "gpt2": {Kind.NORM, Kind.ATTENTION, Kind.PRODUCT},
    "bart": {Kind.NORM, Kind.ATTENTION, Kind.ACTIVATION},
    "bilstm": {Kind.PRODUCT, Kind.ACTIVATION},
}
"""Matrix products with constants need no rule, and nothing reaches the operations in the gates of GPT-2."""


@pytest.mark.parametrize("kind", NEEDED)
def test_a_missing_rule_is_seen(kind):
    with RecordAll() as record:
        forward = forward_of(kind)
    assert conservation_error(forward, record, CP) < 1e-14
    errors = {x: conservation_error(forward, record, {y: rule for y, rule in CP.items() if y is not x}) for x in CP}
    assert {x for x, error in errors.items() if error > 1e-14} == NEEDED[kind]
    assert min(errors[x] for x in NEEDED[kind]) > 1e-4


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_in_low_precision_the_error_is_that_of_rounding(dtype, tolerance):
    run = Run(lambda x: F.gelu(F.linear(x, WEIGHT.to(dtype), BIAS.to(dtype))).sigmoid(), WORDS.to(dtype))
    assert 0 < run.error() < tolerance


def test_the_graph_stays_as_it_is(monkeypatch):
    run = Run(lambda x: F.gelu(x).square())
    logit, deltas = run.forward.logits[0, 0], [words.delta for words in run.forward.words]
    (before,) = torch.autograd.grad(logit, deltas, retain_graph=True)
    run.error()
    monkeypatch.setattr(conservation, "_relevance_of_constants", None)  # no hook is left that calls it
    assert torch.equal(torch.autograd.grad(logit, deltas, retain_graph=True)[0], before)
    with pytest.raises(GradexplainError):
        Run(lambda x: F.gelu(x).square().cos()).error()

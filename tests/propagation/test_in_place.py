"""Changes in place: scores equal those of the same function without them, or are refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from tests.helpers.same_scores import METHODS, assert_same, scores, toy_scores
from tests.helpers.toys import TEXT, TOKENIZER, Toy


def written(write, read=lambda x: x):
    """Return the model that changes some of the hidden states in place, and then reads them."""

    def mix(x: Tensor) -> Tensor:
        x = x * 1
        write(x)
        return read(x)

    return mix


def put(x: Tensor, t: int, value: Tensor) -> Tensor:
    return torch.cat([x[:, :t], value.unsqueeze(1), x[:, t + 1 :]], 1)


CONSTANT = torch.linspace(-1, 2, 6, dtype=torch.float64)

WRITES = {
    "copy_": (lambda x: x[:, 1].copy_(x[:, 2].clone()), lambda x: put(x, 1, x[:, 2])),
    "setitem": (lambda x: x.__setitem__((slice(None), 1), x[:, 2].tanh()), lambda x: put(x, 1, x[:, 2].tanh())),
    "add_": (lambda x: x[:, 1].add_(x[:, 2].tanh()), lambda x: put(x, 1, x[:, 1] + x[:, 2].tanh())),
    "add_ number": (lambda x: x[:, 1].add_(2), lambda x: put(x, 1, x[:, 1] + 2)),
    "sub_": (lambda x: x[:, 1].sub_(x[:, 2].clone()), lambda x: put(x, 1, x[:, 1] - x[:, 2])),
    "mul_ number": (lambda x: x[:, 1].mul_(3), lambda x: put(x, 1, 3 * x[:, 1])),
    "mul_ constant": (lambda x: x[:, 1].mul_(CONSTANT), lambda x: put(x, 1, x[:, 1] * CONSTANT)),
    "div_ number": (lambda x: x[:, 1].div_(3), lambda x: put(x, 1, x[:, 1] / 3)),
    "neg_": (lambda x: x[:, 1].neg_(), lambda x: put(x, 1, -x[:, 1])),
    "relu_": (lambda x: x[:, 1].relu_(), lambda x: put(x, 1, x[:, 1].relu())),
    "zero_": (lambda x: x[:, 1].zero_(), lambda x: put(x, 1, torch.zeros_like(x[:, 1]))),
    "fill_": (lambda x: x[:, 1].fill_(2), lambda x: put(x, 1, torch.full_like(x[:, 1], 2))),
    "masked_fill_": (
        lambda x: x[:, 1].masked_fill_(x[:, 1] > 0, 2),
        lambda x: put(x, 1, x[:, 1].masked_fill(x[:, 1] > 0, 2)),
    ),
    "index_put_": (
        lambda x: x[:, 1:3].index_put_((torch.tensor([0]), torch.tensor([1])), x[:, 4].clone()),
        lambda x: put(x, 2, x[:, 4]),
    ),
    "index_add_": (
        lambda x: x[:, 1:3].index_add_(1, torch.tensor([1, 1]), x[:, 4:6].clone()),
        lambda x: put(x, 2, x[:, 2] + x[:, 4] + x[:, 5]),
    ),
    "scatter": (
        lambda x: x[:, 1].scatter_(1, torch.zeros(len(x), 1, dtype=torch.long), 3.0),
        lambda x: put(x, 1, torch.cat([torch.full_like(x[:, 1, :1], 3), x[:, 1, 1:]], 1)),
    ),
}
"""Changes in place of a part of the hidden states, each with the same function without them."""


def with_gate(x: Tensor) -> Tensor:
    return x.tanh() * x.sigmoid() + F.gelu(x)


@pytest.mark.parametrize("name", WRITES)
def test_a_linear_change_of_a_view_is_followed(name):
    write, plain = WRITES[name]
    model = Toy(mix=lambda x: with_gate(written(write)(x)))
    assert_same(scores(model), toy_scores(lambda x: with_gate(plain(x))))
    assert Explainer(model, TOKENIZER).profile.propagation.conservation_error < 1e-14


def test_hidden_states_that_are_written_into_zeros_are_followed():
    def mix(x: Tensor) -> Tensor:
        states = torch.zeros_like(x)
        for t in range(x.shape[1]):
            states[:, t] = x[:, t].sigmoid()
        return with_gate(states)

    assert_same(toy_scores(mix), toy_scores(lambda x: with_gate(x.sigmoid())))


HIDDEN = {
    "mul_": lambda x: x[:, 1].mul_(x[:, 2].clone()),
    "div_": lambda x: x[:, 1].div_(1 + x[:, 2].exp()),
    "tanh_": lambda x: x[:, 1].tanh_(),
    "sigmoid_": lambda x: x[:, 1].sigmoid_(),
    "exp_": lambda x: x[:, 1].exp_(),
    "pow_": lambda x: x[:, 1].pow_(2),
    "clamp_": lambda x: x[:, 1].clamp_(-0.1, 0.1),
    "silu_": lambda x: torch.ops.aten.silu_(x[:, 1]),
    "addcmul_": lambda x: x[:, 1].addcmul_(x[:, 2].clone(), x[:, 3].clone()),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_change_of_a_view_that_needs_a_rule_is_refused(name):
    explain = Explainer(Toy(mix=written(HIDDEN[name])), TOKENIZER)
    refusal = (
        f"the operation {name} of this model changes a part of a tensor in place, which hides it from the propagation "
        "rules: choose methods='integrated_gradients' or 'loo'"
    )
    assert explain.profile.propagation.refusal == refusal
    for method in METHODS:
        with pytest.raises(GradexplainError) as error:
            explain(TEXT, method)
        assert str(error.value) == refusal
    assert explain(TEXT, ["integrated_gradients", "signed_gi"]).scores["signed_gi"].any()


@pytest.mark.parametrize(
    ("in_place", "plain"),
    [
        (lambda x: (x * 1).tanh_(), torch.tanh),
        (lambda x: (x * 1).sigmoid_(), torch.sigmoid),
        (lambda x: (x * 1).mul_(x.sigmoid()), lambda x: x * x.sigmoid()),
        (written(lambda x: None, lambda x: F.silu(x, inplace=True)), F.silu),
        (written(lambda x: None, lambda x: x.tanh() + x.add_(1)), lambda x: x.tanh() + x + 1),
        (written(lambda x: None, lambda x: x.exp() + x.mul_(2)), lambda x: x.exp() + 2 * x),
    ],
)
def test_a_change_of_a_whole_tensor_is_followed(in_place, plain):
    assert_same(toy_scores(in_place), toy_scores(plain))


def test_a_view_that_is_read_after_a_change_of_the_whole_is_followed():
    """Autograd then makes a new node of the view, after that of the function that reads it."""

    def mix(x: Tensor) -> Tensor:
        x = x * 1
        view = x[:, 1:3]
        x.mul_(2)
        return torch.cat([x[:, :1], view.tanh(), x[:, 3:]], 1)

    explain = Explainer(Toy(mix=mix), TOKENIZER)
    plain = toy_scores(lambda x: torch.cat([2 * x[:, :1], (2 * x[:, 1:3]).tanh(), 2 * x[:, 3:]], 1))
    assert_same(scores(explain.model), plain)
    assert explain.profile.propagation.conservation_error < 1e-14

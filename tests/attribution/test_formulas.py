"""The formulas on small numbers that can be checked by hand; test_methods.py checks them on whole models."""

import pytest
import torch

from hf_gradexplain.attribution import formulas as scores
from hf_gradexplain.attribution.formulas import completeness_gap
from hf_gradexplain.text.data import Gradients
from hf_gradexplain.text.unit_index import Units

GRAD = [[[9.0, 9.0], [1.0, -2.0], [3.0, 1.0], [-2.0, 5.0]], [[-1.0, -3.0], [7.0, 7.0], [7.0, 7.0], [7.0, 7.0]]]
EMBEDDING = [[[9.0, 9.0], [1.0, 1.0], [2.0, -1.0], [1.0, 1.0]], [[2.0, 1.0], [7.0, 7.0], [7.0, 7.0], [7.0, 7.0]]]


def as_double(values: list) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture
def evidence() -> Gradients:
    return Gradients(as_double(EMBEDDING), as_double(GRAD))


@pytest.fixture
def word_types() -> Units:
    """The first text: a special token, then "a b a" with one unit per different word. The second: one word."""
    return Units(
        unit_of=torch.tensor([[2, 0, 1, 0], [0, 2, 2, 2]]),
        row_of=torch.tensor([[2, 0, 1, 0], [0, 2, 2, 2]]),
        unit_of_row=torch.tensor([[0, 1], [0, 2]]),
        count=torch.tensor([2, 1]),
        size=2,
    )


@pytest.fixture
def pieces() -> Units:
    """The same tokens: "a b" are two pieces of one word, the last "a" is another word."""
    return Units(
        unit_of=torch.tensor([[2, 0, 0, 1], [0, 2, 2, 2]]),
        row_of=torch.tensor([[3, 0, 1, 2], [0, 3, 3, 3]]),
        unit_of_row=torch.tensor([[0, 0, 1], [0, 2, 2]]),
        count=torch.tensor([2, 1]),
        size=2,
    )


# The gradient of the row "a" is (1, -2) + (-2, 5) = (-1, 3).
@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (scores.sa_raw, [[2, 4], [-4, 0]]),
        (scores.sa_l1, [[4, 4], [4, 0]]),
        (scores.sa_l2, [[10**0.5, 10**0.5], [10**0.5, 0]]),
        (scores.sa_linf, [[3, 3], [3, 0]]),
        (scores.signed_gi, [[-2, -5], [5, 0]]),
    ],
)
def test_occurrences_of_a_word_are_summed_before_the_norm(score, expected, evidence, word_types):
    torch.testing.assert_close(score(evidence, word_types), as_double(expected), rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (scores.sa_raw, [[3, 3], [-4, 0]]),
        (scores.sa_l1, [[7, 7], [4, 0]]),
        (scores.sa_l2, [[15**0.5, 29**0.5], [10**0.5, 0]]),
        (scores.sa_linf, [[3, 5], [3, 0]]),
        (scores.signed_gi, [[-4, -3], [5, 0]]),
    ],
)
def test_pieces_of_a_word_are_concatenated(score, expected, evidence, pieces):
    torch.testing.assert_close(score(evidence, pieces), as_double(expected), rtol=1e-15, atol=0)


def test_as_is_returns_the_evidence(word_types):
    evidence = torch.randn(2, 2)
    assert scores.as_is(evidence, word_types) is evidence


def test_the_l2_norm_of_tiny_gradients_does_not_underflow():
    """A saturated model has gradients of about 1e-25; their squares are zero in float32."""
    grad = torch.full((1, 3, 2), 1e-25, dtype=torch.float32)
    index = torch.arange(3).unsqueeze(0)
    three = Units(unit_of=index, row_of=index, unit_of_row=index, count=torch.tensor([3]), size=3)
    norms = scores.sa_l2(Gradients(torch.ones_like(grad), grad), three)
    torch.testing.assert_close(norms, torch.full((1, 3), 2**0.5 * 1e-25), rtol=1e-6, atol=0)


def test_the_l2_norm_of_a_gradient_without_a_positive_component():
    grad = as_double([[[-3.0, -4.0], [-6.0, -8.0]]])
    index = torch.arange(2).unsqueeze(0)
    two = Units(unit_of=index, row_of=index, unit_of_row=index, count=torch.tensor([2]), size=2)
    torch.testing.assert_close(scores.sa_l2(Gradients(grad, grad), two), as_double([[5, 10]]), rtol=1e-15, atol=0)


def test_a_gap_is_a_share_of_the_rise_and_of_a_thousandth_at_least():
    scores = torch.tensor([[0.25, 0.5], [-1.0, -2.0], [0.0, 0.0], [0.0, 3e-4], [1.0, 0.0]], dtype=torch.float64)
    rise = torch.tensor([0.5, -4.0, 0.0, 1e-4, 1e-3], dtype=torch.float64)
    assert completeness_gap(scores, rise).tolist() == pytest.approx([0.5, 0.25, 0, 0.2, 999])

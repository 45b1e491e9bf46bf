"""Intervals of estimated scores, against a table of Student's t distribution."""

import numpy as np
import pytest

from hf_gradexplain.statistics.sampling import FEW_DRAWS, Sampling, margins, tells_apart

T = {2: 12.7062047, 3: 4.3026527, FEW_DRAWS: 2.3646243, 101: 1.9839715}
"""The 97.5 % quantiles for this number of draws, from a printed table."""


@pytest.mark.parametrize("draws", T)
def test_a_margin_is_the_error_times_the_quantile(draws):
    assert margins(np.array([1.0, 0.5, 0.0]), draws) == pytest.approx([T[draws], T[draws] / 2, 0], rel=1e-7)


def test_margins_of_several_numbers_of_draws():
    """Exact scores have no draws, and errors of 0; they come out as 0, not as NaN."""
    errors = np.array([[1.0, 2.0], [0.0, 0.0]])
    assert margins(errors, np.array([[3], [0]])) == pytest.approx(np.array([[T[3], 2 * T[3]], [0, 0]]), rel=1e-7)


@pytest.mark.parametrize(
    ("scores", "half", "k", "expected"),
    [
        ([3.0, 1.0, 0.0], [0.5, 0.5, 0.5], 1, True),
        ([0.0, 1.0, 3.0], [0.5, 0.5, 0.5], 2, False),  # 0 and 1 meet at 0.5
        ([0.0, 1.0, 3.0], [0.5, 0.25, 0.5], 2, True),
        ([3.0, 1.0, 0.0], [2.5, 0.0, 0.0], 1, False),  # the interval of the highest score is wide
        ([3.0, 1.0, 0.0], [0.0, 0.0, 4.0], 1, False),  # that of the lowest one
        ([1.0, 1.0], [0.0, 0.0], 1, False),
        ([1.0, 1.0], [5.0, 5.0], 2, True),  # no others
        ([1.0, 1.0], [5.0, 5.0], 3, True),
    ],
)
def test_the_highest_are_told_apart_if_no_intervals_meet(scores, half, k, expected):
    assert tells_apart(np.array(scores), np.array(half), k).tolist() is expected


def test_rows_are_told_apart_each_for_itself():
    scores, half = np.array([[2.0, 0.0], [0.0, 0.5], [6.0, 9.0]]), np.full((3, 2), 0.5)
    assert tells_apart(scores, half, 1).tolist() == [True, False, True]
    assert tells_apart(scores, half, 2).tolist() == [True, True, True]


def sampling(n, error=0.0, draws=3):
    return Sampling(np.full(n, error), draws=draws, copies=30)


def test_up_to_ten_units_are_told_apart():
    scores = np.arange(12.0)
    assert sampling(12).told_apart(scores) == 10
    assert sampling(12).told_apart(scores, most=11) == 11
    assert sampling(12).told_apart(scores, most=12) == 11  # of all twelve there is nothing to tell
    assert sampling(12).told_apart(scores, most=1) == 1
    assert sampling(12, error=1.0).told_apart(scores) == 0
    assert sampling(1).told_apart(np.ones(1)) == 0


def test_fewer_may_be_uncertain_where_more_are_certain():
    """The two highest scores cannot be told apart, but both lie above the rest."""
    assert sampling(4).told_apart(np.array([5.0, 5.0, 1.0, 0.0])) == 3
    assert sampling(3).told_apart(np.array([5.0, 5.0, 1.0])) == 2


def test_the_margins_of_a_method():
    assert sampling(2, error=0.5).margins == pytest.approx([T[3] / 2] * 2, rel=1e-7)
    assert sampling(2, draws=0).margins.tolist() == [0, 0]
    assert (sampling(1, draws=0).exact, sampling(1, draws=1).exact, sampling(1).exact) == (True, False, False)


def test_it_is_written_read_and_compared():
    one = Sampling(np.array([0.25, 0.5]), draws=3, copies=30, seed=7)
    record = {"errors": [0.25, 0.5], "draws": 3, "copies": 30, "seed": 7}
    assert one.to_dict() == record
    assert Sampling.from_dict(record) == one
    assert hash(Sampling.from_dict(record)) == hash(one) == hash((3, 30, 7))
    for name, other in {"errors": [0.25, 0.75], "draws": 4, "copies": 31, "seed": 0}.items():
        assert Sampling.from_dict(record | {name: other}) != one
    assert one != record
    assert one.of_units(slice(1, None)) == Sampling(np.array([0.5]), draws=3, copies=30, seed=7)
    assert sampling(1).seed == 0

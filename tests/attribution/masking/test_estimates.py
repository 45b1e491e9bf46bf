"""Estimates, their means, and when they are precise enough, with small numbers by hand."""

import numpy as np
import pytest

from hf_gradexplain.attribution.masking.budget import FIRST_DRAWS, Budget, Continued, Means
from hf_gradexplain.attribution.masking.game import Earlier, EstimatedScores, all_sets
from hf_gradexplain.options import Options


def estimate(scores, errors, draws):
    return EstimatedScores(np.array(scores, float), np.array(errors, float), np.array(draws))


def numbers(each):
    return each.scores.tolist(), each.errors.tolist(), each.draws.tolist()


def test_bits_say_which_units_a_set_holds():
    assert all_sets(2).tolist() == [[False, False], [True, False], [False, True], [True, True]]
    assert all_sets(0).shape == (1, 0)
    assert all_sets(3)[6].tolist() == [False, True, True]


def test_exact_scores_have_no_errors_and_no_draws():
    assert numbers(EstimatedScores.exact(np.ones((2, 3)))) == ([[1] * 3] * 2, [[0] * 3] * 2, [0, 0])
    assert EstimatedScores.exact(np.ones((2, 3))).draws.dtype == int
    assert numbers(EstimatedScores.after(5, np.ones((2, 1)), np.zeros((2, 1)))) == ([[1]] * 2, [[0]] * 2, [5, 5])


def test_classes_are_put_together_divided_and_chosen():
    one, other = estimate([[1, 2]], [[3, 4]], [5]), estimate([[6, 7], [8, 9]], [[1, 0], [2, 3]], [4, 6])
    both = EstimatedScores.of_all([one, other])
    assert numbers(both) == ([[1, 2], [6, 7], [8, 9]], [[3, 4], [1, 0], [2, 3]], [5, 4, 6])
    assert list(map(numbers, both.by_class())) == [
        ([[1, 2]], [[3, 4]], [5]),
        ([[6, 7]], [[1, 0]], [4]),
        ([[8, 9]], [[2, 3]], [6]),
    ]
    third = estimate([[0, 0]] * 3, [[0, 0]] * 3, [1, 1, 1])
    mixed = both.where(np.array([True, False, True]), third)
    assert numbers(mixed) == ([[1, 2], [0, 0], [8, 9]], [[3, 4], [0, 0], [2, 3]], [5, 1, 6])


def test_the_draws_of_an_earlier_result_are_the_most_of_a_class():
    assert Earlier({3: estimate([[1]], [[1]], [8]), 0: estimate([[1]], [[1]], [12])}, copies=40).draws == 12


@pytest.mark.parametrize(("most", "first", "expected"), [
    (40, 8, [8, 12, 18, 27, 40]),
    (12, 8, [8, 12]),
    (8, 8, [8]),
    (5, 8, [5]),
    (9, 8, [8, 9]),
    (5, 2, [2, 3, 4, 5]),
])  # fmt: skip
def test_the_errors_are_checked_after_half_as_many_draws_again(most, first, expected):
    assert Budget().looks(most, first) == expected
    if first == FIRST_DRAWS:
        assert Budget().looks(most) == expected


@pytest.mark.parametrize(("errors", "expected"), [([0.2, 0.1], True), ([0.1, 0.3], False), ([0.0, 0.0], True)])
def test_an_error_is_small_enough_up_to_its_share_of_the_largest_score(errors, expected):
    """The largest absolute score is 2: a tenth of it is 0.2."""
    assert Budget(max_error=0.1).is_met(estimate([[-2, 1]], [errors], [9])).tolist() == [expected]


def test_each_class_has_its_own_largest_score():
    two = estimate([[1, 0], [10, 0]], [[0.5, 0.5], [0.5, 0.5]], [9, 9])
    assert Budget(max_error=0.1).is_met(two).tolist() == [False, True]


def test_units_are_told_apart_instead_if_there_are_others():
    certain = estimate([[3, 1, 0]], [[0.1, 0.1, 0.1]], [9])  # the margins are 2.306 times the errors
    assert [Budget(max_error=0.0, tell_apart=k).is_met(certain).tolist() for k in (1, 2, 3)] == [
        [True],
        [True],
        [False],
    ]
    near = estimate([[3, 1, 0.4]], [[0.1, 0.1, 0.2]], [9])
    assert [Budget(max_error=1.0, tell_apart=k).is_met(near).tolist() for k in (1, 2, 3)] == [[True], [False], [True]]


def test_the_defaults_are_those_of_the_options():
    assert (Budget().max_evals, Budget().max_error, Budget().tell_apart) == (Options.max_evals, Options.max_error, None)


DRAWS = np.array([[[1.0, 2]], [[3, 2]], [[8, 2]], [[0, 6]]])
"""Four draws of one class and two units: the means are 3 and 3, the squared distances 38 and 12."""


def test_means_and_their_errors():
    means = Means.of(DRAWS)
    assert (means.count, means.mean.tolist(), means.squares.tolist()) == (4, [[3, 3]], [[38, 12]])
    assert means.errors.tolist() == [[np.sqrt(38 / 12), 1]]
    assert Means.of(DRAWS[:1]).errors.tolist() == [[np.inf, np.inf]]
    assert Means.of(DRAWS[:2]).errors.tolist() == [[1, 0]]


def test_the_means_of_parts_are_those_of_all_draws():
    whole = Means.of(DRAWS)
    for k in (1, 2, 3):
        both = Means.of(DRAWS[:k]) + Means.of(DRAWS[k:])
        assert both.count == 4
        assert (both.mean, both.squares) == (pytest.approx(whole.mean), pytest.approx(whole.squares))
    assert Means() + whole is whole
    assert Means().count == 0
    assert Means().mean.shape == Means().squares.shape == ()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_an_estimate_gives_its_means_back(count):
    means = Means.of(DRAWS[:count])
    errors = np.where(np.isfinite(means.errors), means.errors, 0)
    again = Means.behind(EstimatedScores.after(count, means.mean, errors))
    assert (again.count, again.mean.tolist()) == (count, means.mean.tolist())
    assert again.squares == pytest.approx(means.squares)


def test_of_a_single_draw_no_spread_is_known():
    """Its error is infinite, and infinity times zero would be no number."""
    assert Means.behind(Means.of(DRAWS[:1]).estimate).squares.tolist() == [[0, 0]]


class Draw:
    """Draws of a list."""

    def __init__(self, draws):
        self.draws = draws

    estimate = property(lambda self: Means.of(self.draws).estimate)

    def __add__(self, other):
        return Draw(np.concatenate([self.draws, other.draws]))


def sampled(budget, looks, earlier=None):
    asked = []

    def draw(start, stop):
        asked.append((start, stop))
        return Draw(DRAWS[start:stop])

    return budget.sample(draw, looks, earlier), asked


def test_no_further_draw_is_made_once_the_scores_are_precise_enough():
    found, asked = sampled(Budget(max_error=0.5), [2, 3, 4])  # of the first two, the error is 1, and half of 2 is 1
    assert (numbers(found), asked) == (([[2, 2]], [[1, 0]], [2]), [(0, 2)])
    found, asked = sampled(Budget(max_error=0.0), [2, 3, 4])
    assert (found.scores.tolist(), found.draws.tolist(), asked) == ([[3, 3]], [4], [(0, 2), (2, 3), (3, 4)])


def test_earlier_draws_are_continued():
    earlier = Means.of(DRAWS[:2]).estimate
    found, asked = sampled(Budget(max_error=0.0), [1, 2, 3, 4], earlier)
    assert asked == [(2, 3), (3, 4)]
    assert (found.scores, found.errors) == (pytest.approx(np.array([[3.0, 3]])), pytest.approx(Means.of(DRAWS).errors))
    assert found.draws.tolist() == [4]
    assert sampled(Budget(max_error=0.0), [1, 2], earlier) == (earlier, [])
    assert sampled(Budget(max_error=0.5), [3, 4], earlier) == (earlier, [])
    assert Continued(earlier).estimate is earlier

"""KernelSHAP, against its definition as weighted least squares over all sets, and how sure the scores are."""

from itertools import chain, combinations
from math import comb

import numpy as np
import pytest

from hf_gradexplain.attribution.masking.budget import Budget
from hf_gradexplain.attribution.masking.kernel_shap import KernelShap, Sizes, sampled_values
from hf_gradexplain.attribution.masking.regression import robust_errors
from hf_gradexplain.attribution.masking.shapley import exact_values
from hf_gradexplain.statistics.sampling import margins
from tests.helpers.games import Table, over_all_orders, random_game

ALL = Budget(max_evals=2**14, max_error=0)


def by_least_squares(table, units):
    """Return the coefficients of theorem 2 of the paper, whose infinite weights are two constraints."""
    sets = list(chain.from_iterable(combinations(range(units), n) for n in range(1, units)))
    rows = np.array([[u in s for u in range(units)] for s in sets], float)
    weights = np.array([(units - 1) / (comb(units, len(s)) * len(s) * (units - len(s))) for s in sets])
    rises = np.array([table[sum(1 << u for u in s)] for s in sets]) - table[0]
    # Lagrange: the gradient of the squares is a multiple of that of the sum.
    system = np.block([[rows.T @ (rows * weights[:, None]), np.ones((units, 1))], [np.ones((1, units)), 0]])
    return np.linalg.solve(system, [*(rows.T @ (weights * rises)), table[-1] - table[0]])[:-1]


def test_with_all_sets_the_scores_are_those_of_least_squares_and_the_shapley_values():
    table = random_game(6, seed=0, effects=6)
    found = KernelShap().estimate(game := Table(table), ALL)
    assert found.scores[0] == pytest.approx(by_least_squares(table, 6), abs=1e-12)
    assert found.scores[0] == pytest.approx(over_all_orders(lambda order: table[sum(1 << u for u in order)], 6))
    assert not found.draws.any()
    assert not found.errors.any()
    assert game.copies == KernelShap().masked_copies(6) == 63


def test_with_random_pairs_the_scores_are_those_of_least_squares_on_these_pairs():
    """The function of the set itself is fitted, to both sets of a pair, with a constraint."""
    table, sets = random_game(8, seed=1, effects=5), []

    class Watched(Table):
        def losses(self, removed):
            sets.append(np.split(removed, 2) if len(removed) > 1 else removed)
            return super().losses(removed)

    found, sizes = sampled_values(Watched(table), Budget(max_evals=121, max_error=0)), Sizes.of(8, 60)
    one, other = (np.concatenate(parts) for parts in zip(*sets[1:], strict=True))
    assert (other == ~one).all()
    drawn = len(one) - len(sizes.enumerated)
    assert drawn == found.draws
    weights = np.append(sizes.weights, np.full(drawn, sizes.probabilities.sum() / drawn))
    rows, weights = np.concatenate([one, ~one]).astype(float), np.concatenate([weights, weights])
    rises = table[rows.astype(int) @ (1 << np.arange(8))] - table[0]
    system = np.block([[rows.T @ (rows * weights[:, None]), np.ones((8, 1))], [np.ones((1, 8)), 0]])
    expected = np.linalg.solve(system, [*(rows.T @ (weights * rises)), table[-1] - table[0]])[:-1]
    assert found.scores[0] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("units", "pairs"), [(6, 30), (7, 30), (8, 100), (30, 200), (40, 1000)])
def test_sizes_have_the_probabilities_of_the_kernel(units, pairs):
    """A size and its complement are one. `1 / (s (U - s))` is the kernel times the number of sets of the size."""
    sizes = Sizes.of(units, pairs)
    p = {s: 1 / (s * (units - s)) for s in range(1, units)}
    total = sum(p.values())
    n, weights = sizes.enumerated.sum(1), sizes.weights
    for s in range(1, units // 2 + 1):
        expected = (p[s] + p[units - s] * (2 * s != units)) / total
        of_size = weights[n == s].sum() + sizes.probabilities[sizes.drawn == s].sum()
        assert of_size == pytest.approx(expected, rel=1e-12)
    assert len({tuple(row) for row in sizes.enumerated}) == len(sizes.enumerated) < pairs
    for s in set(n):
        assert (n == s).sum() == comb(units, s)
        assert np.ptp(weights[n == s]) == 0
    drawn = sizes.draw(np.random.default_rng(0), 4000)
    assert np.bincount(drawn.sum(1), minlength=units)[sizes.drawn] / 4000 == pytest.approx(
        sizes.probabilities / sizes.probabilities.sum(), abs=0.03
    )
    assert drawn.mean(0) == pytest.approx(drawn.mean(), abs=0.05)


def test_few_pairs_are_exact_for_effects_of_single_units_and_pairs():
    table = random_game(9, seed=1, effects=2)
    found = sampled_values(Table(table), Budget(max_evals=60, max_error=0))
    assert found.scores == pytest.approx(exact_values(Table(table)), abs=1e-10)
    assert found.errors == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("max_evals", [1, 50, 333, 2000])
def test_scores_add_up_exactly_and_copies_stay_within_the_budget(max_evals):
    table = random_game(12, seed=2)
    found = KernelShap().estimate(game := Table(table), Budget(max_evals=max_evals, max_error=0))
    assert found.scores.sum() == pytest.approx(table[-1] - table[0], abs=1e-10)
    assert found.draws > 0
    assert game.copies <= max(max_evals, 4 * 12 + 1) <= game.copies + 1
    assert KernelShap(max_evals=max_evals).masked_copies(12) == game.copies


def test_a_unit_without_effect_has_about_no_score_and_equal_units_about_equal_scores():
    numbers = np.arange(2**8)
    both = (numbers >> 5 & 1) + (numbers >> 6 & 1)  # units 5 and 6 are alike; unit 7 does nothing
    table = random_game(5, seed=2)[numbers & 31] + 2.0 * both * (numbers & 1)
    exact, found = exact_values(Table(table)), sampled_values(Table(table), Budget(max_evals=200, max_error=0))
    assert exact[0, 7] == pytest.approx(0, abs=1e-12)
    assert exact[0, 5] == pytest.approx(exact[0, 6], abs=1e-12)
    assert (np.abs(found.scores - exact) < 5 * found.errors).all()


def test_intervals_hold_the_exact_values_as_often_as_they_say():
    table = random_game(10, seed=5, effects=4)
    exact, held = exact_values(Table(table)), []
    for seed in range(100):
        found = sampled_values(Table(table, seed), Budget(max_evals=200, max_error=0))
        held.append(np.abs(found.scores - exact) <= margins(found.errors, found.draws))
    assert 0.92 < np.mean(held) < 0.98


@pytest.mark.parametrize(("max_evals", "first"), [(50, 22), (200, 11)])
def test_errors_are_first_checked_when_there_are_enough_pairs(max_evals, first):
    """Without enumerated pairs, a fit to as many pairs as units would leave no residuals, and so errors of 0."""
    table, held = random_game(11, seed=5, effects=4), []
    exact = exact_values(Table(table))
    assert bool(len(Sizes.of(11, (max_evals - 1) // 2).enumerated)) is (max_evals == 200)
    for seed in range(60):
        found = sampled_values(Table(table, seed), Budget(max_evals=max_evals, max_error=100))
        assert found.draws == first
        held.append(np.abs(found.scores - exact) <= margins(found.errors, found.draws))
    assert 0.92 < np.mean(held) < 0.99


def test_drawing_stops_once_the_errors_are_small_enough():
    table = random_game(12, seed=5, effects=4)
    found, sure = (sampled_values(game := Table(table), Budget(max_evals=2000, max_error=most)) for most in (0.05, 0))
    assert found.errors.max() <= 0.05 * np.abs(found.scores).max()
    assert found.draws < sure.draws / 2
    assert game.copies == 1999


def test_errors_are_those_of_ordinary_least_squares_written_out():
    """HC3, written out for each row: (X'X)^-1 sum of x x' (r / (1 - h))^2 (X'X)^-1, about the mean of x r / (1 - h)."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    inverse = np.linalg.inv(x.T @ x)
    residuals = y - x @ inverse @ x.T @ y
    moved = np.array([
        inverse @ row * r / (1 - row @ inverse @ row) for row, r in zip(x, residuals, strict=True)
    ])  # fmt: skip
    expected = np.sqrt(((moved - moved.mean(0)) ** 2).sum(0))
    assert robust_errors(x, np.ones(12), inverse, residuals[None])[0] == pytest.approx(expected, rel=1e-9)

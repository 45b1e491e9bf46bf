"""Interaction indices, against their definitions with plain loops, and against the numbers of the package shapiq."""

import json
from itertools import chain, combinations, permutations
from math import factorial
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest

from hf_gradexplain.interactions.indices import (
    Enumeration,
    copies_per_order,
    pairs_of,
    sampled_shapley_taylor,
    second_differences,
)
from tests.interactions.with_shapiq import COMMAND, PLAYERS, losses

SHAPIQ = json.loads(Path(__file__).with_name("shapiq.json").read_text(encoding="utf-8"))
ALL = np.arange(PLAYERS)
PAIRS = list(combinations(range(PLAYERS), 2))


def v(removed, values=losses):
    """The loss without a set of units."""
    row = np.zeros((1, PLAYERS), dtype=bool)
    row[0, list(removed)] = True
    return float(values(row)[0])


def difference(i, j, removed, values=losses):
    removed = set(removed)
    both, one, other = {*removed, i, j}, {*removed, i}, {*removed, j}
    return v(both, values) - v(one, values) - v(other, values) + v(removed, values)


def shapley_taylor(i, j, values=losses):
    """The mean over all orders of what the pair makes of the units that are removed before both."""
    found = []
    for order in permutations(range(PLAYERS)):
        first = min(order.index(i), order.index(j))
        found.append(difference(i, j, order[:first], values))
    return sum(found) / len(found)


def shapley_interaction(i, j, values=losses):
    others = [u for u in range(PLAYERS) if u not in (i, j)]
    total = 0.0
    for removed in chain.from_iterable(combinations(others, size) for size in range(len(others) + 1)):
        s, n = len(removed), PLAYERS
        total += factorial(s) * factorial(n - s - 2) / factorial(n - 1) * difference(i, j, removed, values)
    return total


NAIVE = {"shapley_taylor": shapley_taylor, "shapley_interaction": shapley_interaction}


@pytest.mark.parametrize("name", NAIVE)
def test_an_index_of_all_sets_is_that_of_its_definition_and_of_shapiq(name):
    found = Enumeration.of(losses, PLAYERS).index(name, pairs_of(ALL))
    np.testing.assert_allclose(found.values, [NAIVE[name](i, j) for i, j in PAIRS], rtol=1e-12)
    np.testing.assert_allclose(found.values, SHAPIQ["function"][name], rtol=1e-9)
    np.testing.assert_allclose(found.rises, [v({u}) - v(()) for u in ALL], rtol=1e-12)
    assert (found.draws, found.copies, found.errors.tolist()) == (0, 31, [0.0] * len(PAIRS))
    assert SHAPIQ["command"] == COMMAND


def test_second_differences_are_those_of_pairs_of_removed_units():
    units = np.array([0, 2, 4])
    found = second_differences(losses, units, PLAYERS)
    assert pairs_of(units[::-1]).tolist() == [[0, 2], [0, 4], [2, 4]]
    np.testing.assert_allclose(found.values, [difference(i, j, ()) for i, j in ((0, 2), (0, 4), (2, 4))], rtol=1e-12)
    np.testing.assert_allclose(found.rises[units], [v({u}) - v(()) for u in units], rtol=1e-12)
    assert np.isnan(found.rises[[1, 3]]).all()
    assert found.copies == 3 + 3


def test_effects_of_words_and_pairs_add_up_to_the_whole_effect():
    found = Enumeration.of(losses, PLAYERS).index("shapley_taylor", pairs_of(ALL))
    assert found.values.sum() + found.rises.sum() == pytest.approx(v(ALL) - v(()), rel=1e-12)


@pytest.mark.parametrize("name", NAIVE)
def test_a_unit_that_changes_nothing_interacts_with_none(name):
    def without_effect_of_3(sets):
        return losses(sets & (ALL != 3))

    found = Enumeration.of(without_effect_of_3, PLAYERS).index(name, pairs_of(ALL))
    with_3 = np.array([3 in pair for pair in PAIRS])
    np.testing.assert_allclose(found.values[with_3], 0, atol=1e-12)
    assert (np.abs(found.values[~with_3]) > 1e-3).all()
    assert found.rises[3] == 0


@pytest.mark.parametrize("name", NAIVE)
def test_units_with_equal_effects_have_equal_interactions(name):
    def symmetric(sets):
        swapped = sets[:, [1, 0, 2, 3, 4]]
        return losses(sets) + losses(swapped)

    found = Enumeration.of(symmetric, PLAYERS).index(name, pairs_of(ALL))
    values = dict(zip(PAIRS, found.values, strict=True))
    for other in (2, 3, 4):
        assert values[0, other] == pytest.approx(values[1, other], rel=1e-12)
    assert values[0, 2] != pytest.approx(values[2, 3], rel=1e-3)


@pytest.mark.parametrize("name", NAIVE)
def test_an_index_of_a_sum_is_the_sum_of_the_indices(name):
    def squared(sets):
        return losses(sets) ** 2

    def mixed(sets):
        return 3 * losses(sets) - squared(sets)

    one, other, both = (Enumeration.of(f, PLAYERS).index(name, pairs_of(ALL)) for f in (losses, squared, mixed))
    np.testing.assert_allclose(both.values, 3 * one.values - other.values, rtol=1e-9, atol=1e-12)


def test_a_pure_interaction_is_found_whatever_the_index():
    def both_removed(sets):
        return 2.0 * (sets[:, 1] & sets[:, 4])

    expected = [2.0 * (pair == (1, 4)) for pair in PAIRS]
    for name in NAIVE:
        found = Enumeration.of(both_removed, PLAYERS).index(name, pairs_of(ALL))
        np.testing.assert_allclose(found.values, expected, atol=1e-12)
    np.testing.assert_allclose(second_differences(both_removed, ALL, PLAYERS).values, expected, atol=1e-12)


def test_random_orders_estimate_the_index_with_standard_errors():
    units = np.array([0, 1, 3])
    exact = np.array([shapley_taylor(i, j) for i, j in ((0, 1), (0, 3), (1, 3))])
    found = sampled_shapley_taylor(losses, units, PLAYERS, 4000, np.random.default_rng(0))
    assert (np.abs(found.values - exact) < 4 * found.errors).all()
    assert (found.errors < 0.05).all()
    assert found.draws == 4000
    np.testing.assert_allclose(found.rises[units], [v({u}) - v(()) for u in units], rtol=1e-12)


@pytest.mark.parametrize("draws", [2, 5])
def test_values_and_errors_of_random_orders_are_means_and_standard_errors(draws):
    units = np.array([0, 2, 3])
    ranks = np.random.default_rng(7).permuted(np.tile(np.arange(PLAYERS), (draws, 1)), axis=1)
    found = sampled_shapley_taylor(losses, units, PLAYERS, draws, np.random.default_rng(7))
    for p, (i, j) in enumerate([(0, 2), (0, 3), (2, 3)]):
        drawn = [difference(i, j, [u for u in ALL if rank[u] < min(rank[i], rank[j])]) for rank in ranks]
        assert found.values[p] == pytest.approx(mean(drawn), rel=1e-9)
        assert found.errors[p] == pytest.approx(stdev(drawn) / draws**0.5, rel=1e-9)
    assert np.isnan(found.rises[[1, 4]]).all()


def test_standard_errors_are_those_of_estimates_from_other_seeds():
    def estimate(seed):
        return sampled_shapley_taylor(losses, ALL, PLAYERS, 20, np.random.default_rng(seed))

    found = [estimate(seed) for seed in range(200)]
    spread = np.std([each.values for each in found], axis=0)
    np.testing.assert_allclose(np.mean([each.errors for each in found], axis=0), spread, rtol=0.25)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_random_orders_take_as_many_sets_as_announced(k):
    rng = np.random.default_rng(1)
    found = sampled_shapley_taylor(lambda sets: losses(sets[:, :PLAYERS]), np.arange(k), 60, 3, rng)
    announced = k + 3 * copies_per_order(k)
    assert announced - k <= found.copies <= announced

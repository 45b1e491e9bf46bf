"""Owen values, against the mean over all orders that keep the units below each node together, written out."""

import numpy as np
import pytest

from hf_gradexplain.attribution.masking.budget import Budget
from hf_gradexplain.attribution.masking.partition_shapley import (
    PartitionShapley,
    binary,
    exact_values,
    n_copies,
    owen_values,
    sampled_values,
)
from hf_gradexplain.attribution.masking.shapley import exact_values as shapley_values
from hf_gradexplain.statistics.sampling import margins
from tests.helpers.games import Table, random_game

TREES = [
    binary([[0, 1, 2], [[3], [4, 5, 6, 7]]]),
    binary([[[0, 4], [1, 2]], [[3, 7, 6], [5]]]),
    (0, (1, (2, (3, (4, (5, (6, 7))))))),
]


def orders(tree):
    """Return all orders of a tree's units that keep those below each node together."""
    if isinstance(tree, int):
        return [[tree]]
    return [
        one + other for pair in (tree, tree[::-1]) for one in orders(pair[0]) for other in orders(pair[1])
    ]  # fmt: skip


def over_orders(table, tree, units):
    """The definition: the mean rise of the loss over these orders."""
    scores = np.zeros(units)
    for order in (every := orders(tree)):
        for place, unit in enumerate(order):
            bits = [1 << u for u in order[:place]]
            scores[unit] += table[sum(bits) + (1 << unit)] - table[sum(bits)]
    return scores / len(every)


@pytest.mark.parametrize("tree", TREES)
def test_owen_values_are_the_mean_over_the_orders_of_the_tree(tree):
    table = random_game(8, seed=0, effects=6)
    found = owen_values(game := Table(np.stack([table, table**2])), tree, Budget())
    assert len(orders(tree)) == 2**7
    assert found.scores[0] == pytest.approx(over_orders(table, tree, 8), abs=1e-10)
    assert found.scores[1] == pytest.approx(over_orders(table**2, tree, 8), rel=1e-10, abs=1e-9)
    assert not found.draws.any()
    assert not found.errors.any()
    assert game.copies == n_copies(tree)


def test_lists_are_halved():
    assert binary([[[3]], [0, 1, 2, 4, 5]]) == (3, ((0, 1), (2, (4, 5))))
    assert binary([0]) == 0


def test_a_balanced_tree_takes_two_thirds_of_a_copy_per_pair_of_units():
    for units in (16, 32, 64):
        assert n_copies(binary(range(units))) == 1 + 2 * (units**2 - 1) / 3
    assert PartitionShapley().masked_copies(50) == n_copies(binary(range(50))) < 2000
    assert PartitionShapley().masked_copies(1) == 1
    assert PartitionShapley().masked_copies(100) == 1 + 10 * 2 * 99
    assert PartitionShapley(max_evals=1).masked_copies(100) == 1 + 2 * 2 * 99


def test_the_values_of_a_part_add_up_to_its_own_value_as_one_unit():
    table, tree = random_game(8, seed=3, effects=5), TREES[0]
    found, numbers = exact_values(Table(table), tree)[0], np.arange(8)
    three = table[sum((numbers >> i & 1) * bits for i, bits in enumerate((0b111, 0b1000, 0b11110000)))]
    parts = exact_values(Table(three), (0, (1, 2)))[0]
    assert [found[:3].sum(), found[3], found[4:].sum()] == pytest.approx(parts, abs=1e-10)
    assert found.sum() == pytest.approx(table[-1] - table[0], abs=1e-10)


def test_two_units_have_their_shapley_values_and_units_without_effect_none():
    table = random_game(2, seed=4, effects=2)
    assert exact_values(Table(table), (0, 1)) == pytest.approx(shapley_values(Table(table)), abs=1e-12)
    numbers = np.arange(2**8)
    both = (numbers >> 6 & 1) + (numbers >> 7 & 1)  # 6 and 7 are alike and halves of one node; 1 does nothing
    table = random_game(8, seed=5)[numbers & 0b111100] + 2.0 * both * (numbers & 1)
    for found in (
        owen_values(Table(table), TREES[2], Budget()),
        sampled_values(Table(table), TREES[2], Budget(max_evals=400, max_error=0)),
    ):
        assert found.scores[0, 1] == found.errors[0, 1] == 0
        if not found.draws.any():
            assert found.scores[0, 6] == pytest.approx(found.scores[0, 7], abs=1e-12)


def test_random_orders_are_those_of_the_tree():
    seen = []

    class Watched(Table):
        def walks(self, given):
            seen.extend(map(tuple, given))
            return super().walks(given)

    found = sampled_values(Watched(random_game(8, seed=0)), TREES[0], Budget(max_evals=1 + 7 * 4 * 300, max_error=0))
    assert found.draws == 300
    possible = set(map(tuple, orders(TREES[0])))
    assert set(seen) == possible
    assert max(seen.count(order) for order in possible) < 4 * len(seen) / len(possible)


@pytest.mark.parametrize("max_evals", [1, 50, 333])
def test_random_orders_add_up_exactly(max_evals):
    table = random_game(10, seed=2)
    budget = Budget(max_evals=max_evals, max_error=0)
    found = sampled_values(game := Table(table), binary(range(10)), budget)
    assert found.scores.sum() == pytest.approx(table[-1] - table[0], abs=1e-10)
    assert game.copies <= max(max_evals, 1 + 4 * 9)


TWO_ORDERS = Budget(max_evals=1 + 2 * 9 * 2, max_error=0)
"""Enough for two draws of two orders of 10 units."""


@pytest.mark.parametrize("seed", range(5))
def test_two_draws_of_two_orders_have_different_sets_for_each_unit(seed):
    """Four orders with one set of removed units before each unit."""
    seen = set()

    class Watched(Table):
        def walks(self, given):
            for order in given.tolist():
                seen.update((unit, frozenset(order[:place])) for place, unit in enumerate(order))
            return super().walks(given)

    sampled_values(Watched(random_game(10, seed=0), seed), binary([[0, 1, 2, 3], [[4, 5], [6, 7, 8, 9]]]), TWO_ORDERS)
    assert len(seen) == 4 * 10


def test_two_draws_of_two_orders_are_right_on_average():
    table, tree = random_game(10, seed=5, effects=4), binary([[0, 1, 2, 3], [[4, 5], [6, 7, 8, 9]]])
    found = np.stack([sampled_values(Table(table, seed), tree, TWO_ORDERS).scores[0] for seed in range(400)])
    exact, error = exact_values(Table(table), tree)[0], found.std(0, ddof=1) / np.sqrt(400)
    assert (np.abs(found.mean(0) - exact) <= 4 * error + 1e-9).all()


@pytest.mark.parametrize("draws", [2, 4, 8])
def test_intervals_of_few_draws_hold_the_exact_values_about_as_often_as_they_say(draws):
    """Of two independent draws, many would be equal, and the intervals would be empty."""
    held = []
    for seed in range(100):
        table = random_game(13, seed=seed, effects=4)
        found = sampled_values(Table(table, seed), binary(range(13)), Budget(1 + 2 * 12 * draws, max_error=0))
        assert found.draws == draws
        far = np.abs(found.scores - exact_values(Table(table), binary(range(13))))
        held.append(far <= margins(found.errors, draws) + 1e-9)
    assert np.mean(held) > 0.93


def test_draws_of_two_orders_come_in_pairs():
    for max_evals, draws in ((1, 2), (1 + 18 * 3, 2), (1 + 18 * 5, 4), (1 + 18 * 15, 14), (1 + 18 * 16, 8)):
        found = sampled_values(game := Table(random_game(10, seed=1)), binary(range(10)), Budget(max_evals, 0))
        assert found.draws == draws
        assert game.copies <= max(max_evals, 37)


def test_intervals_hold_the_exact_values_as_often_as_they_say():
    table, tree = random_game(10, seed=5, effects=4), binary([[0, 1, 2, 3], [[4, 5], [6, 7, 8, 9]]])
    exact, held = exact_values(Table(table), tree), []
    for seed in range(120):
        found = sampled_values(Table(table, seed), tree, Budget(max_evals=1 + 9 * 4 * 12, max_error=0))
        held.append(np.abs(found.scores - exact) <= margins(found.errors, found.draws))
    assert found.draws == 12
    assert 0.92 < np.mean(held) < 0.98

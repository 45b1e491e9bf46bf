"""How many masked copies a text takes, and from which budget on scores are exact: counted by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from hf_gradexplain.attribution.masking.budget import FIRST_DRAWS, Budget
from hf_gradexplain.attribution.masking.kernel_shap import KernelShap, Sizes
from hf_gradexplain.attribution.masking.lime import Lime
from hf_gradexplain.attribution.masking.partition_shapley import PartitionShapley, even_draws, n_copies, owen_values
from hf_gradexplain.attribution.masking.shapley import Shapley, most_copies, most_draws, orders_per_draw
from tests.helpers.games import Table, random_game

FOUR_EACH = 4 * FIRST_DRAWS * 10
"""The inner sets of eight draws of four orders of 11 units; one more copy has all units removed."""


@pytest.mark.parametrize(("max_evals", "orders"), [(1, 2), (FOUR_EACH, 2), (FOUR_EACH + 1, 4), (2000, 4)])
def test_draws_have_four_orders_if_eight_of_them_fit(max_evals, orders):
    assert orders_per_draw(11, max_evals) == orders


def test_the_largest_number_of_draws():
    assert most_draws(11, FOUR_EACH + 1) == 8
    assert most_draws(11, FOUR_EACH) == (FOUR_EACH - 1) // 20
    assert most_draws(11, FOUR_EACH + 1, 2) == 16
    assert most_draws(11, FOUR_EACH + 1, shared=2) == 7
    assert most_draws(11, 1) == most_draws(11, 60) == 2
    assert most_draws(11, 61) == 3
    assert even_draws(11, 61) == 2
    assert even_draws(11, 81) == 4
    assert even_draws(11, FOUR_EACH + 41) == 9  # with four orders a draw is a pair already


@pytest.mark.parametrize(
    ("units", "max_evals", "copies"),
    [(1, 1, 1), (3, 7, 7), (3, 6, 9), (4, 15, 15), (4, 14, 13), (4, 1, 13), (11, 61, 61)],
)
def test_copies_of_shapley_values(units, max_evals, copies):
    """All sets, or two orders and their reverses: of 3 units they have 8 inner sets."""
    assert most_copies(units, max_evals) == Shapley().most_copies(units, max_evals) == copies
    assert Shapley(max_evals=max_evals).masked_copies(units) == copies


@pytest.mark.parametrize(
    ("tree", "copies"), [(0, 1), ((0, 1), 3), (((0, 1), 2), 7), (((0, 1), (2, 3)), 11), ((((0, 1), 2), 3), 15)]
)
def test_copies_of_owen_values(tree, copies):
    assert n_copies(tree) == copies


@pytest.mark.parametrize(
    ("units", "max_evals", "copies"), [(1, 1, 1), (4, 11, 11), (4, 10, 13), (11, 61, 41), (11, 2000, 91)]
)
def test_copies_of_a_clause(units, max_evals, copies):
    """Eleven units are halved into 5 and 6, and so on: 3 copies at the root, 36 within the 5, and 52 within the 6."""
    assert PartitionShapley().most_copies(units, max_evals) == copies


@pytest.mark.parametrize(
    ("units", "max_evals", "copies"), [(3, 1, 7), (5, 31, 31), (5, 30, 29), (5, 1, 21), (6, 40, 39), (6, 63, 63)]
)
def test_copies_of_kernel_shap(units, max_evals, copies):
    """All sets, or the copy with all units removed and two for each pair, of which there are at least 2 U."""
    assert KernelShap().most_copies(units, max_evals) == copies


@pytest.mark.parametrize(("units", "max_evals", "copies"), [(3, 7, 7), (3, 6, 6), (3, 1, 6), (5, 12, 12), (2, 1, 3)])
def test_copies_of_lime(units, max_evals, copies):
    assert Lime().most_copies(units, max_evals) == copies


@pytest.mark.parametrize(("max_evals", "saved"), [(7, "has_subsets"), (8, "has_subsets"), (6, "has_curves")])
def test_which_shortcut_saves_the_copies_of_shapley_values(max_evals, saved):
    """All sets of three units are seven copies; otherwise orders are walked."""
    for name in ("has_subsets", "has_curves"):
        shortcut = SimpleNamespace(**{"has_subsets": False, "has_curves": False, name: True})
        assert Shapley(max_evals=max_evals).saved_by(shortcut, 3) is (name == saved)


TREE = ((0, 1), (2, 3))


@pytest.mark.parametrize(
    ("estimate", "units", "enough"),
    [
        (Shapley().estimate, 4, 15),
        (KernelShap().estimate, 5, 31),
        (Lime().estimate, 4, 15),
        (lambda game, budget: owen_values(game, TREE, budget), 4, 11),
    ],
    ids=["shapley", "kernel_shap", "lime", "partition_shapley"],
)
def test_scores_are_exact_if_all_sets_fit_into_the_budget(estimate, units, enough):
    game = Table(random_game(units, seed=0))
    exact = estimate(game, Budget(max_evals=enough, max_error=0.0))
    assert (exact.draws.tolist(), np.abs(exact.errors).max(), game.copies) == ([0], 0, enough)
    assert estimate(Table(random_game(units, seed=0)), Budget(max_evals=enough - 1, max_error=0.0)).draws[0] > 0


@pytest.mark.parametrize(
    ("units", "pairs", "enumerated", "drawn"),
    [
        (5, 15, 15, []),
        (5, 14, 5, [2]),
        (5, 9, 5, [2]),  # 0.6 of 9 are 5.4
        (5, 8, 0, [1, 2]),
        (4, 7, 7, []),
        (6, 3, 0, [1, 2, 3]),
    ],
)
def test_a_size_is_enumerated_if_at_least_all_of_its_sets_would_be_drawn(units, pairs, enumerated, drawn):
    sizes = Sizes.of(units, pairs)
    assert (len(sizes.enumerated), sizes.drawn.tolist()) == (enumerated, drawn)
    assert sizes.weights.sum() + sizes.probabilities.sum() == pytest.approx(1)
    if drawn:
        sets = sizes.draw(np.random.default_rng(0), 300)
        assert sorted(set(sets.sum(1).tolist())) == drawn

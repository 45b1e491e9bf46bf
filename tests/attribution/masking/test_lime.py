"""LIME, against weighted ridge regression written out, and how sure the coefficients are."""

import numpy as np
import pytest

from hf_gradexplain.attribution.masking.budget import Budget
from hf_gradexplain.attribution.masking.lime import Lime, all_masks, kernel, random_masks
from hf_gradexplain.statistics.sampling import margins
from tests.helpers.games import Table, random_game


class Watched(Table):
    """Notes the sets whose losses are asked for."""

    def losses(self, removed):
        self.sets = np.concatenate([*([self.sets] if hasattr(self, "sets") else []), removed])
        return super().losses(removed)


def weight_of(removed):
    """The kernel of lime: the root of exp(-d^2 / 25^2), where d is 100 times the cosine distance from the text."""
    kept, ones = 1 - np.asarray(removed, float), np.ones(len(removed))
    cosine = kept @ ones / (np.linalg.norm(kept) * np.linalg.norm(ones)) if kept.any() else 0
    return np.sqrt(np.exp(-((100 * (1 - cosine)) ** 2) / 25**2))


def ridge(rows, outcomes, weights):
    """Return the coefficients of ridge regression with an intercept that has no penalty, by the normal equations."""
    x = np.c_[np.asarray(rows, float), np.ones(len(rows))]
    penalty = np.diag([1.0] * (x.shape[1] - 1) + [0])
    return np.linalg.solve(x.T @ (x * weights[:, None]) + penalty, x.T @ (weights * outcomes))[:-1]


def test_the_kernel_is_that_of_lime():
    sets = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]], bool)
    assert kernel(sets) == pytest.approx([weight_of(row) for row in sets], rel=1e-9)
    assert kernel(sets)[[0, 2]] == pytest.approx([1, 0.503], abs=1e-3)


def test_scores_are_the_coefficients_of_the_text_and_its_random_copies():
    table = random_game(9, seed=0, effects=4)
    found = random_masks(game := Watched(np.stack([table, table**2])), Budget(max_error=0), 150)
    assert found.draws[0] == len(game.sets) == 150
    rows = np.concatenate([np.zeros((1, 9), bool), game.sets])
    weights, losses = np.array([weight_of(row) for row in rows]), table[rows @ (1 << np.arange(9))]
    assert found.scores[0] == pytest.approx(ridge(rows, losses, weights), rel=1e-9)
    assert found.scores[1] == pytest.approx(ridge(rows, losses**2, weights), rel=1e-9)


def test_the_number_of_removed_units_is_uniform_and_so_are_the_units():
    random_masks(game := Watched(random_game(6, seed=0)), Budget(max_error=0), 6000)
    sizes = game.sets.sum(1)
    assert np.bincount(sizes) / 6000 == pytest.approx([0, *[1 / 6] * 6], abs=0.02)
    assert game.sets[sizes == 2].mean(0) == pytest.approx(1 / 3, abs=0.05)


def test_fewer_copies_have_the_weight_of_all_that_are_allowed():
    """A penalty that counts less the more copies run would give other scores after an early stop."""
    table = random_game(9, seed=0, effects=1)
    early = random_masks(game := Watched(table), Budget(max_error=0.1), 3000)
    assert early.draws == len(game.sets) < 100
    rows = np.concatenate([np.zeros((1, 9), bool), game.sets])
    weights = np.array([weight_of(row) for row in rows]) * np.r_[1, np.full(early.draws, 3000 / early.draws)]
    assert early.scores[0] == pytest.approx(ridge(rows, table[rows @ (1 << np.arange(9))], weights), rel=1e-9)


def test_with_all_sets_each_has_its_average_weight():
    table = random_game(4, seed=1, effects=4)
    sets = np.array([[number >> u & 1 for u in range(4)] for number in range(16)])
    share = {0: 1, 1: 1 / 4 / 4, 2: 1 / 4 / 6, 3: 1 / 4 / 4, 4: 1 / 4}
    weights = np.array([weight_of(row) * share[row.sum()] * (1 if not row.any() else 500) for row in sets])
    found = Lime().estimate(game := Table(table), Budget(max_evals=500))
    assert found.scores[0] == pytest.approx(ridge(sets, table, weights), rel=1e-9)
    assert not found.draws.any()
    assert not found.errors.any()
    assert game.copies == Lime().masked_copies(4) == 15


@pytest.mark.parametrize("units", [5, 14])
def test_on_a_linear_model_scores_are_leave_one_out_up_to_the_penalty(units):
    table = random_game(units, seed=2, effects=1)
    single = table[1 << np.arange(units)] - table[0]
    most = 2000 * 2000  # so that the penalty vanishes
    sure = all_masks(Table(table), most).scores[0]
    assert sure == pytest.approx(single, rel=1e-3, abs=1e-3 * np.abs(single).max())
    found = Lime().estimate(Table(table), Budget(max_error=0)).scores[0]
    assert found == pytest.approx(single, rel=0.03, abs=0.01 * np.abs(single).max())
    assert np.abs(found).sum() < np.abs(single).sum()


def test_the_penalty_takes_most_of_the_score_of_a_text_of_one_unit():
    found = Lime().estimate(Table(np.array([1.0, 3.0])), Budget())
    weight = 2000 * np.exp(-8)
    assert found.scores[0] == pytest.approx(2 * weight / (1 + 2 * weight), rel=1e-9)  # 0.57 of 2


def test_intervals_hold_the_coefficients_of_all_masks_as_often_as_they_say():
    table = random_game(8, seed=5, effects=4)
    games = [Table(table, seed) for seed in range(60)]
    found = [random_masks(game, Budget(max_error=0), 200) for game in games]
    exact = all_masks(Table(table), 200).scores
    held = [np.abs(each.scores - exact) <= margins(each.errors, each.draws) for each in found]
    assert 0.92 < np.mean(held) < 0.98
    spread = np.std([each.scores for each in found], axis=0)
    assert np.mean([each.errors for each in found], axis=0) == pytest.approx(spread, rel=0.25)


def test_at_least_two_copies_per_unit_run_and_no_more_than_allowed():
    for max_evals, copies in ((1, 24), (300, 300)):
        found = Lime().estimate(game := Table(random_game(12, seed=2)), Budget(max_evals=max_evals, max_error=0))
        assert found.draws == game.copies == Lime(max_evals=max_evals).masked_copies(12) == copies

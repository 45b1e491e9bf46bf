"""The control variate of Shapley values, against ridge regressions that are fitted one by one."""

from itertools import permutations

import numpy as np
import pytest

from hf_gradexplain.attribution.masking import surrogate
from hf_gradexplain.attribution.masking.budget import Budget
from hf_gradexplain.attribution.masking.game import Game
from hf_gradexplain.attribution.masking.shapley import exact_values, sampled_values
from hf_gradexplain.attribution.masking.surrogate import (
    CorrectedWalks,
    Surrogates,
    added_squares,
    corrected,
    shapley_of_kernel,
)
from hf_gradexplain.attribution.masking.walks import Walks
from hf_gradexplain.options import Options
from hf_gradexplain.statistics.sampling import margins
from tests.helpers.games import Table, random_game
from tests.helpers.tiny import explainer


def sets_of(units):
    return np.arange(2**units)[:, None] >> np.arange(units) & 1


def kernel(one, two):
    return np.sinh((one @ two.T) / one.shape[1]) / np.sinh(1)


def walks_of(table, n_draws):
    game = Table(table)
    base = np.stack([game.rng(f"{number}").permutation(game.size) for number in range(n_draws)])
    return Walks.run(game, np.stack([base, np.roll(base, game.size // 2, 1)], 1))


def costly(table, seed=0):
    game = Table(table, seed)
    game.has_shortcut = False
    return game


@pytest.mark.parametrize("units", [2, 5, 6])
def test_shapley_values_of_the_kernel_are_those_of_enumeration(units):
    signs = 2.0 * sets_of(units) - 1
    expected = [exact_values(Table(kernel(signs, y[None])[:, 0]))[0] for y in signs]
    assert shapley_of_kernel(signs) == pytest.approx(np.stack(expected), abs=1e-12)


def naive(table, walks, left_out):
    """Return the left-out draws by number, corrected by a ridge regression on the sets of the others."""
    units, full = walks.orders.shape[-1], len(table) - 1
    signs, odd = 2.0 * sets_of(units) - 1, (table - table[full - np.arange(len(table))]) / 2
    paths = [[np.cumsum([0, *(1 << order)]) for order in draw] for draw in walks.orders]
    others = [d for d in range(len(paths)) if d not in left_out]
    rows = [i for d in others for path in paths[d] for i in path[1:-1]] + [full]
    gram = kernel(signs[rows], signs[rows]) + 1e-5 * np.eye(len(rows))
    predicted = kernel(signs, signs[rows]) @ np.linalg.solve(gram, odd[rows])
    found = {}
    for draw in left_out:
        found[draw] = exact_values(Table(predicted))[0]
        for order, path in zip(walks.orders[draw], paths[draw], strict=True):
            found[draw][order] += np.diff((odd - predicted)[path]) / 2
    return found


def test_each_draw_is_corrected_by_a_ridge_regression_on_the_sets_of_the_others():
    table = random_game(5, seed=0, effects=5)
    walks = walks_of(table, 4)
    for groups in ([[0], [1], [2], [3]], [[0, 1], [0, 3], [2, 1]]):
        found = Surrogates(walks).without(np.array(groups))
        assert found.shape == (len(groups), len(groups[0]), 1, 5)
        for group, rows in zip(groups, found, strict=True):
            expected = naive(table, walks, group)
            for draw, row in zip(group, rows, strict=True):
                assert row[0] == pytest.approx(expected[draw], abs=1e-6)


@pytest.mark.parametrize(("kind", "least", "most"), [("smooth", 1, 1), ("rough", 0.01, 0.99)])
def test_covariances_are_products_of_what_draws_change_in_each_other(kind, least, most):
    table = random_game(6, seed=1, effects=3) if kind == "smooth" else np.random.default_rng(0).normal(size=2**6)
    walks, n = walks_of(table, 8), 8
    plain = walks.draws()[:, 0]
    full = np.stack([naive(table, walks, [draw])[draw] for draw in range(n)])
    shift = full - plain
    away, moved = plain - plain.mean(0), shift - shift.mean(0)
    share = min(1, -(away * moved).sum() / np.square(moved).sum())
    assert least <= share <= most
    expected = 0
    for i, j in permutations(range(n), 2):
        both = naive(table, walks, [i, j])
        expected = expected + share**2 * (full[i] - both[i]) * (full[j] - both[j])
    draws, covariances = corrected(walks)
    assert draws[:, 0] == pytest.approx(plain + share * shift, abs=1e-5)
    assert covariances[0] == pytest.approx(expected, abs=1e-5)


def test_at_least_the_share_of_all_units_is_added_to_the_squares_of_each():
    squares = np.array([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
    covariances = np.array([[-0.1, 0.9, 0.8], [-1.0, 0.3, 0.2], [0.0, 0.0, 0.0]])
    assert added_squares(covariances, squares) == pytest.approx(np.array([[0.2, 0.9, 1.0], [0, 0.3, 0.2], [0, 0, 0]]))


def test_corrected_draws_have_the_exact_values_as_their_mean_and_vary_less():
    """Half of the sets of this game are drawn, so that errors without the covariances would be a tenth too small."""
    table = random_game(10, seed=5, effects=6)
    exact, budget = exact_values(Table(table)), Budget(max_evals=1 + 36 * 18, max_error=0)
    held, far, far_plain, errors = [], [], [], []
    for seed in range(120):
        found, plain = sampled_values(costly(table, seed), budget), sampled_values(Table(table, seed), budget)
        assert found.draws == plain.draws == 18
        held.append(np.abs(found.scores - exact) <= margins(found.errors, found.draws))
        errors.append(found.errors)
        far.append(found.scores - exact)
        far_plain.append(plain.scores - exact)
    assert 0.93 < np.mean(held) < 0.97
    assert np.sqrt(np.square(errors).mean() / np.square(far).mean()) == pytest.approx(1, abs=0.06)
    assert 2 * np.square(far).mean() < np.square(far_plain).mean()
    bias = np.abs(np.mean(far, 0)) / (np.std(far, 0) / np.sqrt(120))
    assert bias.max() < 4


def test_corrected_draws_add_up_exactly_and_never_vary_more():
    rng = np.random.default_rng(0)
    for table in (random_game(8, seed=1), rng.normal(size=2**8)):
        walks = walks_of(table, 9)
        (draws, _), plain = corrected(walks), walks.draws()
        assert draws.sum(2) == pytest.approx(table[-1] - table[0], abs=1e-12)
        assert draws.var(0).sum() <= plain.var(0).sum() * (1 + 1e-12)


def test_classes_do_not_influence_each_other():
    tables = np.stack([random_game(7, seed=1), random_game(7, seed=2)])
    both = corrected(walks_of(tables, 8))
    alone = [corrected(walks_of(table, 8)) for table in tables]
    assert both[0] == pytest.approx(np.concatenate([draws for draws, _ in alone], 1), abs=1e-9)
    assert both[1] == pytest.approx(np.concatenate([covariances for _, covariances in alone]), abs=1e-9)


def test_few_draws_are_not_corrected_and_many_are_corrected_in_parts(monkeypatch):
    walks = walks_of(random_game(7, seed=1), 20)
    few, enough = walks[: surrogate.LEAST_DRAWS - 1], walks[: surrogate.LEAST_DRAWS]
    assert (corrected(few)[0] == few.draws()).all()
    assert corrected(few)[1].shape == (1, 7)
    assert not corrected(few)[1].any()
    assert (corrected(enough)[0] != enough.draws()).any()
    assert corrected(enough)[1].all()
    monkeypatch.setattr(surrogate, "MOST_SETS", 2 * 6 * 10)
    one, other = (corrected(half) for half in (walks[:10], walks[10:]))
    assert (corrected(walks)[0] == np.concatenate([one[0], other[0]])).all()
    assert corrected(walks)[1] == pytest.approx(one[1] + other[1], rel=1e-12)


def test_the_errors_include_the_covariances():
    walks = walks_of(random_game(7, seed=1), 8)
    draws, covariances = corrected(walks)
    squares = draws.var(0) * 8
    found = CorrectedWalks(walks.orders, walks.losses).estimate
    assert found.draws == 8
    assert found.scores == pytest.approx(draws.mean(0), rel=1e-12)
    assert found.errors == pytest.approx(np.sqrt((squares + added_squares(covariances, squares)) / 56), rel=1e-12)
    assert (found.errors > draws.std(0, ddof=1) / np.sqrt(8)).all()


def test_a_linear_game_is_exact_with_and_without_a_correction():
    table = sets_of(8) @ np.arange(1.0, 9)
    found = sampled_values(costly(table), Budget(max_evals=250))
    assert found.draws == 8
    assert found.scores[0] == pytest.approx(np.arange(1.0, 9), abs=1e-12)
    assert found.errors == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("kind", "how", "cheap"), [
    ("bert", {}, False), ("gpt2", {}, False), ("textcnn", {}, True), ("textcnn", {"mask": "deletion"}, False),
])  # fmt: skip
def test_draws_are_corrected_where_each_masked_copy_is_a_pass(kind, how, cheap):
    (batch,) = explainer(kind).run(["the music of this film is good"], Options(("random",), **how))
    assert Game([batch.forward.only(0)]).has_shortcut is cheap

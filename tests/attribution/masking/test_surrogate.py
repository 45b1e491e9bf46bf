"""The control variate of Shapley values, against ridge regressions that are fitted one by one."""

import numpy as np
import pytest

from hf_gradexplain.attribution.masking import surrogate
from hf_gradexplain.attribution.masking.budget import Budget
from hf_gradexplain.attribution.masking.game import Game
from hf_gradexplain.attribution.masking.shapley import exact_values, sampled_values
from hf_gradexplain.attribution.masking.surrogate import corrected, shapley_of_kernel, with_surrogate
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


def test_each_draw_is_corrected_by_a_ridge_regression_on_the_sets_of_the_others():
    units, n_draws = 5, 4
    table = random_game(units, seed=0, effects=5)
    walks = walks_of(table, n_draws)
    signs, full = 2.0 * sets_of(units) - 1, 2**units - 1
    odd = (table - table[full - np.arange(2**units)]) / 2
    paths = [[np.cumsum([0, *(1 << order)]) for order in draw] for draw in walks.orders]
    for draw in range(n_draws):
        rows = [i for d in range(n_draws) if d != draw for path in paths[d] for i in path[1:-1]] + [full]
        gram = kernel(signs[rows], signs[rows]) + 1e-5 * np.eye(len(rows))
        predicted = kernel(signs, signs[rows]) @ np.linalg.solve(gram, odd[rows])
        expected = exact_values(Table(predicted))[0]
        for order, path in zip(walks.orders[draw], paths[draw], strict=True):
            expected[order] += np.diff((odd - predicted)[path]) / 2
        assert with_surrogate(walks)[draw, 0] == pytest.approx(expected, abs=1e-6)


def test_corrected_draws_have_the_exact_values_as_their_mean_and_vary_less():
    table = random_game(10, seed=5, effects=4)
    exact, budget = exact_values(Table(table)), Budget(max_evals=1 + 36 * 12, max_error=0)
    held, far, far_plain = [], [], []
    for seed in range(100):
        found, plain = sampled_values(costly(table, seed), budget), sampled_values(Table(table, seed), budget)
        assert found.draws == plain.draws == 12
        held.append(np.abs(found.scores - exact) <= margins(found.errors, found.draws))
        far.append(found.scores - exact)
        far_plain.append(plain.scores - exact)
    assert 0.9 < np.mean(held) < 0.98
    assert 2 * np.square(far).mean() < np.square(far_plain).mean()
    bias = np.abs(np.mean(far, 0)) / (np.std(far, 0) / 10)
    assert bias.max() < 4


def test_corrected_draws_add_up_exactly_and_never_vary_more():
    rng = np.random.default_rng(0)
    for table in (random_game(8, seed=1), rng.normal(size=2**8)):
        walks = walks_of(table, 9)
        draws, plain = corrected(walks), walks.draws()
        assert draws.sum(2) == pytest.approx(table[-1] - table[0], abs=1e-12)
        assert draws.var(0).sum() <= plain.var(0).sum() * (1 + 1e-12)


def test_classes_do_not_influence_each_other():
    tables = np.stack([random_game(7, seed=1), random_game(7, seed=2)])
    both = corrected(walks_of(tables, 8))
    alone = [corrected(walks_of(table, 8))[:, 0] for table in tables]
    assert both == pytest.approx(np.stack(alone, 1), abs=1e-9)


def test_few_draws_are_not_corrected_and_many_are_corrected_in_parts(monkeypatch):
    walks = walks_of(random_game(7, seed=1), 20)
    few, enough = walks[: surrogate.LEAST_DRAWS - 1], walks[: surrogate.LEAST_DRAWS]
    assert (corrected(few) == few.draws()).all()
    assert (corrected(enough) != enough.draws()).any()
    monkeypatch.setattr(surrogate, "MOST_SETS", 2 * 6 * 10)
    halves = [walks[:10], walks[10:]]
    assert (corrected(walks) == np.concatenate([corrected(half) for half in halves])).all()


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

"""Shapley values, against the mean over all orders of removal, written out; and how sure the sampled ones are."""

from dataclasses import replace

import numpy as np
import pytest

from hf_gradexplain.attribution.masking.budget import Budget, Means
from hf_gradexplain.attribution.masking.game import Earlier, Game
from hf_gradexplain.attribution.masking.shapley import exact_values, most_copies, sampled_values, shapley_values
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.statistics.sampling import margins, tells_apart
from tests.helpers.games import Table, over_all_orders, random_game
from tests.helpers.naive import NaiveReader, loss_of
from tests.helpers.tiny import TEXTS, explainer

SHORT = "bad film good bad"
LONG = "the music of this film is good , not bad : a word about the actor"


@pytest.mark.parametrize(
    ("kind", "unit"),
    [("bert", "token"), *((kind, "word_type") for kind in ("fasttext", "textcnn", "bilstm", "bert", "gpt2", "bart"))],
)
def test_shapley_values_are_the_mean_over_all_orders(kind, unit):
    explain = explainer(kind)
    reader, loss = (
        NaiveReader(explain.model, explain.tokenizer, SHORT),
        loss_of("loss", "single_label_classification", 1),
    )
    units = reader.units(unit)
    losses = {}

    def loss_without(order):
        removed = frozenset(order)
        if removed not in losses:
            losses[removed] = loss(reader.logits_without([t for u in removed for t in units[u]])).item()
        return losses[removed]

    explanation = explain(SHORT, "shapley", unit, labels=1)
    expected = over_all_orders(loss_without, len(units))
    assert explanation.scores["shapley"] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert explanation.sampling["shapley"].exact
    assert not explanation.sampling["shapley"].errors.any()


@pytest.mark.parametrize("kind", ["bert", "textcnn"])
@pytest.mark.parametrize("max_evals", [1, 100, 200])
def test_sampled_values_add_up_exactly_and_stay_within_the_budget(kind, max_evals):
    explain = explainer(kind)
    found, whole = explain(LONG, "shapley", max_evals=max_evals, max_error=0, labels=1), explain(LONG, "loo", labels=1)
    reader, loss = (
        NaiveReader(explain.model, explain.tokenizer, LONG),
        loss_of("loss", "single_label_classification", 1),
    )
    rise = loss(reader.logits_without(reader.tokens)).item() - loss(reader.logits()).item()
    sampling, units = found.sampling["shapley"], len(whole.units)
    assert found.scores["shapley"].sum() == pytest.approx(rise, rel=1e-9, abs=1e-12)
    least = 1 + 2 * 2 * (units - 1)
    assert sampling.copies <= max(max_evals, least)
    assert sampling.draws == max(2, (max_evals - 1) // (2 * (units - 1)))
    assert sampling.copies == most_copies(units, max_evals)
    assert (sampling.errors > 0).any()


def test_sampled_values_approach_the_exact_ones_as_their_errors_say():
    explain = explainer("bert")
    exact = explain("the music of this film is good", "shapley", labels=1)
    found = explain("the music of this film is good", "shapley", labels=1, max_evals=120, max_error=0)
    assert exact.sampling["shapley"].exact
    sampling = found.sampling["shapley"]
    assert not sampling.exact
    far = np.abs(found.scores["shapley"] - exact.scores["shapley"]) / sampling.errors
    assert far.max() < 5
    assert found.scores["shapley"] == pytest.approx(exact.scores["shapley"], abs=0.1 * np.abs(exact["shapley"]).max())


def test_exact_values_of_a_table_are_the_mean_over_all_orders():
    table = random_game(5, seed=0, effects=5)
    expected = over_all_orders(lambda order: table[sum(1 << u for u in order)], 5)
    assert exact_values(Table(table))[0] == pytest.approx(expected, abs=1e-12)


def test_one_draw_is_exact_for_effects_of_single_units_and_pairs():
    table = random_game(7, seed=1, effects=2)
    found = sampled_values(Table(table), Budget(max_evals=50))
    assert found.draws == 4
    assert found.scores == pytest.approx(exact_values(Table(table)), abs=1e-12)
    assert found.errors == pytest.approx(0, abs=1e-12)


def test_a_unit_without_effect_has_score_and_error_zero_and_equal_units_equal_scores():
    table = random_game(6, seed=2)
    numbers = np.arange(2**8)
    both = (numbers >> 5 & 1) + (numbers >> 6 & 1)  # units 5 and 6 are alike; unit 7 does nothing
    table = table[numbers & 31] + 2.0 * both * (numbers & 1)
    exact, found = exact_values(Table(table))[0], sampled_values(Table(table), Budget(max_evals=200, max_error=0))
    assert exact[5] == pytest.approx(exact[6], abs=1e-12)
    assert exact[7] == pytest.approx(0, abs=1e-12)
    assert found.scores[0, 7] == found.errors[0, 7] == 0


def test_values_are_linear_in_the_game():
    one, two = random_game(9, seed=3), random_game(9, seed=4)
    budget = Budget(max_evals=200, max_error=0)
    first, second, both = (sampled_values(Table(x), budget).scores for x in (one, two, 2 * one - two))
    assert both == pytest.approx(2 * first - second, abs=1e-12)


def test_intervals_hold_the_exact_values_as_often_as_they_say():
    table = random_game(10, seed=5, effects=4)
    exact, held = exact_values(Table(table)), []
    for seed in range(120):
        found = sampled_values(Table(table, seed), Budget(max_evals=433, max_error=0))
        held.append(np.abs(found.scores - exact) <= margins(found.errors, found.draws))
    assert found.draws == 12
    assert 0.92 < np.mean(held) < 0.98


class Walked(Table):
    """A table that remembers the orders of removal."""

    classes = (0,)

    def __init__(self, has_shortcut=True):
        super().__init__(random_game(9, seed=6))
        self.has_shortcut, self.orders = has_shortcut, []

    def walks(self, orders):
        self.orders.append(orders)
        return super().walks(orders)

    def drawn(self, number, turned=0):
        order = self.rng(f"shapley {number}").permutation(9)
        return [*order[9 - turned :], *order[: 9 - turned]]


@pytest.mark.parametrize(
    ("draws", "has_shortcut", "paired"),
    [(2, True, True), (5, False, True), (7, False, True), (8, False, False), (8, True, True), (15, True, True)],
)
def test_draws_of_two_orders_come_in_pairs_unless_they_are_corrected(draws, has_shortcut, paired):
    game = Walked(has_shortcut)
    assert sampled_values(game, Budget(max_evals=1 + 16 * draws, max_error=0)).draws == draws
    orders = np.concatenate(game.orders)
    assert (orders[1::2] == orders[::2, ::-1]).all()
    for number, order in enumerate(orders[::2].tolist()):
        odd = number % 2 if paired else 0
        assert order == game.drawn(number - odd, turned=4 * odd)


def test_draws_of_four_orders_are_independent():
    game = Walked()
    assert sampled_values(game, Budget(max_evals=1 + 32 * 8, max_error=0)).draws == 8
    (orders,) = game.orders
    assert orders[::4].tolist() == [game.drawn(number) for number in range(8)]
    assert orders[2::4].tolist() == [game.drawn(number, turned=4) for number in range(8)]


@pytest.mark.parametrize(("more", "paired"), [(5, True), (10, False)])
def test_draws_that_continue_few_draws_come_in_pairs_unless_they_are_corrected(more, paired):
    game = Walked(has_shortcut=False)
    first = sampled_values(game, Budget(max_evals=1 + 16 * 2, max_error=0))
    earlier, game.orders = Earlier({0: first}, game.copies), []
    found = sampled_values(game, Budget(max_evals=2 + 16 * more, max_error=0), earlier)
    assert found.draws == more
    new = np.concatenate(game.orders)[::2].tolist()
    assert new == [game.drawn(n - n % 2 * paired, turned=4 * (n % 2) * paired) for n in range(2, more)]


@pytest.mark.parametrize("n_draws", [2, 3, 4])
def test_intervals_of_few_draws_hold_the_exact_values_as_often_as_they_say(n_draws):
    table = random_game(10, seed=5, effects=4)
    exact, held = exact_values(Table(table)), []
    for seed in range(400):
        found = sampled_values(Table(table, seed), Budget(max_evals=1 + 18 * n_draws, max_error=0))
        held.append(np.abs(found.scores - exact) <= margins(found.errors, found.draws))
    assert 0.94 < np.mean(held) < 0.98


def test_drawing_stops_once_the_errors_are_a_small_share_of_the_largest_score():
    table = random_game(10, seed=5, effects=4)
    found = sampled_values(Table(table), Budget(max_evals=100_000, max_error=0.05))
    assert 8 < found.draws < 2000
    assert found.errors.max() <= 0.05 * np.abs(found.scores).max()
    look_before = max(n for n in Budget().looks(2000) if n < found.draws)
    less = sampled_values(Table(table), Budget(max_evals=1 + 36 * look_before, max_error=0))
    assert less.draws == look_before
    assert less.errors.max() > 0.05 * np.abs(less.scores).max()


def test_drawing_stops_once_the_highest_scored_units_are_told_apart():
    table = random_game(10, seed=5, effects=4)
    exact = exact_values(Table(table))[0]
    for k in (1, 3, 10):
        found = sampled_values(Table(table), Budget(max_evals=100_000, max_error=0.01, tell_apart=k))
        assert 8 <= found.draws < 2000
        assert set(np.argsort(-found.scores[0])[:k]) == set(np.argsort(-exact)[:k])
        assert tells_apart(found.scores, margins(found.errors, found.draws), k).all()


def test_a_text_with_no_more_units_than_are_to_be_told_apart_stops_by_its_errors():
    table = random_game(10, seed=5, effects=4)
    found = sampled_values(Table(table), Budget(max_evals=100_000, max_error=0.02, tell_apart=10))
    assert found.draws > 8
    assert found.errors.max() <= 0.02 * np.abs(found.scores).max()


def test_told_apart_means_that_the_intervals_do_not_overlap():
    scores, width = np.array([3.0, 1.0, 2.0]), np.array([0.4, 0.1, 0.5])
    assert tells_apart(scores, width, 1)
    assert tells_apart(scores, width, 2)
    assert not tells_apart(scores, 1.2 * width, 1)
    assert tells_apart(scores, 1.2 * width, 2)
    assert tells_apart(scores, 100 * width, 3)


def test_means_of_parts_join_to_the_means_of_all():
    draws = np.random.default_rng(0).normal(3, 2, size=(11, 2, 4))
    joined = Means() + Means.of(draws[:3]) + Means.of(draws[3:4]) + Means.of(draws[4:])
    assert joined.mean == pytest.approx(draws.mean(0), abs=1e-14)
    assert joined.errors == pytest.approx(draws.std(0, ddof=1) / np.sqrt(11), rel=1e-12)


@pytest.mark.parametrize("kind", ["fasttext", "bert", "gpt2"])
def test_a_text_gets_the_same_draws_alone_and_in_a_batch(kind):
    explain = explainer(kind)
    texts, how = [LONG, TEXTS[0], f"{LONG} {SHORT}"], {"max_evals": 150, "max_error": 0}
    together = explain(texts, "shapley", **how)
    for text, found in zip(texts, together, strict=True):
        alone = explain(text, "shapley", **how)
        assert found.scores["shapley"] == pytest.approx(alone.scores["shapley"], rel=1e-9, abs=1e-12)
        assert found.sampling["shapley"].errors == pytest.approx(alone.sampling["shapley"].errors, rel=1e-6, abs=1e-12)
        assert found.sampling["shapley"].copies == alone.sampling["shapley"].copies


def test_another_seed_draws_other_orders():
    explain, how = explainer("bert"), {"max_evals": 100, "max_error": 0}
    first, second = (explain(LONG, "shapley", seed=seed, **how).scores["shapley"] for seed in (0, 1))
    assert np.abs(first - second).max() > 1e-6


def test_all_classes_share_the_masked_copies():
    explain, how = explainer("bert"), {"max_evals": 100, "max_error": 0}
    found = explain(LONG, "shapley", target="all", **how)
    for each in found.classes:
        alone = explain(LONG, "shapley", labels=each.target, target="label", **how)
        assert each.scores["shapley"] == pytest.approx(alone.scores["shapley"], rel=1e-9, abs=1e-12)
        assert each.sampling["shapley"].errors == pytest.approx(alone.sampling["shapley"].errors, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("how", [{"objective": "logit"}, {"against": "runner_up"}])
def test_on_a_linear_model_shapley_values_are_leave_one_out_at_once(how):
    found = explainer("fasttext")(LONG, ("shapley", "loo", "signed_gi"), **how)
    assert found.scores["shapley"] == pytest.approx(found.scores["loo"], rel=0, abs=1e-12)
    assert found.scores["shapley"] == pytest.approx(found.scores["signed_gi"], rel=0, abs=1e-12)
    assert found.sampling["shapley"].exact
    assert found.sampling["shapley"].copies == len(found.units)


@pytest.mark.parametrize("how", [{"objective": "loss"}, {"against": "rest"}])
def test_an_objective_that_is_not_linear_in_the_logits_is_sampled(how):
    found = explainer("fasttext")(LONG, "shapley", max_evals=200, **how)
    assert not found.sampling["shapley"].exact


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_values_of_a_text_in_windows_add_up(pool):
    explain = explainer("bert")
    options = {"stride": 4, "tokenizer_kwargs": {"max_length": 14}, "pool": pool, "labels": 1}
    texts = [LONG, "bad film"]
    found, alone = (
        explain(texts, "shapley", max_evals=100, **options)[0],
        explain(LONG, "shapley", max_evals=100, **options),
    )
    assert found.windows
    batch = next(explain.run([LONG], replace(Options(("random",)), stride=4, pool=pool, target="label",
                                             tokenizer_kwargs={"max_length": 14}), 1))  # fmt: skip
    game = Game([batch.forward.only(0)])
    (rise,) = game.losses(np.ones((1, game.size), bool))[:, 0] - game.plain
    assert found.scores["shapley"].sum() == pytest.approx(rise, rel=1e-9)
    assert found.scores["shapley"] == pytest.approx(alone.scores["shapley"], rel=1e-9, abs=1e-12)


def test_a_text_of_one_unit_and_a_text_without_units():
    explain = explainer("bert")
    one, none = explain(["bad", ""], ("shapley", "loo"))
    assert one.scores["shapley"] == pytest.approx(one.scores["loo"], rel=1e-9)
    assert one.sampling["shapley"].exact
    assert none.scores["shapley"].shape == none.sampling["shapley"].errors.shape == (0,)


def test_a_shapley_value_of_a_game_of_one_class_more():
    two = np.stack([random_game(4, seed=6), random_game(4, seed=7)])
    found = shapley_values(Table(two[:, :16]), Budget())
    assert found.scores == pytest.approx(np.stack([exact_values(Table(x))[0] for x in two]), abs=1e-12)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"max_evals": 0}, "max_evals must be a number of masked copies, 1 or larger, but is 0"),
        ({"max_error": 1.0}, "max_error must be a share of the largest score, 0 or larger and below 1, but is 1.0"),
        ({"tell_apart": 0}, "tell_apart must be a number of units, 1 or larger, but is 0"),
    ],
)
def test_budgets_out_of_range_are_refused(how, message):
    with pytest.raises(GradexplainError, match=message):
        Options("shapley", **how)

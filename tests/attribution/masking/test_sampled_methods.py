"""What holds for every method that draws masked copies: batches, classes, linear models."""

import numpy as np
import pytest

from hf_gradexplain.attribution.masking.budget import Budget
from hf_gradexplain.attribution.masking.kernel_shap import KernelShap
from hf_gradexplain.attribution.masking.lime import Lime
from hf_gradexplain.attribution.masking.partition_shapley import binary, sampled_values
from hf_gradexplain.attribution.masking.shapley import Shapley
from tests.helpers.games import Table, random_game
from tests.helpers.naive import NaiveReader, loss_of
from tests.helpers.tiny import TEXTS, explainer

METHODS = ("kernel_shap", "lime", "partition_shapley")
LONG = "the music of this film is good , not bad : a word about the actor"
HOW = {"max_evals": 60, "labels": 1}
ESTIMATES = {
    "shapley": Shapley().estimate,
    "kernel_shap": KernelShap().estimate,
    "lime": Lime().estimate,
    "partition_shapley": lambda game, budget: sampled_values(game, binary(range(12)), budget),
}


def assert_same(found, alone, method):
    assert found.scores[method] == pytest.approx(alone.scores[method], rel=1e-9, abs=1e-12)
    assert found.sampling[method].errors == pytest.approx(alone.sampling[method].errors, rel=1e-6, abs=1e-12)
    assert found.sampling[method].draws == alone.sampling[method].draws > 0


@pytest.mark.parametrize("kind", ["fasttext", "bert"])
def test_a_text_gets_the_same_scores_alone_and_in_a_batch(kind):
    explain = explainer(kind)
    together = explain([LONG, TEXTS[0], f"{LONG} {LONG}"], METHODS, **HOW)
    for method in METHODS:
        assert_same(together[0], explain(LONG, method, **HOW), method)


def test_another_seed_draws_other_copies():
    for method in METHODS:
        first, second = (explainer("fasttext")(LONG, method, seed=seed, **HOW) for seed in (0, 1))
        assert np.abs(first.scores[method] - second.scores[method]).max() > 1e-9


@pytest.mark.parametrize("method", ESTIMATES)
@pytest.mark.parametrize("budget", [Budget(max_error=0.05), Budget(tell_apart=3)])
def test_each_class_has_the_draws_that_it_takes_alone(method, budget):
    tables = np.stack([random_game(12, seed=1, effects=2), *(random_game(12, seed=s, effects=4) for s in (2, 3))])
    together, numbers = ESTIMATES[method](Table(tables), budget), set()
    for k, table in enumerate(tables):
        alone = ESTIMATES[method](Table(table), budget)
        assert together.scores[k] == pytest.approx(alone.scores[0], rel=1e-9, abs=1e-12)
        assert together.errors[k] == pytest.approx(alone.errors[0], rel=1e-9, abs=1e-12)
        assert together.draws[k] == alone.draws[0] > 0
        numbers.add(alone.draws[0])
    assert len(numbers) > 1


def test_all_classes_share_the_masked_copies():
    together = explainer("bert")(LONG, METHODS, max_evals=60, max_error=0, target="all")
    other = together.classes[0]
    alone = explainer("bert")(LONG, METHODS, max_evals=60, max_error=0, target="label", labels=other.target)
    for method in METHODS:
        assert_same(other, alone, method)
        assert other.sampling[method].copies == alone.sampling[method].copies == together.sampling[method].copies


@pytest.mark.parametrize("how", [{"objective": "logit"}, {"against": "runner_up"}])
def test_on_a_linear_model_scores_are_leave_one_out(how):
    found = explainer("fasttext")(LONG, (*METHODS, "loo"), **how)
    for method in ("kernel_shap", "partition_shapley"):
        assert found.scores[method] == pytest.approx(found.scores["loo"], rel=0, abs=1e-12)
        assert found.sampling[method].exact
    assert found.scores["lime"] == pytest.approx(found.scores["loo"], abs=0.05 * np.abs(found.scores["loo"]).max())


def test_partition_shapley_of_a_model_is_the_mean_over_the_orders_of_its_clauses():
    """Two clauses of two units each: which clause is removed first, and which unit of each."""
    explain, text = explainer("bert"), "bad, film."
    reader, loss = (
        NaiveReader(explain.model, explain.tokenizer, text),
        loss_of("loss", "single_label_classification", 1),
    )
    units, scores = reader.units("word"), np.zeros(4)
    orders = [
        one + other for pair in (((0, 1), (2, 3)), ((2, 3), (0, 1)))
        for one in (pair[0], pair[0][::-1]) for other in (pair[1], pair[1][::-1])
    ]  # fmt: skip
    for order in orders:
        losses = [loss(reader.logits_without([t for u in order[:n] for t in units[u]])).item() for n in range(5)]
        scores[list(order)] += np.diff(losses) / len(orders)
    found = explain(text, "partition_shapley", labels=1)
    assert found.hierarchy == [[[[0, 1], [2, 3]]]]
    assert found.scores["partition_shapley"] == pytest.approx(scores, rel=1e-9, abs=1e-12)
    assert found.sampling["partition_shapley"].copies == 11


def test_a_text_of_one_unit_and_a_text_without_units():
    one, none = explainer("bert")(["bad", ""], (*METHODS, "loo"))
    for method in ("kernel_shap", "partition_shapley"):
        assert one.scores[method] == pytest.approx(one.scores["loo"], rel=1e-9)
    assert np.sign(one.scores["lime"]) == np.sign(one.scores["loo"])
    assert all(none.scores[method].shape == none.sampling[method].errors.shape == (0,) for method in METHODS)

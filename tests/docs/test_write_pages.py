"""The code of the pages that show how to extend the package runs and is right."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hf_gradexplain.attribution.masking.budget import Budget
from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.perturb import SHORTCUTS, Shortcut, generic, shortcut_of
from hf_gradexplain.statistics.sampling import margins
from tests.docs.pages import blocks
from tests.helpers.games import Table, random_game
from tests.helpers.tiny import TEXTS, explainer, word_tokenizer


@pytest.fixture(autouse=True)
def _restore_registries():
    copies = [(registry, dict(registry)) for registry in (METHODS, SHORTCUTS)]
    yield
    for registry, copy in copies:
        registry.clear()
        registry.update(copy)


def test_the_methods_of_the_page_work():
    formula, source, _ = blocks("docs/write-a-method.md", "python")
    names = {}
    exec(formula, names)
    exec(source, names)
    explanation = explainer("bert")(TEXTS[0], ("mean_gi", "signed_gi", "confidence"), unit="word")
    np.testing.assert_array_equal(np.sign(explanation.scores["mean_gi"]), np.sign(explanation.scores["signed_gi"]))
    for baseline in ("zero", "mean"):
        single = explainer("fasttext")(TEXTS[0], ("mean_gi", "signed_gi"), unit="token", baseline=baseline)
        np.testing.assert_allclose(single.scores["mean_gi"], single.scores["signed_gi"])
    np.testing.assert_allclose(explanation.scores["confidence"], explanation.probabilities[explanation.target])


def test_the_sampled_source_of_the_page_estimates_banzhaf_values_and_their_errors():
    formula, _, source = blocks("docs/write-a-method.md", "python")
    names = {}
    exec(formula, names)
    exec(source, names)
    table, sets = random_game(8, seed=0, effects=4), np.arange(256)
    exact = [np.mean(table[sets | 1 << u] - table[sets & ~(1 << u)]) for u in range(8)]
    held = []
    for seed in range(100):
        found = names["Banzhaf"]().estimate(game := Table(table, seed), Budget(max_evals=100, max_error=0))
        held.append(np.abs(found.scores[0] - exact) <= margins(found.errors[0], 50))
    assert 0.92 < np.mean(held) < 0.98
    assert game.copies in (99, 100)
    explanation = explainer("bert")(list(TEXTS[:2]), "banzhaf", max_evals=40, target="all")[0]
    assert 8 <= explanation.sampling["banzhaf"].draws <= 20
    alone = explainer("bert")(TEXTS[0], "banzhaf", max_evals=40)
    np.testing.assert_allclose(explanation.scores["banzhaf"], alone.scores["banzhaf"], rtol=1e-9, atol=1e-12)


def test_the_shortcut_of_the_page_is_exact():
    _, model, shortcut, check = blocks("docs/write-a-shortcut.md", "python")
    names = {"tokenizer": word_tokenizer(), "texts": list(TEXTS)}
    exec(model, names)
    exec(shortcut, names)
    torch.manual_seed(0)
    names["model"] = names["SumOfWords"](len(names["tokenizer"]), 6, 3).double()
    leave_one_out = names["sum_of_words_leave_one_out"]
    assert shortcut_of(names["model"]).leave_one_out is leave_one_out
    exec(check, names)
    classifier = replace(names["classifier"], baseline=(torch.arange(6.0, dtype=torch.float64),))
    forward = replace(names["forward"], classifier=classifier)
    with torch.no_grad():
        torch.testing.assert_close(leave_one_out(forward), generic.leave_one_out(forward), rtol=0, atol=1e-10)
    subsets = names["sum_of_words_subsets"]
    for wrong in (
        Shortcut(leave_one_out=lambda forward: 1.001 * leave_one_out(forward)),
        Shortcut(subsets=lambda *sets: 1.001 * subsets(*sets)),
    ):
        SHORTCUTS[names["SumOfWords"]] = wrong
        with pytest.raises(AssertionError, match="not close"):
            exec(check, names)

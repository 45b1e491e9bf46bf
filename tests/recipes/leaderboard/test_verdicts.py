"""The choice of methods and its verdicts, on measurements with known means."""

import numpy as np
import pytest

from hf_gradexplain.attribution.methods import METHODS
from recipes.leaderboard.candidates import EXTRA
from recipes.leaderboard.verdicts import candidate_gaps, choose_methods, in_words, losses, meets_targets
from tests.recipes.leaderboard.made_up import measured

LEVELS = {
    "random": 0.0,
    "loo": 0.2,
    "signed_gi": 0.05,
    "attn_lrp": 0.25,
    "cp_lrp": 0.24,
    "integrated_gradients": 0.22,
    "ig_cp_3": 0.3,
}


@pytest.fixture(autouse=True)
def _candidates(monkeypatch):
    for name, method in EXTRA.items():
        monkeypatch.setitem(METHODS, name, method)


def chosen(entries):
    return {(x.kind, x.budget): x.method for x in choose_methods(entries)}


def test_the_best_method_of_a_budget_is_chosen_and_compared():
    entries = [measured("minilm-ag_news", LEVELS), measured("llama-ag_news", LEVELS, draw=1)]
    assert chosen(entries) == {
        ("transformers", "1"): "attn_lrp",
        ("transformers", "up to 5"): "ig_cp_3",
        ("transformers", "any"): "ig_cp_3",
    }
    gaps = choose_methods(entries)[0].gaps
    assert {m: round(gap.value, 2) for m, gap in gaps.items()} == pytest.approx(
        {"loo": 0.05, "integrated_gradients": 0.03, "random": 0.25}, abs=0.011
    )


def test_more_passes_are_recommended_only_for_a_significant_gain():
    entries = [measured("minilm-ag_news", {**LEVELS, "ig_cp_3": 0.252}, n=60)]
    assert set(chosen(entries).values()) == {"attn_lrp"}


def test_choices_and_verdicts_use_different_texts():
    entry = measured("minilm-ag_news", LEVELS)
    even = entry.areas[0].ids % 2 == 0
    entry.areas[0].aopc["cp_lrp"][even] += 0.1
    choice = choose_methods([entry])[0]
    assert choice.method == "cp_lrp"
    odd = entry.areas[0].aopc["cp_lrp"][~even] - entry.areas[0].aopc["loo"][~even]
    assert choice.gaps["loo"].value == pytest.approx(odd.mean(), rel=1e-12)


def test_other_trainings_are_for_verdicts_only():
    entry = measured("minilm-ag_news", LEVELS, seeds=(5, 3), n=10)
    assert [entry.rows(seed, "choice").sum() for seed in (5, 3)] == [5, 0]
    assert [entry.rows(seed, "verdict").sum() for seed in (5, 3)] == [5, 10]
    assert (entry.n_texts("choice"), entry.n_texts("verdict"), entry.n_texts("all")) == (5, 15, 20)


def test_methods_that_are_ahead_are_named_with_their_lead():
    entry = measured("minilm-ag_news", LEVELS)
    assert set(losses(entry, "attn_lrp")) == {"ig_cp_3"}
    assert losses(entry, "attn_lrp")["ig_cp_3"].value == pytest.approx(0.05, abs=0.01)
    assert set(losses(entry, "signed_gi")) == set(LEVELS) - {"random", "signed_gi"}


def test_targets():
    both = meets_targets(measured("minilm-ag_news", LEVELS), "attn_lrp")
    assert both == {"above integrated_gradients": True, "not below loo": True}
    neither = meets_targets(measured("minilm-ag_news", {**LEVELS, "attn_lrp": 0.1}), "attn_lrp")
    assert neither == {"above integrated_gradients": False, "not below loo": False}


def test_candidates_are_compared_with_the_best_method_of_one_pass():
    entries = [measured("minilm-ag_news", LEVELS), measured("fasttext-ag_news", {**LEVELS, "ig_cp_3": 9.0})]
    gaps = candidate_gaps(entries, "attn_lrp")
    assert set(gaps) == {"ig_cp_3"}
    assert gaps["ig_cp_3"].value == pytest.approx(0.05, abs=0.01)
    assert in_words(gaps["ig_cp_3"]) == "above"


def test_the_relative_scale_is_0_for_random_and_1_for_leave_one_out():
    entry = measured("minilm-ag_news", LEVELS)
    assert entry.relative("random").estimate[:3] == (0, 0, 0)
    assert entry.relative("loo").estimate[:3] == (1, 1, 1)
    means = {m: x[entry.areas[0].ids % 2 == 1].mean() for m, x in entry.areas[0].aopc.items()}
    expected = (means["attn_lrp"] - means["random"]) / (means["loo"] - means["random"])
    assert entry.relative("attn_lrp").value == pytest.approx(float(np.float64(expected)), rel=1e-12)

"""The steps, and what they depend on."""

from dataclasses import replace

import pytest

from hf_gradexplain.attribution.methods import METHODS, affordable
from hf_gradexplain.commands.parsing import parse_arguments
from hf_gradexplain.errors import GradexplainError
from recipes.leaderboard.arguments import LeaderboardArguments
from recipes.leaderboard.candidates import CANDIDATES, EXTRA, MASKING, WITH_COPIES
from recipes.leaderboard.entries import ENTRIES
from recipes.leaderboard.plan import CONFIGS, make_plan
from tests.recipes.leaderboard.made_up import entry
from tests.recipes.paper.made_up import write_data

LLAMA, FASTTEXT, BILSTM = entry("llama-ag_news"), entry("fasttext-ag_news"), entry("bilstm-imdb")


@pytest.fixture(autouse=True)
def _candidates(monkeypatch):
    for name, method in EXTRA.items():
        monkeypatch.setitem(METHODS, name, method)


@pytest.fixture
def arguments(tmp_path):
    write_data(tmp_path / "data")
    return LeaderboardArguments(
        data=str(tmp_path / "data"),
        output_dir=str(tmp_path / "out"),
        entries=("llama-ag_news", "fasttext-ag_news", "bilstm-imdb"),
        seeds=(4, 2),
        baseline_texts=20,
        ends_texts=10,
        masking_texts=5,
    )


def test_the_first_training_comes_first_and_has_everything(arguments):
    plan = make_plan(arguments)
    assert set(plan.trainings) == {(x, seed) for x in (LLAMA, FASTTEXT, BILSTM) for seed in (4, 2)}
    names = {x: {name for e, seed, name in plan.evaluations if (e, seed) == (x, 4)} for x in (LLAMA, FASTTEXT, BILSTM)}
    assert names == {
        LLAMA: {"zero", "mean", "ends", "masking"},
        FASTTEXT: {"zero", "mean", "unk", "ends", "masking"},
        BILSTM: {"zero", "mean", "unk", "masking"},
    }
    assert {key for key in plan.evaluations if key[1] == 2} == {(x, 2, "zero") for x in (LLAMA, FASTTEXT, BILSTM)}
    steps = [step.name for step in plan.steps()]
    assert steps[:3] == ["untrained/seed4/llama", "train/seed4/llama-ag_news", "evaluate/seed4/llama-ag_news-zero"]
    assert len(steps) == len(set(steps)) == 2 + 6 + 6 + 3 + 3 + 4 + 3
    assert steps.index("time/bilstm-imdb") < steps.index("evaluate/seed4/llama-ag_news-ends")
    for step in plan.steps():
        assert all(steps.index(need.name) < steps.index(step.name) for need in step.needs)


def test_selected_steps_include_what_they_need(arguments):
    names = [step.name for step in make_plan(arguments).steps(["seed2/llama-ag_news-zero", "time/fasttext"])]
    assert sorted(names) == [
        "evaluate/seed2/llama-ag_news-zero",
        "time/fasttext-ag_news",
        "train/seed2/llama-ag_news",
        "train/seed4/fasttext-ag_news",
        "untrained/seed2/llama",
    ]


def test_evaluations_differ_in_baseline_texts_and_curves(arguments):
    plan = make_plan(arguments)
    zero, mean, ends = (plan.evaluations[LLAMA, 4, name].inputs for name in ("zero", "mean", "ends"))
    assert [x["baseline"] for x in (zero, mean, ends)] == ["zero", "mean", "zero"]
    assert [x["max_samples"] for x in (zero, mean, ends)] == [300, 20, 10]
    assert [x["k_grid"] for x in (zero, mean, ends)] == [tuple(range(1, 11)), tuple(range(1, 11)), ()]
    assert [(x["both_ends"], x["naopc"]) for x in (zero, mean, ends)] == [(False, False), (False, False), (True, True)]
    assert zero["methods"] == affordable()
    assert not WITH_COPIES.keys() & set(zero["methods"])
    assert set(CANDIDATES) < set(zero["methods"])
    assert {*CANDIDATES, "loo", "random"} < set(mean["methods"]) < set(zero["methods"])
    assert (zero["unit"], zero["target"], zero["max_k"]) == ("word_type", "label", 10)
    assert make_plan(arguments).evaluations[BILSTM, 4, "zero"].inputs["max_samples"] == 300


def test_methods_that_run_masked_copies_are_measured_beside_those_they_are_compared_with(arguments):
    inputs = make_plan(arguments).evaluations[LLAMA, 4, "masking"].inputs
    assert (inputs["methods"], inputs["baseline"], inputs["max_samples"]) == (MASKING, "zero", 5)
    assert {"shapley_1000", "occlusion", "loo", "random", "attn_lrp", "signed_gi"} < set(MASKING)
    assert inputs["k_grid"] == tuple(range(1, 11))


def test_without_texts_for_them_there_are_no_other_evaluations(arguments):
    plan = make_plan(replace(arguments, baseline_texts=None, ends_texts=None, masking_texts=None))
    assert {name for *_, name in plan.evaluations} == {"zero"}


def test_small_transformers_start_from_the_weights_of_their_seed(arguments):
    plan = make_plan(arguments)
    inputs = [plan.others[f"untrained/seed{seed}/llama"].inputs for seed in (4, 2)]
    assert [x["seed"] for x in inputs] == [4, 2]
    assert [plan.trainings[LLAMA, seed].inputs["seed"] for seed in (4, 2)] == [4, 2]
    assert plan.trainings[LLAMA, 4].needs == (plan.others["untrained/seed4/llama"],)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ()}, "seeds must be different whole numbers"),
        ({"seeds": (1, 1)}, r"0 or more, but got \[1, 1\]; give each seed once"),
        ({"ends_texts": 0}, "ends_texts must be 1 or more, but got 0; give a larger number"),
        ({"entries": ("minilm-imbd",)}, "minilm-imdb"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(changes, message):
    with pytest.raises(GradexplainError, match=message):
        LeaderboardArguments(**changes)


def test_the_scales_that_are_shipped():
    small, full = (
        parse_arguments(LeaderboardArguments, [str(CONFIGS / f"leaderboard_{scale}.yaml")])
        for scale in ("small", "full")
    )
    assert full.entries == tuple(x.name for x in ENTRIES)
    assert (full.seeds, full.methods, full.page) == ((0, 1, 2), (), "docs")
    assert min(full.texts, full.imdb_texts) >= 300
    assert small.texts == 100
    assert set(small.methods) <= {*METHODS, *CANDIDATES}
    assert small.page == small.output_dir

"""The summary of the rows, and the script itself on a model of a moment."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import interactions, planted_models
from benchmarks.masked_texts import KS, MaskedText, Values, summarise, summarise_additivity
from benchmarks.planted_corpus import planted_texts, score


def made_up_rows(shift):
    rng = np.random.default_rng(0)
    curves = {f"p_{k}": 0.5 for k in range(max(KS) + 1)}
    rows = []
    for text in range(40):
        for _ in range(2):
            of_loo = rng.normal(0.2, 0.1)
            common = {"text": text, "joint": 2.0, "singles": 1.0 + text % 2, **curves}
            rows.append({"method": "loo", **{f"aopc_{k}": of_loo for k in KS}, **common})
            rows.append({"method": "attn_lrp", **{f"aopc_{k}": of_loo - shift for k in KS}, **common})
            rows.append({"method": "other", **{f"aopc_{k}": of_loo + shift for k in KS}, **common})
    return pd.DataFrame(rows)


def test_differences_are_paired_and_intervals_cover_the_mean():
    rows = made_up_rows(0.03)
    table = summarise(rows, ("aopc_10",))
    mean, low, high = table["loo"]["aopc_10"]
    assert mean == pytest.approx(rows[rows["method"] == "loo"]["aopc_10"].mean(), abs=1e-4)
    # 40 texts of two independent rows each.
    assert high - low == pytest.approx(2 * 1.96 * 0.1 / np.sqrt(80), rel=0.35)
    assert table["other"]["aopc_10_minus_loo"] == pytest.approx([0.03] * 3)
    assert table["other"]["aopc_10_minus_attn_lrp"] == pytest.approx([0.06] * 3)
    assert table["loo"]["aopc_10_minus_loo"] == [0, 0, 0]


def test_additivity_is_a_ratio_of_means():
    ratio, low, high = summarise_additivity(made_up_rows(0), "singles", "joint")
    assert ratio == pytest.approx(0.75)
    assert low < 0.75 < high


def follower(planted):
    """A planted text, for a model that follows the rule: the log odds are 6 times the score, minus 3."""

    def logits(masked):
        rows = [[None if m else w for w, m in zip(planted.words, row, strict=True)] for row in masked]
        return np.array([[0.0, 6.0 * score(row) - 3.0] for row in rows])

    length = len(planted.words)
    scores = {"random": np.arange(length, dtype=float), "loo": None, "signed_gi": np.zeros(length)}
    values = Values(logits, 1, length)
    scores["loo"] = values.loss(np.eye(length, dtype=bool)) - values.loss(np.zeros((1, length), dtype=bool))
    return MaskedText(0, planted.words, scores, values)


@pytest.mark.parametrize(
    ("regime", "degree", "near_zero", "ratio", "left"),
    [
        ("additive", 1, 0, 1, [1]),
        ("saturated", 2, 1, 1, [2, 1]),
        ("redundant", 2, 1, 0, [1, 1]),
        ("redundant", 4, 1, 0, [1, 1, 1, 1]),
        ("conjunctive", 1, 0, 2, [1]),
    ],
)
def test_a_model_that_follows_the_rule_shows_what_leave_one_out_misses(regime, degree, near_zero, ratio, left):
    (planted,) = planted_texts(regime, degree, 1, seed=0)
    rows = interactions.measure_planted(follower(planted), planted, np.random.default_rng(0))
    of = {row["method"]: row for row in rows}
    assert of["loo"]["near_zero"] == near_zero
    assert of["shapley"]["near_zero"] == of["shapley_prob"]["near_zero"] == 0
    assert np.isnan(of["signed_gi"]["near_zero"])
    assert of["loo"]["follows_rule"] == 1
    assert of["loo"]["singles"] / of["loo"]["joint"] == pytest.approx(ratio)
    assert of["shapley"]["r_precision"] == 1
    assert of["shapley"]["r_shapley"] == pytest.approx(1)
    assert of["shapley"]["aopc_10"] == pytest.approx(of["best order"]["aopc_10"])
    probability = [1 / (1 + np.exp(3 - 6 * each)) for each in left + [0] * (11 - len(left))]
    assert of["shapley"]["aopc_10"] == pytest.approx(probability[0] - np.mean(probability))


def test_json_has_one_line_for_each_innermost_object():
    results = {"a": {"b": {"x": [1, 2], "y": 0.5}, "c": {"x": [3]}}, "d": "word"}
    text = interactions.compact(results)
    assert json.loads(text) == results
    assert '"b": {"x": [1, 2], "y": 0.5}' in text


def test_a_training_that_has_not_learnt_the_rule_is_left_out(monkeypatch):
    untrained = planted_models.MODELS["textcnn"](70), planted_models.tokenizer(around=False), 0.97
    monkeypatch.setattr(planted_models, "train", lambda *_: untrained)
    options = ["--models", "textcnn", "--trainings", "2"]
    assert interactions.planted_section(interactions.parse(options)) == {"textcnn": {"accuracy": [0.97, 0.97]}}


def test_the_script_measures_every_regime(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(planted_models, "TRAINING", {"textcnn": (64, 1, 1e-3)})
    monkeypatch.setattr(planted_models, "TEST_TEXTS", 16)
    monkeypatch.setattr(interactions, "CELLS", [("redundant", 2)])
    output = tmp_path / "results.json"
    output.write_text('{"dataset": {"kept": 1}}')
    options = ["--models", "textcnn", "--trainings", "1", "--accuracy", "0", "--texts", "2"]
    options += ["--output_file", str(output)]
    monkeypatch.setattr("sys.argv", ["interactions", *options])
    interactions.main()
    results = json.loads(output.read_text())
    cell = results["planted"]["textcnn"]["redundant 2"]
    assert results["dataset"] == {"kept": 1}
    assert results["planted"]["command"].endswith(" ".join(options))
    assert {*interactions.METHODS, "greedy", "shapley", "best order"} <= cell["methods"].keys()
    best = cell["methods"]["best order"]["aopc_10"][0]
    assert all(row["aopc_10"][0] <= best + 1e-4 for row in cell["methods"].values())
    assert 0 <= cell["follows_rule"] <= 1
    assert "r_precision" in cell["methods"]["greedy"]
    assert "near_zero" not in cell["methods"]["greedy"]
    assert "near_zero" in cell["methods"]["leave_two_out"]
    assert "| loo |" in capsys.readouterr().out

"""The summary of the rows, and the script itself on a model of a moment."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import interactions, planted_models
from benchmarks.masked_texts import KS, summarise, summarise_additivity


def made_up_rows(shift):
    rng = np.random.default_rng(0)
    curves = {f"p_{k}": 0.5 for k in range(max(KS) + 1)}
    rows = []
    for text in range(40):
        for _ in range(2):
            of_loo = rng.normal(0.2, 0.1)
            common = {"text": text, "joint": 2.0, "singles": 1.0 + text % 2, **curves}
            rows.append({"method": "loo", **{f"aopc_{k}": of_loo for k in KS}, **common})
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
    assert table["loo"]["aopc_10_minus_loo"] == [0, 0, 0]


def test_additivity_is_a_ratio_of_means():
    ratio, low, high = summarise_additivity(made_up_rows(0), "singles", "joint")
    assert ratio == pytest.approx(0.75)
    assert low < 0.75 < high


def test_json_has_one_line_for_each_innermost_object():
    results = {"a": {"b": {"x": [1, 2], "y": 0.5}, "c": {"x": [3]}}, "d": "word"}
    text = interactions.compact(results)
    assert json.loads(text) == results
    assert '"b": {"x": [1, 2], "y": 0.5}' in text


def test_the_script_measures_every_regime(tmp_path, monkeypatch, capsys):
    for name, small in {"TRAIN_TEXTS": 64, "TEST_TEXTS": 16, "EPOCHS": 1}.items():
        monkeypatch.setattr(planted_models, name, small)
    monkeypatch.setattr(interactions, "CELLS", [("redundant", 2)])
    output = tmp_path / "results.json"
    output.write_text('{"dataset": {"kept": 1}}')
    options = ["--models", "textcnn", "--trainings", "1", "--texts", "2", "--output_file", str(output)]
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
    assert "| loo |" in capsys.readouterr().out

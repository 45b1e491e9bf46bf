"""A run over a data set: what it writes, how it goes on, what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset
from filelock import FileLock

from hf_gradexplain import runner
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.aopc import aopc
from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.reading import read_curves
from hf_gradexplain.evaluation.summary import make_tables
from hf_gradexplain.explain import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.runner import evaluate, evaluate_texts, range_paths
from tests.tiny import CORPUS, explainer, make

METHODS = ("random", "loo", "sa_l2", "signed_gi")
OPTIONS = Options(methods=METHODS, unit="word_type", target="label")


@pytest.fixture(scope="module")
def textcnn():
    return explainer("textcnn")


@pytest.fixture
def texts():
    rows = [*CORPUS, "", "bad"]
    return Dataset.from_dict({"id": range(10, 17), "text": rows, "label": [0, 1, 0, 1, 0, 1, 0]})


@pytest.fixture(autouse=True)
def _short_ranges(monkeypatch):
    monkeypatch.setattr(runner, "RANGE", 3)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_tables_are_those_of_all_documents_at_once(textcnn, texts, tmp_path):
    tables = evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={})
    documents = evaluate_texts(textcnn, texts, OPTIONS)
    for method in METHODS:
        expected = aopc([document.curves[method] for document in documents])
        found = tables.aopc[tables.aopc["method"] == method]
        np.testing.assert_allclose(found["aopc"], expected, atol=1e-12)
        assert list(found["k"]) == list(range(len(expected)))
    undefined = [d.correlations["sa_l2"]["undefined"] for d in documents]
    row = tables.correlation.set_index(["method", "coefficient"]).loc[("sa_l2", "pearson")]
    assert undefined.count("fewer than 3 units") == 2
    assert (row["n"], row["n_undefined"]) == (5, 2)


def test_curves_start_at_the_probability_and_end_without_any_unit(textcnn, texts):
    for document in evaluate_texts(textcnn, texts, OPTIONS):
        explanation = document.explanation
        starts = [curve[0] for curve in document.curves.values()]
        ends = [curve[-1] for curve in document.curves.values()]
        assert starts == pytest.approx([explanation.probabilities[explanation.target]] * len(METHODS), rel=1e-12)
        assert ends == pytest.approx([ends[0]] * len(METHODS), rel=1e-12)
        assert {len(curve) for curve in document.curves.values()} == {len(explanation.units) + 1}


def test_rows_come_in_the_order_of_the_texts_and_back_into_explanations(textcnn, texts, tmp_path):
    def part(start):
        return evaluate_texts(textcnn, texts.select(range(start, min(start + 3, 7))), OPTIONS)

    evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={})
    found = [pair for path in range_paths(tmp_path, len(texts)) for pair in read_explanations(path)]
    assert [i for i, _ in found] == texts["id"][:]
    fresh = [document.explanation for start in (0, 3, 6) for document in part(start)]
    assert [e.to_dict() for _, e in found] == [e.to_dict() for e in fresh]


def test_a_stopped_run_goes_on_and_ends_in_the_same_bytes(textcnn, texts, tmp_path, capsys):
    evaluate(textcnn, texts, OPTIONS, tmp_path / "whole", inputs={"a": 1})
    evaluate(textcnn, texts, OPTIONS, tmp_path / "stopped", inputs={"a": 1})
    range_paths(tmp_path / "stopped", len(texts))[1].unlink()
    untouched = range_paths(tmp_path / "stopped", len(texts))[0].stat().st_mtime_ns
    tables = evaluate(textcnn, texts, OPTIONS, tmp_path / "stopped", inputs={"a": 1})
    assert "reused 2 of 3 ranges" in capsys.readouterr().err
    assert range_paths(tmp_path / "stopped", len(texts))[0].stat().st_mtime_ns == untouched
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    again = make_tables(range_paths(tmp_path / "whole", len(texts)), OPTIONS)
    pd.testing.assert_frame_equal(tables.aopc, again.aopc, check_exact=True)


def test_a_folder_of_other_inputs_is_refused_by_name(textcnn, texts, tmp_path):
    evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={"model": "x", "seed": 0})
    before = contents(tmp_path)
    with pytest.raises(GradexplainError, match=r"other inputs \(seed was 0, now 1\): give another --output_dir"):
        evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={"model": "x", "seed": 1})
    assert contents(tmp_path) == before


def test_two_runs_cannot_share_a_folder(textcnn, texts, tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(GradexplainError, match="another run is writing to"):
        evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={})


def test_no_text_is_refused(textcnn, texts, tmp_path):
    with pytest.raises(GradexplainError, match="the data set is empty"):
        evaluate(textcnn, texts.select([]), OPTIONS, tmp_path, inputs={})


def test_a_single_method_without_a_reference_has_no_correlations(textcnn, texts, tmp_path):
    tables = evaluate(textcnn, texts, Options(methods=("signed_gi",)), tmp_path, inputs={})
    assert len(tables.correlation) == len(tables.comparisons) == len(tables.signs) == 0
    assert set(tables.aopc["method"]) == {"signed_gi"}


def test_max_k_cuts_the_curve_and_nothing_else(textcnn, texts, tmp_path):
    whole = evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={}).aopc
    cut = evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={}, max_k=2).aopc
    pd.testing.assert_frame_equal(cut, whole[whole["k"] <= 2].reset_index(drop=True), check_exact=True)


def test_the_record_of_inputs_is_readable(textcnn, texts, tmp_path):
    evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={"methods": METHODS})
    assert json.loads((tmp_path / "documents" / "inputs.json").read_text()) == {"methods": list(METHODS)}


def test_curves_of_a_file_are_those_of_its_documents(textcnn, texts, tmp_path):
    evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={})
    ids, curves = read_curves(range_paths(tmp_path, len(texts))[1])
    documents = evaluate_texts(textcnn, texts.select(range(3, 6)), OPTIONS)
    assert ids == [13, 14, 15]
    for method in METHODS:
        for found, document in zip(curves[method], documents, strict=True):
            np.testing.assert_array_equal(found, document.curves[method])


def test_a_model_in_training_mode_is_evaluated_as_in_eval_mode_and_left_in_training(texts):
    model, tokenizer = make("bert")
    expected = [d.curves["loo"] for d in evaluate_texts(Explainer(model, tokenizer), texts, OPTIONS)]
    in_training = Explainer(model.train(), tokenizer)
    found = [d.curves["loo"] for d in evaluate_texts(in_training, texts, OPTIONS)]
    assert model.training
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)

"""A run over a dataset: its files, how it is resumed, and its errors."""

import dataclasses
import errno
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset
from filelock import FileLock

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.tables import make_tables
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.options import Options
from hf_gradexplain.run import folder, shards
from hf_gradexplain.run.folder import document_path, document_paths
from hf_gradexplain.run.runner import _reusable_shards, evaluate, evaluate_texts
from tests.helpers.curves import naive_aopc, read_curves
from tests.helpers.tiny import CORPUS, explainer, make

METHODS = ("random", "loo", "sa_l2", "signed_gi")
OPTIONS = Options(methods=METHODS, unit="word_type", target="label")
SAMPLED = Options(methods=("loo", "shapley"), max_evals=100)


@pytest.fixture(scope="module")
def textcnn():
    return explainer("textcnn")


@pytest.fixture
def texts():
    rows = [*CORPUS, "", "bad"]
    return Dataset.from_dict({"id": range(10, 17), "text": rows, "label": [0, 1, 0, 1, 0, 1, 0]})


@pytest.fixture(autouse=True)
def _short_shards(monkeypatch):
    monkeypatch.setattr(folder, "_LOCK_TIMEOUT", 0.1)
    monkeypatch.setattr(shards, "DOCUMENTS", 3)


def contents(output_dir):
    paths = (
        path for path in sorted(output_dir.rglob("*")) if path.is_file() and not path.name.startswith(".work_queue")
    )
    return {path.name: path.read_bytes() for path in paths}


def test_the_tables_do_not_depend_on_the_shards(textcnn, texts, tmp_path):
    tables = evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={})
    assert not list(tmp_path.glob(".work_queue*"))
    documents = evaluate_texts(textcnn, texts, OPTIONS)
    for method in METHODS:
        expected = naive_aopc([document.curves[method] for document in documents])
        rows = tables.aopc[tables.aopc["method"] == method]
        np.testing.assert_allclose(rows["aopc"], expected, atol=1e-12)
        assert list(rows["k"]) == list(range(len(expected)))
    undefined = [d.correlations["sa_l2"]["undefined"] for d in documents]
    row = tables.correlation.set_index(["method", "coefficient"]).loc[("sa_l2", "pearson")]
    assert undefined.count("fewer than 3 units") == 2
    assert (row["n"], row["n_undefined"]) == (5, 2)


def test_curves_start_at_the_probability_and_end_with_all_units_removed(textcnn, texts):
    for document in evaluate_texts(textcnn, texts, OPTIONS):
        explanation = document.explanation
        starts = [curve[0] for curve in document.curves.values()]
        ends = [curve[-1] for curve in document.curves.values()]
        assert starts == pytest.approx([explanation.probabilities[explanation.target]] * len(METHODS), rel=1e-12)
        assert ends == pytest.approx([ends[0]] * len(METHODS), rel=1e-12)
        assert {len(curve) for curve in document.curves.values()} == {len(explanation.units) + 1}


def test_rows_are_in_the_order_of_the_texts_and_give_the_explanations_back(textcnn, texts, tmp_path):
    def part(start):
        return evaluate_texts(textcnn, texts.select(range(start, min(start + 3, 7))), OPTIONS)

    evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={})
    loaded = [pair for path in document_paths(tmp_path) for pair in read_explanations(path)]
    assert [i for i, _ in loaded] == texts["id"][:]
    fresh = [document.explanation for start in (0, 3, 6) for document in part(start)]
    assert [e.to_dict() for _, e in loaded] == [e.to_dict() for e in fresh]


@pytest.mark.parametrize("options", [OPTIONS, SAMPLED], ids=["computed", "sampled"])
def test_a_resumed_run_ends_in_the_same_bytes(options, textcnn, texts, tmp_path, capsys):
    evaluate(textcnn, texts, options, tmp_path / "whole", inputs={"a": 1})
    evaluate(textcnn, texts, options, tmp_path / "stopped", inputs={"a": 1})
    document_paths(tmp_path / "stopped")[1].unlink()
    untouched = document_paths(tmp_path / "stopped")[0].stat().st_mtime_ns
    tables = evaluate(textcnn, texts, options, tmp_path / "stopped", inputs={"a": 1})
    assert "reused 2 of 3 shards" in capsys.readouterr().err
    assert document_paths(tmp_path / "stopped")[0].stat().st_mtime_ns == untouched
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    again = make_tables(document_paths(tmp_path / "whole"), options)
    pd.testing.assert_frame_equal(tables.aopc, again.aopc, check_exact=True)


def test_sampled_scores_do_not_depend_on_the_shards(textcnn, texts, tmp_path):
    evaluate(textcnn, texts, SAMPLED, tmp_path, inputs={})
    loaded = [explanation for path in document_paths(tmp_path) for _, explanation in read_explanations(path)]
    alone = textcnn(list(texts["text"]), SAMPLED.methods, max_evals=100)
    for explanation, expected in zip(loaded, alone, strict=True):
        found, wanted = explanation.sampling["shapley"], expected.sampling["shapley"]
        assert (found.draws, found.copies) == (wanted.draws, wanted.copies)
        assert found.errors == pytest.approx(wanted.errors, rel=1e-9)
        assert explanation["shapley"] == pytest.approx(expected["shapley"], rel=1e-9)
    assert {bool(explanation.sampling["shapley"].draws) for explanation in loaded} == {True, False}


def test_a_folder_of_other_inputs_is_an_error_that_names_them(textcnn, texts, tmp_path):
    evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={"model": "x", "seed": 0})
    before = contents(tmp_path)
    with pytest.raises(GradexplainError, match=r"other inputs \(seed was 0, now 1\): give another output_dir"):
        evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={"model": "x", "seed": 1})
    assert contents(tmp_path) == before


def test_two_runs_cannot_share_a_folder(textcnn, texts, tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(GradexplainError, match="another run is writing to"):
        evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={})


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-40])


def test_only_a_corrupt_file_is_computed_again(textcnn, texts, tmp_path, capsys):
    evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={})
    before, second = contents(tmp_path), document_paths(tmp_path)[1]
    cut_off(second)
    evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={})
    assert contents(tmp_path) == before
    output = " ".join(capsys.readouterr().err.split())
    wrong = f"its bytes do not have the SHA-256 in {second.name}.sha256"
    assert f"{second.name} is corrupt ({wrong}): computing its shard again" in output
    assert "reused 2 of 3 shards" in output


def test_a_corrupt_file_is_deleted_before_its_shard_is_computed_again(tmp_path, capsys):
    path = document_path(tmp_path, 3)
    path.parent.mkdir()
    path.write_bytes(b"PAR1")
    assert _reusable_shards(tmp_path) == {}
    assert not path.exists()
    assert f"{path} is corrupt" in capsys.readouterr().err


def test_a_full_disk_keeps_the_finished_shards(textcnn, texts, tmp_path, monkeypatch, capsys):
    evaluate(textcnn, texts, OPTIONS, tmp_path / "whole", inputs={})

    def full(table, path, **options):
        if len(document_paths(tmp_path / "full")) == 2:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        write_table(table, path, **options)

    write_table = pq.write_table
    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", full)
        with pytest.raises(OSError, match="No space left on device"):
            evaluate(textcnn, texts, OPTIONS, tmp_path / "full", inputs={})
    names = {path.name.removesuffix(".sha256") for path in (tmp_path / "full" / "documents").iterdir()}
    assert names == {"00000000.parquet", "00000003.parquet", "inputs.json"}, "no incomplete file"
    evaluate(textcnn, texts, OPTIONS, tmp_path / "full", inputs={})
    assert "reused 2 of 3 shards" in capsys.readouterr().err
    assert contents(tmp_path / "full") == contents(tmp_path / "whole")


def test_a_stream_gives_the_same_documents_and_can_be_resumed(textcnn, texts, tmp_path, capsys):
    stream = texts.to_iterable_dataset()
    tables = evaluate(textcnn, texts, OPTIONS, tmp_path / "loaded", inputs={})
    streamed = evaluate(textcnn, stream, OPTIONS, tmp_path / "streamed", inputs={})
    assert contents(tmp_path / "streamed") == contents(tmp_path / "loaded")
    pd.testing.assert_frame_equal(streamed.aopc, tables.aopc, check_exact=True)
    document_paths(tmp_path / "streamed")[0].unlink()
    evaluate(textcnn, stream, OPTIONS, tmp_path / "streamed", inputs={})
    assert "reused 2 shards" in capsys.readouterr().err
    assert contents(tmp_path / "streamed") == contents(tmp_path / "loaded")


def test_a_changed_stream_is_an_error_that_names_the_rows(textcnn, texts, tmp_path):
    evaluate(textcnn, texts.to_iterable_dataset(), OPTIONS, tmp_path, inputs={})
    before = contents(tmp_path)
    changed = texts.map(lambda row: {"text": row["text"] + " !" if row["id"] == 14 else row["text"]})
    other = r"00000003.parquet was made from other texts than rows 3 to 5 now hold: the dataset has changed"
    with pytest.raises(GradexplainError, match=other):
        evaluate(textcnn, changed.to_iterable_dataset(), OPTIONS, tmp_path, inputs={})
    shorter = texts.select(range(6)).to_iterable_dataset()
    with pytest.raises(GradexplainError, match=r"00000006.parquet belongs to a shard that the dataset does not have"):
        evaluate(textcnn, shorter, OPTIONS, tmp_path, inputs={})
    assert contents(tmp_path) == before


def test_batches_do_not_depend_on_the_shards_before(tmp_path):
    """A process computes different shards for another number of processes; here one is computed first, or last."""
    texts = Dataset.from_dict({"id": range(80), "text": [" ".join(["good film"] * (20 + i // 2)) for i in range(80)]})
    model, tokenizer = make("bilstm", dtype=torch.float32)
    options = Options(methods=("loo", "sa_l2"))
    parts = [texts.select(range(start, start + 40)) for start in (0, 40)]
    used, fresh = Explainer(model, tokenizer), Explainer(model, tokenizer)
    evaluate_texts(used, parts[1], options)
    for a, b in zip(evaluate_texts(used, parts[0], options), evaluate_texts(fresh, parts[0], options), strict=True):
        for method in options.methods:
            np.testing.assert_array_equal(a.curves[method], b.curves[method])
            np.testing.assert_array_equal(a.explanation.scores[method], b.explanation.scores[method])


def test_an_empty_dataset_is_an_error(textcnn, texts, tmp_path):
    with pytest.raises(GradexplainError, match="the dataset is empty"):
        evaluate(textcnn, texts.select([]), OPTIONS, tmp_path, inputs={})
    with pytest.raises(GradexplainError, match="the dataset is empty"):
        evaluate(textcnn, texts.to_iterable_dataset().take(0), OPTIONS, tmp_path, inputs={})


def test_a_single_method_without_a_reference_has_no_correlations(textcnn, texts, tmp_path):
    tables = evaluate(textcnn, texts, Options(methods=("signed_gi",)), tmp_path, inputs={})
    assert len(tables.correlation) == len(tables.comparisons) == len(tables.signs) == 0
    assert set(tables.aopc["method"]) == {"signed_gi"}


def test_max_k_shortens_the_curve_and_changes_no_number(textcnn, texts, tmp_path):
    whole = evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={}).aopc
    cut = evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={}, max_k=2).aopc
    pd.testing.assert_frame_equal(cut, whole[whole["k"] <= 2].reset_index(drop=True), check_exact=True)


def test_the_record_of_inputs_is_json(textcnn, texts, tmp_path):
    evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={"methods": METHODS})
    assert json.loads((tmp_path / "documents" / "inputs.json").read_text()) == {"methods": list(METHODS)}


def test_curves_of_a_file_are_those_of_its_documents(textcnn, texts, tmp_path):
    evaluate(textcnn, texts, OPTIONS, tmp_path, inputs={})
    ids, curves = read_curves(document_paths(tmp_path)[1])
    documents = evaluate_texts(textcnn, texts.select(range(3, 6)), OPTIONS)
    assert ids == [13, 14, 15]
    for method in METHODS:
        for curve, document in zip(curves[method], documents, strict=True):
            np.testing.assert_array_equal(curve, document.curves[method])


def test_a_model_in_training_mode_is_evaluated_in_eval_mode_and_restored(texts):
    model, tokenizer = make("bert")
    expected = [d.curves["loo"] for d in evaluate_texts(Explainer(model, tokenizer), texts, OPTIONS)]
    in_training = Explainer(model.train(), tokenizer)
    actual = [d.curves["loo"] for d in evaluate_texts(in_training, texts, OPTIONS)]
    assert model.training
    for a, b in zip(expected, actual, strict=True):
        np.testing.assert_array_equal(a, b)


def test_each_batch_reports_its_documents_and_their_cost(textcnn, texts):
    batches = []
    options = dataclasses.replace(OPTIONS, batch_tokens=16)
    evaluate_texts(textcnn, texts, options, advance=lambda documents, cost: batches.append((documents, cost)))
    assert len(batches) > 2
    documents, cost = (sum(column) for column in zip(*batches, strict=True))
    assert documents == len(texts)
    of_text = shards.DocumentCost.of(textcnn, options)
    assert of_text.linear
    assert cost == sum(part.cost for part in shards.make_shards(texts, of_text))

"""Rows of evaluated documents: written and read with Parquet and `datasets`, as documented."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, load_dataset

from hf_gradexplain.attribution.methods import METHODS as ALL_METHODS
from hf_gradexplain.evaluation.columns import describe_columns
from hf_gradexplain.evaluation.documents import (
    EvaluatedDocument,
    iterate_documents,
    read_explanations,
    schema,
    write_documents,
)
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.explanation.arrow_columns import to_records, to_table
from hf_gradexplain.explanation.records import UNITS
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts
from hf_gradexplain.text.unit import Occurrences, Unit, UnitPlaces
from tests.helpers.plain_rows import plain_row
from tests.helpers.tiny import CORPUS, explainer

METHODS = ("random", "loo", "sa_l2", "signed_gi")
EVERYTHING = Measures(random_orders=3, both_ends=True, bounds=True, beam_size=2)
PAGE = Path(__file__).parents[2] / "docs" / "documents.md"


@pytest.fixture(scope="module")
def documents():
    texts = Dataset.from_dict({"id": range(7), "text": [*CORPUS, "", "bad"], "label": [0, 1, 0, 1, 0, 1, 0]})
    return evaluate_texts(
        explainer("textcnn"), texts, Options(methods=METHODS, unit="word_type", target="label"), EVERYTHING
    )


@pytest.fixture(scope="module")
def path(documents, tmp_path_factory):
    path = tmp_path_factory.mktemp("documents") / "00000000.parquet"
    write_documents(documents, path, schema(METHODS, EVERYTHING))
    return path


def test_rows_are_read_back_by_datasets(documents, path, tmp_path):
    rows = load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path))
    assert len(rows) == 7
    for document, row in zip(documents, rows, strict=True):
        read = EvaluatedDocument.from_row(row)
        assert plain_row(read) == plain_row(document)
        named = {**row, "class_names": document.explanation.class_names}  # from the metadata of the file
        assert Explanation.from_dict(named).to_dict() == document.explanation.to_dict()


def test_rows_are_read_back_from_parquet(documents, path):
    read = [explanation for _, explanation in read_explanations(path)]
    assert [e.to_dict() for e in read] == [d.explanation.to_dict() for d in documents]
    assert [e.label for e in read] == [0, 1, 0, 1, 0, 1, 0]
    assert read[0].class_names == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_columns_give_the_documents_of_the_rows(documents, path):
    pairs = zip(iterate_documents([path, path]), documents * 2, strict=True)
    for i, (read, document) in enumerate(pairs):
        assert plain_row(read) == plain_row(document), i
        assert read.explanation == document.explanation
        assert read.explanation.units == document.explanation.units
    (first, *_) = iterate_documents([path], ["curves", "signs"])
    assert first.signs == documents[0].signs
    assert {method: x.tolist() for method, x in first.curves.items()} == plain_row(documents[0])["curves"]
    unread = (first.correlations, first.negative_first, first.random_orders, first.bounds)
    assert not any(unread)


def test_columns_of_a_part_of_a_batch_and_with_nulls(path):
    table = pq.read_table(path)
    names = [field.name for field in table.schema.field("scores").type]
    scores = pa.StructArray.from_arrays(
        [pa.array([[1.0]] * 3 + [None] * 4, pa.list_(pa.float64()))] * len(names), names=names
    )
    (batch,) = table.set_column(table.schema.get_field_index("scores"), "scores", scores).slice(2, 4).to_batches()
    for record, row in zip(to_records(batch), batch.to_pylist(), strict=True):
        assert [(unit.text, [list(span) for span in unit.spans]) for unit in record["units"].units()] == [
            (unit["text"], unit["spans"]) for unit in row["units"]
        ]
        plain = {name: None if x is None else list(x) for name, x in record["scores"].items()}
        assert plain == row["scores"]
        others = {"units", "scores", "curves", "negative_first", "random_orders"}
        assert {k: v for k, v in record.items() if k not in others} == {k: row[k] for k in row if k not in others}


def test_numbers_are_read_as_arrays_and_what_is_null_stays_so(path):
    (batch,) = pq.ParquetFile(path).iter_batches(columns=["units", "scores", "curves", "negative_first"])
    for record, row in zip(to_records(batch), batch.to_pylist(), strict=True):
        for name in ("scores", "curves", "negative_first"):
            assert {type(numbers) for numbers in record[name].values()} == {np.ndarray}
            assert {method: numbers.tolist() for method, numbers in record[name].items()} == row[name]
    numbers = pa.array([{"loo": [0.5]}, None, {"loo": None}], pa.struct([("loo", pa.list_(pa.float64()))]))
    units = pa.array([[]] * 3, UNITS)
    records = to_records(pa.RecordBatch.from_arrays([units, numbers], ["units", "scores"]))
    assert [record["scores"] for record in records] == numbers.to_pylist()
    (record,) = to_records(pa.RecordBatch.from_arrays([pa.array([[0.5, None]], pa.list_(pa.float64()))], ["alone"]))
    assert record == {"alone": [0.5, None]}
    gaps = pa.array([{"loo": [0.5, None]}], pa.struct([("loo", pa.list_(pa.float64()))]))
    (record,) = to_records(pa.RecordBatch.from_arrays([gaps], ["scores"]))
    np.testing.assert_array_equal(record["scores"]["loo"], [0.5, np.nan])


@pytest.mark.parametrize("empty", [False, True])
def test_the_table_of_records_is_that_of_lists_and_dictionaries(path, empty):
    """With lists of units and numbers that are null, empty, and beyond a part of a file."""
    table, methods = pq.read_table(path), ("loo", "sa_l2")
    batch, columns = table.slice(0, 0 if empty else 7).combine_chunks().to_batches()[0:1], table.schema
    records = to_records(batch[0]) if batch else []
    for record in records[::2]:
        record |= {"units": UnitPlaces.of(()), "scores": dict.fromkeys(methods), "probabilities": None, "label": None}
    word = UnitPlaces.of([Unit("é", ((0, 1), (4, 5)))])
    records[3:4] = [{"id": 7, "units": word, "probabilities": np.array([0.5])}] * bool(records)
    plain = [[{"text": unit.text, "spans": unit.spans} for unit in record["units"].units()] for record in records]
    rows = [{**record, "units": of_text} for record, of_text in zip(records, plain, strict=True)]
    written = to_table(records, columns)
    written.validate(full=True)
    assert written.equals(pa.Table.from_pylist(rows, schema=columns), check_metadata=True)


def test_occurrences_are_written_as_their_units():
    """The word "a" occurs three times; the second unit has no characters in the text and is shown as a byte."""
    spans = np.array([[0, 1], [2, 2], [3, 4], [5, 6], [7, 9]])
    found = Occurrences("a  a a bc", np.array([0, 1, 0, 0, 2]), spans, {1: "<0x20>"}, 3)
    assert [(unit.text, unit.spans) for unit in found.units()] == [
        ("a", ((0, 1), (3, 4), (5, 6))),
        ("<0x20>", ((2, 2),)),
        ("bc", ((7, 9),)),
    ]
    columns = pa.schema([("units", UNITS)])
    none = UnitPlaces.of(())
    both = (found.places(), UnitPlaces.of(found.units()))
    tables = [to_table([{"units": places}, {"units": none}], columns) for places in both]
    assert tables[0].equals(tables[1])
    assert to_records(tables[0].to_batches()[0])[0]["units"].units() == found.units()


def test_the_units_of_an_explanation_are_written_whether_they_were_read_or_replaced():
    texts = Dataset.from_dict({"id": [0], "text": CORPUS[:1]})
    (document,) = evaluate_texts(explainer("textcnn"), texts, Options(methods=METHODS, unit="word_type"))
    assert isinstance(vars(document.explanation)["_units"], Occurrences), "the units have not been made"
    before = plain_row(document)
    units = document.explanation.units
    assert document.to_row()["units"].units() == units
    assert plain_row(document) == before
    other = replace(document.explanation, units=(replace(units[0], text="another"), *units[1:]))
    assert replace(document, explanation=other).to_row()["units"].texts[0] == "another"


def test_measures_that_are_off_have_no_column():
    names = schema(["signed_gi"]).names
    assert not {"correlations", "signs", "negative_first", "random_orders", "bounds"} & set(names)
    assert {"correlations", "signs"} <= set(schema(METHODS).names)


def test_both_ends_of_an_order_meet(documents):
    for document in documents:
        for method in METHODS:
            top, low = document.curves[method], document.negative_first[method]
            assert len(top) == len(low) == len(document.explanation.units) + 1
            assert (low[0], low[-1]) == pytest.approx((top[0], top[-1]), rel=1e-9)


def test_bounds_hold_for_every_order(documents):
    for document in documents:
        for curve in [*document.curves.values(), *document.negative_first.values()]:
            aopc = (curve[0] - curve).mean()
            assert document.bounds["lower"] - 1e-9 <= aopc <= document.bounds["upper"] + 1e-9


def test_mean_and_variance_of_random_orders_have_a_number_for_every_k(documents):
    for document in documents:
        size = len(document.explanation.units) + 1
        assert {name: x.shape for name, x in document.random_orders.items()} == {"mean": (size,), "variance": (size,)}
        assert document.random_orders["variance"][0] == 0
        assert document.random_orders["mean"][0] == pytest.approx(document.curves["loo"][0])
        if size > 4:
            assert document.random_orders["variance"][2] > 0


def test_the_page_lists_every_column_with_its_type_and_meaning():
    first = PAGE.read_text(encoding="utf-8").partition("# Tables of a run")[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| (.+) \|$", first, flags=re.M)
    assert rows == describe_columns(
        schema(["loo", "integrated_gradients", "shapley"], EVERYTHING, ("windows", "deciding"))
    )


def test_a_method_may_have_any_name(monkeypatch):
    for name in ("pearson", "a.b_p"):
        monkeypatch.setitem(ALL_METHODS, name, ALL_METHODS["signed_gi"])
    names = [name for name, _, _ in describe_columns(schema(["loo", "pearson", "a.b_p"]))]
    assert "scores.METHOD" in names
    assert len(names) == len(set(names))
    assert not [name for name in names if "pearson" in name or "a.b" in name]


def test_the_page_shows_how_to_read_a_run(documents, path, monkeypatch, capsys, tmp_path):
    (tmp_path / "outputs" / "evaluate").mkdir(parents=True)
    (tmp_path / "outputs" / "evaluate" / "documents").symlink_to(path.parent)
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S):
        exec(block, {})
    printed = capsys.readouterr().out
    assert documents[0].explanation.text in printed
    curve = documents[0].curves["signed_gi"]
    assert f"{np.mean(curve[0] - curve):.3f}" in printed


def test_what_was_not_read_of_a_truncated_text_needs_no_column(tmp_path):
    text, path = "the bad film is not good", tmp_path / "00000000.parquet"
    options = Options(methods=METHODS, tokenizer_kwargs={"max_length": 5})
    (document,) = evaluate_texts(explainer("bert"), Dataset.from_dict({"id": [0], "text": [text]}), options)
    write_documents([document], path, schema(METHODS))
    (read,) = iterate_documents([path])
    assert read.explanation.unread == document.explanation.unread == ((document.explanation.truncated_at, len(text)),)
    assert "unread" not in pq.read_schema(path).names

"""A list of explanations: shown, sliced, tabulated, saved and loaded."""

import dataclasses
import json
import pickle
from copy import copy

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.text.unit import Unit
from tests.helpers.tiny import TEXTS, explainer


def explanation_of(text="bad film", **changes):
    units = (Unit("bad", ((0, 3),)), Unit("film", ((4, 8),)))
    explanation = Explanation(
        text, units, {"loo": np.array([0.5, -0.25])}, target=1, target_label="neg", prediction=0,
        probabilities=np.array([0.75, 0.25]), objective="loss", unit="word",
    )  # fmt: skip
    return dataclasses.replace(explanation, **changes)


@pytest.fixture(scope="module")
def of_all_kinds():
    """Explanations of single texts and pairs, with every field set in some of them, by methods in several orders."""
    bert, long = explainer("bert"), "the film is bad " * 40
    return Explanations(
        [
            *bert(list(TEXTS), ("integrated_gradients", "loo"), self_check=True),
            *bert([("the film", long), ("", "")], ("loo", "integrated_gradients"), "token"),
            bert("naïve 😀 \x00 \u202e", tokenizer_kwargs={"padding": "max_length", "max_length": 32}),
            explainer("bart", "regression")(TEXTS[0], "sa_l2", "word_type"),
            explanation_of(scores={"a.b": np.array([1.0, np.pi]), "": np.array([1e-300, -0.0])}, label=2),
        ]
    )


def test_a_list_of_texts_gives_explanations_and_a_text_gives_one():
    explanations = explainer("fasttext")(["a film", "bad"])
    assert type(explanations) is Explanations
    assert isinstance(explainer("fasttext")("a film"), Explanation)
    assert [explanation.text for explanation in explanations] == ["a film", "bad"]


def test_it_is_a_list_whose_slices_are_explanations(of_all_kinds):
    assert isinstance(of_all_kinds, list)
    assert type(of_all_kinds[1:3]) is Explanations
    assert of_all_kinds[1:3] == [of_all_kinds[1], of_all_kinds[2]]
    assert type(of_all_kinds[-1]) is Explanation
    assert pickle.loads(pickle.dumps(of_all_kinds)) == of_all_kinds


def test_sums_repetitions_and_copies_are_explanations(of_all_kinds):
    n, last = len(of_all_kinds), of_all_kinds[-1]
    for found, expected in (
        (of_all_kinds + of_all_kinds[:2], [*of_all_kinds, *list(of_all_kinds)[:2]]),
        (of_all_kinds + [last], [*of_all_kinds, last]),  # noqa: RUF005
        (of_all_kinds * 2, [*of_all_kinds, *of_all_kinds]),
        (3 * of_all_kinds[:1], [of_all_kinds[0]] * 3),
        (of_all_kinds * 0, []),
        (of_all_kinds.copy(), [*of_all_kinds]),
        (copy(of_all_kinds), [*of_all_kinds]),
    ):
        assert type(found) is Explanations
        assert list(found) == expected
        assert found is not of_all_kinds
    assert len(of_all_kinds) == n
    for wrong in (lambda: of_all_kinds + 3, lambda: of_all_kinds * 1.5):
        with pytest.raises(TypeError):
            wrong()


def test_the_repr_says_how_many_there_are_and_shows_five(of_all_kinds):
    first, *rows, last = repr(of_all_kinds).splitlines()
    assert first == "Explanations of 11 texts"
    assert rows == [f"[{number}] {of_all_kinds[number]!r}" for number in range(5)]
    assert last == "... and 6 more: take a slice to see them, or write all with to_html(path)"
    assert repr(Explanations([explanation_of()])).splitlines() == [
        "Explanations of 1 text",
        f"[0] {explanation_of()!r}",
    ]
    assert repr(Explanations()) == "Explanations of 0 texts"
    assert repr(of_all_kinds[:5]).splitlines() == ["Explanations of 5 texts", *rows], "none is left out"


def test_a_notebook_shows_five_and_says_how_many_more(of_all_kinds):
    html = of_all_kinds._repr_html_()
    assert [html.count(of_all_kinds[i]._repr_html_()) for i in (0, 2, 3)] == [1, 1, 1]
    assert of_all_kinds[5]._repr_html_() not in html
    assert "... and 6 more" in html
    assert "more" not in of_all_kinds[:5]._repr_html_().replace("more:", "")
    hostile = Explanations([explanation_of("<b onclick=alert(1)>")])
    assert "<b onclick" not in hostile._repr_html_() + hostile.to_html()


def test_the_frame_has_one_row_per_unit_of_every_text():
    other = explanation_of(scores={"sa_l2": np.array([2.0, 1.0]), "loo": np.array([3.0, 4.0])})
    empty = explanation_of("", units=(), scores={"loo": np.zeros(0)})
    frame = Explanations([explanation_of(), empty, other]).to_frame()
    expected = pd.DataFrame(
        {
            "text_id": [0, 0, 2, 2],
            "unit": ["bad", "film", "bad", "film"],
            "start": [0, 4, 0, 4],
            "end": [3, 8, 3, 8],
            "loo": [0.5, -0.25, 3.0, 4.0],
            "sa_l2": [np.nan, np.nan, 2.0, 1.0],
        }
    )
    pd.testing.assert_frame_equal(frame, expected)
    assert Explanations().to_frame().columns.tolist() == ["text_id", "unit", "start", "end"]


def test_the_page_holds_every_explanation(of_all_kinds, tmp_path):
    path = tmp_path / "page.html"
    assert of_all_kinds.to_html(path) is None
    page = path.read_text(encoding="utf-8")
    assert page == of_all_kinds.to_html()
    assert page.startswith("<!DOCTYPE html>")
    assert all(explanation.to_html() in page for explanation in of_all_kinds)


@pytest.mark.parametrize("name", ["explanations.parquet", "explanations.jsonl"])
def test_saved_explanations_are_loaded_as_they_were(of_all_kinds, name, tmp_path):
    of_all_kinds.save(tmp_path / name)
    loaded = Explanations.load(str(tmp_path / name))
    assert type(loaded) is Explanations
    for old, new in zip(of_all_kinds, loaded, strict=True):
        for field in dataclasses.fields(Explanation):
            before, after = getattr(old, field.name), getattr(new, field.name)
            if field.name == "scores":
                assert [(m, x.tobytes()) for m, x in after.items()] == [(m, x.tobytes()) for m, x in before.items()]
            elif field.name == "probabilities":
                assert after.tobytes() == before.tobytes()
            else:
                assert repr(after) == repr(before), field.name
    assert loaded == of_all_kinds
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_json_lines_are_those_of_other_writers_too(tmp_path):
    """With or without escapes, further keys, empty lines, and characters that only Python takes for line ends."""
    explanations = Explanations([explanation_of("bad\u2028film \x85"), explanation_of("bad\ud800")])
    records = [{**explanation.to_dict(), "commits": {"model": "abc"}} for explanation in explanations]
    lines = [json.dumps(records[0], ensure_ascii=False), json.dumps(records[1]), ""]
    (tmp_path / "theirs.JSONL").write_bytes("\r\n".join(lines).encode())
    assert Explanations.load(tmp_path / "theirs.JSONL") == explanations
    explanations.save(tmp_path / "ours.jsonl")
    written = (tmp_path / "ours.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in written.splitlines()] == [e.to_dict() for e in explanations]


def test_each_field_that_may_be_empty_is_set_somewhere(of_all_kinds):
    by_method = ("self_check", "completeness", "baselines")
    for name in ("truncated_at", "pair_start", "why", "tokenizer_kwargs", "label", "class_names", *by_method):
        assert any(getattr(explanation, name) for explanation in of_all_kinds), name
    assert {explanation.regression for explanation in of_all_kinds} == {True, False}


def test_the_file_of_one_explanation_names_the_function_that_loads_it(tmp_path):
    explanation_of("bad film").save(tmp_path / "one.json")
    with pytest.raises(GradexplainError, match=r"one.json is a name for one explanation: use Explanation.load"):
        Explanations.load(tmp_path / "one.json")


@pytest.mark.parametrize("name", ["some.json", "some.csv", "some.svg", "some.parquet.gz", "some", ".jsonl"])
def test_names_of_other_files_are_refused(name, tmp_path):
    with pytest.raises(GradexplainError) as error:
        Explanations([explanation_of()]).save(tmp_path / name)
    assert str(error.value) == f"cannot save to {tmp_path / name}: give a name that ends in .parquet or .jsonl"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["none.parquet", "none.jsonl", "none.PARQUET"])
def test_no_explanations_are_loaded_as_none(name, tmp_path):
    Explanations().save(tmp_path / name)
    assert Explanations.load(tmp_path / name) == []


def test_other_programs_read_the_file(of_all_kinds, tmp_path):
    of_all_kinds.save(tmp_path / "explanations.parquet")
    rows = load_dataset("parquet", data_files=str(tmp_path / "*.parquet"), split="train", cache_dir=str(tmp_path / "c"))
    assert [Explanation.from_dict(row) for row in rows] == of_all_kinds
    assert pd.read_parquet(tmp_path / "explanations.parquet")["text"].tolist() == [e.text for e in of_all_kinds]


def changed_byte(path):
    content, column = bytearray(path.read_bytes()), pq.ParquetFile(path).metadata.row_group(0).column(0)
    content[column.file_offset + column.total_compressed_size - 1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "No such file or directory|Failed to open"),
        (lambda path: path.write_bytes(b""), "Parquet file size is 0 bytes"),
        (lambda path: path.write_bytes(b"{}" * 100), "magic bytes not found"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "magic bytes not found"),
        (changed_byte, "crc|CRC|checksum"),
        (lambda path: pq.write_table(pa.table({"text": ["bad"]}), path), "it holds something else"),
        (lambda path: pq.write_table(pq.read_table(path).drop_columns("target"), path), "it holds something else"),
    ],
    ids=["missing", "empty", "json", "cut off", "a wrong byte", "other columns", "a missing column"],
)
def test_a_file_that_holds_no_explanations_is_refused_in_one_sentence(spoil, reason, tmp_path):
    path = tmp_path / "explanations.parquet"
    Explanations([explanation_of("bad film " * 200)]).save(path)
    spoil(path)
    message = rf"^cannot load .*explanations.parquet \(.*({reason}).*\): give a file that Explanations.save wrote$"
    with pytest.raises(GradexplainError, match=message):
        Explanations.load(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"{", "Expecting"), (b"\xff", "decode"), (b"[1]\n", "something else"), (b'{"text": "a"}\n', "something else")],
    ids=["cut off", "no text", "a list", "a missing key"],
)
def test_lines_that_hold_no_explanations_are_refused_in_one_sentence(content, reason, tmp_path):
    (tmp_path / "lines.jsonl").write_bytes(content)
    message = rf"^cannot load .*lines.jsonl \(.*{reason}.*\): give a file that Explanations.save wrote$"
    with pytest.raises(GradexplainError, match=message):
        Explanations.load(tmp_path / "lines.jsonl")


def test_what_parquet_cannot_hold_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(
        GradexplainError, match=r"^cannot write the explanations to a Parquet file \(.*surrogates.*\): give a path that"
    ):
        Explanations([explanation_of("bad\ud800")]).save(tmp_path / "explanations.parquet")
    assert list(tmp_path.iterdir()) == []

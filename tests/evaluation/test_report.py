"""The report of an evaluation: all documents are in it, over as many files as they need."""

import gzip
import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from hf_gradexplain.evaluation.documents import EvaluatedDocument, iterate_documents
from hf_gradexplain.evaluation.report import (
    STATIC_DOCUMENTS,
    _charts,
    _class_names,
    _leading,
    _method,
    _remove_pages,
    _table,
    pack_documents,
    pack_tasks,
    write_report,
)
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.options import Options
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.viz.report_documents import DocumentPacker
from tests.helpers.tiny import CORPUS, explainer

OPTIONS = Options(methods=("random", "loo", "signed_gi"), target="label", unit="word")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """The tables and the documents of a run over a few texts, one of them empty."""
    folder = tmp_path_factory.mktemp("run")
    texts = [*CORPUS, "", "😀 the good end\r\nof a film"]
    rows = Dataset.from_dict({"id": range(len(texts)), "text": texts, "label": [0, 1] * 3 + [0] * (len(texts) - 6)})
    return evaluate(explainer("textcnn"), rows, OPTIONS, folder, inputs={}), document_paths(folder)


FIGURES = dict.fromkeys(("aopc", "ends", "correlation"), b"<svg/>")


def report(evaluated, path, **options):
    tables, paths = evaluated
    documents = (pack_documents([document], tables) for document in iterate_documents(paths))
    write_report(path, title="T", facts={}, tables=tables, documents=documents, figures=FIGURES, **options)
    return path.read_text(encoding="utf-8")


def unpacked(page, name):
    return json.loads(gzip.decompress(b64decode(re.search(rf'id="{name}">([^<]*)<', page)[1])))


def blocks(page):
    return [document for name in re.findall(r'id="(block-\d+)"', page) for document in unpacked(page, name)]


def test_the_page_holds_every_number_of_every_document(evaluated, tmp_path):
    page = report(evaluated, tmp_path / "report.html")
    index, shown, documents = unpacked(page, "index-data"), blocks(page), list(iterate_documents(evaluated[1]))
    assert index["row"] == [document.id for document in documents]
    assert index["text"] == [document.explanation.text.replace("\r\n", "\n") for document in documents]
    assert index["label"] == [document.label for document in documents]
    seen = {number for d in documents for number in (d.label, d.explanation.target, d.explanation.prediction)}
    assert index["classes"] == {str(number): f"LABEL_{number}" for number in seen}
    for d, (document, parts) in enumerate(zip(documents, shown, strict=True)):
        for m, method in enumerate(OPTIONS.methods):
            scores = [float(f"{score:.2e}") for score in document.explanation.scores[method]]
            assert parts["scores"][m] == scores
            assert parts["curves"][m] == pytest.approx(document.curves[method], abs=6e-5)
            drops = document.curves[method][0] - np.pad(document.curves[method], (0, 11), mode="edge")[:11]
            assert index["areas"][m][d] == pytest.approx(drops.mean(), abs=6e-5)
            r = document.correlations.get(method, {}).get("pearson")
            assert index["r"][m][d] == (None if r is None else pytest.approx(r, abs=6e-4))
        units = [unit.text for unit in document.explanation.units]
        pieces, start = [], 0
        encoded = index["text"][d].encode("utf-16-le")
        for length, owner in zip(parts["lengths"], parts["owners"], strict=True):
            pieces.append((encoded[2 * start : 2 * (start + length)].decode("utf-16-le"), owner))
            start += length
        assert [(text, owner) for text, owner in pieces if owner >= 0] == [(text, u) for u, text in enumerate(units)]


def rows(**curves):
    """AOPC of each method at 0 and at k units."""
    made = [(name, k, k * x, k * x - 0.1, k * x + 0.1, 5) for name, (x, k_max) in curves.items() for k in (0, k_max)]
    return pd.DataFrame(made, columns=["method", "k", "aopc", "ci_low", "ci_high", "n"])


def test_each_chart_has_the_curves_of_its_kind():
    aopc = rows(loo=(0.5, 1), random=(0.1, 1))
    curves = pd.concat([aopc.assign(curve="removal"), aopc.assign(curve="negative_first", aopc=aopc["aopc"] * 2)])
    curves = pd.concat([curves, aopc.assign(curve="sufficiency", aopc=aopc["aopc"] * 3)])
    (alone,) = _charts(Tables(aopc, pd.DataFrame()))
    assert "band" not in alone
    assert [line["low"] for line in alone["lines"]] == [[-0.1, 0.4], [-0.1, 0.0]]
    (without,) = _charts(Tables(aopc.assign(ci_low=np.nan, ci_high=np.nan), pd.DataFrame()))
    assert {*without["lines"][0]} == {*alone["lines"][0]} - {"low", "high"}
    assert [line["values"] for line in without["lines"]] == [line["values"] for line in alone["lines"]]
    assert "Grey" not in alone["note"]
    chance = pd.DataFrame({"k": [0, 1], "low": [0.0, 0.1], "high": [0.0, 0.2]})
    charts = _charts(Tables(aopc, pd.DataFrame(), curves=curves, chance=chance))
    assert [chart["lines"][0]["values"] for chart in charts] == [[0.0, 0.5], [0.0, 1.0], [0.0, 1.5]]
    assert [chart["title"] for chart in charts] == [
        "Highest-scored units removed", "Lowest-scored units removed first", "Highest-scored units kept alone"
    ]  # fmt: skip
    assert charts[0]["band"]["high"] == [0.0, 0.2]
    assert "Grey: AOPC of random orders" in charts[0]["note"]
    assert charts[1]["note"].startswith("Lower is better. The fall")


def test_labels_have_the_names_of_their_classes_and_others_their_number():
    explanation = explainer("textcnn")("bad film", "loo", target="predicted")
    known, other = explanation.prediction, (explanation.prediction + 1) % 3
    named = {known: f"LABEL_{known}"}
    assert _class_names(explanation, None) == named
    assert _class_names(explanation, other) == named | {other: f"LABEL_{other}"}
    of_one = replace(explanation, target=1, prediction=1, target_label="x", prediction_label="x")
    assert _class_names(of_one, 0) == {0: "LABEL_0", 1: "x"}
    n = len(explanation.class_names)
    for label in (-1, n):
        assert _class_names(explanation, label) == named | {label: f"class {label}"}


@pytest.mark.parametrize(
    ("curves", "leading"),
    [
        ({"a": (0.1, 1), "b": (0.2, 1), "loo": (0.9, 1), "random": (0.9, 1)}, "b"),
        ({"loo": (0.5, 1), "random": (0.9, 1)}, "random"),
        ({"loo": (0.5, 1)}, "loo"),
        ({"a": (0.1, 10), "b": (0.2, 10)}, "b"),
        ({"a": (0.1, 12), "a2": (0.01, 10), "b": (0.02, 10)}, "b"),  # compared at ten units
    ],
)
def test_the_leading_method_has_the_highest_aopc(curves, leading):
    assert _leading(Tables(rows(**curves), pd.DataFrame())) == leading


def test_a_caption_is_split_into_title_and_sentence():
    table = _table("Title: the rest", pd.DataFrame({"n": [1], "x": [2]}))
    assert (table.title, table.caption, list(table.columns)) == ("Title", "The rest", ["n"])
    assert _table("Title", pd.DataFrame()).caption == ""
    method = _method("loo", "careful")
    assert (method.signed, method.reference, method.warning) == (True, True, "careful")
    assert (_method("sa_l2", "").signed, _method("sa_l2", "").reference) == (False, False)
    assert (_method("own", "").signed, _method("own", "").about) == (True, "")


def test_a_character_of_several_tokens_has_the_sum_of_their_scores(evaluated, tmp_path):
    explanation = explainer("gpt2")("電!", OPTIONS.methods, unit="token")
    of_bytes = explanation.scores["signed_gi"]
    assert len(of_bytes) == 4
    document = EvaluatedDocument(0, 0, explanation, dict.fromkeys(OPTIONS.methods, np.zeros(5)), {})
    path = tmp_path / "report.html"
    packed = pack_documents([document], evaluated[0])
    write_report(path, title="T", facts={}, tables=evaluated[0], documents=[packed], figures=FIGURES)
    (shown,) = blocks(path.read_text(encoding="utf-8"))
    assert shown["owners"] == [0, 3]
    scores = shown["scores"][OPTIONS.methods.index("signed_gi")]
    assert scores[0] == pytest.approx(of_bytes[:3].sum(), rel=5e-3)
    assert scores[3] == pytest.approx(of_bytes[3], rel=5e-3)


def test_documents_that_do_not_fit_go_to_linked_files(evaluated, tmp_path):
    """Every file but the last is closed as soon as it is full; all of them are linked from the first."""
    opening = report(evaluated, tmp_path / "my report.html", file_bytes=1)
    further = sorted((tmp_path / "my report_pages").iterdir(), key=lambda path: int(path.stem))
    assert [path.name for path in further] == [f"{n}.html" for n in range(2, len(further) + 2)]
    assert len(further) > 1
    pages = [opening, *(path.read_text(encoding="utf-8") for path in further)]
    rows = [row for page in pages for row in unpacked(page, "index-data")["row"]]
    assert rows == [document.id for document in iterate_documents(evaluated[1])]
    links = re.findall(r'<a href="([^"#]+)">', opening)
    assert links == [f"my%20report_pages/{path.name}" for path in further]
    assert re.findall(r'<a href="([^"#]+)">', pages[1])[:2] == ["../my%20report.html", "3.html"]
    assert "Methods compared" in opening
    assert not any("Methods compared" in page for page in pages[1:])


def test_a_file_is_full_if_its_documents_have_just_its_size(evaluated, tmp_path):
    first, second = [*iterate_documents(evaluated[1])][:2]
    packer = DocumentPacker(list(OPTIONS.methods), STATIC_DOCUMENTS)
    packer.extend(pack_documents([first], evaluated[0]))
    size = packer.size
    for file_bytes, rows in ((size, [first.id]), (size + 1, [first.id, second.id])):
        opening = report(evaluated, tmp_path / "index.html", file_bytes=file_bytes)
        assert unpacked(opening, "index-data")["row"] == rows


def test_files_of_a_longer_report_are_removed_and_all_others_stay(evaluated, tmp_path):
    path, folder = tmp_path / "index.html", tmp_path / "index_pages"
    report(evaluated, path, file_bytes=1)
    n = len(list(folder.iterdir()))
    assert n > 2
    others = ["mine.html", f"{n + 3}.html", "1.html", "02.html", "2.htm", "x2.html"]
    for name in others:
        (folder / name).write_text("mine")
    (folder / f"{n + 2}.html").mkdir()
    report(evaluated, path, file_bytes=1)
    numbers = {f"{number}.html" for number in range(2, n + 3)}
    assert {page.name for page in folder.iterdir()} == {*others, *numbers}
    report(evaluated, path)
    assert {page.name for page in folder.iterdir()} == {*others, f"{n + 2}.html"}
    assert all((folder / name).read_text() == "mine" for name in others)


def test_a_report_that_fails_leaves_the_pages_of_the_last_one(evaluated, tmp_path):
    """Pages are removed after the report that has fewer of them is written."""
    path, folder = tmp_path / "r.html", tmp_path / "r_pages"
    opening = report(evaluated, path, file_bytes=1)
    pages = {page.name: page.read_bytes() for page in folder.iterdir()}

    def failing():
        yield from (task() for task in pack_tasks(evaluated[1], evaluated[0]))
        raise OSError("the disk failed")

    with pytest.raises(OSError, match="the disk failed"):
        write_report(path, title="T", facts={}, tables=evaluated[0], documents=failing(), figures=FIGURES)
    assert {page.name: page.read_bytes() for page in folder.iterdir()} == pages
    assert path.read_text(encoding="utf-8") == opening


def test_pages_are_removed_from_the_last_on_so_that_no_number_is_missing(tmp_path, monkeypatch):
    """After an interruption, the next report still finds all of them."""
    for number in (2, 3, 4):
        (tmp_path / f"{number}.html").touch()
    removed = []
    monkeypatch.setattr(Path, "unlink", lambda path: removed.append(path.name))
    _remove_pages(tmp_path, 2)
    assert removed == ["4.html", "3.html", "2.html"]


def test_a_report_of_one_file_has_no_links_and_the_same_bytes_each_time(evaluated, tmp_path):
    first = report(evaluated, tmp_path / "a.html")
    assert re.findall(r'<a href="([^"#]+)">', first) == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
    assert report(evaluated, tmp_path / "a.html") == first


def test_four_documents_are_shown_without_scripts(evaluated, tmp_path):
    page = report(evaluated, tmp_path / "r.html")
    assert len(re.findall('class="document', page)) == 4

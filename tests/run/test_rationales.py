"""Runs over texts with human rationales: what is stored, the table, and that both can be made again."""

import gzip
import json
import re
from base64 import b64decode
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.evaluation.documents import iterate_documents
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.run import make_run, rewrite
from hf_gradexplain.run.finished_run import FinishedRun
from tests.helpers.tiny import CORPUS, make
from tests.run.conftest import contents

METHODS = ("random", "loo", "signed_gi")
MASKS = [[int(word in ("good", "bad", "worst")) for word in text.split()] for text in CORPUS]
SPANS = [[[text.index(w), text.index(w) + len(w)] for w in ("good", "bad", "worst") if w in text] for text in CORPUS]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    for part in make("textcnn"):
        part.save_pretrained(folder / "model")
    columns = {"text": CORPUS, "label": [0, 1, 0, 1, 0], "mask": MASKS, "spans": SPANS}
    pd.DataFrame(columns).to_parquet(folder / "test.parquet")
    return folder


def arguments(saved, folder, **more):
    return EvaluateRecipeArguments(
        model_name_or_path=str(saved / "model"), dataset_name=str(saved / "test.parquet"), methods=METHODS,
        output_dir=str(folder), **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def masked(saved, tmp_path_factory):
    folder = tmp_path_factory.mktemp("masked") / "run"
    run_evaluation(arguments(saved, folder, rationale_mask_column="mask"))
    return folder


def write_table(folder, run, documents):
    """Write the table alone: figures and pages take longest."""
    run.extra["plausibility"].to_parquet(folder / "plausibility.parquet")


def marked(folder):
    documents = list(iterate_documents(sorted((folder / "documents").glob("*.parquet")), ()))
    return [[d.explanation.text[a:b] for a, b in d.rationale] for d in documents]


def test_the_rationales_travel_with_the_documents(masked):
    assert marked(masked)[:3] == [["good", "bad"], ["bad", "good"], ["good", "bad"]]
    assert marked(masked)[4] == ["worst", "bad", "bad"], "a comma stands between the last two"


def test_the_table_is_shown_everywhere(masked, capsys):
    table = pd.read_parquet(masked / "plausibility.parquet")
    assert list(table["method"]) == list(METHODS)
    page = Path(__file__).parents[2] / "docs" / "documents.md"
    assert f"| `plausibility` | `{', '.join(table.columns)}` |" in page.read_text(encoding="utf-8")
    assert set(table["n"]) == {5}
    record = json.loads((masked / "results.json").read_text())
    assert [row["auprc"] for row in record["plausibility"]] == pytest.approx(table["auprc"].tolist())
    for name in ("report.html", "README.md"):
        assert "Agreement with human rationales" in (masked / name).read_text()


def test_it_is_made_again_from_the_documents_alone(masked, monkeypatch):
    before, written = pd.read_parquet(masked / "plausibility.parquet"), []
    monkeypatch.setattr(FinishedRun, "extra", {})
    monkeypatch.setattr(rewrite, "write_results", lambda folder, run, documents: written.append(run))
    rewrite.rewrite_results(masked)
    pd.testing.assert_frame_equal(written[0].extra["plausibility"], before, check_exact=True)


def test_spans_a_stream_and_python_give_the_same(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(make_run, "write_results", write_table)
    run_evaluation(arguments(saved, tmp_path / "loaded", rationale_column="spans"))
    run_evaluation(arguments(saved, tmp_path / "stream", rationale_column="spans", streaming=True))
    explain = Explainer.from_pretrained(str(saved / "model"))
    result = explain.evaluate(
        list(CORPUS), METHODS, "word_type", labels=[0, 1, 0, 1, 0], rationales=SPANS, output_dir=tmp_path / "python",
        progress=False,
    )  # fmt: skip
    tables = [pd.read_parquet(tmp_path / name / "plausibility.parquet") for name in ("loaded", "stream", "python")]
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    pd.testing.assert_frame_equal(tables[0], tables[2], check_exact=True)
    pd.testing.assert_frame_equal(tables[0], result.plausibility, check_exact=True)
    assert [list(map(len, words)) for words in marked(tmp_path / "python")] == [
        [b - a for a, b in sorted(spans)] for spans in SPANS
    ]
    assert not len(explain.evaluate(CORPUS[0], methods="random", progress=False).plausibility)


@pytest.mark.slow
def test_two_processes_give_the_same_tables(start, inputs, tmp_path):
    path = tmp_path / "rows" / "test.parquet"
    path.parent.mkdir()
    frame = pd.read_parquet(inputs / "rows-101" / "test.parquet")
    frame.assign(mask=[[i % 3 == 0 for i in range(len(t.split()))] for t in frame["text"]]).to_parquet(path)
    given = {"dataset_name": str(path.parent), "model_name_or_path": str(inputs / "fasttext"), "methods": METHODS}
    given |= {"rationale_mask_column": "mask", "hybrid_documents": 20}
    runs = [start(tmp_path / str(n), n, **given) for n in (1, 2)]
    assert [run.wait() for run in runs] == [0, 0], "".join(run.printed() for run in runs)
    assert {"plausibility.parquet", "hybrid.parquet"} < contents(tmp_path / "1").keys()
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert contents(tmp_path / "1" / "hybrid") == contents(tmp_path / "2" / "hybrid")


def test_the_report_shows_what_people_marked(masked):
    page = (masked / "report.html").read_text(encoding="utf-8")
    assert "A line above" in page
    parts = dict(re.findall(r'<script type="application/gzip" id="([^"]*)">([^<]*)</script>', page))
    index, documents = (json.loads(gzip.decompress(b64decode(parts[name]))) for name in ("index-data", "block-0"))
    for text, mask, document in zip(index["text"], MASKS, documents, strict=True):
        starts = np.cumsum([0, *document["lengths"]])
        pieces = [text[a:b] for a, b in pairwise(starts)]
        lines = [piece for piece, mark in zip(pieces, document["marked"], strict=True) if mark]
        assert [line for line in lines if line.isalpha()] == [w for w, m in zip(text.split(), mask, strict=True) if m]

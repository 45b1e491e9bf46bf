"""`Evaluation.words`: the words of an evaluation from Python."""

import pandas as pd
import pytest

from hf_gradexplain.audit.words.words import find_words
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.run.finished_run import open_run
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.rewrite import rewrite_report
from tests.helpers.tiny import CORPUS, explainer

LABELS = [0, 1, 0, 1, 0]


@pytest.fixture(scope="module")
def result():
    methods = ["random", "loo", "signed_gi"]
    return explainer("textcnn").evaluate(list(CORPUS), methods, "word_type", labels=LABELS, progress=False)


def test_words_are_those_of_its_documents(result):
    words = result.words("loo", by="label", key=str.upper, min_documents=2)
    expected = find_words(result.documents, "loo", "label", str.upper, 2)
    pd.testing.assert_frame_equal(words.to_frame(), expected.to_frame())
    assert "FILM" in set(words.to_frame()["word"])
    assert repr(words).startswith(f"Words of {result.run.title}\n")
    areas = result.to_frame().set_index("method").iloc[:, 0]
    assert result.words().method == areas[["loo", "signed_gi"]].idxmax()


def test_texts_are_grouped_by_a_value_each(result):
    words = result.words(by=["a", "b", "a", None, "b"], min_documents=1)
    assert set(words.to_frame()["group"]) == {"a", "b"}
    assert words.n_documents == 4
    assert "4 texts, grouped by group" in words.summary
    assert words.to_frame().query("group == 'a' and word == 'film'")["n"].item() == 1
    with pytest.raises(
        GradexplainError, match=r"^by has 2 values for 5 texts: give one for each text, in their order$"
    ):
        result.words(by=["a", "b"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a run whose texts share words."""
    folder = tmp_path_factory.mktemp("run")
    texts = ["a music actor <b>", "a worst actor <b>"] * 10
    explainer("fasttext").evaluate(
        texts, ["signed_gi"], "word_type", labels=[0, 1] * 10, output_dir=folder, progress=False
    )
    return folder


def test_a_run_has_its_words_in_a_file_and_in_the_report(folder):
    expected = find_words(document_paths(folder))
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "words.parquet"), expected.to_frame())
    page = (folder / "report.html").read_text()
    assert '<a href="#audit-1">Words of each class</a>' in page
    assert expected.summary in page
    assert len(expected.top()) >= 2
    assert "words" not in open_run(folder).extra
    assert "words.parquet" in (folder / "SHA256SUMS").read_text()


def test_words_are_not_on_the_card_nor_in_the_results(folder):
    rare = {"music", "actor", "worst"}.intersection(find_words(document_paths(folder)).top()["word"])
    assert rare
    for name in ("README.md", "results.json"):
        assert not any(word in (folder / name).read_text() for word in rare)


def test_a_report_that_is_written_again_has_the_words(folder, tmp_path):
    written = rewrite_report(folder, tmp_path / "again.html")
    assert written.read_text() == (folder / "report.html").read_text()

"""The words of a run in its report."""

import numpy as np

from hf_gradexplain.audit.words.page import words_of_run, words_section
from tests.helpers.word_documents import make_document, random_documents, write


def test_a_section_has_the_words_of_each_class_and_a_figure(tmp_path):
    words = words_of_run(write(random_documents(120, boost=("w3",)), tmp_path), "a model on data")
    (section,) = words_section(words)
    assert section.caption == words.summary
    assert section.frame["word"].tolist() == ["w3"] * 3
    assert set(section.frame.columns) == set(section.columns)
    (figure,) = section.figures.values()
    assert figure.startswith(b"<?xml")


def test_the_table_stays_short_for_many_classes(tmp_path):
    words = words_of_run(write(random_documents(400, boost=[f"w{i}" for i in range(9)], vocabulary=100), tmp_path), "")
    assert words is None or len(words.top(9)) > 0
    (section,) = words_section(words)
    assert 3 < len(section.frame) <= 24


def test_without_words_there_is_no_section(tmp_path):
    assert words_of_run(write(random_documents(5), tmp_path / "few"), "") is None
    assert words_section(None) == []
    chance = [make_document(i, ["a", "b", "c"], {"signed_gi": np.roll([1, 2, 3], i)}) for i in range(12)]
    assert words_section(words_of_run(write(chance, tmp_path / "chance"), "")) == []

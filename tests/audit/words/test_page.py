"""The words of a run in its report."""

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.audit.words.page import words_of_run, words_section
from hf_gradexplain.audit.words.words import Words
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


@pytest.mark.parametrize(("groups", "rows"), [(1, 10), (2, 20), (3, 24), (5, 20), (24, 24), (30, 30)])
def test_the_table_has_as_many_words_of_each_class_as_24_rows_hold(groups, rows):
    numbers = dict.fromkeys(["frequency", "share", "share_ci_low", "share_ci_high", "others", "overall", "drop"], 0.5)
    numbers |= {"drop_ci_low": 0.4, "drop_ci_high": 0.6, "p": 0.0, "p_adjusted": 0.0}
    table = [{"group": f"g{g:02d}", "word": f"w{w}", "n": 9, **numbers} for g in range(groups) for w in range(12)]
    (section,) = words_section(Words(pd.DataFrame(table), "", "loo", "target", 99, 5))
    assert len(section.frame) == rows
    assert section.frame.groupby("group").size().tolist() == [rows // groups] * groups


def test_without_words_there_is_no_section(tmp_path):
    assert words_of_run(write(random_documents(5), tmp_path / "few"), "") is None
    assert words_section(None) == []
    chance = [make_document(i, ["a", "b", "c"], {"signed_gi": np.roll([1, 2, 3], i)}) for i in range(12)]
    assert words_section(words_of_run(write(chance, tmp_path / "chance"), "")) == []

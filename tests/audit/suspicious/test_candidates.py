"""Which words are tried: those that decide a class and are concentrated in its documents."""

import pandas as pd
import pytest
from scipy.sparse import csr_array

from hf_gradexplain.audit.suspicious import candidates
from hf_gradexplain.audit.suspicious.candidates import WordFrequencies, find_candidates

NO_FILES = ()
WORDS = ["even", "more", "less"]
FREQUENCIES = WordFrequencies(WORDS, csr_array([[4, 4, 1], [4, 1, 4]]), pd.Series([10, 10]).to_numpy())


@pytest.fixture
def tried(monkeypatch):
    """Return the words that are tried if the words of class 0, then of class 1, have these p-values."""
    monkeypatch.setattr(candidates, "Groups", lambda by, paths: None)

    def find(p, min_documents=1):
        found = pd.DataFrame({"share": [0.5] * len(p), "p": p})
        monkeypatch.setattr(candidates, "summarise_words", lambda *_: found)
        rows = find_candidates(NO_FILES, "loo", None, FREQUENCIES, min_documents, 0)
        assert [WORDS[code] for code in rows["code"]] == rows["word"].tolist()
        return list(zip(rows["target"], rows["word"], strict=True))

    return find


def test_words_that_are_not_concentrated_in_the_class_are_not_tried(tried):
    """Half of the documents with the word "even" are of each class, as of all documents."""
    assert tried([0.01] * 6) == [(0, "more"), (1, "less")]


def test_words_decide_with_a_p_value_of_five_percent_at_most_and_the_most_decisive_one_is_the_first(tried):
    assert tried([0, 0.05, 0, 0, 0, 0.02]) == [(1, "less"), (0, "more")]
    assert tried([0, 0.0501, 0, 0, 0, 0.02]) == [(1, "less")]


def test_words_of_too_few_documents_of_the_class_are_not_tried(tried):
    assert tried([0.01] * 4, min_documents=4) == [(0, "more"), (1, "less")]
    assert tried([], min_documents=5) == []


def test_control_words_are_in_enough_documents_and_as_frequent_as_possible():
    """The words are in 8, 5 and 5 documents, of which the first number begins another class of frequencies."""
    assert sorted(FREQUENCIES.controls(0, 5, 10, seed=0)) == [0, 1, 2]
    assert FREQUENCIES.controls(0, 6, 10, seed=0).tolist() == [0]
    for seed in range(5):
        assert sorted(FREQUENCIES.controls(0, 5, 2, seed)) == [1, 2]
        assert FREQUENCIES.controls(1, 5, 1, seed).tolist() == [0]

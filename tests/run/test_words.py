"""`Evaluation.words`: the words of an evaluation from Python."""

import pandas as pd
import pytest

from hf_gradexplain.audit.words import find_words
from hf_gradexplain.errors import GradexplainError
from tests.helpers.tiny import CORPUS, explainer

LABELS = [0, 1, 0, 1, 0]


@pytest.fixture(scope="module")
def result():
    methods = ["random", "loo", "signed_gi"]
    return explainer("textcnn").evaluate(list(CORPUS), LABELS, methods, "word_type", progress=False)


def test_words_are_those_of_its_documents(result):
    words = result.words("loo", by="label", key=str.upper, min_documents=2)
    expected = find_words(result.documents, "loo", "label", str.upper, 2)
    pd.testing.assert_frame_equal(words.to_frame(), expected.to_frame())
    assert "FILM" in set(words.to_frame()["word"])
    assert repr(words).startswith(f"Words of {result.run.title}\n")
    assert result.words().method == "signed_gi"


def test_texts_are_grouped_by_a_value_each(result):
    words = result.words(by=["a", "b", "a", None, "b"], min_documents=1)
    assert set(words.to_frame()["group"]) == {"a", "b"}
    assert words.n_documents == 4
    assert "4 texts by group" in words.summary
    assert words.to_frame().query("group == 'a' and word == 'film'")["n"].item() == 1
    with pytest.raises(
        GradexplainError, match=r"^by has 2 values for 5 texts: give one for each text, in their order$"
    ):
        result.words(by=["a", "b"])

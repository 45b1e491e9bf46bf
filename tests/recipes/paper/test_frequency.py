"""Gradients by how often words occur."""

import numpy as np
import pytest
from datasets import Dataset

from hf_gradexplain.evaluation.documents import schema, write_documents
from hf_gradexplain.options import Options
from hf_gradexplain.runner import evaluate_texts
from recipes.paper.frequency import TOLERANCE, frequencies, read_words, relative_gradients, summarised
from tests.recipes.paper.made_up import words
from tests.tiny import TEXTS, explainer


@pytest.fixture
def documents(tmp_path):
    """Documents of the tiny texts, in two files, by model."""

    def write(kind):
        paths, options = [], Options(("sa_l1", "sa_l2"), "word_type")
        for start, part in enumerate((TEXTS[:3], TEXTS[3:])):
            rows = Dataset.from_dict({"id": range(len(part)), "text": list(part)})
            path = tmp_path / kind / f"{start}.parquet"
            write_documents(evaluate_texts(explainer(kind), rows, options), path, schema(options.methods))
            paths.append(path)
        return paths

    return write


def test_fasttext_counts_words_exactly(documents):
    found = frequencies(documents("fasttext"))
    assert found.texts == len([text for text in TEXTS if text])
    assert found.spread < 1e-12
    assert (found.with_twice, found.twice) == (2, pytest.approx(2, abs=1e-12))


def test_other_models_do_not(documents):
    found = frequencies(documents("textcnn"))
    assert found.spread > 0.1
    assert abs(found.twice - 2) > 2 * TOLERANCE


def test_words_are_read_with_their_occurrences(documents):
    found = read_words(documents("bilstm")[0])
    first = found[found["text"] == 0]
    assert first["times"].tolist() == [2, 2, 1, 2, 1, 1, 1, 1]  # the good film is not bad , actor
    scores = explainer("bilstm")(TEXTS[0], "sa_l1", unit="word_type").scores["sa_l1"]
    np.testing.assert_allclose(first["gradient"], scores)


def test_the_farthest_from_two_is_told():
    found = summarised(iter([words([[(1, 2.0), (1, 2.0), (2, 4.0)], [(1, 1.0), (2, 1.5)]]), words([[(1, 1.0)]])]))
    assert (found.texts, found.spread, found.with_twice, found.twice) == (3, 0.0, 2, 1.5)


def test_the_spread_is_that_of_words_of_equal_frequency():
    found = summarised(iter([words([[(1, 2.0), (1, 1.0), (3, 9.0)]])]))
    assert (found.spread, found.with_twice) == (0.5, 0)
    assert np.isnan(found.twice)


def test_texts_without_any_gradient_say_nothing():
    assert summarised(iter([words([[(1, 0.0), (2, 0.0)]])])).texts == 0


def test_gradients_are_drawn_over_those_of_single_words():
    found = relative_gradients(words([[(1, 2.0), (1, 4.0), (2, 6.0), (9, 9.0)], [(2, 1.0)]]))
    assert found["relative"].tolist() == pytest.approx([2 / 3, 4 / 3, 2.0])

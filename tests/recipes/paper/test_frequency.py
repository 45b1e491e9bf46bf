"""Gradients by word frequency."""

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from recipes.paper.frequency import TOLERANCE, measure_gradients, relative_gradients, summarize_frequencies
from tests.helpers.tiny import TEXTS, explainer, make
from tests.recipes.paper.made_up import words


@pytest.fixture
def measured(tmp_path):
    """What is measured of a tiny model."""

    def measure(kind):
        model, tokenizer = make(kind)
        model.float().save_pretrained(tmp_path / kind)
        tokenizer.save_pretrained(tmp_path / kind)
        rows = Dataset.from_dict({"text": list(TEXTS), "label": [0, 1, 0, 1, 0, 1]})
        rows.to_parquet(tmp_path / "data" / "test.parquet")
        measure_gradients(str(tmp_path / kind), str(tmp_path / "data"), None, tmp_path / "gradients.parquet")
        return pd.read_parquet(tmp_path / "gradients.parquet")

    return measure


def test_fasttext_counts_words_exactly(measured):
    summary = summarize_frequencies(measured("fasttext"))
    assert summary.texts == len([text for text in TEXTS if text])
    assert summary.spread < 1e-5
    assert summary.with_twice == 2
    assert summary.twice == pytest.approx(2, abs=1e-5)


def test_other_models_do_not(measured):
    summary = summarize_frequencies(measured("textcnn"))
    assert summary.spread > 0.1
    assert abs(summary.twice - 2) > 2 * TOLERANCE


def test_the_gradients_are_those_of_the_explanation(measured):
    gradients = measured("bilstm")
    explanation = explainer("bilstm")(TEXTS[0], "sa_l1", unit="word_type", labels=0)
    expected = sorted(zip([len(u.spans) for u in explanation.units], explanation.scores["sa_l1"], strict=True))
    first = gradients[gradients["text"] == 0].sort_values(["times", "gradient"])
    np.testing.assert_allclose(first[["times", "gradient"]], expected, rtol=1e-4)


def test_the_ratio_farthest_from_two_is_returned():
    summary = summarize_frequencies(words([[(1, 2.0), (1, 2.0), (2, 4.0)], [(1, 1.0), (2, 1.5)], [(1, 1.0)]]))
    assert (summary.texts, summary.spread, summary.with_twice, summary.twice) == (3, 0.0, 2, 1.5)


def test_the_spread_is_that_of_words_of_equal_frequency():
    summary = summarize_frequencies(words([[(1, 2.0), (1, 1.0), (3, 9.0)]]))
    assert (summary.spread, summary.with_twice) == (0.5, 0)
    assert np.isnan(summary.twice)


def test_texts_without_any_gradient_say_nothing():
    assert summarize_frequencies(words([[(1, 0.0), (2, 0.0)]])).texts == 0


def test_gradients_are_drawn_over_those_of_single_words():
    relative = relative_gradients(words([[(1, 2.0), (1, 4.0), (2, 6.0), (9, 9.0)], [(2, 1.0)]]))
    assert relative["relative"].tolist() == pytest.approx([2 / 3, 4 / 3, 2.0])

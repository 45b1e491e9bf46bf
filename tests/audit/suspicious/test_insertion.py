"""The insertion test, compared with closed forms of a model whose weights are set by hand."""

from math import comb

import numpy as np
import pytest

from hf_gradexplain.audit.suspicious.insertion import excess_p_values, insert_words, predict
from hf_gradexplain.audit.suspicious.insertion_places import Place
from hf_gradexplain.options import Options
from tests.helpers.moving_words import PUSH, TEXTS, closed_form, moving_explainer


def test_predictions_of_texts_with_a_word_are_those_of_the_closed_form(monkeypatch):
    explainer = moving_explainer()
    places = [Place(i, 0, (text,), (), 0, 0) for i, text in enumerate(TEXTS)]
    words = ["", *PUSH]
    monkeypatch.setattr("hf_gradexplain.audit.suspicious.insertion.CHUNK", 2 * len(TEXTS))
    predicted, probabilities = insert_words(explainer, places, words, Options("random"))
    expected = np.array([[closed_form(f"{word} {text}") for text in TEXTS] for word in words])
    np.testing.assert_allclose(probabilities, expected, rtol=1e-9)
    np.testing.assert_array_equal(predicted, expected.argmax(-1))
    assert (predicted[0] != predicted[1]).any()


def test_predictions_are_in_the_order_of_the_texts():
    explainer = moving_explainer()
    texts = sorted(TEXTS, key=len, reverse=True)
    _, probabilities = predict(explainer, texts, Options("random", batch_tokens=8))
    np.testing.assert_allclose(probabilities, [closed_form(text) for text in texts], rtol=1e-9)


@pytest.mark.parametrize(("k", "n", "ordinary", "margin"), [(7, 40, 0.05, 0.03), (1, 12, 0.0, 0.1), (12, 12, 0.5, 0.0)])
def test_the_p_value_is_the_sum_of_the_binomial_probabilities(k, n, ordinary, margin):
    rate = ordinary + margin
    expected = sum(comb(n, m) * rate**m * (1 - rate) ** (n - m) for m in range(k, n + 1))
    assert excess_p_values(np.array([k]), np.array([ordinary]), n, margin).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("k", "ordinary", "margin", "expected"),
    [(0, 0.0, 0.0, 1), (5, np.nan, 0.03, 1), (10, 0.99, 0.03, 1), (1, 0.0, 0.0, 0)],
    ids=["nothing flips", "no control words", "all may flip", "none may flip"],
)
def test_limit_cases_of_the_p_value(k, ordinary, margin, expected):
    assert excess_p_values(np.array([k]), np.array([ordinary]), 10, margin).item() == expected


@pytest.mark.parametrize(("near_the_border", "scale"), [(0.1, 0.005), (0.1, 0.02), (0.5, 0.005), (0.5, 0.02)])
def test_a_word_at_the_margin_is_called_as_rarely_as_its_p_value_says(near_the_border, scale):
    """Texts near the border are flipped by many words; each word has a rate of its own, times that of the text."""
    rng, n, margin, trials = np.random.default_rng(0), 200, 0.03, 1000
    of_texts = np.where(rng.random((trials, n)) < near_the_border, 1 / near_the_border, 0.1)
    of_texts /= 1 + 0.1 * (1 - near_the_border)

    def flips(rate):
        return (rng.random((trials, n)) < np.minimum(rate * of_texts, 1)).sum(1)

    controls = np.stack([flips(rng.exponential(scale, (trials, 1))) for _ in range(20)])
    at_the_margin = flips(scale * np.log(2) + margin)  # ln 2 times the scale is the median of the rates
    p = excess_p_values(at_the_margin, np.median(controls, 0) / n, n, margin)
    assert np.mean(p <= 0.05) <= 0.055
    assert np.mean(p <= 0.01) <= 0.015

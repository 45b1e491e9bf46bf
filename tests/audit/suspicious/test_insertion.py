"""The insertion test, compared with closed forms of a model whose weights are set by hand."""

from math import comb

import numpy as np
import pytest
from scipy.stats import binomtest

from hf_gradexplain.audit.suspicious.insertion import excess_p_value, insert_words, predict
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


@pytest.mark.parametrize(
    ("k", "controls", "n", "margin"), [(7, [3, 0, 2], 40, 0.03), (1, [0] * 12, 12, 0.1), (12, [4, 7], 12, 0.0)]
)
def test_the_p_value_is_a_mean_of_sums_of_binomial_probabilities(k, controls, n, margin):
    size, expected = len(controls), 0.0
    for below in range(size + 1):  # how many control words have a rate below the median of all ordinary words
        rate = (sorted(controls)[below] + 0.5) / n + margin if below < size else 1.0
        tail = sum(comb(n, m) * rate**m * (1 - rate) ** (n - m) for m in range(k, n + 1))
        expected += comb(size, below) / 2**size * tail
    assert excess_p_value(k, np.array(controls), n, margin) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("k", "controls", "margin", "expected"),
    [(0, [0] * 20, 0.0, 1), (5, [], 0.03, 1), (10, [10] * 20, 0.03, 1), (10, [0] * 5, 0.0, 2**-5)],
    ids=["nothing flips", "no control words", "all may flip", "few control words"],
)
def test_limit_cases_of_the_p_value(k, controls, margin, expected):
    assert excess_p_value(k, np.array(controls, dtype=int), 10, margin) == pytest.approx(expected)


@pytest.mark.parametrize("margin", [0.0, 0.03, 0.1])
@pytest.mark.parametrize("scale", [0.003, 0.02, 0.1])
@pytest.mark.parametrize("size", [3, 20, 50])
@pytest.mark.parametrize("near_the_border", [0.1, 1.0], ids=["some texts flip easily", "all texts are alike"])
def test_a_word_at_the_margin_is_called_as_rarely_as_its_p_value_says(near_the_border, size, scale, margin):
    """Texts near the border are flipped by many words; each word has a rate of its own, times that of the text."""
    rng, n, trials = np.random.default_rng(0), 200, 500
    of_texts = np.where(rng.random((trials, n)) < near_the_border, 1 / near_the_border, 0.1)
    of_texts /= 1 + 0.1 * (1 - near_the_border)

    def flips(rate):
        return (rng.random((trials, n)) < np.minimum(rate * of_texts, 1)).sum(1)

    controls = np.stack([flips(rng.exponential(scale, (trials, 1))) for _ in range(size)], 1)
    at_the_margin = flips(scale * np.log(2) + margin)  # ln 2 times the scale is the median of the rates
    p = np.array([excess_p_value(k, of_word, n, margin) for k, of_word in zip(at_the_margin, controls, strict=True)])
    assert binomtest(int((p <= 0.05).sum()), trials, 0.05, alternative="greater").pvalue > 0.001
    assert binomtest(int((p <= 0.01).sum()), trials, 0.01, alternative="greater").pvalue > 0.001

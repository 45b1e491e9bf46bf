"""The insertion test, compared with closed forms of a model whose weights are set by hand."""

import numpy as np
import pytest
from scipy.stats import betabinom, binom

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


def averaged(k, controls, n):
    """Return the p-value by sums over a fine grid of the logits of mean and correlation."""
    mean, correlation = np.meshgrid(np.linspace(-9, 4, 531), np.linspace(-9, 2, 223))
    mu, rho = 1 / (1 + np.exp(-mean)), 1 / (1 + np.exp(-correlation))
    distribution = betabinom(n, mu * (1 - rho) / rho, (1 - mu) * (1 - rho) / rho)
    likelihood = np.prod([np.ones_like(mu), *(distribution.pmf(m) for m in controls)], axis=0)
    above = sum(distribution.pmf(m) for m in range(k, n + 1))
    return (likelihood * above).sum() / likelihood.sum()


@pytest.mark.parametrize("controls", [[0, 1, 0, 3], [4], []])
def test_the_p_value_is_averaged_over_what_the_control_words_leave_open(controls):
    expected = averaged(3, controls, 6)
    assert excess_p_values(np.array([3]), np.array(controls, int), 6).item() == pytest.approx(expected, rel=0.03)


def test_a_word_that_flips_nothing_says_nothing():
    assert excess_p_values(np.array([0]), np.array([0, 5, 2]), 10).item() == pytest.approx(1)


def test_many_control_words_that_are_alike_give_the_binomial_test():
    controls = np.repeat(np.arange(51), np.rint(400 * binom.pmf(range(51), 50, 0.2)).astype(int))
    p = excess_p_values(np.array([5, 12, 16]), controls, 50)
    np.testing.assert_allclose(p, binom.sf([4, 11, 15], 50, controls.mean() / 50), rtol=0.15)


@pytest.mark.parametrize(("mean", "sd"), [(0.02, 0.018), (0.005, 0.01), (0.02, 0.001)])
def test_words_that_are_like_the_control_words_are_as_rare_as_their_p_values(mean, sd):
    rng, n, total = np.random.default_rng(0), 100, mean * (1 - mean) / sd**2 - 1
    counts = rng.binomial(n, rng.beta(mean * total, (1 - mean) * total, (500, 100)))
    p = np.concatenate([excess_p_values(row[50:], row[:50], n) for row in counts])
    assert np.mean(p <= 0.05) <= 0.05
    assert np.mean(p <= 0.01) <= 0.013
    assert np.mean(p <= 0.001) <= 0.002

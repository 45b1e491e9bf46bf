"""The insertion test, compared with closed forms of a model whose weights are set by hand."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest, poisson_binom

from hf_gradexplain.audit.insertion import excess_p_value, insert_words, predict
from hf_gradexplain.audit.insertion_places import Place
from hf_gradexplain.options import Options
from tests.helpers.moving_words import PUSH, TEXTS, closed_form, moving_explainer


def test_predictions_of_texts_with_a_word_are_those_of_the_closed_form(monkeypatch):
    explainer = moving_explainer()
    places = [Place(i, 0, (text,), (), 0, 0) for i, text in enumerate(TEXTS)]
    words = ["", *PUSH]
    monkeypatch.setattr("hf_gradexplain.audit.insertion.CHUNK", 2 * len(TEXTS))
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


def enumerated(flips, controls):
    """Return the p-value by all assignments of outcomes of a text to the word."""
    outcomes = np.vstack([flips, controls])
    sums = [sum(drawn) for drawn in itertools.product(*outcomes.T.astype(int).tolist())]
    return np.mean(np.array(sums) >= flips.sum())


@pytest.mark.parametrize("seed", range(6))
def test_the_p_value_is_that_of_all_permutations(seed):
    rng = np.random.default_rng(seed)
    flips, controls = rng.random(5) < 0.6, rng.random((3, 5)) < 0.4
    controls[:, 0], flips[0] = True, True
    assert excess_p_value(flips, controls) == pytest.approx(enumerated(flips, controls))
    chances = (flips + controls.sum(0)) / 4
    assert excess_p_value(flips, controls) == pytest.approx(poisson_binom.sf(flips.sum() - 1, chances))


def test_with_one_control_word_it_is_mcnemars_exact_test():
    rng = np.random.default_rng(0)
    flips, control = rng.random(40) < 0.4, rng.random(40) < 0.2
    only, other = (flips & ~control).sum(), (control & ~flips).sum()
    expected = binomtest(only, only + other, 0.5, alternative="greater").pvalue
    assert excess_p_value(flips, control[None]) == pytest.approx(expected)


def test_texts_that_all_words_flip_or_none_say_nothing():
    assert excess_p_value(np.array([True, False]), np.array([[True, False]] * 3)) == 1
    assert excess_p_value(np.zeros(3, bool), np.zeros((2, 3), bool)) == 1


def test_under_the_null_hypothesis_small_p_values_are_as_rare_as_they_say():
    rng = np.random.default_rng(0)
    p = []
    for _ in range(400):
        border = rng.random(60) * 0.3
        outcomes = rng.random((10, 60)) < border
        p.append(excess_p_value(outcomes[0], outcomes[1:]))
    assert np.mean(np.array(p) <= 0.05) < 0.08

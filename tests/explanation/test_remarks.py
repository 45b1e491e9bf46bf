"""Sentences about scores at the borders of their conditions."""

import numpy as np
import pytest

from hf_gradexplain.explanation.remarks import _precisely, certainty, incomplete, remark
from hf_gradexplain.statistics.sampling import Sampling
from hf_gradexplain.text.unit import Unit
from tests.explanation.test_explanation import explanation_of

SMALL = [9.9e-5, -5e-5]


@pytest.mark.parametrize(
    ("scores", "objective", "probability", "signed", "said"),
    [
        ([1.0], "loss", 1.0, True, ""),
        ([], "loss", 1.0, True, ""),
        ([6.5e-12], "loss", 1.0, True, "the score is close to 0: 6.50e−12; p = 1 is saturated, try objective='logit'"),
        ([-9.9e-5], "loss", 0.5, True, "the score is close to 0: 9.90e−05"),
        ([1e-4], "loss", 1.0, True, ""),
        (SMALL, "loss", 0.5, True, "the scores are close to 0: the largest is 9.90e−05"),
        ([-9.9e-5, 0.0], "loss", 0.5, True, "the scores are close to 0: the largest is 9.90e−05"),
        ([1e-4, 0.0], "loss", 0.5, True, ""),
        (SMALL, "loss", 0.5, False, ""),
        (SMALL, "loss", None, True, ""),
        (SMALL, "logit", 1.0, True, ""),
        (SMALL, "contrast", 1.0, True, ""),
        (SMALL, "loss", 0.999, True, "the scores are close to 0: the largest is 9.90e−05"),
        (SMALL, "loss", 0.99901, True, "; p = 0.9990 is saturated, try objective='logit'"),
        (SMALL, "loss", 0.99901, False, "; p = 0.9990 is saturated, try objective='logit'"),
        (SMALL, "loss", 0.0001, True, "the scores are close to 0: the largest is 9.90e−05"),
        (SMALL, "prob", 0.001, True, "the scores are close to 0: the largest is 9.90e−05"),
        (SMALL, "prob", 0.00099, True, "; p = 0.00099 is saturated, try objective='logit'"),
        ([1e-4, 1e-4], "loss", 1.0, True, "all words score +0.000100: this method says nothing here"),
        ([9e-5, 9e-5], "loss", 1.0, True, "; p = 1 is saturated, try objective='logit'"),
        ([1.0, 1.0 + 1e-9], "loss", 0.5, True, "all words score +1.00: this method says nothing here"),
        ([1.0, 1.001], "loss", 0.5, True, ""),
        ([0.0, 0.0], "loss", None, False, "all words score 0: this method says nothing here"),
    ],
)
def test_scores_that_say_little(scores, objective, probability, signed, said):
    found = remark(np.array(scores), unit="word_type", objective=objective, probability=probability, signed=signed)
    assert found.endswith(said)
    assert bool(found) == bool(said)


def test_what_the_probability_is_by_default():
    assert remark(np.array(SMALL), unit="word", objective="loss") == ""
    assert remark(np.array(SMALL), unit="word", objective="loss", probability=0.5).startswith("the scores are close")


@pytest.mark.parametrize(
    ("probability", "written"),
    [
        (0.0, "0"), (1.0, "1"), (None, "0"), (0.4999, "0.5"), (1.5e-7, "1.5e−07"), (0.5, "0.500"), (0.99951, "0.9995"),
        (0.9996, "0.9996"), (1 - 1e-8, "0.99999999"),
    ],
)  # fmt: skip
def test_a_probability_is_told_from_0_and_1(probability, written):
    assert _precisely(probability) == written


@pytest.mark.parametrize(("gap", "said"), [(0.05, ""), (-0.05, ""), (0.0501, "by 5 %"), (-1.5, "by 150 %")])
def test_sums_may_be_off_by_five_percent(gap, said):
    assert incomplete("integrated_gradients", gap).endswith(said)
    assert bool(incomplete("integrated_gradients", gap)) == bool(said)


@pytest.mark.parametrize(
    ("scores", "errors", "draws", "said"),
    [
        ([], [], 0, ""),
        ([1.0, 2.0], [0.0, 0.0], 0, "exact, from 1,200 copies"),
        ([1.0], [0.1], 100, "each score is within ±0.20 with 95 % confidence; from 1,200 copies"),
        ([3.0, 1.0], [0.1, 0.1], 100, "; the top word is told apart from the others; from 1,200 copies"),
        ([3.0, 2.9, 1.0], [0.1] * 3, 100, "; the top 2 words are told apart from the others; from 1,200 copies"),
        ([3.0, 2.9], [0.1] * 2, 100, "the top word is not told apart from the others; each score is within ±0.20 with "
                                     "95 % confidence; from 1,200 copies"),
        ([3.0], [0.1], 8, "each score is within ±0.24 with 95 % confidence; from 1,200 copies"),
        ([3.0], [0.1], 7, "from 1,200 copies; 7 draws are few, so these margins are rough"),
    ],
)  # fmt: skip
def test_how_certain_scores_are(scores, errors, draws, said):
    found = certainty(np.array(scores), Sampling(np.array(errors), draws, 1200), unit="word_type")
    assert found.endswith(said)
    assert bool(found) == bool(said)


def test_one_copy_is_in_the_singular():
    assert certainty(np.array([1.0]), Sampling(np.zeros(1), 0, 1), unit="word") == "exact, from 1 copy"


def many(n):
    units = tuple(Unit(f"w{i}", ((i, i + 1),)) for i in range(n))
    scores = {"shapley": np.arange(float(n), 0, -1)}
    sampling = {"shapley": Sampling(np.full(n, 1e-3), 100, 500)}
    return explanation_of(units=units, scores=scores, sampling=sampling)


def test_three_units_are_the_top_and_ten_are_looked_at():
    explanation = many(14)
    assert [unit for unit, _ in explanation.top()] == ["w0", "w1", "w2"]
    assert explanation.told_apart() == 10
    assert explanation.told_apart(most=12) == 12
    assert explanation.told_apart("shapley", 20) == 13
    assert explanation_of().told_apart() is None
    assert explanation_of().margins().tolist() == [0, 0]
    assert explanation_of().certainty() == ""
    assert explanation_of().regression is False

"""Agreement with planted words."""

import numpy as np
import pytest

from hf_gradexplain.evaluation.ground_truth import planted_table, r_precision
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.text.unit import Unit


def test_planted_words_among_the_top_units():
    supports = np.array([True, False, True, False])
    assert r_precision(np.array([0, 1, 2, 3]), supports) == (True, 0.5)
    assert r_precision(np.array([1, 2, 0, 3]), supports) == (True, 1.0)
    assert r_precision(np.array([2, 0, 3, 1]), supports) == (False, 0.0)


def test_a_text_without_a_supporting_word_has_no_result():
    assert r_precision(np.array([0, 1]), np.array([False, False])) is None


def explanation(words, target, **scores):
    units = tuple(Unit(word, ((0, 1),)) for word in words)
    scores = {name: np.array(x) for name, x in scores.items()}
    return Explanation("", units, scores, target, "", target, np.array([0.5, 0.5]), "loss", "word")


def test_table():
    weights = {("good", 1): 1.0, ("bad", 0): 1.0, ("bad", 1): -1.0}
    explanations = [
        (0, explanation(["good", "bad", "film"], 1, a=[3.0, 2.0, 1.0], b=[0.0, 2.0, 1.0])),
        (1, explanation(["bad", "film"], 0, a=[1.0, 0.0], b=[1.0, 0.0])),
        (2, explanation(["film"], 0, a=[1.0], b=[1.0])),
    ]
    table = planted_table(explanations, lambda word, label: weights.get((word, label), 0.0)).set_index("method")
    assert table.loc["a"].to_dict() == {"top_1": 1.0, "precision": 1.0, "n": 2.0}
    assert table.loc["b"].to_dict() == pytest.approx({"top_1": 0.5, "precision": 0.5, "n": 2.0})


def test_methods_keep_their_order_and_ties_are_drawn_by_the_seed():
    words = [f"w{i}" for i in range(12)]
    tied = [(i, explanation(words, 1, z=[1.0] * 12, a=[1.0, *[0.0] * 11])) for i in range(20)]
    table = planted_table(tied, lambda word, label: float(word == "w0"))
    assert table.columns.tolist() == ["method", "top_1", "precision", "n"]
    assert table["method"].tolist() == ["z", "a"]
    assert table["n"].tolist() == [20, 20]
    assert table.loc[1, "top_1"] == 1
    by_seed = [planted_table(tied, lambda word, label: float(word == "w0"), seed) for seed in range(8)]
    assert by_seed[0].equals(table)
    assert len({frame.loc[0, "top_1"] for frame in by_seed}) > 1

"""Scores by masking, compared with plain loops and with closed forms."""

from itertools import permutations

import numpy as np
import pytest

from benchmarks import removal_orders as orders
from benchmarks.masked_texts import MaskedText, Values, measure
from benchmarks.planted_corpus import planted_texts, score

U = 5
TABLE = np.random.default_rng(0).normal(size=2**U)


def naive(masked):
    """The value of a set, given as a collection of unit numbers."""
    return TABLE[sum(1 << u for u in masked)]


def rule(text):
    """Minus the score of a planted text, as a value function."""
    return lambda masked: np.array(
        [-score([None if m else w for w, m in zip(text.words, row, strict=True)]) for row in masked]
    )


def test_all_sets_are_listed_in_the_order_of_the_table():
    assert [tuple(np.flatnonzero(row)) for row in orders.all_sets(3)] == [
        (),
        (0,),
        (1,),
        (0, 1),
        (2,),
        (0, 2),
        (1, 2),
        (0, 1, 2),
    ]
    assert orders.lookup(TABLE)(orders.all_sets(U)) == pytest.approx(TABLE)


def test_masks_of_single_units_and_of_all_others():
    value, everything = orders.lookup(TABLE), set(range(U))
    out = [naive({u}) - naive(()) for u in range(U)]
    shown = [naive(everything) - naive(everything - {u}) for u in range(U)]
    assert orders.leave_one_out(value, U) == pytest.approx(out)
    assert orders.one_in(value, U) == pytest.approx(shown)
    assert orders.removed_and_kept(value, U) == pytest.approx(np.add(out, shown) / 2)


def test_leave_two_out_is_the_mean_over_no_and_one_other_word():
    expected = []
    for u in range(U):
        others = [naive({u, v}) - naive({v}) for v in range(U) if v != u]
        expected.append((naive({u}) - naive(()) + sum(others) / len(others)) / 2)
    assert orders.leave_two_out(orders.lookup(TABLE), U) == pytest.approx(expected)
    assert orders.leave_two_out(orders.lookup(np.array([0.0, 2.0])), 1) == pytest.approx([1.0])


def test_shapley_values_are_means_over_all_orders():
    expected = np.zeros(U)
    everyone = list(permutations(range(U)))
    for order in everyone:
        for place, u in enumerate(order):
            expected[u] += naive(order[: place + 1]) - naive(order[:place])
    assert orders.shapley(orders.lookup(TABLE), U) == pytest.approx(expected / len(everyone))


def test_the_rule_has_the_shapley_values_of_its_kind():
    for regime, degree, each in [("saturated", 3, 1), ("redundant", 4, 1 / 4), ("conjunctive", 2, 1 / 2)]:
        (text,) = planted_texts(regime, degree, 1, seed=0)
        expected = [each * (word in text.evidence) for word in text.words]
        assert orders.shapley(rule(text), len(text.words)) == pytest.approx(expected)


def test_leave_one_out_sees_none_of_two_words_that_each_suffice():
    (text,) = planted_texts("redundant", 2, 1, seed=0)
    n = len(text.words)
    evidence = np.array([word in text.evidence for word in text.words])
    assert not orders.leave_one_out(rule(text), n).any()
    assert orders.one_in(rule(text), n).tolist() == evidence.tolist()
    assert (orders.leave_two_out(rule(text), n) > 0).tolist() == evidence.tolist()
    assert orders.additivity(rule(text), evidence) == (1, 0)


def test_leave_one_out_counts_a_pair_twice():
    (text,) = planted_texts("conjunctive", 1, 1, seed=0)
    evidence = np.array([word in text.evidence for word in text.words])
    assert orders.additivity(rule(text), evidence) == (1, 2)
    assert not orders.one_in(rule(text), len(text.words)).any()


def test_greedy_computes_leave_one_out_again_after_each_removal():
    value, removed = orders.lookup(TABLE), []
    for _ in range(3):
        left = [u for u in range(U) if u not in removed]
        removed.append(max(left, key=lambda u: naive({*removed, u})))
    before_last = removed[:2]
    rest = sorted(set(range(U)) - set(removed), key=lambda u: -naive({*before_last, u}))
    scores = orders.greedy(value, U, 3)
    assert np.argsort(-scores).tolist() == removed + rest
    assert np.argsort(-orders.greedy(value, U, 1)).tolist() == np.argsort(-orders.leave_one_out(value, U)).tolist()
    assert len(set(orders.greedy(value, U, 99))) == U


def test_the_best_area_is_that_of_the_best_of_all_orders():
    areas = []
    for order in permutations(range(U)):
        curve = [naive(order[:k]) for k in range(U + 1)]
        areas.append(sum(curve[0] - p for p in curve) / (U + 1))
    assert orders.best_area(orders.lookup(TABLE), U) == pytest.approx(max(areas))


def test_no_order_beats_leave_one_out_on_a_monotone_function_of_a_sum():
    """Saturation alone costs leave-one-out nothing."""
    weights = np.random.default_rng(1).normal(size=U)

    def probability(masked):
        return 1 / (1 + np.exp(-8 + masked @ weights))

    order = np.argsort(-orders.leave_one_out(lambda masked: -np.log(probability(masked)), U))
    sets = np.arange(U) < np.arange(U + 1)[:, None]
    curve = probability(sets[:, np.argsort(order)])
    assert (curve[0] - curve).sum() / (U + 1) == pytest.approx(orders.best_area(probability, U))


def made_up_values(calls):
    def logits(masked):
        calls.append(len(masked))
        return np.stack([masked @ [1.0, 2.0, 0.0, -1.0], masked @ [0.5, 0.0, 0.0, 0.0], np.ones(len(masked))], 1)

    return Values(logits, 2, 4)


def test_values_are_functions_of_the_target_probability():
    values = made_up_values([])
    sets = orders.all_sets(4)
    logits = values.run(sets)
    p = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True))[:, 2]
    assert values.probability(sets) == pytest.approx(p)
    assert values.loss(sets) == pytest.approx(-np.log(p))
    assert values.odds(sets) == pytest.approx(np.log((1 - p) / p))
    assert values.minus_logit(sets) == pytest.approx(-logits[:, 2])


def test_the_model_runs_once_for_each_set():
    values = made_up_values(calls := [])
    twice = np.concatenate([orders.all_sets(4)[:5]] * 2)
    assert len(values.loss(twice)) == 10
    values.odds(orders.all_sets(4)[:6])
    assert calls == [5, 1]


def test_rows_hold_the_area_under_the_curve_and_additivity():
    values = made_up_values([])
    text = MaskedText(7, ("a", "b", "c", "d"), {"loo": np.array([0.3, 0.4, 0.0, -0.1])}, values)
    (row,) = measure(text, np.random.default_rng(0))
    orders_of_removal = [[], [1], [1, 0], [1, 0, 2], [1, 0, 2, 3]]
    sets = np.array([[u in removed for u in range(4)] for removed in orders_of_removal])
    p = values.probability(sets)
    assert (row["text"], row["method"]) == (7, "loo")
    assert [row[f"p_{k}"] for k in range(5)] == pytest.approx(p)
    assert row["aopc_3"] == pytest.approx(np.mean(p[0] - p[:4]))
    assert row["joint_3"] == pytest.approx(values.odds(sets[3:4])[0] - values.odds(sets[:1])[0])
    single = values.odds(np.eye(4, dtype=bool)[:3]) - values.odds(sets[:1])
    assert row["singles_3"] == pytest.approx(single.sum())

"""AOPC against a brute-force loop, ties and ends included."""

import numpy as np
import pytest

from hf_gradexplain.evaluation.aopc import aopc, document_aopc, removal_ranks


def brute_force(curves, max_k):
    values = []
    for big_k in range(max_k + 1):
        total = 0.0
        for curve in curves:
            inner = 0.0
            for k in range(big_k + 1):
                inner += curve[0] - curve[min(k, len(curve) - 1)]
            total += inner / (big_k + 1)
        values.append(total / len(curves))
    return np.array(values)


@pytest.mark.parametrize("max_k", [0, 1, 3, 12, 20])
def test_agrees_with_a_loop(max_k):
    rng = np.random.default_rng(0)
    curves = [rng.random(length) for length in (1, 2, 2, 5, 13)]
    np.testing.assert_allclose(aopc(curves, max_k), brute_force(curves, max_k), rtol=0, atol=1e-10)


def test_runs_to_the_longest_document():
    assert len(aopc([np.zeros(3), np.zeros(7)])) == 7


def test_a_document_past_its_own_end_stays_flat():
    assert document_aopc([0.9, 0.4], 3) == pytest.approx([0, 0.5 / 2, 1.0 / 3, 1.5 / 4])


def test_a_document_without_units_has_no_area():
    np.testing.assert_array_equal(document_aopc([0.7], 4), np.zeros(5))


def test_no_document_is_refused():
    with pytest.raises(ValueError, match="at least one curve"):
        aopc([])


def test_the_highest_score_goes_first_and_ranks_are_a_permutation():
    scores = np.array([[3.0, -1.0, 7.0, 0.0], [0.0, 1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(removal_ranks(scores, np.random.default_rng(3)), [[1, 3, 0, 2], [3, 2, 1, 0]])


def test_ties_are_broken_at_random_by_the_generator_alone():
    scores = np.array([1.0, 1.0, 5.0, 1.0, 1.0, 0.0])
    orders = {tuple(removal_ranks(scores, np.random.default_rng(seed))) for seed in range(300)}
    assert len(orders) == 24
    assert {order[2] for order in orders} == {0}
    assert {order[5] for order in orders} == {5}
    again = removal_ranks(scores, np.random.default_rng(7))
    np.testing.assert_array_equal(again, removal_ranks(scores, np.random.default_rng(7)))


def test_every_place_among_equals_is_equally_likely():
    first = [int(removal_ranks(np.zeros(4), np.random.default_rng(seed)).argmin()) for seed in range(4000)]
    counts = np.bincount(first, minlength=4)
    assert np.abs(counts - 1000).max() < 120  # more than four standard deviations


def test_no_unit():
    assert removal_ranks(np.zeros((2, 0)), np.random.default_rng(0)).shape == (2, 0)

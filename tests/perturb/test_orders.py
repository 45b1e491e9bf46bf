"""Orders of removal: the highest score first, equal scores at random."""

import numpy as np

from hf_gradexplain.perturb.orders import removal_ranks


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


def test_ties_without_a_generator_keep_the_order_of_position():
    scores = np.array([[1.0, 1.0, 5.0, 1.0, 0.0], [2.0, 2.0, 2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(removal_ranks(scores, None), [[1, 2, 0, 3, 4], [0, 1, 2, 3, 4]])


def test_every_order_of_equal_scores_is_equally_likely():
    first = [int(removal_ranks(np.zeros(4), np.random.default_rng(seed)).argmin()) for seed in range(4000)]
    counts = np.bincount(first, minlength=4)
    assert np.abs(counts - 1000).max() < 120  # more than four standard deviations


def test_no_unit():
    assert removal_ranks(np.zeros((2, 0)), np.random.default_rng(0)).shape == (2, 0)

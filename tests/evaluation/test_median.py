"""The confidence interval of a median against its binomial definition."""

from itertools import accumulate
from math import comb

import numpy as np
import pytest

from hf_gradexplain.evaluation.median import MIN_VALUES, median_interval


def binomial_shares_below(n):
    """`P(Binomial(n, 1/2) < rank)` for the ranks up to `n + 1`."""
    return [below / 2**n for below in accumulate((comb(n, successes) for successes in range(n + 1)), initial=0)]


@pytest.mark.parametrize("n", [*range(1, 61), 200, 401, 1000])
def test_the_ends_are_the_narrowest_ranks_that_hold_the_median_with_95_percent(n):
    below = binomial_shares_below(n)
    rank = max(r for r in range(n // 2 + 1) if below[r] < 0.025)
    values = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    low, high = median_interval(values)
    if n < MIN_VALUES:
        assert rank == 0
        assert np.isnan([low, high]).all()
    else:
        assert (low, high) == (rank, n + 1 - rank)
        assert 1 - 2 * below[rank] >= 0.95 > 1 - 2 * below[rank + 1]


def test_equal_values_are_ends_like_others():
    assert median_interval(np.ones(25_000)) == (1, 1)
    values = np.repeat([0.0, 1.0, 2.0], 100)
    low, high = median_interval(values)
    assert (low, high) == (1, 1)
    assert median_interval(np.array([0.0] * 8 + [1.0])) == (0, 0)


def test_no_value_has_no_median():
    assert np.isnan(median_interval(np.array([]))).all()


@pytest.mark.slow
def test_the_interval_holds_the_median_in_95_percent_of_samples():
    samples = np.random.default_rng(0).exponential(size=(4000, 21))
    ends = np.array([median_interval(sample) for sample in samples])
    covered = (ends[:, 0] <= np.log(2)) & (np.log(2) <= ends[:, 1])
    assert covered.mean() == pytest.approx(1 - 2 * binomial_shares_below(21)[6], abs=0.01)

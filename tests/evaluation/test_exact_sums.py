"""Sums of grains against exact arithmetic."""

from fractions import Fraction

import numpy as np

from hf_gradexplain.evaluation.exact_sums import GRAIN, round_to_grain


def test_sums_of_grains_are_exact_in_any_order():
    rng = np.random.default_rng(0)
    values, weights = round_to_grain(rng.normal(size=5000)), rng.poisson(1.0, 5000).astype(float)
    exact = sum(Fraction(v) * int(w) for v, w in zip(values.tolist(), weights.tolist(), strict=True))
    for order in (np.arange(5000), np.argsort(values), rng.permutation(5000)):
        assert Fraction(float(weights[order] @ values[order])) == exact
        assert Fraction(float(np.cumsum(weights[order] * values[order])[-1])) == exact


def test_without_rounding_the_order_matters():
    rng = np.random.default_rng(0)
    values = rng.normal(size=5000)
    assert np.cumsum(values)[-1] != np.cumsum(np.sort(values))[-1]


def test_sums_are_exact_up_to_two_to_the_21():
    limit = 2.0**21
    assert limit / GRAIN == 2**53
    assert (limit - GRAIN) + GRAIN == limit
    assert limit + GRAIN == limit


def test_values_are_rounded_to_the_nearest_grain():
    values = np.random.default_rng(1).normal(size=1000)
    rounded = round_to_grain(values)
    assert np.abs(rounded - values).max() <= GRAIN / 2
    assert all((Fraction(x) / Fraction(GRAIN)).denominator == 1 for x in rounded.tolist())
    np.testing.assert_array_equal(round_to_grain(rounded), rounded)

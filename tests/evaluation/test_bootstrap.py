"""Means over documents and their intervals."""

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.evaluation.aopc import document_aopc, removal_drops
from hf_gradexplain.evaluation.bootstrap import AopcSums, Means, bootstrap_weights, interval_grid, percentile_interval
from hf_gradexplain.statistics.ragged_array import RaggedArray
from tests.helpers.curves import naive_aopc

OF_TWO = 2**0.5 * 12.706205 / 1.959964
"""Half the width of the interval of two values whose distance is 2."""


@pytest.fixture
def curves():
    rng = np.random.default_rng(1)
    return [np.concatenate([[0.9], 0.9 * rng.random(n)]) for n in rng.integers(0, 9, size=60)]


def sums_of(curves, parts, longest=8, replicates=400, max_k=8):
    sums = AopcSums(longest, replicates)
    for part in parts:
        drops = removal_drops(RaggedArray.of([curves[i] for i in part]))
        sums.add(drops, bootstrap_weights(part, seed=0, replicates=replicates))
    return sums.table(max_k)


def test_the_mean_is_the_aopc(curves):
    table = sums_of(curves, [range(60)])
    np.testing.assert_allclose(table["aopc"], naive_aopc(curves, 8), rtol=0, atol=1e-12)
    assert (table["n"] == 60).all()
    assert list(table.columns) == ["k", "aopc", "ci_low", "ci_high", "n"]


def test_replicates_are_the_same_to_the_bit_in_any_order_of_addition():
    whole, parts = Means(3, 50), Means(3, 50)
    values = np.stack([np.cos(np.arange(60)) / 7, np.linspace(-1, 1, 60), np.full(60, 0.1)], 1)
    whole.add(values, bootstrap_weights(range(60), 0, 50))
    for part in ([*range(59, 40, -1)], [*range(7)], [*range(7, 41)]):
        parts.add(values[part], bootstrap_weights(part, 0, 50))
    np.testing.assert_array_equal(whole.deviations, parts.deviations)
    np.testing.assert_allclose(whole.mean, parts.mean, rtol=0, atol=1e-15)


def test_the_interval_is_that_of_resampling_documents(curves):
    table = sums_of(curves, [range(60)], replicates=4000)
    values = np.stack([document_aopc(curve, 8) for curve in curves])
    rng = np.random.default_rng(5)
    resampled = np.stack([values[rng.integers(0, 60, 60)].mean(0) for _ in range(4000)])
    np.testing.assert_allclose(table["ci_low"], np.percentile(resampled, 2.5, axis=0), atol=0.012)
    np.testing.assert_allclose(table["ci_high"], np.percentile(resampled, 97.5, axis=0), atol=0.012)
    assert ((table["ci_low"] <= table["aopc"]) & (table["aopc"] <= table["ci_high"])).all()


def test_a_documents_weights_depend_on_its_id_and_the_seed_alone():
    alone, among = bootstrap_weights([5], 0), bootstrap_weights([3, 5, 9], 0)
    np.testing.assert_array_equal(alone[0], among[1])
    assert (bootstrap_weights([5], 1) != alone).any()


def test_undefined_values_are_left_out_of_mean_and_replicates():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    means = Means(3, 200)
    means.add(values, bootstrap_weights([0, 1], 0, 200))
    np.testing.assert_array_equal(means.mean, [2, 5, np.nan])
    assert means.n.tolist() == [2, 1, 0]
    low, high = means.interval()
    assert (low[0], high[0]) == pytest.approx((2 - OF_TWO, 2 + OF_TWO), rel=1e-6)
    assert (means.interval((0, 3))[0][0], means.interval((0, 3))[1][0]) == (0, 3)
    assert np.isnan([low[1:], high[1:]]).all(), "a mean over one document has no interval"


def test_a_mean_over_one_document_has_no_interval_and_one_over_two_has(curves):
    one, two = sums_of(curves, [[3]]), sums_of(curves, [[3], [4]])
    np.testing.assert_allclose(one["aopc"], naive_aopc(curves[3:4], 8), rtol=0, atol=1e-12)
    assert one[["ci_low", "ci_high"]].isna().all(axis=None)
    values = np.sort([document_aopc(curve, 8) for curve in curves[3:5]], axis=0)
    ends = values.mean(0) + OF_TWO * (values - values.mean(0))
    np.testing.assert_allclose(two[["ci_low", "ci_high"]].to_numpy().T, ends, rtol=0, atol=1e-7)


def test_the_intervals_of_aopc_end_at_its_limits():
    """Also between the points at which they are computed, which are the first 51 numbers of units and some beyond."""
    steep = [np.concatenate([[1.0], np.zeros(70)]), np.ones(71)]
    free, cut = AopcSums(70, 50), AopcSums(70, 50)
    for sums in (free, cut):
        sums.add(removal_drops(RaggedArray.of(steep)), bootstrap_weights([0, 1], 0, 50))
    free, cut = free.table(70), cut.table(70, (-1.0, 1.0))
    assert free["ci_low"].min() < -3
    assert free["ci_high"].max() > 4
    pd.testing.assert_frame_equal(cut, free.assign(ci_low=free.ci_low.clip(-1), ci_high=free.ci_high.clip(None, 1)))


@pytest.mark.parametrize(("n", "factor"), [(2, 9.168172), (3, 2.688647), (10, 1.216616), (29, 1.063624), (30, 1.0)])
def test_intervals_of_few_documents_are_wider_than_their_percentiles(n, factor):
    """The factors are `sqrt(n / (n - 1)) t / z`, with t from tables (12.7062, 4.30265, 2.26216, 2.04841)."""
    deviations = np.linspace(-1, 1, 41)[:, None]
    low, high = percentile_interval(np.array([5.0]), deviations, n)
    assert (low[0], high[0]) == pytest.approx((5 - 0.95 * factor, 5 + 0.95 * factor), rel=1e-5)


@pytest.mark.parametrize(("n", "share"), [(2, 0.87), (5, 0.93), (10, 0.95), (20, 0.95)])
def test_intervals_of_few_documents_contain_the_mean(n, share):
    """Of skewed values, such as falls of probabilities; the mean of beta(1/2, 6/5) is 5/17."""
    means = Means(1000, 500)
    values = np.random.default_rng(0).beta(0.5, 1.2, (n, 1000))
    means.add(values, np.random.default_rng(n).poisson(1.0, (n, 500)).astype(float))
    low, high = means.interval()
    assert np.mean((low <= 5 / 17) & (high >= 5 / 17)) == pytest.approx(share, abs=0.025)


@pytest.mark.parametrize("seed", range(5))
def test_an_end_of_0_is_exactly_0_at_every_k(seed):
    falling = 1 - np.sort(np.random.default_rng(seed).random(9))
    table = sums_of([np.ones(9)] * 39 + [falling], [range(40)])
    assert (table["ci_low"] == 0).all()
    assert (table["aopc"][1:] > 0).all()


@pytest.mark.parametrize("value", [0.3, 1 / 3, 0.1234567891, -0.3])
def test_an_end_of_0_is_exactly_0(value):
    """Of 39 documents with a value of 0 and one other, many samples have none of the other: an end is 0."""
    end, curves = 0 if value > 0 else 1, [np.array([1.0, 1.0])] * 39 + [np.array([1.0, 1 - 2 * value])]
    table = sums_of(curves, [range(40)], longest=1, max_k=1)
    assert table[["ci_low", "ci_high"]].iloc[1, end] == 0
    assert table["aopc"][1] == pytest.approx(value / 40)
    means = Means(1)
    means.add(np.array([[0.0]] * 39 + [[value]]), bootstrap_weights(range(40), 0))
    assert means.interval()[end][0] == 0


def test_replicates_without_a_document_are_left_out_of_the_interval():
    deviations = np.array([[-1.0, np.nan], [0.0, -2.0], [np.nan, 2.0], [1.0, 0.0]])
    low, high = percentile_interval(np.array([1.0, 10.0]), deviations, np.array([30, 1]))
    assert (low[0], high[0]) == pytest.approx((0.05, 1.95))
    assert np.isnan([low[1], high[1]]).all()
    low, high = percentile_interval(np.array([1.0, 10.0]), deviations, 30)
    assert (low[1], high[1]) == pytest.approx((8.1, 11.9))


def test_the_grid_of_a_short_text_is_the_beginning_of_that_of_a_long_one():
    long = interval_grid(100_000)
    for longest in (0, 1, 49, 50, 51, 55, 1000):
        grid = interval_grid(longest)
        np.testing.assert_array_equal(grid, long[: len(grid)])
        assert grid[-1] >= longest > (grid[-2] if len(grid) > 1 else -1)
    assert np.diff(long)[:50].tolist() == [1] * 50
    assert len(long) < 250


def test_between_the_points_of_the_grid_means_are_exact_and_intervals_close():
    rng = np.random.default_rng(3)
    curves = [0.9 * np.exp(-np.arange(n) / 80) for n in rng.integers(1, 300, 40)]
    table = sums_of(curves, [range(40)], longest=300, max_k=300)
    np.testing.assert_allclose(table["aopc"], naive_aopc(curves, 300), rtol=0, atol=1e-12)
    weights = bootstrap_weights(range(40), 0, 400)
    values = np.stack([document_aopc(curve, 300) for curve in curves])
    replicates = (weights.T @ values) / weights.sum(0)[:, None]
    expected = np.percentile(replicates, [2.5, 97.5], axis=0)
    np.testing.assert_allclose(table[["ci_low", "ci_high"]].T, expected, rtol=0, atol=5e-4)
    np.testing.assert_allclose(table[["ci_low", "ci_high"]].T.iloc[:, :51], expected[:, :51], rtol=0, atol=1e-9)


def test_intervals_are_computed_at_each_of_the_first_lengths_and_further_apart_from_there():
    assert interval_grid(50).tolist() == list(range(51))
    assert interval_grid(3).tolist() == [0, 1, 2, 3]
    grid = interval_grid(100_000)
    assert len(grid) == 204
    assert grid[:53].tolist() == [*range(51), 53, 56]
    assert grid[-2] < 100_000 <= grid[-1]

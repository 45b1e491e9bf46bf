"""Means over documents and their intervals."""

import numpy as np
import pytest

from hf_gradexplain.evaluation.aopc import document_aopc, removal_drops
from hf_gradexplain.evaluation.bootstrap import AopcSums, Means, bootstrap_weights, interval_grid, percentile_interval
from hf_gradexplain.statistics.ragged_array import RaggedArray
from tests.helpers.curves import naive_aopc


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
    assert (low[0], high[0]) == (1, 3)
    assert np.isnan([low[1:], high[1:]]).all(), "a mean over one document has no interval"


def test_a_mean_over_one_document_has_no_interval_and_one_over_two_has(curves):
    one, two = sums_of(curves, [[3]]), sums_of(curves, [[3], [4]])
    np.testing.assert_allclose(one["aopc"], naive_aopc(curves[3:4], 8), rtol=0, atol=1e-12)
    assert one[["ci_low", "ci_high"]].isna().all(axis=None)
    values = np.sort([document_aopc(curve, 8) for curve in curves[3:5]], axis=0)
    np.testing.assert_allclose(two[["ci_low", "ci_high"]].to_numpy().T, values, rtol=0, atol=1e-9)


def test_replicates_without_a_document_are_left_out_of_the_interval():
    deviations = np.array([[-1.0, np.nan], [0.0, -2.0], [np.nan, 2.0], [1.0, 0.0]])
    low, high = percentile_interval(np.array([1.0, 10.0]), deviations, np.array([2, 1]))
    assert (low[0], high[0]) == pytest.approx((0.05, 1.95))
    assert np.isnan([low[1], high[1]]).all()
    low, high = percentile_interval(np.array([1.0, 10.0]), deviations, 2)
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

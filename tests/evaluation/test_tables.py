"""Tables: means, intervals, counts."""

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.evaluation.aopc import aopc
from hf_gradexplain.evaluation.tables import (
    AopcSums,
    bootstrap_weights,
    correlation_table,
)


@pytest.fixture
def curves():
    rng = np.random.default_rng(1)
    return [np.concatenate([[0.9], 0.9 * rng.random(n)]) for n in rng.integers(0, 9, size=60)]


def sums_of(curves, parts, max_k=8, replicates=400):
    sums = AopcSums(max_k, replicates)
    for part in parts:
        sums.add([curves[i] for i in part], bootstrap_weights(part, seed=0, replicates=replicates))
    return sums.table("m")


def test_the_mean_is_the_aopc(curves):
    table = sums_of(curves, [range(60)])
    np.testing.assert_allclose(table["aopc"], aopc(curves, 8), atol=1e-12)
    assert (table["n"] == 60).all()
    assert list(table.columns) == ["method", "k", "aopc", "ci_low", "ci_high", "n"]


def test_parts_add_up_to_the_whole(curves):
    whole, parts = sums_of(curves, [range(60)]), sums_of(curves, [range(7), range(7, 33), range(33, 60)])
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-12)


def test_the_interval_is_that_of_resampling_documents(curves):
    table = sums_of(curves, [range(60)], replicates=4000)
    values = np.stack([aopc([curve], 8) for curve in curves])
    rng = np.random.default_rng(5)
    resampled = np.stack([values[rng.integers(0, 60, 60)].mean(0) for _ in range(4000)])
    np.testing.assert_allclose(table["ci_low"], np.percentile(resampled, 2.5, axis=0), atol=0.012)
    np.testing.assert_allclose(table["ci_high"], np.percentile(resampled, 97.5, axis=0), atol=0.012)
    assert ((table["ci_low"] <= table["aopc"]) & (table["aopc"] <= table["ci_high"])).all()


def test_a_documents_weights_depend_on_its_id_and_the_seed_alone():
    alone, among = bootstrap_weights([5], 0), bootstrap_weights([3, 5, 9], 0)
    np.testing.assert_array_equal(alone[0], among[1])
    assert (bootstrap_weights([5], 1) != alone).any()


def test_undefined_correlations_are_counted_and_left_out_of_the_mean():
    frame = pd.DataFrame(
        {"method": ["a"] * 4, "pearson": [0.5, 0.7, np.nan, 0.9], "pearson_p": [0.2, 0.01, np.nan, 0.05]}
    )
    for name in ("spearman", "kendall"):
        frame[name], frame[f"{name}_p"] = np.nan, np.nan
    table = correlation_table(frame).set_index("coefficient")
    row = table.loc["pearson"]
    assert (row["median"], row["n"], row["n_undefined"]) == (0.7, 3, 1)
    assert row["mean"] == pytest.approx(0.7)
    assert row["fraction_significant"] == pytest.approx(2 / 3)
    assert (table.loc["kendall", "n"], table.loc["kendall", "n_undefined"]) == (0, 4)
    assert np.isnan(table.loc["kendall", ["median", "mean", "fraction_significant"]].astype(float)).all()

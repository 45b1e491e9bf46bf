"""Tables of correlations and of signs: which documents count."""

import numpy as np
import pytest

from hf_gradexplain.evaluation.agreement import CorrelationSums, SignSums, correlation_tables
from hf_gradexplain.evaluation.bootstrap import bootstrap_weights
from hf_gradexplain.explanation.correlation import COEFFICIENTS


def tables(r, p):
    none = np.full(len(r), np.nan)
    values = {name + end: none for name in COEFFICIENTS for end in ("", "_p")}
    values |= {"pearson": np.array(r), "pearson_p": np.array(p)}
    sums = CorrelationSums(["a"])
    sums.add({"a": values}, bootstrap_weights(range(len(r)), 0))
    return correlation_tables([("a", values)], sums.intervals())


def test_undefined_correlations_are_counted_and_left_out_of_the_mean():
    table = tables([0.5, 0.7, np.nan, 0.9, 0.7, 0.7, 0.7], [0.2, 0.01, np.nan, 0.05, 0.2, 0.01, 0.01])[0].set_index(
        "coefficient"
    )
    row = table.loc["pearson"]
    assert (row["median"], row["n"], row["n_undefined"]) == (0.7, 6, 1)
    assert row["mean"] == pytest.approx(0.7)
    assert row["fraction_significant"] == pytest.approx(2 / 3)
    assert (table.loc["kendall", "n"], table.loc["kendall", "n_undefined"]) == (0, 7)
    numbers = [name for name in table.columns if name not in ("method", "n", "n_undefined")]
    assert np.isnan(table.loc["kendall", numbers].astype(float)).all()
    assert table.loc["pearson", numbers].notna().all()


def test_the_false_discovery_rate_is_controlled_by_the_step_up_rule():
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(180), rng.random(20) * 1e-3])
    row = tables(np.linspace(-1, 1, 200), p)[0].set_index("coefficient").loc["pearson"]
    passed = [i for i, value in enumerate(np.sort(p), 1) if value <= 0.05 * i / 200]
    assert row["fraction_significant_fdr"] == max(passed) / 200
    assert row["fraction_significant"] == (p <= 0.05).mean() > row["fraction_significant_fdr"]


def test_intervals_of_mean_and_median_are_those_of_resampling():
    rng = np.random.default_rng(1)
    r = np.tanh(rng.normal(0.4, 0.6, 300))
    row = tables(r, np.full(300, 0.5))[0].set_index("coefficient").loc["pearson"]
    drawn = r[rng.integers(0, 300, (5000, 300))]
    for name, statistic in (("mean", drawn.mean(1)), ("median", np.median(drawn, 1))):
        ends = np.percentile(statistic, [2.5, 97.5])
        np.testing.assert_allclose(row[[f"{name}_ci_low", f"{name}_ci_high"]].astype(float), ends, atol=0.015)


def test_histograms_hold_every_defined_document_once():
    histogram = tables([-1, -0.95, 0.0, 0.999, 1 + 1e-12, np.nan], [0.5] * 5 + [np.nan])[1]
    pearson = histogram[histogram["coefficient"] == "pearson"].set_index("low")["n"]
    assert (pearson.sum(), pearson.iloc[0], pearson.iloc[-1]) == (5, 2, 2)
    assert histogram[histogram["coefficient"] == "kendall"]["n"].sum() == 0


def test_signs_are_averaged_over_the_documents_that_have_them():
    sums = SignSums(["a"])
    counts = {"same": [3, 0, 1], "opposite": [1, 0, 0], "zero": [0, 0, 1]}
    sums.add({"a": {name: np.array(x) for name, x in counts.items()}}, bootstrap_weights(range(3), 0))
    row = sums.table().iloc[0]
    assert (row["agreement"], row["share_zero"]) == ((0.75 + 0.5) / 2, 0.25)
    assert (row["n"], row["n_undefined"]) == (2, 1)
    assert (row["ci_low"], row["ci_high"]) == (0, 1), "two documents say little"


def test_intervals_of_a_few_documents_end_at_the_limits_of_a_correlation():
    row = tables([0.8, 0.8, 0.2], [0.5] * 3)[0].set_index("coefficient").loc["pearson"]
    assert (-1 < row["mean_ci_low"] < 0, row["mean_ci_high"]) == (True, 1)
    row = tables([-0.8, -0.8, -0.2], [0.5] * 3)[0].set_index("coefficient").loc["pearson"]
    assert (row["mean_ci_low"], 0 < row["mean_ci_high"] < 1) == (-1, True)


def test_the_distribution_has_twenty_bins_from_minus_one_to_one():
    bins = tables([-1.0, -0.95, 0.05, 1.0], [0.5] * 4)[1].query("coefficient == 'pearson'")
    np.testing.assert_allclose(bins["low"], np.arange(-10, 10) / 10, atol=1e-12)
    np.testing.assert_allclose(bins["high"], np.arange(-9, 11) / 10, atol=1e-12)
    assert bins["n"].tolist() == [2, *[0] * 9, 1, *[0] * 8, 1]

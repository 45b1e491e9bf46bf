"""Paired tests against scipy, Holm's correction against its definition."""

import itertools

import numpy as np
import pytest
from scipy import stats

from hf_gradexplain.evaluation.bootstrap import bootstrap_weights
from hf_gradexplain.evaluation.comparisons import PairedSums, holm, paired_t_test


def compared(areas, ks=(10,), cut=7, scale=1.0):
    """Areas `(M, n)` as the table, added in two parts."""
    names = [f"m{i}" for i in range(len(areas))]
    sums = PairedSums(names, ks)
    stacked = np.repeat(np.asarray(areas, dtype=float)[:, :, None], len(ks), 2)
    for part in (slice(0, cut), slice(cut, None)):
        ids = range(stacked.shape[1])[part]
        if len(ids):
            sums.add(stacked[:, part], np.full(len(ids), scale), bootstrap_weights(ids, 0))
    return sums.table()


def test_it_is_the_paired_t_test_of_scipy_the_better_method_first():
    rng = np.random.default_rng(0)
    areas = rng.normal([[0.1], [0.3], [0.28]], 0.2, (3, 50))
    table = compared(areas)
    assert len(table) == 3
    for row in table.itertuples():
        a, b = (areas[int(name[1])] for name in (row.method, row.other))
        expected = stats.ttest_rel(a, b)
        assert row.difference == pytest.approx((a - b).mean(), rel=1e-12)
        assert row.difference >= 0
        assert row.p == pytest.approx(expected.pvalue, rel=1e-9)
        assert row.ci_low < row.difference < row.ci_high
        ends = expected.confidence_interval()
        np.testing.assert_allclose([row.ci_low, row.ci_high], ends, atol=0.02)


def test_intervals_end_at_the_largest_possible_difference():
    """Without limits, the interval of 0.9 and 0.1 is 0.5 ± 0.4 · 9.168."""
    sums = PairedSums(["a", "b"], [10])
    sums.add(np.array([[[0.0], [0.0]], [[0.9], [0.1]]]), np.ones(2), bootstrap_weights([0, 1], 0))
    assert sums.table()[["ci_low", "ci_high"]].iloc[0].tolist() == pytest.approx([-3.1673, 4.1673], rel=1e-4)
    assert sums.table((-1, 1))[["ci_low", "ci_high"]].iloc[0].tolist() == [-1, 1]


def test_it_agrees_with_permuting_signs():
    rng = np.random.default_rng(1)
    a, b = rng.exponential(0.2, 60), rng.exponential(0.14, 60)
    exact = stats.permutation_test(
        ((a - b),), np.mean, permutation_type="samples", n_resamples=20000, random_state=0, vectorized=True
    )
    assert compared([a, b])["p"].item() == pytest.approx(exact.pvalue, abs=0.01)


def test_under_skewed_differences_of_mean_zero_five_percent_are_significant_and_wilcoxon_is_misled():
    rng = np.random.default_rng(2)
    differences = rng.exponential(0.1, (400, 200)) - 0.1
    mean = differences.mean(1)
    p = paired_t_test(mean, np.square(differences - mean[:, None]).sum(1), 200)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(stats.wilcoxon(differences, axis=1).pvalue <= 0.05) > 0.5


def test_methods_that_differ_by_rounding_do_not_differ():
    rng = np.random.default_rng(3)
    a = rng.random(30)
    row = compared([a, a + 3e-7 * rng.random(30)]).iloc[0]
    assert (row["difference"], row["p"], row["p_adjusted"]) == (0, 1, 1)


def test_one_document_has_no_p_value_and_no_interval():
    row = compared([[0.5], [0.2]]).iloc[0]
    assert row["difference"] == pytest.approx(0.3)
    assert np.isnan([row["p"], row["p_adjusted"], row["ci_low"], row["ci_high"]]).all()
    assert row["n"] == 1


def test_one_method_has_no_comparisons():
    assert len(compared([[0.5, 0.1]])) == 0


def test_every_pair_at_every_k_is_in_the_correction():
    rng = np.random.default_rng(4)
    table = compared(rng.normal([[0], [0.05], [0.2]], 0.2, (3, 40)), ks=(10, 20))
    assert len(table) == 6
    np.testing.assert_allclose(table["p_adjusted"], holm(table["p"].to_numpy()))


def test_holm_rejects_what_its_step_down_procedure_rejects():
    rng = np.random.default_rng(5)
    for size, alpha, _ in itertools.product((1, 2, 5, 12), (0.01, 0.05, 0.2), range(50)):
        p = rng.random(size) ** 3
        rejected, remaining = set(), sorted(range(size), key=lambda i: p[i])
        while remaining and p[remaining[0]] <= alpha / len(remaining):
            rejected.add(remaining.pop(0))
        assert {i for i, value in enumerate(holm(p)) if value <= alpha} == rejected


def test_holm_ignores_undefined_p_values():
    np.testing.assert_allclose(holm(np.array([0.02, np.nan, 0.01])), [0.02, np.nan, 0.02])
    assert holm(np.array([])).shape == (0,)


def test_differences_count_as_0_up_to_rounding_of_the_outputs():
    rng = np.random.default_rng(0)
    areas = rng.normal(size=(2, 20))
    for scale in (1.0, 1e-7, 400.0):
        table = compared(areas * scale, scale=scale)
        assert table["p"].item() == pytest.approx(compared(areas)["p"].item(), rel=1e-3)
        near = np.stack([areas[0] * 0, np.full(20, 7.9 * 2.0**-23 * scale)])
        assert compared(near, scale=scale)["p"].item() == 1
        far = np.stack([areas[0] * 0, np.full(20, 8.1 * 2.0**-23 * scale)])
        assert compared(far, scale=scale)["p"].item() < 1e-6

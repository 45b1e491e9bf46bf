"""Paired means of runs, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from hf_gradexplain.audit.compare.run_means import RunMeans, mcnemar, measure
from hf_gradexplain.evaluation.read_documents import DocumentBlock
from hf_gradexplain.statistics.ragged_array import RaggedArray

ACCURACY, AOPC = ("accuracy", ""), ("AOPC(10)", "loo")


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"), [(0, 0, 1.0), (1, 0, 1.0), (0, 2, 0.5), (1, 5, 0.21875), (3, 3, 1.0), (6, 0, 0.03125)]
)
def test_mcnemar_is_the_test_of_a_fair_coin(only_a, only_b, p):
    assert mcnemar(only_a, only_b) == pytest.approx(p)
    assert mcnemar(only_b, only_a) == pytest.approx(p)


def table(*runs, regression=False):
    means = RunMeans(50, regression=regression)
    values = [{ACCURACY: np.array(right, float), AOPC: np.array(aopc, float)} for right, aopc in runs]
    n = len(values[0][AOPC])
    weights = np.random.default_rng(0).poisson(1.0, (n, 50)).astype(float)
    means.add([{name: x[: n // 2] for name, x in of_run.items()} for of_run in values], weights[: n // 2])
    means.add([{name: x[n // 2 :] for name, x in of_run.items()} for of_run in values], weights[n // 2 :])
    return means.table()


A = ([1, 1, 0, 1, np.nan, 1], [0.5, 0.25, 0.75, 0.5, 0.25, 0.0])
B = ([1, 0, 0, 0, np.nan, 0], [0.25, 0.25, 0.5, 0.25, 0.5, np.nan])


def test_means_of_two_runs():
    accuracy, aopc = table(A, B).to_dict("records")
    assert (accuracy["measure"], accuracy["method"], accuracy["n"]) == ("accuracy", "", 5)
    assert (accuracy["a"], accuracy["b"], accuracy["difference"]) == pytest.approx((0.8, 0.2, -0.6))
    assert accuracy["p"] == 0.25  # three texts that only A classifies correctly
    difference = np.array([-0.25, 0, -0.25, -0.25, 0.25])
    assert (aopc["measure"], aopc["method"], aopc["n"]) == ("AOPC(10)", "loo", 5)
    assert aopc["difference"] == pytest.approx(difference.mean())
    assert aopc["p"] == pytest.approx(stats.ttest_1samp(difference, 0).pvalue)
    assert aopc["ci_low"] <= aopc["difference"] <= aopc["ci_high"]
    assert "p_seeds" not in aopc


@pytest.mark.parametrize(("regression", "ends"), [(False, [-2, 2]), (True, [-6.8761, 6.8761])])
def test_intervals_end_at_the_largest_possible_difference(regression, ends):
    """Without limits, they are ± 0.75 · 9.168, because each measure changes by 0.75 in one text, by -0.75 in another.

    The accuracy of a text is 0 or 1; the shares here have the same interval as AOPC, but another limit.
    """
    a, b = ([0, 0.75], [0, 0.75]), ([0.75, 0], [0.75, 0])
    accuracy, aopc = table(a, b, regression=regression)[["ci_low", "ci_high"]].to_numpy().tolist()
    assert accuracy == [-1, 1]
    assert aopc == pytest.approx(ends, rel=1e-4)


def test_other_seeds_need_a_run_and_two_references():
    assert "p_seeds" not in table(A, A, B)
    accuracy, _ = table(A, ([1, 1, 1, 1, 1, 1], A[1]), ([1, 0, 0, 1, 0, 1], B[1]), B).to_dict("records")
    values = np.array([0.8, 1.0, 0.5])
    error = values.std(ddof=1) * np.sqrt(4 / 3)
    assert accuracy["p_seeds"] == pytest.approx(2 * stats.t.sf((values.mean() - 0.2) / error, 2))
    assert (accuracy["seed_low"] + accuracy["seed_high"]) / 2 == pytest.approx(values.mean())


def test_an_accuracy_is_a_multiple_of_one_over_the_number_of_texts():
    accuracy, aopc = table(A, A, A, B).to_dict("records")
    error = np.sqrt(0.2**2 / 12 * 4 / 3)
    assert accuracy["p_seeds"] == pytest.approx(2 * stats.t.sf(0.6 / error, 2))
    assert aopc["p_seeds"] == 0


def test_a_measure_without_documents_has_no_row():
    nothing = [np.nan] * 6
    assert table((nothing, A[1]), (nothing, B[1]))["measure"].tolist() == ["AOPC(10)"]


@pytest.mark.parametrize(("regression", "naopc"), [(True, 0.5), (False, np.nan)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_naopc_of_small_outputs_is_defined(regression, naopc, sign):
    """AOPC(1) of the curve is 0.5e-8, in the middle of its bounds."""
    curve = RaggedArray.of([np.array([1e-8 * sign, 1e-8 * sign - 1e-8])])
    bounds = {"lower": np.array([0.0]), "upper": np.array([1e-8]), "exact": np.array([True])}
    measures = DocumentBlock([0], {"loo": curve}, {}, {}, {}, {}, bounds)
    words = SimpleNamespace(label=np.array([0]), prediction=np.array([0]))
    found = measure(words, measures, ["loo"], regression=regression)
    np.testing.assert_allclose(found["NAOPC", "loo"], [naopc], rtol=1e-9)

"""Whether a run is one more seed: plain formulas, and rates on simulated runs."""

import math

import numpy as np
import pytest
from scipy import stats

from hf_gradexplain.audit.compare.seeds import predict_drift, predict_seed


def test_the_interval_of_one_more_seed():
    values, new = [0.81, 0.84, 0.86], 0.80
    mean = sum(values) / 3
    s = math.sqrt(sum((value - mean) ** 2 for value in values) / 2)
    test = predict_seed(np.array(values), new)
    margin = 4.302653 * s * math.sqrt(4 / 3)
    assert (test.low, test.high) == pytest.approx((mean - margin, mean + margin), rel=1e-5)
    assert test.p == pytest.approx(2 * stats.t.sf((mean - new) / (s * math.sqrt(4 / 3)), 2))
    # The interval holds exactly what has a p of 5 % or more.
    assert predict_seed(np.array(values), test.high).p == pytest.approx(0.05)


def test_seeds_that_are_all_equal():
    assert predict_seed(np.full(3, 0.5), 0.5).p == 1
    assert predict_seed(np.full(3, 0.5), 0.4).p == 0


def test_accuracies_of_a_few_seeds_may_be_equal_by_chance():
    equal = np.full(3, 0.85)
    test = predict_seed(equal, 0.855, step=1 / 200)
    error = math.sqrt(1 / 12 * 4 / 3) / 200
    assert test.p == pytest.approx(2 * stats.t.sf(0.005 / error, 2))
    assert test.p > 0.05 > predict_seed(equal, 0.86, step=1 / 200).p
    assert (test.low, test.high) == pytest.approx((0.85 - 4.302653 * error, 0.85 + 4.302653 * error), rel=1e-6)
    assert predict_seed(equal, 0.85, step=1 / 200).p == 1
    varied = np.array([0.81, 0.84, 0.86])
    assert predict_seed(varied, 0.9, step=1 / 200) == predict_seed(varied, 0.9)
    assert predict_seed(np.array([0.5, 0.5, 0.501]), 0.9, step=0.01) != predict_seed(np.array([0.5, 0.5, 0.501]), 0.9)


@pytest.mark.parametrize("m", [2, 3, 4, 6])
@pytest.mark.parametrize(("unstable", "share"), [(1, 0.5), (2, 0.5), (3, 0.5), (5, 0.1), (10, 0.5), (50, 0.5)])
def test_the_level_of_an_accuracy(m, unstable, share):
    """Of 200 texts, the trainings disagree on a few; without a step, up to a quarter of the tests are significant."""
    right = np.random.default_rng(1).binomial(unstable, share, (3000, m + 1)) / 200 + 0.8
    tests = [predict_seed(values[:-1], values[-1], 1 / 200) for values in right]
    assert np.mean([test.p <= 0.05 for test in tests]) <= 0.06
    inside = [test.low - 1e-12 <= new <= test.high + 1e-12 for test, new in zip(tests, right[:, -1], strict=True)]
    assert np.mean(inside) >= 0.94
    assert min(test.p for test in tests) > 0


def test_the_level_of_one_more_seed():
    rng = np.random.default_rng(0)
    p = [predict_seed(values[:-1], values[-1]).p for values in rng.normal(0.9, 0.01, (4000, 5))]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.012)


def draw_drifts(rng, m, spread, noise, shift=0.0):
    """Drifts `exp(mu + a_i + a_j + e_ij)` among `m` runs, and those of one more, which is `shift` farther out."""
    a = rng.normal(0, spread, m + 1)
    a[-1] += shift
    e = np.triu(rng.normal(0, noise, (m + 1, m + 1)), 1)
    drifts = np.exp(-2 + a[:, None] + a + e + e.T)
    return drifts[:m, :m], drifts[-1, :m]


def test_drifts_in_plain_loops():
    drifts, new = draw_drifts(np.random.default_rng(1), 4, 0.1, 0.05)
    m = 4
    of_run = [sum(math.log(drifts[i, j]) for j in range(m) if j != i) / (m - 1) for i in range(m)]
    mean = sum(of_run) / m
    a = [(m - 1) / (m - 2) * (each - mean) for each in of_run]
    error = math.sqrt(sum(each**2 for each in a) / (m - 1) * (1 + 1 / m))
    of_new = sum(math.log(each) for each in new) / m
    test = predict_drift(drifts, new)
    assert test.p == pytest.approx(stats.t.sf((of_new - mean) / error, m - 1))
    assert test.high == pytest.approx(math.exp(mean + stats.t.ppf(0.95, m - 1) * error))
    assert test.low == 0


@pytest.mark.parametrize(("m", "spread", "noise"), [(3, 0.1, 0.0), (4, 0.1, 0.02), (4, 0.0, 0.1), (6, 0.2, 0.1)])
def test_the_level_of_drifts(m, spread, noise):
    rng = np.random.default_rng(2)
    p = np.array([predict_drift(*draw_drifts(rng, m, spread, noise)).p for _ in range(1500)])
    assert np.mean(p <= 0.05) <= 0.065
    if not noise:
        assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.012)


def test_a_run_that_is_farther_out_is_seen():
    rng = np.random.default_rng(3)
    p = np.array([predict_drift(*draw_drifts(rng, 4, 0.1, 0.02, shift=1)).p for _ in range(300)])
    assert np.mean(p <= 0.05) > 0.95


def test_runs_that_are_equal():
    assert predict_drift(np.zeros((3, 3)), np.zeros(3)).p == 0.5
    assert predict_drift(np.zeros((3, 3)), np.full(3, 0.1)).p == 0

"""The moderated t-test against Smyth's formulas in plain loops, and its rates on simulated runs."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma, polygamma

from hf_gradexplain.audit.compare.moderated import fit_prior, fit_tails, inverse_trigamma, moderated_test


def nothing(values):
    """No covariates."""
    return np.zeros((values.shape[1], 0))


def smyth(values, new):
    """Smyth (2004), sections 4 and 6.2, for one word after the other; the variances do not depend on a covariate."""
    m, n = len(values), len(values[0])
    d = m - 1
    means = [sum(values[i][g] for i in range(m)) / m for g in range(n)]
    variances = [sum((values[i][g] - means[g]) ** 2 for i in range(m)) / d for g in range(n)]
    z = [math.log(s2) for s2 in variances]
    e = [each - digamma(d / 2) + math.log(d / 2) for each in z]
    mean_e = sum(e) / n
    excess = sum((each - mean_e) ** 2 for each in e) / (n - 1) - polygamma(1, d / 2)
    low, high = 1e-8, 1e8  # trigamma falls
    for _ in range(300):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if polygamma(1, middle) > excess else (low, middle)
    d0 = 2 * low
    s02 = math.exp(mean_e + digamma(d0 / 2) - math.log(d0 / 2))
    t = []
    for g in range(n):
        s2 = (d0 * s02 + d * variances[g]) / (d0 + d)
        t.append((new[g] - means[g]) / math.sqrt(s2 * (1 + 1 / m)))
    return d0, s02, t


def simulate(rng, n, m, d0=4.0, s02=0.01):
    """Runs of `n` words whose variances are those of Smyth's model, and one more run."""
    sd = np.sqrt(d0 * s02 / rng.chisquare(d0, n))
    values = rng.normal(0, 1, n) + sd * rng.normal(0, 1, (m + 1, n))
    return values[:-1], values[-1]


@pytest.mark.parametrize("m", [3, 4, 6])
def test_the_test_is_that_of_smyth(m):
    values, new = simulate(np.random.default_rng(m), 60, m)
    d0, s02, t = smyth(values.tolist(), new.tolist())
    prior = fit_prior(values.var(0, ddof=1), m - 1, np.zeros((60, 0)))
    assert prior.df == pytest.approx(d0, rel=1e-6)
    assert prior.scale == pytest.approx(s02, rel=1e-6)
    test = moderated_test(values, new, nothing)
    assert test.difference / test.error == pytest.approx(t, rel=1e-6)


def test_the_prior_of_many_words_is_the_true_one():
    values, _ = simulate(np.random.default_rng(0), 20_000, 4, d0=6, s02=0.04)
    prior = fit_prior(values.var(0, ddof=1), 3, np.zeros((20_000, 0)))
    assert prior.df == pytest.approx(6, rel=0.1)
    assert prior.scale == pytest.approx(0.04, rel=0.03)


def test_the_scale_follows_the_covariates():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 5, 20_000)
    y = rng.normal(0, 1, 20_000)
    values = np.exp(-x / 2 + y) * rng.normal(0, 1, (4, 20_000))
    prior = fit_prior(values.var(0, ddof=1), 3, np.stack([x, y], axis=1))
    assert np.log(prior.scale) == pytest.approx(2 * y - x, abs=0.15)
    assert prior.df > 100


def test_equal_true_variances_have_a_prior_without_end():
    variances = np.random.default_rng(1).chisquare(3, 2_000) / 3
    variances = np.exp(np.log(variances) * 0.9)  # less spread than chance gives
    prior = fit_prior(variances, 3, np.zeros((2_000, 0)))
    assert prior.df == np.inf
    assert (prior.moderate(variances, 3) == prior.scale).all()


def test_words_without_variance_are_tested():
    values, new = simulate(np.random.default_rng(2), 50, 3)
    values[:, 0] = new[0] = 0.5
    values[:, 1], new[1] = 0.5, 5
    test = moderated_test(values, new, nothing)
    assert test.p[0] == 1
    assert test.p[1] < 1e-3


def test_runs_that_are_all_equal():
    values = np.tile(np.linspace(-1, 1, 9), (3, 1))
    new = values[0].copy()
    new[2] += 0.1
    assert moderated_test(values, new, nothing).p == pytest.approx([1, 1, 0, 1, 1, 1, 1, 1, 1], abs=1e-6)


@pytest.mark.parametrize("value", [1e-4, 0.1, 1.0, 50.0, 1e4])
def test_the_inverse_of_trigamma(value):
    assert polygamma(1, inverse_trigamma(value)) == pytest.approx(value, rel=1e-9)


def test_the_level_holds_and_a_moved_word_is_found():
    rng, alarms, found = np.random.default_rng(3), 0, 0
    p = []
    for _ in range(100):
        values, new = simulate(rng, 300, 4)
        test = moderated_test(values, new, nothing)
        p += test.p.tolist()
        alarms += (stats.false_discovery_control(test.p) <= 0.05).any()
        new[7] += 20 * test.error[7]
        found += stats.false_discovery_control(moderated_test(values, new, nothing).p)[7] <= 0.05
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.006)
    assert alarms <= stats.binom.ppf(0.999, 100, 0.05)
    assert found >= 95


@pytest.mark.parametrize(("df", "scale"), [(3, 1.0), (6, 2.0)])
def test_the_tails_of_a_sample(df, scale):
    sample = scale * stats.t.rvs(df, size=100_000, random_state=np.random.default_rng(0))
    found = fit_tails(sample)
    assert found == pytest.approx((df, scale), rel=0.1)


@pytest.mark.parametrize(("of", "df"), [(stats.norm, np.exp(7)), (stats.t(0.5), 1)])
def test_the_degrees_of_freedom_of_very_light_and_very_heavy_tails(of, df):
    assert fit_tails(of.ppf((np.arange(20_000) + 0.5) / 20_000))[0] == pytest.approx(df)


def test_the_tails_of_values_of_which_half_are_zero():
    assert fit_tails(np.array([0.0, 0.0, 0.0, 3.0])) == (1, 1)


def test_the_level_holds_if_some_seeds_learn_a_word_and_others_do_not():
    rng, alarms, unadjusted = np.random.default_rng(5), 0, 0
    for _ in range(60):
        noise = rng.standard_t(2.5, (5, 1500))
        test = moderated_test(noise[:4], noise[4], nothing)
        alarms += (stats.false_discovery_control(test.p) <= 0.05).any()
        prior = fit_prior(noise[:4].var(0, ddof=1), 3, nothing(noise))
        by_smyth = 2 * stats.t.sf(np.abs(test.difference) / test.error, prior.df + 3)
        unadjusted += (stats.false_discovery_control(by_smyth) <= 0.05).any()
    assert alarms <= stats.binom.ppf(0.999, 60, 0.05)
    assert unadjusted > 20


def test_no_variance_counts_as_less_than_a_hundred_thousandth_of_the_median():
    """The median of the variances that are not 0: 2."""
    covariates = np.zeros((4, 0))
    prior = fit_prior(np.array([0.0, 1.0, 2.0, 3.0]), 2, covariates)
    least = fit_prior(np.array([2e-5, 1.0, 2.0, 3.0]), 2, covariates)
    assert (prior.df, prior.scale.tolist()) == (least.df, least.scale.tolist())
    more = fit_prior(np.array([2.1e-5, 1.0, 2.0, 3.0]), 2, covariates)
    assert more.df != prior.df

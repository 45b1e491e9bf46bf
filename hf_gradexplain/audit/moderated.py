"""The moderated t-test: whether one more run differs from a few, where each of many words has a variance of its own.

With three or four runs, the variance of a word among them is hardly known, and an ordinary t-test of thousands of words
finds nothing. The variances of all words together say how variances are distributed, and each is drawn towards that
distribution: Smyth, "Linear models and empirical Bayes methods for assessing differential expression in microarray
experiments", Statistical Applications in Genetics and Molecular Biology 3 (2004), in the package limma.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats
from scipy.special import digamma, polygamma

LEAST_VARIANCE = 1e-5
"""A variance counts as at least this share of the median one: a word that no run scores has none."""


@dataclass(frozen=True, eq=False)
class VariancePrior:
    """How the true variances of the words are distributed: `1 / variance ~ chi2(df) / (df * scale)`.

    Attributes:
        scale: `(n,)` the typical variance of each word, Smyth's `s_0^2`.
        df: How closely variances keep to it, in degrees of freedom, Smyth's `d_0`; infinite where they differ by no
            more than chance.
    """

    scale: np.ndarray
    df: float

    def moderate(self, variances: np.ndarray, df: int) -> np.ndarray:
        """Return `(d_0 s_0^2 + d s^2) / (d_0 + d)` of each word: `(n,)`."""
        if np.isinf(self.df):
            return self.scale
        return (self.df * self.scale + df * variances) / (self.df + df)


def fit_prior(variances: np.ndarray, df: int, covariates: np.ndarray) -> VariancePrior:
    """Estimate the distribution of the true variances from the sample variances of all words.

    The logarithm of a sample variance has the mean `log s_0^2 + digamma(d / 2) - log(d / 2)` and the variance
    `trigamma(d / 2)`, and more by `trigamma(d_0 / 2)` where the true variances differ (Smyth 2004, section 6.2).
    `log s_0^2` is linear in the covariates, fitted by least squares, as by limma's `trend`.

    Args:
        variances: `(n,)` sample variances.
        df: Their degrees of freedom `d`.
        covariates: `(n, P)` what the variance depends on, such as the logarithm of the number of texts; `P` may be 0.
    """
    positive = variances[variances > 0]
    least = LEAST_VARIANCE * np.median(positive) if len(positive) else np.finfo(np.float64).tiny
    variances = np.maximum(variances, least)
    e = np.log(variances) - digamma(df / 2) + np.log(df / 2)
    design = np.column_stack([np.ones_like(e), covariates - covariates.mean(0)])
    coefficients, _, rank, _ = np.linalg.lstsq(design, e, rcond=None)
    line = design @ coefficients
    excess = np.square(e - line).sum() / max(len(e) - int(rank), 1) - polygamma(1, df / 2)
    if excess <= 0:
        return VariancePrior(np.exp(line), np.inf)
    prior_df = 2 * inverse_trigamma(excess)
    return VariancePrior(np.exp(line + digamma(prior_df / 2) - np.log(prior_df / 2)), prior_df)


def inverse_trigamma(value: float) -> float:
    """Return the `x > 0` with `trigamma(x) = value`.

    >>> round(inverse_trigamma(float(polygamma(1, 2.5))), 6)
    2.5
    """
    low, high = 1 / value, (1 + np.sqrt(1 + 4 * value)) / (2 * value)  # since 1/x < trigamma(x) < 1/x + 1/x^2
    return float(optimize.brentq(lambda x: polygamma(1, x) - value, low, high))


@dataclass(frozen=True, eq=False)
class ModeratedTest:
    """The test of every word, `(n,)` each.

    Attributes:
        difference: The value of the new run minus the mean of the others.
        error: The standard error of the difference: `sqrt(s^2 (1 + 1/m))`, with the moderated variance `s^2`.
        df: Its degrees of freedom, `d_0 + m - 1`.
        p: The two-sided p-value.
    """

    difference: np.ndarray
    error: np.ndarray
    df: float
    p: np.ndarray


def moderated_test(values: np.ndarray, new: np.ndarray, covariates: np.ndarray) -> ModeratedTest:
    """Test whether the new run is one more of the others.

    `t = (y - mean) / sqrt(s^2 (1 + 1/m))` with `d_0 + m - 1` degrees of freedom, where `s^2` is the moderated variance
    of the word among the `m` others.

    Args:
        values: `(m, n)` the values of every word in the other runs, `m >= 2`.
        new: `(n,)` those of the new run.
        covariates: See `fit_prior`; they must not depend on the new run.
    """
    m = len(values)
    prior = fit_prior(values.var(0, ddof=1), m - 1, covariates)
    error = np.sqrt(prior.moderate(values.var(0, ddof=1), m - 1) * (1 + 1 / m))
    difference = new - values.mean(0)
    df = min(prior.df + m - 1, (m - 1) * values.shape[1])  # no more than there are in all words together
    return ModeratedTest(difference, error, df, 2 * stats.t.sf(np.abs(difference) / error, df))

"""The moderated t-test: for each of many words, test whether a new run differs from a few other runs.

From three or four runs, the variance of a word between runs can hardly be estimated, and ordinary t-tests of thousands
of words find nothing. The variances of all words together show how variances are distributed, and the variance of each
word is shrunk towards that distribution.

Source: Smyth, "Linear models and empirical Bayes methods for assessing differential expression in microarray
experiments", Statistical Applications in Genetics and Molecular Biology 3 (2004), as in the package limma.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats
from scipy.special import digamma, polygamma

TAILS = (0.5, 0.9, 0.99, 0.999)
"""The quantiles of absolute values that a distribution is fitted to."""

LEAST_VARIANCE = 1e-5
"""A variance counts as at least this share of the median one: the variance of a word that no run scores is 0."""


@dataclass(frozen=True, eq=False)
class VariancePrior:
    """The distribution of the true variances of the words: `1 / variance ~ chi2(df) / (df * scale)`.

    Attributes:
        scale: `(n,)` the typical variance of each word, Smyth's `s_0^2`.
        df: How close variances are to `scale`, in degrees of freedom, Smyth's `d_0`. Infinite if they differ only
            by chance.
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
    `trigamma(d / 2)`. If the true variances differ, the variance of the logarithm is larger by `trigamma(d_0 / 2)`
    (Smyth 2004, section 6.2). `log s_0^2` is a linear function of the covariates, which is fitted by least squares, as
    with limma's `trend`.

    Args:
        variances: `(n,)` sample variances.
        df: Their degrees of freedom `d`.
        covariates: `(n, P)` quantities that the variance depends on, such as the logarithm of the number of texts; `P`
            may be 0.
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
    """The results of the test for every word, `(n,)` each.

    Attributes:
        difference: The value of the new run minus the mean of the other runs.
        error: The standard error of the difference: `sqrt(s^2 (1 + 1/m))`, with the moderated variance `s^2`.
        p: The two-sided p-value.
        tail_df: The degrees of freedom of the Student distribution that is fitted to the differences among the other
            runs, in standard errors. With more of them, it is closer to a normal distribution. NaN without words.
    """

    difference: np.ndarray
    error: np.ndarray
    p: np.ndarray
    tail_df: float = np.nan


def moderated_test(
    values: np.ndarray, new: np.ndarray, covariates: Callable[[np.ndarray], np.ndarray]
) -> ModeratedTest:
    """Test for each word whether the new run could be one more run of the same kind as the other runs.

    `t = (y - mean) / sqrt(s^2 (1 + 1/m))`, where `s^2` is the moderated variance of the word among the `m` other runs.
    If runs differed by normal noise, `t` would have Student's distribution with `d_0 + m - 1` degrees of freedom. Real
    trainings have heavier tails, because some words are learnt only with some seeds. The distribution is therefore
    estimated from the runs themselves: each of the `m` runs is tested against the others in the same way, and a Student
    distribution is fitted to the tails of these `m n` values (an empirical null distribution, as in Efron 2004).

    Args:
        values: `(m, n)` the values of every word in the other runs, with `m >= 3`. Without words, nothing is tested.
        new: `(n,)` the values in the new run.
        covariates: A function that returns the covariates `(n, P)` of `fit_prior`, given the values of some runs.
    """
    if not values.size:
        return ModeratedTest(new, new, new)
    difference, error = _difference(values, new, covariates)
    pairs = (_difference(np.delete(values, i, axis=0), run, covariates) for i, run in enumerate(values))
    df, scale = fit_tails(np.concatenate([apart / its_error for apart, its_error in pairs]))
    return ModeratedTest(difference, error, 2 * stats.t.sf(np.abs(difference) / error / scale, df), df)


def _difference(
    values: np.ndarray, new: np.ndarray, covariates: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the difference of a run from the mean of the others, and its moderated standard error: `(n,)` each."""
    m, variances = len(values), values.var(0, ddof=1)
    prior = fit_prior(variances, m - 1, covariates(values))
    return new - values.mean(0), np.sqrt(prior.moderate(variances, m - 1) * (1 + 1 / m))


def fit_tails(values: np.ndarray) -> tuple[float, float]:
    """Return the degrees of freedom and the scale of the Student distribution with the tails of a sample.

    The fit is by least squares of the logarithms of the quantiles at `TAILS` of the absolute values. The degrees of
    freedom are at least 1 and at most `e^7`, about 1,100. If half of the values are 0, both are 1.
    """
    found = np.quantile(np.abs(values), TAILS)
    if not found.all():  # runs that are equal
        return 1.0, 1.0
    upper = (1 - np.array(TAILS)) / 2

    def residuals(x: np.ndarray) -> np.ndarray:
        return np.log(stats.t.isf(upper, np.exp(x[0]))) + x[1] - np.log(found)

    fit = optimize.least_squares(residuals, (1.5, 0.0), bounds=((0, -20), (7, 20)))
    return float(np.exp(fit.x[0])), float(np.exp(fit.x[1]))

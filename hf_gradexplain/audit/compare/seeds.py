"""Test whether a run differs from others by more than trainings with other seeds differ from each other."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

LEAST_RUNS = 3
"""A run and at least two references: fewer say nothing about how trainings differ."""

LEAST_DRIFT = 1e-6
"""A drift counts as at least this, so that it has a logarithm."""


@dataclass(frozen=True)
class SeedTest:
    """What to expect of another seed of the same training, and whether the new run could be one.

    Attributes:
        low: The lower end of the interval that holds the value of another seed in 95 % of cases.
        high: Its upper end.
        p: The p-value: one-sided for a drift, because only a large drift is evidence of a change; otherwise two-sided.
    """

    low: float
    high: float
    p: float


def predict_seed(values: np.ndarray, new: float, step: float = 0.0) -> SeedTest:
    """Test whether a number of a run, such as its accuracy, could be that of another seed.

    `t = (new - mean) / (s sqrt(1 + 1/m))` with `m - 1` degrees of freedom: this gives the prediction interval for one
    more value of a normal distribution. With `m = 3` it is `mean ± 4.97 s`.

    An accuracy over `n` texts is a multiple of `1/n`, so that the accuracies of a few seeds may be equal by chance. The
    variance of numbers that are rounded to multiples of `step` is at least about `step^2 / 12`, the variance of the
    rounding error, so `s^2` counts as at least this. Without a `step`, p is 0 if all values are equal and the new value
    differs.

    Args:
        values: `(m,)` the numbers of the other seeds.
        new: The number of the new run.
        step: The number that all these numbers are multiples of; 0 if they can have any value.
    """
    m, mean = len(values), float(values.mean())
    error = float(np.sqrt(max(values.var(ddof=1), step**2 / 12) * (1 + 1 / m)))
    margin = float(stats.t.ppf(0.975, m - 1)) * error
    return SeedTest(mean - margin, mean + margin, 2 * _upper_tail(abs(new - mean), error, m - 1))


def predict_drift(drifts: np.ndarray, new: np.ndarray) -> SeedTest:
    """Test whether a run is farther from the other runs than they are from each other.

    The drifts among `m` runs are not independent: each run takes part in `m - 1` of them. On a logarithmic scale, a
    drift is modelled as `mu + a_i + a_j + e_ij`, where `a_i` tells how unusual run `i` is. With `D_i` the mean of the
    drifts of run `i`, its `a_i` is estimated as `(m - 1) / (m - 2) * (D_i - mean(D))`. For one more run of the same
    kind, `D_new - mean(D)` has the variance `s^2 (1 + 1/m)`, where `s^2` is the variance of these estimates; the
    contribution of the `e_ij` is slightly overestimated. This gives a t-test with `m - 1` degrees of freedom.

    Args:
        drifts: `(m, m)` the drifts between the runs, symmetric; the diagonal is not read.
        new: `(m,)` the drifts between the new run and each of these runs.

    Returns:
        The test, with a one-sided interval from 0 to the value that the mean drift of another seed (the geometric mean
        over the `m` runs) stays below in 95 % of cases.
    """
    m = len(drifts)
    logs = np.log(np.maximum(drifts, LEAST_DRIFT))
    off = ~np.eye(m, dtype=bool)
    of_run = np.where(off, logs, 0).sum(1) / (m - 1)
    outlying = (m - 1) / (m - 2) * (of_run - of_run.mean())
    error = float(np.sqrt(np.square(outlying).sum() / (m - 1) * (1 + 1 / m)))
    high = of_run.mean() + float(stats.t.ppf(0.95, m - 1)) * error
    excess = float(np.log(np.maximum(new, LEAST_DRIFT)).mean() - of_run.mean())
    return SeedTest(0.0, float(np.exp(high)), _upper_tail(excess, error, m - 1))


def _upper_tail(excess: float, error: float, df: int) -> float:
    """Return the probability of a t-value above `excess / error`."""
    if error == 0:
        return 0.5 if excess == 0 else float(excess < 0)
    return float(stats.t.sf(excess / error, df))

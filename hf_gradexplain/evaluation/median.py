"""The confidence interval of a median."""

import numpy as np
from scipy import stats

MIN_VALUES = 6
"""The smallest number of values whose median has a 95 % interval. With fewer values, even the range from the smallest
to the largest value contains the median in fewer than 95 % of samples."""


def median_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % confidence interval of a median: `(n,)` to its two ends.

    The ends are the `r`-th smallest and the `r`-th largest value, for the largest `r` with
    `P(Binomial(n, 1/2) < r) < 0.025`. They enclose the median of any distribution, also with ties, with a probability
    of at least 95 % (Conover, *Practical Nonparametric Statistics*, 3rd edition, section 3.2). Both ends are NaN for
    fewer than `MIN_VALUES` values.

    >>> median_interval(np.arange(101.0))
    (40.0, 60.0)
    """
    ends = stats.quantile_test(values, q=0, p=0.5).confidence_interval()
    return float(ends.low), float(ends.high)

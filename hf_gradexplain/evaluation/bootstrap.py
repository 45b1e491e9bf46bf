"""Means over documents with bootstrap intervals, from sums that grow with neither documents nor lengths.

Every sum here adds up over parts of a data set. Replicates are sums of whole numbers of `GRAIN`s times whole weights,
which float64 adds without rounding: neither the number of threads nor the order of addition can change a bit of them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.evaluation.aopc import areas, drop_sums
from hf_gradexplain.evaluation.ragged_array import RaggedArray

REPLICATES = 1000
INTERVAL = (2.5, 97.5)
"""The percentiles of the bootstrap between which the interval lies."""

GRAIN = 2.0**-32
"""What replicates are rounded to. Sums are exact up to 2^21: two million documents of values up to 1."""

EXACT_K, K_RATIO = 50, 1.05
"""Up to this `K` every one has replicates of its own, beyond it one in each stretch of 5 %."""


def bootstrap_weights(ids: Sequence[int], seed: int, replicates: int = REPLICATES) -> np.ndarray:
    """How often each document is drawn in each bootstrap sample: `(n, replicates)`.

    The Poisson bootstrap (Hanley & MacGibbon 2006; Chamandy et al. 2012): independent Poisson(1) counts take the
    place of multinomial ones. A document's counts depend on its id and the seed alone, so sums over parts of a data
    set add up to the sum over all of it, and methods are compared on the same samples.
    """
    return np.stack([np.random.default_rng((seed, i)).poisson(1.0, replicates) for i in ids]).astype(np.float64)


class Means:
    """Means of `C` quantities over the documents that have them, and their bootstrap replicates.

    Args:
        size: `C`.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, size: int, replicates: int = REPLICATES) -> None:
        self.n = np.zeros(size, dtype=np.int64)
        self.sums = np.zeros(size)
        self.rounded = np.zeros(size)
        self.replicate_sums = np.zeros((replicates, size))
        self.replicate_n = np.zeros((replicates, size))

    def add(self, values: np.ndarray, weights: np.ndarray) -> None:
        """Add documents: values `(n, C)`, NaN where a document has none, and `bootstrap_weights` `(n, replicates)`."""
        defined = ~np.isnan(values)
        values = np.where(defined, values, 0.0)
        rounded = np.rint(values / GRAIN) * GRAIN
        self.n += defined.sum(0)
        self.sums += values.sum(0)
        self.rounded += rounded.sum(0)
        self.replicate_sums += weights.T @ rounded
        self.replicate_n += weights.sum(0)[:, None] if defined.all() else weights.T @ defined

    @property
    def mean(self) -> np.ndarray:
        """`(C,)`, NaN where no document has the quantity."""
        return _ratio(self.sums, self.n)

    @property
    def deviations(self) -> np.ndarray:
        """How far each replicate's mean lies from the mean: `(replicates, C)`, NaN where it drew no document."""
        return _ratio(self.replicate_sums, self.replicate_n) - _ratio(self.rounded, self.n)

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """The 95 % percentile interval of each mean: twice `(C,)`, NaN where there is no mean."""
        return percentile_interval(self.mean, self.deviations)


def percentile_interval(mean: np.ndarray, deviations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The interval of means `(C,)` from their replicates' deviations `(replicates, C)`; empty replicates are left out.

    Returns:
        Its lower and upper ends, `(C,)` each.
    """
    ends = np.full((2, len(mean)), np.nan)
    for c in np.flatnonzero(~np.isnan(mean)):
        column = deviations[:, c]
        ends[:, c] = mean[c] + np.percentile(column[~np.isnan(column)], INTERVAL)
    return ends[0], ends[1]


def median_interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of the bootstrap of a median, without drawing: `(n,)` to its two ends.

    The median of a bootstrap sample is at most the `k`-th smallest value if at least half of its `n` draws fall on
    the `k` smallest: `P(Binomial(n, k/n) >= n/2)` (Efron 1982, section 10.3). Where `n` is even, the lower end is
    that of the lower middle value and the upper end that of the upper one. NaN without values.

    >>> median_interval(np.arange(101.0))
    (40.0, 60.0)
    """
    n, ordered = len(values), np.sort(values)
    if not n:
        return np.nan, np.nan
    ends = []
    for middle, share in zip(((n + 1) // 2, n // 2 + 1), np.array(INTERVAL) / 100, strict=True):
        low, high = 1, n
        while low < high:
            k = (low + high) // 2
            reached = stats.binom.sf(middle - 1, n, k / n) >= share
            low, high = (low, k) if reached else (k + 1, high)
        ends.append(float(ordered[low - 1]))
    return ends[0], ends[1]


def k_grid(longest: int) -> np.ndarray:
    """The `K` that have replicates of their own, up to the first one that is not below `longest`.

    A text of 100,000 units has 204 of them. The grid of a shorter text is the beginning of that of a longer one.
    """
    grid = list(range(EXACT_K + 1))
    while grid[-1] < longest:
        grid.append(int(np.ceil(grid[-1] * K_RATIO)))
    return np.array(grid[: np.searchsorted(grid, longest) + 1])


class AopcSums:
    """Sums over documents of their AOPC, and of its bootstrap replicates.

    The mean is exact at every `K`. The ends of its interval are exact on `k_grid`, and between two of its points
    their distance from the mean is interpolated.

    Args:
        longest: The largest `K`: the longest document's number of units.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, longest: int, replicates: int = REPLICATES) -> None:
        self.n, self.longest, self.grid = 0, longest, k_grid(longest)
        self.drops = np.zeros(longest + 1)
        self.at_grid = Means(len(self.grid), replicates)

    def add(self, drops: RaggedArray, weights: np.ndarray) -> None:
        """Add documents: the drops of one order each, and their `bootstrap_weights` `(n, replicates)`."""
        self.n += len(drops.lengths)
        self.drops += drop_sums(drops, self.longest)
        self.at_grid.add(areas(drops, self.grid), weights)

    def table(self, max_k: int) -> pd.DataFrame:
        """Columns `k, aopc, ci_low, ci_high, n`: the mean and its 95 % percentile interval, `k` from 0 to `max_k`."""
        k = np.arange(max_k + 1)
        mean = np.cumsum(self.drops[: max_k + 1]) / (self.n * (k + 1))
        zero = np.zeros(len(self.grid))
        low, high = (np.interp(k, self.grid, end) for end in percentile_interval(zero, self.at_grid.deviations))
        return pd.DataFrame({"k": k, "aopc": mean, "ci_low": mean + low, "ci_high": mean + high, "n": self.n})


def _ratio(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.divide(sums, n, out=np.full(sums.shape, np.nan), where=n > 0)

"""Means over documents with bootstrap intervals, in memory that does not grow with the number of documents.

The sums over the parts of a dataset add up to the sums over the whole dataset. The sums of the replicates are exact
(see `hf_gradexplain.evaluation.exact_sums`), so that they are equal to the last bit for any number of threads and any
order of addition.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.evaluation.aopc import aopc_by_k, areas, drop_sums
from hf_gradexplain.evaluation.exact_sums import round_to_grain
from hf_gradexplain.statistics.ragged_array import RaggedArray

REPLICATES = 1000
INTERVAL = (2.5, 97.5)
"""The percentiles of the replicates that are the ends of the interval."""

MIN_DOCUMENTS = 2
"""A mean over fewer documents has no interval: all replicates of one document are equal, so its width would be 0."""

ENOUGH = 30
"""With fewer documents than this, intervals of means are wider than their percentiles, and no method is called level
with another one."""

ANY = (-np.inf, np.inf)
"""The limits of a quantity that can have any value."""

CHANGE = (-1.0, 1.0)
"""The limits of a change of a probability, and of AOPC if it is about probabilities."""

EXACT_K, K_RATIO = 50, 1.05
"""Replicates are computed at every `K` up to `EXACT_K`; beyond it, each such `K` is 5 % larger than the last one."""


def bootstrap_weights(ids: Sequence[int], seed: int, replicates: int = REPLICATES) -> np.ndarray:
    """Return how often each document is drawn in each bootstrap sample: `(n, replicates)`.

    This is the Poisson bootstrap (Hanley & MacGibbon 2006; Chamandy et al. 2012): independent Poisson(1) counts replace
    multinomial ones. The counts of a document depend only on its id and the seed. Sums over the parts of a dataset
    therefore add up to the sum over the whole dataset, and all methods are compared on the same samples.
    """
    return np.stack([np.random.default_rng((seed, i)).poisson(1.0, replicates) for i in ids]).astype(np.float64)


class Means:
    """Means of `C` quantities, each over the documents that have it, and their bootstrap replicates.

    Args:
        size: `C`.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, size: int, replicates: int = REPLICATES) -> None:
        self.n = np.zeros(size, dtype=np.int64)
        self.sums = np.zeros(size)
        self.rounded_sums = np.zeros(size)
        self.replicate_sums = np.zeros((replicates, size))
        self.replicate_n = np.zeros((replicates, size))

    def add(self, values: np.ndarray, weights: np.ndarray) -> None:
        """Add documents.

        Args:
            values: `(n, C)`, NaN where a document has no value.
            weights: Their `bootstrap_weights` `(n, replicates)`.
        """
        defined = ~np.isnan(values)
        values = np.where(defined, values, 0.0)
        rounded = round_to_grain(values)
        self.n += defined.sum(0)
        self.sums += values.sum(0)
        self.rounded_sums += rounded.sum(0)
        self.replicate_sums += weights.T @ rounded
        self.replicate_n += weights.sum(0)[:, None] if defined.all() else weights.T @ defined

    @property
    def mean(self) -> np.ndarray:
        """The means, `(C,)`; NaN if no document has the quantity."""
        return _ratio(self.sums, self.n)

    @property
    def rounded_mean(self) -> np.ndarray:
        """The means of the rounded values, which the replicates are means of: `(C,)`, at most `2^-33` from `mean`."""
        return _ratio(self.rounded_sums, self.n)

    @property
    def deviations(self) -> np.ndarray:
        """The means of each replicate minus `rounded_mean`: `(replicates, C)`; NaN where one has no document."""
        return _ratio(self.replicate_sums, self.replicate_n) - self.rounded_mean

    def interval(self, limits: tuple[float, float] = ANY) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper ends of the 95 % intervals, `(C,)` each; see `percentile_interval`.

        For `ENOUGH` documents or more, an end is exactly 0 if this percentile of the replicates is 0, so that its sign
        can be trusted. For fewer documents, whose intervals are wider, such an end lies beyond 0.
        """
        return percentile_interval(self.rounded_mean, self.deviations, self.n, limits)


def percentile_interval(
    mean: np.ndarray, deviations: np.ndarray, n: np.ndarray | int, limits: tuple[float, float] = ANY
) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % percentile intervals of means over documents, wider for few documents; see `widening`.

    Args:
        mean: The means `(C,)`.
        deviations: The means of the replicates minus `mean`, `(replicates, C)`. Replicates without a document are NaN;
            they are left out.
        n: The number of documents of each mean `(C,)`, or of all means.
        limits: The smallest and the largest value that the means can have, where intervals end.

    Returns:
        The lower and the upper ends, `(C,)` each; NaN for means over fewer than `MIN_DOCUMENTS` documents.
    """
    ends, missing = np.full((2, len(mean)), np.nan), np.isnan(deviations).any(0)
    n = np.broadcast_to(n, mean.shape)
    known = n >= MIN_DOCUMENTS
    whole = known & ~missing
    ends[:, whole] = np.percentile(deviations[:, whole], INTERVAL, axis=0)
    for c in np.flatnonzero(known & missing):
        column = deviations[:, c]
        ends[:, c] = np.percentile(column[~np.isnan(column)], INTERVAL)
    low, high = np.clip(mean + widening(n) * ends, *limits)
    return low, high


def widening(n: np.ndarray) -> np.ndarray:
    """Return how much wider the intervals of means over `n` documents are than their percentiles: `(C,)`.

    The replicates of few documents vary too little, by the factor `sqrt((n - 1) / n)`, and their percentiles are those
    of a normal distribution rather than Student's t. The factor

        sqrt(n / (n - 1)) t(0.975; n - 1) / z(0.975)

    corrects both, as in the t-interval (Hesterberg 2015, "What Teachers Should Know About the Bootstrap"). Without it,
    the intervals of 5 documents contain the mean in 85 to 90 % of cases; with it, in 93 to 97 %. From `ENOUGH`
    documents on, where it is below 1.07, the factor is 1.
    """
    n = np.maximum(n, MIN_DOCUMENTS)
    level = INTERVAL[1] / 100
    return np.where(n < ENOUGH, np.sqrt(n / (n - 1)) * stats.t.ppf(level, n - 1) / stats.norm.ppf(level), 1.0)


def interval_grid(longest: int) -> np.ndarray:
    """Return the `K` at which bootstrap replicates are computed, up to the first one that is at least `longest`.

    For 100,000 units, there are 204 values. The grid of a shorter text is the beginning of the grid of a longer one.
    """
    grid = list(range(EXACT_K + 1))
    while grid[-1] < longest:
        grid.append(int(np.ceil(grid[-1] * K_RATIO)))
    return np.array(grid[: np.searchsorted(grid, longest) + 1])


class AopcSums:
    """Sums over documents of the AOPC, and the bootstrap replicates of these sums.

    The mean is exact at every `K`. The ends of its interval are exact at the points of `interval_grid`; between two
    points, their distance from the mean is interpolated.

    Args:
        longest: The largest `K`: the longest document's number of units.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, longest: int, replicates: int = REPLICATES) -> None:
        self.n, self.longest, self.grid = 0, longest, interval_grid(longest)
        self.drops = np.zeros(longest + 1)
        self.at_grid = Means(len(self.grid), replicates)

    def add(self, drops: RaggedArray, weights: np.ndarray) -> None:
        """Add documents: the drops of one order each, and their `bootstrap_weights` `(n, replicates)`."""
        self.n += len(drops.lengths)
        self.drops += drop_sums(drops, self.longest)
        self.at_grid.add(areas(drops, self.grid), weights)

    def table(self, max_k: int, limits: tuple[float, float] = ANY) -> pd.DataFrame:
        """Return columns `k, aopc, ci_low, ci_high, n`, `k` from 0 to `max_k`.

        These are the mean and its 95 % interval, see `Means.interval`; `limits` are as in `percentile_interval`.
        """
        k = np.arange(max_k + 1)
        mean = aopc_by_k(self.drops[: max_k + 1], self.n)
        at_grid, inside = self.at_grid.mean, self.grid <= max_k
        at_grid[inside] = mean[self.grid[inside]]  # to the bit, so that an end of 0 stays 0
        ends = [mean + np.interp(k, self.grid, end - at_grid) for end in self.at_grid.interval()]
        low, high = np.clip(ends, *limits)
        return pd.DataFrame({"k": k, "aopc": mean, "ci_low": low, "ci_high": high, "n": self.n})


def _ratio(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.divide(sums, n, out=np.full(sums.shape, np.nan), where=n > 0)

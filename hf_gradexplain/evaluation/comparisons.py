"""Paired tests of the differences between methods, corrected for the number of tests."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.evaluation.bootstrap import ANY, REPLICATES, Means
from hf_gradexplain.statistics.rounding import ROUNDING

FALSE_DISCOVERY_RATE = 0.05
"""Words with an adjusted p-value up to this count as found; about one in twenty of them is expected to be wrong."""

COLUMNS = ["k", "method", "other", "difference", "ci_low", "ci_high", "p", "p_adjusted", "n"]


def holm(p: np.ndarray) -> np.ndarray:
    """Adjust p-values for the number of tests (Holm 1979).

    If all differences with an adjusted p-value under 0.05 are called real, the probability of one or more false
    positives is at most 5 %. The `i`-th of `m` p-values in ascending order becomes the greatest of `(m - j + 1) p_j`
    for `j <= i`, and at most 1. Holm's correction is valid for tests that depend on each other in any way, such as
    tests of methods on the same documents. Benjamini and Hochberg's procedure is not valid for every kind of
    dependence; it is meant for thousands of tests, where a share of false positives is acceptable. NaN stands for a
    missing test: it stays NaN and is not counted.

    >>> holm(np.array([0.01, 0.5, 0.03]))
    array([0.03, 0.5 , 0.06])
    """
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return adjusted


def paired_t_test(mean: np.ndarray, sum_of_squares: np.ndarray, n: int) -> np.ndarray:
    """Return the two-sided p-values of the paired t-test of `n` differences: `(P,)`.

    `t = mean / sqrt(sum_of_squares / (n - 1) / n)` with `n - 1` degrees of freedom. The p-value is 1 if all differences
    are 0, 0 if all are the same number other than 0, and NaN for fewer than two documents.

    Args:
        mean: The mean differences `(P,)`.
        sum_of_squares: `sum (d - mean)^2` over documents, `(P,)`.
        n: The number of documents.
    """
    if n < 2:
        return np.full(mean.shape, np.nan)
    error = np.sqrt(sum_of_squares / (n - 1) / n)
    t = np.divide(np.abs(mean), error, out=np.where(mean == 0, 0.0, np.inf), where=error > 0)
    return 2 * stats.t.sf(t, n - 1)


class PairedSums:
    """Sums over documents of the differences between methods in AOPC at a few `K`.

    The test is the paired t-test. AOPC is a mean over documents, and this test is about the mean difference. Wilcoxon's
    signed-rank test and permutation tests that flip signs assume symmetric differences; with skewed differences, they
    can be significant although the mean is 0. Besides, the p-value of a permutation test cannot be smaller than 1
    divided by its number of draws. Since differences of probabilities are bounded, the p-values of the t-test are
    reliable from a few dozen documents on; with fewer documents, look at the interval. The test only needs sums, so its
    memory does not grow with the number of documents.

    Args:
        methods: The `M` methods' names.
        ks: The values of `K`, all different.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, methods: Sequence[str], ks: Sequence[int], replicates: int = REPLICATES) -> None:
        self.ks, self.pairs = list(ks), list(combinations(methods, 2))
        self.pair_indices = np.array(list(combinations(range(len(methods)), 2)), dtype=np.int64).reshape(-1, 2)
        size = len(self.ks) * len(self.pairs)
        self.differences = Means(size, replicates)
        self.squares = np.zeros(size)

    def add(self, areas: np.ndarray, scale: np.ndarray, weights: np.ndarray) -> None:
        """Add documents.

        Args:
            areas: `(M, n, K)` AOPC of every method for each document at each `K`.
            scale: `(n,)` the magnitude of the outputs, 1 for probabilities; differences up to `ROUNDING` times this
                magnitude count as 0.
            weights: Their `bootstrap_weights` `(n, replicates)`.
        """
        differences = areas[self.pair_indices[:, 0]] - areas[self.pair_indices[:, 1]]
        rounding = ROUNDING * scale[:, None]
        differences = np.where(np.abs(differences) <= rounding, 0.0, differences)
        flat = differences.transpose(1, 2, 0).reshape(len(scale), -1)
        self.differences.add(flat, weights)
        self.squares += np.square(flat).sum(0)

    def table(self, limits: tuple[float, float] = ANY) -> pd.DataFrame:
        """Return one row per `K` and pair of methods, with the better method of the pair as `method`.

        Args:
            limits: The smallest and the largest possible difference, where intervals end.

        Returns:
            Columns `k, method, other, difference, ci_low, ci_high, p, p_adjusted, n`: the mean of AOPC(`method`) -
            AOPC(`other`) over documents, with its 95 % bootstrap interval. `p` is the p-value of the paired t-test, and
            `p_adjusted` the p-value after Holm's correction for all rows of the table. With fewer than two documents,
            the interval and the p-values are NaN.
        """
        mean, n = self.differences.mean, int(self.differences.n.max(initial=0))
        low, high = self.differences.interval(limits)
        p = paired_t_test(mean, np.maximum(self.squares - n * np.square(np.nan_to_num(mean)), 0), n)
        swapped = mean < 0
        pairs = [(k, a, b) for k in self.ks for a, b in self.pairs]
        labels = [(k, b, a) if swap else (k, a, b) for (k, a, b), swap in zip(pairs, swapped, strict=True)]
        frame = pd.DataFrame(labels, columns=COLUMNS[:3])
        frame["difference"] = np.abs(mean)
        frame["ci_low"], frame["ci_high"] = np.where(swapped, -high, low), np.where(swapped, -low, high)
        frame["p"], frame["p_adjusted"], frame["n"] = p, holm(p), n
        return frame

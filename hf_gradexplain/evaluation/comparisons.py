"""Which differences between methods are real: paired tests over documents, corrected for their number."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.evaluation.aopc import ROUNDING
from hf_gradexplain.evaluation.bootstrap import REPLICATES, Means, percentile_interval

COLUMNS = ["k", "method", "other", "difference", "ci_low", "ci_high", "p", "p_adjusted", "n"]


def holm(p: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number, so that all of those under 0.05 are real at once with 95 % confidence.

    Holm (1979): of `m` p-values in ascending order, the `i`-th becomes the greatest of `(m - j + 1) p_j`, `j <= i`, at
    most 1. It holds for tests that depend on each other in any way, as those of methods that share their documents and
    each other do; the false discovery rate of Benjamini and Hochberg does not, and is for thousands of tests of which
    a share may be wrong. NaN is no test: it stays and is not counted.

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
    """The two-sided p-value of the paired t-test of `n` differences, from their mean and `sum (d - mean)^2`: `(P,)`.

    `t = mean / sqrt(sum_of_squares / (n - 1) / n)` with `n - 1` degrees of freedom. 1 where all differences are 0, 0
    where they all are the same other number, NaN for fewer than two documents.
    """
    if n < 2:
        return np.full(mean.shape, np.nan)
    error = np.sqrt(sum_of_squares / (n - 1) / n)
    t = np.divide(np.abs(mean), error, out=np.where(mean == 0, 0.0, np.inf), where=error > 0)
    return 2 * stats.t.sf(t, n - 1)


class PairedSums:
    """Sums over documents of the differences between methods in AOPC at a few `K`.

    The test is the paired t-test. What is compared is AOPC, a mean over documents, so the test is one of the mean
    difference: Wilcoxon's signed ranks test whether differences lie evenly around 0, which skewed ones do not even
    where the means are equal. A sign-flipping permutation test has the same statistic and the same assumption as
    Wilcoxon's, and no p-value below one over its number of draws. Differences of probabilities are bounded, so the
    t-test's p-values are good from a few dozen documents on; under that, look at the interval. It needs sums alone,
    so that millions of documents are compared in the memory of one.

    Args:
        methods: The `M` methods' names.
        ks: The `K`, distinct.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, methods: Sequence[str], ks: Sequence[int], replicates: int = REPLICATES) -> None:
        self.ks, self.pairs = list(ks), list(combinations(methods, 2))
        self.places = np.array(list(combinations(range(len(methods)), 2)), dtype=np.int64).reshape(-1, 2)
        size = len(self.ks) * len(self.pairs)
        self.differences = Means(size, replicates)
        self.squares = np.zeros(size)

    def add(self, areas: np.ndarray, scale: np.ndarray, weights: np.ndarray) -> None:
        """Add documents.

        Args:
            areas: `(M, n, K)` every method's AOPC of each document at the `K`.
            scale: `(n,)` the size of the numbers they come from: differences up to its `ROUNDING` are none.
            weights: Their `bootstrap_weights` `(n, replicates)`.
        """
        found = areas[self.places[:, 0]] - areas[self.places[:, 1]]
        found = np.where(np.abs(found) <= ROUNDING * np.maximum(1, np.abs(scale))[:, None], 0.0, found)
        flat = found.transpose(1, 2, 0).reshape(len(scale), -1)
        self.differences.add(flat, weights)
        self.squares += np.square(flat).sum(0)

    def table(self) -> pd.DataFrame:
        """One row per `K` and pair, the better method first.

        Returns:
            Columns `k, method, other, difference, ci_low, ci_high, p, p_adjusted, n`: the mean of AOPC(`method`) -
            AOPC(`other`) over documents, its 95 % bootstrap interval, the p-value of the paired t-test, and that
            after Holm's correction for all rows of the table.
        """
        mean, n = self.differences.mean, int(self.differences.n.max(initial=0))
        low, high = percentile_interval(mean, self.differences.deviations)
        p = paired_t_test(mean, np.maximum(self.squares - n * np.square(np.nan_to_num(mean)), 0), n)
        turned = mean < 0
        labels = [(k, a, b) for k in self.ks for a, b in self.pairs]
        named = [(k, b, a) if turn else (k, a, b) for (k, a, b), turn in zip(labels, turned, strict=True)]
        frame = pd.DataFrame(named, columns=COLUMNS[:3])
        frame["difference"] = np.abs(mean)
        frame["ci_low"], frame["ci_high"] = np.where(turned, -high, low), np.where(turned, -low, high)
        frame["p"], frame["p_adjusted"], frame["n"] = p, holm(p), n
        return frame

"""What chance looks like: random orders of removal, and how far they lie apart."""

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.evaluation.ragged_array import RaggedArray
from hf_gradexplain.text.data import Document

COVERAGE = 0.95


def random_ranks(document: Document, seed: int, orders: int) -> np.ndarray:
    """Random orders of a document's units, the same in any batch: `(R, U)` ranks."""
    ranks = np.tile(np.arange(len(document.units)), (orders, 1))
    return document.rng(seed, "random orders").permuted(ranks, axis=1)


def over_orders(curves: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and spread over `R` random orders of one document, `(R, U + 1)`.

    Returns:
        `mean`: the mean curve; `variance`: the unbiased variance of AOPC(K) over orders, for `K` from 0 to `U`; both
        `(U + 1,)`.
    """
    aopc = np.cumsum(curves[:, :1] - curves, axis=1) / np.arange(1, curves.shape[1] + 1)
    return {"mean": curves.mean(0), "variance": aopc.var(0, ddof=1)}


class RandomBandSums:
    """Sums over documents of the variance of AOPC over random orders.

    A single seed gives every document one order, independent of the others'. So the AOPC of a data set varies from
    seed to seed with the variance `sum_i s_i(K)^2 / n^2`, where `s_i(K)^2` is the variance over orders within document
    `i`, and by the central limit theorem it lies in

        mean(K) +- 1.96 sqrt(sum_i s_i(K)^2) / n

    for 95 % of the seeds. Two orders per document give every `s_i^2` without bias, and their sum is as good as that of
    as many documents: the band is that of endlessly many seeds, at the price of two. Texts that occur twice share
    their order, which it does not know of. Past a document's end all is removed: `(K + 1) AOPC(K)` grows by a
    constant, so that `s_i(K)^2 = s_i(U)^2 (U + 1)^2 / (K + 1)^2`.

    Args:
        longest: The largest `K`.
    """

    def __init__(self, longest: int) -> None:
        self.n, self.inside, self.past = 0, np.zeros(longest + 1), np.zeros(longest + 2)

    def add(self, variance: RaggedArray) -> None:
        """Add documents: `s_i(K)^2`, `K = 0 ... U`, of each."""
        self.n += len(variance.lengths)
        self.inside += np.bincount(variance.index_in_row, variance.values, minlength=len(self.inside))
        ends = variance.last * np.square(variance.lengths)
        self.past += np.bincount(variance.lengths, ends, minlength=len(self.past))

    def table(self, random: pd.DataFrame) -> pd.DataFrame:
        """The band around the mean AOPC of random orders.

        Args:
            random: The mean curve, columns `k, aopc, ci_low, ci_high, n`, whose interval is over documents.

        Returns:
            Columns `k, aopc, low, high, n`: between `low` and `high` lie 95 % of all seeds.
        """
        k = random["k"].to_numpy()
        variance = self.inside[: len(k)] + np.cumsum(self.past)[: len(k)] / np.square(k + 1.0)
        half = stats.norm.ppf((1 + COVERAGE) / 2) * np.sqrt(variance) / self.n
        mean = random["aopc"]
        return pd.DataFrame({"k": k, "aopc": mean, "low": mean - half, "high": mean + half, "n": self.n})

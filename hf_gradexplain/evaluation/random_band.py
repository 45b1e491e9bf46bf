"""AOPC of random orders of removal, and its spread."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.evaluation.aopc import aopc_by_k
from hf_gradexplain.statistics.ragged_array import RaggedArray
from hf_gradexplain.text.data import Document

COVERAGE = 0.95


RANDOM = "random"
"""The method whose scores are one random order."""

Curve = TypeVar("Curve")


def with_mean_random(curves: Mapping[str, Curve], random_orders: Mapping[str, Curve]) -> dict[str, Curve]:
    """Return the curves by method; the mean over random orders, if measured, replaces the curve of `random`.

    The curve of a single order lies outside the random band in 5 % of all cases; the mean over several orders is the
    middle of the band. AOPC is linear in the curve, so the AOPC of the mean curve is the mean AOPC over the orders. A
    reversed random order is also a random order, so the same mean serves for curves of removing the lowest-scored units
    first.
    """
    mean = {RANDOM: random_orders["mean"]} if "mean" in random_orders and RANDOM in curves else {}
    return {**curves, **mean}


def random_ranks(document: Document, seed: int, orders: int) -> np.ndarray:
    """Return the ranks `(R, U)` of a document's units in `R` random orders, which do not depend on the batch."""
    ranks = np.tile(np.arange(document.n_units), (orders, 1))
    return document.rng(seed, "random orders").permuted(ranks, axis=1)


def summarize_orders(curves: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mean and the spread over `R` random orders for each document.

    Args:
        curves: `(R, ..., U + 1)`, one per order.

    Returns:
        `mean`, the mean curve, and `variance`, the unbiased variance of AOPC(K) over the orders for `K` from 0 to `U`,
        both `(..., U + 1)`.
    """
    return {"mean": curves.mean(0), "variance": aopc_by_k(curves[..., :1] - curves).var(0, ddof=1)}


class RandomBandSums:
    """Sums over documents of the variance of AOPC over random orders.

    A seed gives every document one order, which is independent of the orders of other documents. The variance of a
    dataset's AOPC over seeds is therefore `sum_i s_i(K)^2 / n^2`, where `s_i(K)^2` is the variance over the orders of
    document `i`. The middle of the band is the mean over `R` orders per document, which has an error of its own, with
    `1 / R` of this variance. By the central limit theorem, the AOPC of another seed lies in

        mean(K) +- 1.96 sqrt(1 + 1 / R) sqrt(sum_i s_i(K)^2) / n

    in 95 % of cases (a prediction interval). Two orders per document estimate every `s_i^2` without bias, and their
    errors average out over documents. Two orders are therefore enough for a valid band; it is 20 % wider than that of
    20 orders. With few documents, the errors do not average out: with two orders of each of 10 documents, the band
    contains the AOPC of about 9 in 10 other seeds, and with two orders of a single document, of 7 in 10. Equal texts
    get the same order; the band ignores this. Past a document's end, all units are removed and `(K + 1) AOPC(K)` grows
    by a constant, so that `s_i(K)^2 = s_i(U)^2 (U + 1)^2 / (K + 1)^2`.

    Args:
        longest: The largest `K`.
        orders: `R`, at least 2.
    """

    def __init__(self, longest: int, orders: int) -> None:
        self.orders = orders
        self.n, self.inside, self.past = 0, np.zeros(longest + 1), np.zeros(longest + 2)

    def add(self, variance: RaggedArray) -> None:
        """Add documents: `s_i(K)^2`, `K = 0 ... U`, of each."""
        self.n += len(variance.lengths)
        self.inside += np.bincount(variance.index_in_row, variance.values, minlength=len(self.inside))
        ends = variance.last * np.square(variance.lengths)
        self.past += np.bincount(variance.lengths, ends, minlength=len(self.past))

    def table(self, random: pd.DataFrame) -> pd.DataFrame:
        """Return the band around the mean AOPC of random orders.

        Args:
            random: The AOPC of random orders, with the columns `k, aopc, ci_low, ci_high, n` and intervals over
                documents.

        Returns:
            Columns `k, aopc, low, high, n`; the AOPC of another seed lies between `low` and `high` in 95 % of cases.
        """
        k = random["k"].to_numpy()
        variance = self.inside[: len(k)] + np.cumsum(self.past)[: len(k)] / np.square(k + 1.0)
        half = stats.norm.ppf((1 + COVERAGE) / 2) * np.sqrt((1 + 1 / self.orders) * variance) / self.n
        mean = random["aopc"]
        return pd.DataFrame({"k": k, "aopc": mean, "low": mean - half, "high": mean + half, "n": self.n})

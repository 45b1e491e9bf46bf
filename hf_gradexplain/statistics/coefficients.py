"""Coefficients of correlation of many documents at once, with two-sided p-values.

The values are those of `scipy.stats.pearsonr`, `spearmanr` and `kendalltau`, which take one document at a time. The
scores of `n` documents are the `n` rows of a `RaggedArray`, with `N` values in all rows together.
"""

from dataclasses import dataclass
from functools import cache
from math import factorial

import numpy as np
from scipy import special

from hf_gradexplain.statistics.ragged_array import RaggedArray

_EXACT_N = 33
"""Up to this number of values, Kendall's p-value without ties counts orders; else it uses a normal distribution."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of values in their rows.

    Attributes:
        lowest: `(..., N)` the number of values in the row that are lower.
        ties: `(..., N)` the number of values in the row that are equal, the value itself included.
        constant: `(..., n)` whether all values of a row are equal, up to the tolerance that `rank` was given.
    """

    lowest: RaggedArray
    ties: RaggedArray
    constant: np.ndarray

    @property
    def mean(self) -> RaggedArray:
        """`(..., N)` ranks from 1, where equal values share the mean of their ranks."""
        return self.lowest.with_values(self.lowest.values + (self.ties.values + 1) / 2)


def rank(x: RaggedArray, tie: float, constant: float) -> Ranks:
    """Rank the values of every row.

    Args:
        x: Finite values `(..., N)`.
        tie: Neighbours in sorted order are equal if they differ by at most `tie` times the row's largest absolute
            value. All values of a group of equal neighbours are replaced by the lowest one of the group.
        constant: A row is constant if its values, after this replacement, differ by at most `constant` times the
            largest absolute value among them.
    """
    order = x.argsort()
    ordered = np.take_along_axis(x.values, order, axis=-1)
    low, high = ordered[..., x.starts], ordered[..., x.starts + x.lengths - 1]
    begins = np.diff(ordered, axis=-1, prepend=-np.inf) > x.repeat_per_row(tie * np.maximum(-low, high))
    begins[..., x.starts] = True
    first, last = _group_ends(begins)
    tied = x.with_values(np.take_along_axis(ordered, first, axis=-1))
    lowest, ties = np.empty_like(order), np.empty_like(order)
    np.put_along_axis(lowest, order, first - x.repeat_per_row(x.starts), axis=-1)
    np.put_along_axis(ties, order, last - first + 1, axis=-1)
    size = np.maximum(np.abs(tied.first), np.abs(tied.last))
    return Ranks(x.with_values(lowest), x.with_values(ties), tied.last - tied.first <= constant * size)


def pearson(x: RaggedArray, y: RaggedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return Pearson's coefficient of every row and its p-value: two arrays `(..., n)`.

    Args:
        x: Values `(..., N)` in rows of 3 or more. The coefficient of a constant row is NaN.
        y: Values `(..., N)` in rows of the same lengths.
    """
    r = np.clip(_standardized(x).dot(_standardized(y)), -1, 1)
    half = x.lengths / 2 - 1
    return r, 2 * special.betaincc(half, half, (np.abs(r) + 1) / 2)


def spearman(x: Ranks, y: Ranks) -> tuple[np.ndarray, np.ndarray]:
    """Return Spearman's coefficient of every row and its p-value, see `pearson`."""
    return pearson(x.mean, y.mean)


def kendall(x: Ranks, y: Ranks) -> tuple[np.ndarray, np.ndarray]:
    """Return Kendall's tau-b of every row and its p-value, see `pearson`.

    In a row without ties, the p-value is exact if the row has up to 33 values. In longer rows, it is exact if `x` and
    `y` order at most one pair of values differently, or at most one pair in the same way.
    """
    n = x.lowest.lengths
    pairs = n * (n - 1) // 2
    discordant, both_tied = _discordant(x.lowest, y.lowest)
    x_tied, x_triples, x_spread = _tie_sums(x.ties)
    y_tied, y_triples, y_spread = _tie_sums(y.ties)
    difference = pairs - x_tied - y_tied + both_tied - 2 * discordant
    tau = np.clip(difference / np.sqrt(pairs - x_tied) / np.sqrt(pairs - y_tied), -1, 1)
    m = n * (n - 1.0)
    variance = (m * (2 * n + 5) - x_spread - y_spread) / 18 + 2.0 * x_tied * y_tied / m
    variance += 1.0 * x_triples * y_triples / (9 * m * (n - 2))
    p = 2 * special.ndtr(-np.abs(difference / np.sqrt(variance)))
    fewest = np.minimum(discordant, pairs - discordant)
    exact = (x_tied == 0) & (y_tied == 0) & ((n <= _EXACT_N) | (fewest <= 1))
    lengths = np.broadcast_to(n, exact.shape)[exact].tolist()
    p[exact] = [_kendall_p_values(size)[k] for size, k in zip(lengths, fewest[exact].tolist(), strict=True)]
    return tau, p


def _standardized(x: RaggedArray) -> RaggedArray:
    """Subtract the mean of every row and divide by the norm; a constant row becomes NaN."""
    centred = x.with_values(x.values - x.repeat_per_row(x.sums() / x.lengths))
    largest = np.maximum.reduceat(np.abs(centred.values), x.starts, axis=-1)
    scaled = centred.values / x.repeat_per_row(largest)
    norm = largest * np.sqrt(x.with_values(scaled * scaled).sums())
    return x.with_values(centred.values / x.repeat_per_row(norm))


def _group_ends(begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of the first and the last member of each member's group, from where groups begin: `(..., N)`."""
    index = np.arange(begins.shape[-1])
    ends = np.roll(begins, -1, axis=-1)
    last = np.minimum.accumulate(np.where(ends, index, len(index))[..., ::-1], axis=-1)[..., ::-1]
    return np.maximum.accumulate(np.where(begins, index, 0), axis=-1), last


def _tie_sums(ties: RaggedArray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sums over the groups of `t` equal values of every row: `t(t-1)/2`, `t(t-1)(t-2)`, `t(t-1)(2t+5)`."""
    t = ties.values
    terms = np.stack([t - 1, (t - 1) * (t - 2), (t - 1) * (2 * t + 5)])
    tied, triples, spread = np.add.reduceat(terms, ties.starts, axis=-1)
    return tied // 2, triples, spread


def _discordant(x: RaggedArray, y: RaggedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many pairs of every row `x` and `y` order differently, and how many are tied in both: `(..., n)`.

    Each row is sorted by `x`, and by `y` where `x` is tied. The pairs that are ordered differently are then those whose
    `y` values descend. A merge sort counts these pairs: when two sorted halves are merged, a value of the second half
    moves before all greater values of the first half.
    """
    size = x.values.shape[-1] + 1
    key = np.sort((x.values + x.repeat_per_row(x.starts)) * size + y.values, axis=-1)
    index = np.arange(size - 1)
    first, _ = _group_ends(np.diff(key, axis=-1, prepend=-1) > 0)
    sequence, passed, width = key % size, np.zeros_like(key), 1
    while width < x.lengths.max():
        half = x.index_in_row // width
        block = x.repeat_per_row(x.starts) + half // 2
        order = np.argsort(block * size + sequence, axis=-1, kind="stable")
        passed += np.where((half % 2 == 1)[order], order - index, 0)
        sequence = np.take_along_axis(sequence, order, axis=-1)
        width *= 2
    discordant, tied = np.add.reduceat(np.stack([passed, index - first]), x.starts, axis=-1)
    return discordant, tied


@cache
def _kendall_p_values(n: int) -> list[float]:
    """Return the two-sided p-value if `k` of the pairs of `n` values are out of order, for `k = 0 ... n(n-1)/4`.

    It is twice the share of the `n!` orders that have at most `k` such pairs (Kendall, *Rank Correlation Methods*).
    For more than 33 values, only the p-values of `k = 0` and `k = 1` are returned.
    """
    orders = np.zeros(n * (n - 1) // 4 + 1 if n <= _EXACT_N else 2, dtype=object)
    orders[0] = 1
    for i in range(2, n + 1):
        orders = np.cumsum(orders)
        orders[i:] = orders[i:] - orders[:-i]
    return [min(2 * int(k) / factorial(n), 1.0) for k in np.cumsum(orders)]

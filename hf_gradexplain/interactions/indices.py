"""Interaction indices: one number for each pair of units of a text.

`v(S)` is the loss of the text without the units `S`, and

    d_ij(S) = v(S + {i, j}) - v(S + {i}) - v(S + {j}) + v(S)

is the second difference of two units `i` and `j`: the rise of the loss when both are removed, minus the rises when each
is removed alone. Each index is a mean of second differences over sets `S`:

- `second_difference`: `d_ij({})`; all other units stay.
- `shapley_taylor`: the mean over all orders of removal, where `S` holds the units that are removed before both `i` and
  `j`. This is the Shapley-Taylor index of order 2 (Sundararajan, Dhamdhere & Agarwal 2020, sections 2 and 3). Its terms
  of order 1 are the leave-one-out scores. All leave-one-out scores and the values of all pairs add up to
  `v(all units) - v({})`.
- `shapley_interaction`: the mean over all sizes of `S`, which have equal weights, and over all sets of each size. This
  is the Shapley interaction index (Grabisch & Roubens 1999).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import Literal, NamedTuple

import numpy as np

from hf_gradexplain.attribution.masking.game import all_sets

IndexName = Literal["second_difference", "shapley_taylor", "shapley_interaction"]

Values = Callable[[np.ndarray], np.ndarray]
"""The losses of a text without each of `N` sets of its units: `(N, U)` bool to `(N,)`."""


class EstimatedIndex(NamedTuple):
    """An index of `P` pairs.

    Attributes:
        values: `(P,)` the values of the pairs.
        errors: `(P,)` standard errors; 0 where the values are exact.
        draws: The number of random orders; 0 where the values are exact.
        rises: `(U,)` the rise of the loss when each unit alone is removed, as in `loo`; NaN for units in no pair.
        copies: The number of masked copies.
    """

    values: np.ndarray
    errors: np.ndarray
    draws: int
    rises: np.ndarray
    copies: int


def pairs_of(units: np.ndarray) -> np.ndarray:
    """Return all pairs of some units, in the order of the text: `(k,)` to `(k (k - 1) / 2, 2)`."""
    first, second = np.triu_indices(len(units), 1)
    return np.sort(units)[np.stack([first, second], 1)]


def second_differences(values: Values, units: np.ndarray, count: int) -> EstimatedIndex:
    """Return `d_ij({})` of all pairs of some units, from `1 + k + k (k - 1) / 2` sets for `k` units.

    Args:
        values: A function from sets of removed units to the losses.
        units: `(k,)` the units.
        count: The number of units of the text, `U`.
    """
    pairs, one = pairs_of(units), np.eye(count, dtype=bool)
    sets = np.concatenate([np.zeros((1, count), dtype=bool), one[units], one[pairs].any(1)])
    (full,), alone, both = np.split(values(sets), [1, 1 + len(units)])
    rises = np.full(count, np.nan)
    rises[units] = alone - full
    differences = both - full - rises[pairs].sum(1)
    return EstimatedIndex(differences, np.zeros(len(pairs)), 0, rises, len(sets) - 1)


@dataclass(frozen=True, eq=False)
class Enumeration:
    """The losses of a text for each of the `2^U` sets of removed units.

    Attributes:
        losses: `(2^U,)`; set `n` holds the unit `u` if bit `u` of `n` is set.
        count: The number of units, `U`.
    """

    losses: np.ndarray
    count: int

    @classmethod
    def of(cls, values: Values, count: int) -> "Enumeration":
        """Compute the loss without each of the `2^U` sets of units."""
        return cls(values(all_sets(count)), count)

    def index(self, name: IndexName, pairs: np.ndarray) -> EstimatedIndex:
        """Return `shapley_taylor` or `shapley_interaction` of some pairs, exactly.

        Args:
            name: The index.
            pairs: `(P, 2)` the pairs.
        """
        sets, bits = np.arange(2**self.count), 1 << np.arange(self.count)
        sizes = np.bitwise_count(sets)
        weights = np.array([_weight(name, size, self.count) for size in range(self.count - 1)])
        values = np.empty(len(pairs))
        for p, (i, j) in enumerate(bits[pairs]):
            others = sets[sets & (i | j) == 0]
            differences = self.losses[[others | i | j, others | i, others | j, others]]
            values[p] = weights[sizes[others]] @ (np.array([1, -1, -1, 1]) @ differences)
        rises, some = np.full(self.count, np.nan), np.unique(pairs)
        rises[some] = self.losses[bits[some]] - self.losses[0]
        return EstimatedIndex(values, np.zeros(len(pairs)), 0, rises, len(self.losses) - 1)


def _weight(name: IndexName, size: int, count: int) -> float:
    """Return the weight of the second difference at one set of `size` of the other `U - 2` units."""
    if name == "shapley_taylor":
        return 2 / (count * comb(count - 1, size))
    return 1 / ((count - 1) * comb(count - 2, size))


def copies_per_order(k: int) -> int:
    """Return how many sets one order of removal takes for the pairs of `k` units."""
    return (k - 1) * (k + 2)


def sampled_shapley_taylor(
    values: Values, units: np.ndarray, count: int, draws: int, rng: np.random.Generator
) -> EstimatedIndex:
    """Return the Shapley-Taylor index of all pairs of some units, from random orders of removal.

    One order gives one second difference of each pair, `d_ij(S)`, where `S` holds all units that are removed before
    both. The value of a pair is the mean over the orders, and its error is the standard error of this mean.

    Args:
        values: A function from sets of removed units to the losses.
        units: `(k,)` the units.
        count: The number of units of the text, `U`.
        draws: The number of orders, 2 or more.
        rng: Draws the orders.
    """
    pairs, one = pairs_of(units), np.eye(count, dtype=bool)
    ranks = rng.permuted(np.tile(np.arange(count), (draws, 1)), axis=1)
    before = ranks[:, None] < ranks[:, pairs].min(2)[:, :, None]
    corners = np.stack([np.zeros_like(one[pairs[:, 0]]), one[pairs[:, 0]], one[pairs[:, 1]], one[pairs].any(1)], 1)
    sets = before[:, :, None] | corners
    alone = one[units]
    distinct, which = np.unique(np.concatenate([alone, sets.reshape(-1, count)]), axis=0, return_inverse=True)
    losses = values(distinct)[which.ravel()]
    full = float(values(np.zeros((1, count), dtype=bool))[0])
    rises = np.full(count, np.nan)
    rises[units] = losses[: len(units)] - full
    differences = losses[len(units) :].reshape(draws, len(pairs), 4) @ np.array([1, -1, -1, 1])
    errors = differences.std(0, ddof=1) / np.sqrt(draws)
    return EstimatedIndex(differences.mean(0), errors, draws, rises, int(distinct.any(1).sum()))

"""The best and the worst order of a document, between which AOPC is normalised: NAOPC.

How far a probability can fall at all depends on the model and on the text, so the AOPC of two models cannot be
compared. Edin et al. (2024, "Normalized AOPC", arXiv 2408.08137) put each document's AOPC on a scale from that of the
worst order of its units to that of the best one:

    NAOPC = (AOPC(U) - lower) / (upper - lower)

`U` is the document's own number of units. AOPC here is Eq. 8 with its term `k = 0`; theirs leaves that out, which
changes AOPC, lower and upper by the same factor, and NAOPC not at all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.evaluation.aopc import ROUNDING
from hf_gradexplain.evaluation.bootstrap import REPLICATES, Means

EXACT_UNITS = 10
"""Up to so many units all `2^U` sets are looked at, and the bounds are exact."""


@dataclass(frozen=True, eq=False)
class Sets:
    """`S` different sets of removed units, all of one size, each with the best order found that reaches it.

    Attributes:
        removed: `(S, U)` bool.
        keys: `(S,)` the sum of the sets' `_marks`, which tells them apart.
        totals: `(S,)` the least `sum f(x^(k))` on the way, or the least `-sum f(x^(k))`.
    """

    removed: np.ndarray
    keys: np.ndarray
    totals: np.ndarray

    def __getitem__(self, at: np.ndarray) -> "Sets":
        return Sets(self.removed[at], self.keys[at], self.totals[at])


def extreme_sums(
    value: Callable[[np.ndarray], np.ndarray], n_units: int, width: int | None = None
) -> tuple[float, float]:
    """The least and the greatest `sum_{k=1..U} f(x^(k))` over all orders of removal.

    What comes after a set of units is removed does not depend on the order in which they went. So the search goes
    from `k` to `k + 1` over sets, not orders, and of all orders that reach a set only the best matters: `2^U` sets
    stand for `U!` orders. A beam keeps `width` sets at each `k`, those with the best sums so far; it takes about
    `width U^2 / 2` values per bound and finds bounds that lie inside the exact ones.

    Args:
        value: `f` without each of `N` sets of units: `(N, U)` bool to `(N,)`.
        n_units: `U`.
        width: How many sets the beam keeps; None for all, which is exact.

    Returns:
        The two sums; twice 0 without units.
    """
    marks = _marks(n_units)
    nothing = Sets(np.zeros((1, n_units), dtype=bool), np.zeros(1, dtype=np.uint64), np.zeros(1))
    least, greatest = nothing, nothing
    for _ in range(n_units):
        grown = [_grown(beam, marks) for beam in (least, greatest)]
        keys, removed = (np.concatenate(parts) for parts in zip(*((x.keys, x.removed) for x in grown), strict=True))
        _, first, place = np.unique(keys, return_index=True, return_inverse=True)
        low, high = np.split(value(removed[first])[place], [len(grown[0].keys)])
        least = _kept(replace(grown[0], totals=grown[0].totals + low), width)
        greatest = _kept(replace(grown[1], totals=grown[1].totals - high), width)
    return float(least.totals.min()), float(-greatest.totals.min())


def search_size(n_units: int, beam_size: int) -> int:
    """About how many sets of units `document_bounds` looks at, each a masked copy of the document."""
    return 2**n_units if n_units <= EXACT_UNITS else beam_size * n_units**2


def document_bounds(
    value: Callable[[np.ndarray], np.ndarray], plain: float, n_units: int, beam_size: int
) -> dict[str, Any]:
    """The AOPC of the worst and the best order of a document: `lower`, `upper`, and whether they are `exact`.

    Args:
        value: See `extreme_sums`.
        plain: `f(x)`.
        n_units: `U`.
        beam_size: How many sets the search keeps for documents of more than `EXACT_UNITS` units.
    """
    exact = n_units <= EXACT_UNITS
    least, greatest = extreme_sums(value, n_units, None if exact else beam_size)
    lower, upper = ((n_units * plain - total) / (n_units + 1) for total in (greatest, least))
    return {"lower": lower, "upper": upper, "exact": exact}


def normalised_aopc(aopc: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """`(AOPC - lower) / (upper - lower)` per document, `(n,)`; NaN where the bounds are equal but for rounding.

    They are for documents of no or one unit, which have one order, and where nothing matters to the model. An order
    better than those that a beam found lies above 1; it is not cut off.
    """
    room = upper - lower
    defined = room > _rounding(lower, upper)
    return np.divide(aopc - lower, room, out=np.full(aopc.shape, np.nan), where=defined)


def _rounding(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """By how much an AOPC between these bounds may be off: `(n,)`."""
    return ROUNDING * np.maximum(1, np.maximum(np.abs(upper), np.abs(lower)))


class NormalisedSums:
    """Sums over documents of their normalised AOPC and of its bounds.

    Args:
        methods: The `M` methods' names.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, methods: Sequence[str], replicates: int = REPLICATES) -> None:
        self.methods, self.n, self.exact = list(methods), 0, 0
        self.outside = np.zeros(len(self.methods), dtype=np.int64)
        self.plain = np.zeros((len(self.methods) + 2,))
        self.normalised = Means(len(self.methods), replicates)

    def add(self, aopc: np.ndarray, bounds: Mapping[str, np.ndarray], weights: np.ndarray) -> None:
        """Add documents: their AOPC `(M, n)`, each up to its own end, `document_bounds` as arrays, and weights."""
        lower, upper, exact = bounds["lower"], bounds["upper"], bounds["exact"]
        found = np.stack([normalised_aopc(row, lower, upper) for row in aopc], 1)
        off = _rounding(lower, upper)
        self.n += len(lower)
        self.exact += int(exact.sum())
        self.outside += (((aopc < lower - off) | (aopc > upper + off)) & ~exact).sum(1)
        self.plain += np.vstack([aopc, lower, upper]).sum(1)
        self.normalised.add(found, weights)

    def table(self) -> pd.DataFrame:
        """One row per method.

        Returns:
            Columns `method, naopc, ci_low, ci_high, n, n_undefined, n_outside, aopc, lower, upper, n_exact`: the mean
            NAOPC with its 95 % bootstrap interval over the `n` documents that have one, how many lie outside of
            their bounds because a beam missed the best or the worst order, the means over all documents of AOPC up to
            each document's end and of its bounds, and for how many documents these are exact.
        """
        low, high = self.normalised.interval()
        *aopc, lower, upper = self.plain / max(self.n, 1)
        columns = {"naopc": self.normalised.mean, "ci_low": low, "ci_high": high, "n": self.normalised.n}
        counts = {"n_undefined": self.n - self.normalised.n, "n_outside": self.outside}
        means = {"aopc": aopc, "lower": lower, "upper": upper, "n_exact": self.exact}
        return pd.DataFrame({"method": self.methods, **columns, **counts, **means})


def _marks(n_units: int) -> np.ndarray:
    """Numbers whose sums tell sets apart: powers of two, or where there are too many units for that, random ones."""
    if n_units <= 64:
        return np.uint64(1) << np.arange(n_units, dtype=np.uint64)
    return np.random.default_rng(0).integers(0, 2**64, n_units, dtype=np.uint64)


def _grown(beam: Sets, marks: np.ndarray) -> Sets:
    """Every set that one more unit makes of those in the beam, with the least total that leads to it."""
    parent, unit = np.nonzero(~beam.removed)
    keys, totals = beam.keys[parent] + marks[unit], beam.totals[parent]
    order = np.lexsort((totals, keys))
    best = order[np.diff(keys[order], prepend=~keys[order[0]]) != 0]
    removed = beam.removed[parent[best]]
    removed[np.arange(len(best)), unit[best]] = True
    return Sets(removed, keys[best], totals[best])


def _kept(sets: Sets, width: int | None) -> Sets:
    """The `width` sets with the least totals."""
    return sets if width is None else sets[np.argsort(sets.totals, kind="stable")[:width]]

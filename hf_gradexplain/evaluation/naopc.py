"""NAOPC: AOPC normalised by the best and the worst order of a document.

How far a probability can fall depends on the model and on the text, so the AOPCs of two models cannot be compared. Edin
et al. (2024, "Normalized AOPC", arXiv 2408.08137) therefore scale the AOPC of each document by the AOPC of the worst
and of the best order of its units:

    NAOPC = (AOPC(U) - lower) / (upper - lower)

`U` is the number of units of the document. AOPC here is Eq. 8 of Du & Xu, with the term `k = 0`. Edin et al. leave this
term out. That changes AOPC and both bounds by the same factor, so NAOPC is the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.evaluation.bootstrap import REPLICATES, Means
from hf_gradexplain.statistics.rounding import ROUNDING

EXACT_UNITS = 10
"""Up to this number of units all `2^U` sets are searched, and the bounds are exact."""


@dataclass(frozen=True, eq=False)
class Sets:
    """`S` different sets of removed units of the same size, with the best total over the orders that lead to each set.

    Attributes:
        removed: `(S, U)` bool.
        keys: `(S,)` the sum of the `_unit_keys` of the removed units, which identifies the set.
        totals: `(S,)` the least `sum f(x^(k))` over all orders that lead to the set. In the search for the largest sum,
            the least `-sum f(x^(k))`.
    """

    removed: np.ndarray
    keys: np.ndarray
    totals: np.ndarray

    def __getitem__(self, indices: np.ndarray) -> "Sets":
        return Sets(self.removed[indices], self.keys[indices], self.totals[indices])


def extreme_sums(
    value: Callable[[np.ndarray], np.ndarray], n_units: int, width: int | None = None
) -> tuple[float, float]:
    """Return the least and the greatest `sum_{k=1..U} f(x^(k))` over all orders of removal.

    After `k` removals, the rest of a curve depends on the set of removed units, not on their order. The search
    therefore goes from sets of `k` units to sets of `k + 1` units, and keeps only the best of all orders that lead to a
    set: `2^U` sets replace `U!` orders. A beam search keeps only the `width` sets with the best sums at each `k`. It
    evaluates about `width U^2 / 2` sets per bound, and its bounds lie inside the exact bounds.

    Args:
        value: `f` without each of `N` sets of units: `(N, U)` bool to `(N,)`.
        n_units: `U`.
        width: Number of sets that the beam keeps; None for all, which is exact.

    Returns:
        The two sums; both are 0 without units.
    """
    unit_keys = _unit_keys(n_units)
    nothing = Sets(np.zeros((1, n_units), dtype=bool), np.zeros(1, dtype=np.uint64), np.zeros(1))
    least, greatest = nothing, nothing
    for _ in range(n_units):
        low, high = _extend(least, unit_keys), _extend(greatest, unit_keys)
        removed = np.concatenate([low.removed, high.removed])
        _, first, inverse = np.unique(np.concatenate([low.keys, high.keys]), return_index=True, return_inverse=True)
        values = value(removed[first])[inverse]
        low_values, high_values = np.split(values, [len(low.keys)])
        least = _keep_best(replace(low, totals=low.totals + low_values), width)
        greatest = _keep_best(replace(high, totals=high.totals - high_values), width)
    return float(least.totals.min()), float(-greatest.totals.min())


def search_size(n_units: int, beam_size: int) -> int:
    """Return about how many sets of units `document_bounds` evaluates; each takes a masked copy of the document."""
    return 2**n_units if n_units <= EXACT_UNITS else beam_size * n_units**2


def document_bounds(
    value: Callable[[np.ndarray], np.ndarray], full_text: float, n_units: int, beam_size: int
) -> dict[str, Any]:
    """Return the AOPC of the worst and the best order of a document: `lower`, `upper`, and whether they are `exact`.

    Args:
        value: See `extreme_sums`.
        full_text: `f(x)`.
        n_units: `U`.
        beam_size: Number of sets that the search keeps for documents of more than `EXACT_UNITS` units.
    """
    exact = n_units <= EXACT_UNITS
    least, greatest = extreme_sums(value, n_units, None if exact else beam_size)
    lower, upper = ((n_units * full_text - total) / (n_units + 1) for total in (greatest, least))
    return {"lower": lower, "upper": upper, "exact": exact}


def normalised_aopc(
    aopc: np.ndarray, lower: np.ndarray, upper: np.ndarray, scale: np.ndarray | float = 1.0
) -> np.ndarray:
    """Return `(AOPC - lower) / (upper - lower)` per document, `(n,)`; NaN where the bounds are equal up to rounding.

    The bounds are equal for documents of at most one unit, which have only one order, and for documents in which no
    unit matters to the model. The value is not clipped: it is above 1 for an order that is better than the best order
    that the beam search found.

    Args:
        aopc: The AOPC of each document at its number of units.
        lower: The AOPC of the worst order.
        upper: The AOPC of the best order.
        scale: The magnitude of the outputs `(n,)`, 1 for probabilities, which the rounding error is relative to.
    """
    width = upper - lower
    defined = width > _rounding_error(lower, upper, scale)
    return np.divide(aopc - lower, width, out=np.full(aopc.shape, np.nan), where=defined)


def _rounding_error(lower: np.ndarray, upper: np.ndarray, scale: np.ndarray | float) -> np.ndarray:
    """Return the largest rounding error of an AOPC between these bounds: `(n,)`."""
    return ROUNDING * np.maximum(scale, np.maximum(np.abs(upper), np.abs(lower)))


class NormalisedSums:
    """Sums over documents of the normalised AOPC and of its bounds.

    Args:
        methods: The `M` methods' names.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, methods: Sequence[str], replicates: int = REPLICATES) -> None:
        self.methods, self.n, self.exact = list(methods), 0, 0
        self.outside = np.zeros(len(self.methods), dtype=np.int64)
        self.area_sums = np.zeros((len(self.methods) + 2,))
        self.normalised = Means(len(self.methods), replicates)

    def add(
        self, aopc: np.ndarray, bounds: Mapping[str, np.ndarray], scale: np.ndarray | float, weights: np.ndarray
    ) -> None:
        """Add documents.

        Args:
            aopc: `(M, n)` the AOPC of each document at its number of units.
            bounds: The `document_bounds` of the documents, `(n,)` each.
            scale: As in `normalised_aopc`.
            weights: The `bootstrap_weights` of the documents, `(n, replicates)`.
        """
        lower, upper, exact = bounds["lower"], bounds["upper"], bounds["exact"]
        normalised = np.stack([normalised_aopc(row, lower, upper, scale) for row in aopc], 1)
        error = _rounding_error(lower, upper, scale)
        self.n += len(lower)
        self.exact += int(exact.sum())
        self.outside += (((aopc < lower - error) | (aopc > upper + error)) & ~exact).sum(1)
        self.area_sums += np.vstack([aopc, lower, upper]).sum(1)
        self.normalised.add(normalised, weights)

    def table(self) -> pd.DataFrame:
        """Return one row per method.

        Returns:
            Columns `method, naopc, ci_low, ci_high, n, n_undefined, n_outside, aopc, lower, upper, n_exact`:

            - `naopc`, the mean over the `n` documents that have an NAOPC, with its 95 % bootstrap interval;
            - `n_undefined`, the number of documents without an NAOPC;
            - `n_outside`, the number of documents whose AOPC lies outside of its bounds, because the beam search missed
              the best or the worst order;
            - `aopc`, `lower` and `upper`, the means over all documents of AOPC at each document's number of units, and
              of its bounds;
            - `n_exact`, the number of documents with exact bounds.
        """
        low, high = self.normalised.interval()
        *aopc, lower, upper = self.area_sums / max(self.n, 1)
        columns = {"naopc": self.normalised.mean, "ci_low": low, "ci_high": high, "n": self.normalised.n}
        counts = {"n_undefined": self.n - self.normalised.n, "n_outside": self.outside}
        means = {"aopc": aopc, "lower": lower, "upper": upper, "n_exact": self.exact}
        return pd.DataFrame({"method": self.methods, **columns, **counts, **means})


def _unit_keys(n_units: int) -> np.ndarray:
    """Return numbers whose sums identify sets: powers of two, or random ones if there are more units than bits."""
    if n_units <= 64:
        return np.uint64(1) << np.arange(n_units, dtype=np.uint64)
    return np.random.default_rng(0).integers(0, 2**64, n_units, dtype=np.uint64)


def _extend(beam: Sets, unit_keys: np.ndarray) -> Sets:
    """Return every set with one more unit than those in the beam, with the least total that leads to it."""
    parent, unit = np.nonzero(~beam.removed)
    keys, totals = beam.keys[parent] + unit_keys[unit], beam.totals[parent]
    order = np.lexsort((totals, keys))
    best = order[np.diff(keys[order], prepend=~keys[order[0]]) != 0]
    removed = beam.removed[parent[best]]
    removed[np.arange(len(best)), unit[best]] = True
    return Sets(removed, keys[best], totals[best])


def _keep_best(sets: Sets, width: int | None) -> Sets:
    """Return the `width` sets with the least totals; all of them for None."""
    return sets if width is None else sets[np.argsort(sets.totals, kind="stable")[:width]]

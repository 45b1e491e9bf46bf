"""The area over the perturbation curve: how far the target's probability falls as units are removed.

A curve holds `f(x^(k))`, `k = 0 ... U`, where `f` is the probability of the target (for regression: the output) and
`x^(k)` the document without the `k` units that come first in some order. What is averaged are its *drops*:

==================  ====================  =======================================  ======================
`removal`           `f(x) - f(x^(k))`     without the `k` highest-scored units     high for a good method
`negative_first`    `f(x) - f(x^(-k))`    without the `k` lowest-scored units      low for a good method
`sufficiency`       `f(x) - f(x^(k!))`    with the `k` highest-scored units alone  low for a good method
==================  ====================  =======================================  ======================

`removal` is Eq. 8 of Du & Xu, and the comprehensiveness of ERASER (DeYoung et al. 2020) with `k` counted in units
instead of percents; `sufficiency` is ERASER's. Keeping the top `k` of `U` units is removing the other `U - k`, lowest
first: so one curve, of the lowest first, holds `negative_first` read from its beginning and `sufficiency` read from
its end.
"""

from collections.abc import Sequence

import numpy as np

from hf_gradexplain.evaluation.ragged_array import RaggedArray

ROUNDING = 8 * np.finfo(np.float32).eps
"""By how much of their size two numbers computed in float32 may differ without being different."""


def removal_ranks(scores: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """The rank of each unit when the highest score goes first: `(..., U)` to `(..., U)`.

    Equal scores are put in random order, the same for every row. Without `rng` they keep the order of their position,
    which is no default: in news the first words matter most, so it flatters a method whose scores are all equal.

    >>> removal_ranks(np.array([0.1, 0.7, 0.2]), np.random.default_rng(0))
    array([2, 0, 1])
    >>> removal_ranks(np.array([0.5, 0.7, 0.5]), None)
    array([1, 0, 2])
    """
    places = np.arange(scores.shape[-1])
    shuffle = places if rng is None else rng.permutation(places)
    order = shuffle[np.argsort(-scores[..., shuffle], axis=-1, kind="stable")]
    ranks = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.broadcast_to(places, scores.shape), axis=-1)
    return ranks


def document_aopc(curve: Sequence[float] | np.ndarray, max_k: int) -> np.ndarray:
    """`1/(K+1) * sum_{k=0..K} [f(x) - f(x^(k))]` of one document, for every `K` from 0 to `max_k` (Eq. 8).

    Args:
        curve: `(U + 1,)`: the probability of the target without the top `k` units, `k` from 0 to `U`.
        max_k: The largest `K`. Past the document's own `U` all is removed, and the curve stays flat.

    Returns:
        `(max_k + 1,)`; the first is 0.

    >>> document_aopc([0.75, 0.25], max_k=3)
    array([0.        , 0.25      , 0.33333333, 0.375     ])
    """
    curve = np.asarray(curve, dtype=np.float64)
    flat = np.full(max_k + 1, curve[-1])
    flat[: len(curve)] = curve[: max_k + 1]
    return np.cumsum(curve[0] - flat) / np.arange(1, max_k + 2)


def aopc(curves: Sequence[Sequence[float] | np.ndarray], max_k: int | None = None) -> np.ndarray:
    """`AOPC(K)`, the mean of `document_aopc` over documents, for every `K` from 0 to `max_k`.

    Args:
        curves: One curve `(U_i + 1,)` per document.
        max_k: The largest `K`; None for the longest document's number of units.

    Returns:
        `(max_k + 1,)`.

    Raises:
        ValueError: If there is no document.
    """
    if not curves:
        raise ValueError("AOPC is a mean over documents: give at least one curve")
    max_k = max(map(len, curves)) - 1 if max_k is None else max_k
    return np.mean([document_aopc(curve, max_k) for curve in curves], axis=0)


def removal_drops(curves: RaggedArray) -> RaggedArray:
    """`f(x) - f(x^(k))` of every document, `k = 0 ... U`: its own order's drops, whichever order that is."""
    return RaggedArray(curves.repeat_per_row(curves.first) - curves.values, curves.lengths)


def sufficiency_drops(lowest_first: RaggedArray) -> RaggedArray:
    """`f(x) - f(x^(k!))`, the drops with the top `k` units alone, from the curves of removing the lowest first.

    At `k = 0` nothing is left and the drop is that of removing everything; from `k = U` on nothing is missing and
    it is 0.

    >>> sufficiency_drops(Ragged.of([[0.75, 0.5, 0.25]])).values
    array([0.5 , 0.25, 0.  ])
    """
    return removal_drops(lowest_first).backwards()


def areas(drops: RaggedArray, ks: np.ndarray) -> np.ndarray:
    """`1/(K+1) * sum_{k=0..K} drop(k)` of `n` documents at chosen `K`: `(G,)` to `(n, G)`; flat past a document's end.

    >>> areas(removal_drops(Ragged.of([[0.75, 0.25], [0.75]])), np.array([1, 3]))
    array([[0.25 , 0.375],
           [0.   , 0.   ]])
    """
    sums = np.concatenate([[0.0], np.cumsum(drops.values)])
    last = drops.lengths[:, None] - 1
    start = drops.starts[:, None]
    inside = sums[start + np.minimum(ks, last) + 1] - sums[start]
    return (inside + np.maximum(ks - last, 0) * drops.last[:, None]) / (ks + 1)


def drop_sums(drops: RaggedArray, longest: int) -> np.ndarray:
    """`sum over documents of drop(k)` for every `k` from 0 to `longest`, each flat past its document's end.

    Summed as steps from one `k` to the next, so that short documents cost nothing past their end: `(longest + 1,)`.
    """
    steps = np.diff(drops.values, prepend=0.0)
    steps[drops.starts] = drops.first
    return np.cumsum(np.bincount(drops.index_in_row, steps, minlength=longest + 1))


def own_areas(drops: RaggedArray) -> np.ndarray:
    """`1/(U+1) * sum_{k=0..U} drop(k)` of each document up to its own number of units `U`: `(n,)`."""
    return np.add.reduceat(drops.values, drops.starts) / drops.lengths

"""The area over the perturbation curve: how far the target's probability falls as units are removed.

A curve holds `f(x^(k))` for `k = 0 ... U`, where `f` is the probability of the target (for regression, the output), and
`x^(k)` the document without the first `k` units of some order. `x^(-k)` is the document without the `k` lowest-scored
units, and `x_top(k)` the document with only the `k` highest-scored units. AOPC averages the *drops*:

==================  ====================  =======================================  ======================
`removal`           `f(x) - f(x^(k))`     without the `k` highest-scored units     high for a good method
`negative_first`    `f(x) - f(x^(-k))`    without the `k` lowest-scored units      low for a good method
`sufficiency`       `f(x) - f(x_top(k))`  with the `k` highest-scored units alone  low for a good method
==================  ====================  =======================================  ======================

`removal` is Eq. 8 of Du & Xu. It is also the comprehensiveness of ERASER (DeYoung et al. 2020), with `k` counted in
units instead of percent. `sufficiency` is the sufficiency of ERASER. To keep the top `k` of `U` units is to remove the
`U - k` lowest-scored units. One curve, with the lowest-scored units removed first, therefore gives both:
`negative_first` from its beginning and `sufficiency` from its end.
"""

from collections.abc import Sequence

import numpy as np

from hf_gradexplain.statistics.ragged_array import RaggedArray


def aopc_by_k(drops: np.ndarray, n_documents: int = 1) -> np.ndarray:
    """Return `AOPC(K) = 1/(K+1) * sum_{k=0..K} drop(k)` for every `K` (Eq. 8): `(..., K + 1)` to `(..., K + 1)`.

    Args:
        drops: The drops of one document in the last axis, or their sums over `n_documents`.
        n_documents: The number of documents that the drops are summed over.

    >>> aopc_by_k(np.array([0.0, 0.5, 0.25]))
    array([0.  , 0.25, 0.25])
    """
    return np.cumsum(drops, axis=-1) / (n_documents * np.arange(1, drops.shape[-1] + 1))


def document_aopc(curve: Sequence[float] | np.ndarray, max_k: int) -> np.ndarray:
    """Return the AOPC of one document for every `K` from 0 to `max_k`.

    Args:
        curve: `(..., U + 1)`: the probability of the target without the top `k` units, `k` from 0 to `U`.
        max_k: The largest `K`. If it is larger than `U`, the curve stays flat after `k = U`, where all units are
            removed.

    Returns:
        `(..., max_k + 1)`; the first is 0.

    >>> document_aopc([0.75, 0.25], max_k=3)
    array([0.        , 0.25      , 0.33333333, 0.375     ])
    """
    curve = np.asarray(curve, dtype=np.float64)
    last = curve.shape[-1] - 1
    return aopc_by_k(curve[..., :1] - curve[..., np.minimum(np.arange(max_k + 1), last)])


def removal_drops(curves: RaggedArray) -> RaggedArray:
    """Return `f(x) - f(x^(k))` of every document, `k = 0 ... U`, for curves of any order of removal."""
    return RaggedArray(curves.repeat_per_row(curves.first) - curves.values, curves.lengths)


def sufficiency_drops(lowest_first: RaggedArray) -> RaggedArray:
    """Return `f(x) - f(x_top(k))`, the drops with the top `k` units alone.

    At `k = 0`, no unit is left, and the drop is the drop of removing all units. At `k = U`, all units are left, and the
    drop is 0.

    Args:
        lowest_first: The curves of removing the lowest-scored units first.

    >>> sufficiency_drops(RaggedArray.of([[0.75, 0.5, 0.25]])).values
    array([0.5 , 0.25, 0.  ])
    """
    return removal_drops(lowest_first).backwards()


def areas(drops: RaggedArray, ks: np.ndarray) -> np.ndarray:
    """Return the AOPC of `n` documents at chosen `K`: `(G,)` to `(n, G)`; curves are flat past a document's end.

    >>> areas(removal_drops(RaggedArray.of([[0.75, 0.25], [0.75]])), np.array([1, 3]))
    array([[0.25 , 0.375],
           [0.   , 0.   ]])
    """
    sums = np.concatenate([[0.0], np.cumsum(drops.values)])
    last = drops.lengths[:, None] - 1
    start = drops.starts[:, None]
    inside = sums[start + np.minimum(ks, last) + 1] - sums[start]
    return (inside + np.maximum(ks - last, 0) * drops.last[:, None]) / (ks + 1)


def full_areas(drops: RaggedArray) -> np.ndarray:
    """Return the AOPC of each document at its number of units, `1/(U+1) * sum_{k=0..U} drop(k)`: `(n,)`."""
    return np.add.reduceat(drops.values, drops.starts) / drops.lengths


def drop_sums(drops: RaggedArray, longest: int) -> np.ndarray:
    """Return `sum over documents of drop(k)` for `k` from 0 to `longest`: `(longest + 1,)`.

    Curves are flat past a document's end. The changes from one `k` to the next are summed over documents and then
    accumulated over `k`, so that the flat part of a short document costs nothing.
    """
    steps = np.diff(drops.values, prepend=0.0)
    steps[drops.starts] = drops.first
    return np.cumsum(np.bincount(drops.index_in_row, steps, minlength=longest + 1))

"""The area over the perturbation curve: how far the target's probability falls as the top units are removed."""

from collections.abc import Sequence

import numpy as np


def removal_ranks(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The rank of each unit when the highest score goes first: `(..., U)` to `(..., U)`.

    Equal scores are put in random order, the same for every row. Order of position would not do: in news the first
    words matter most, so it would flatter a method whose scores are all equal.

    >>> removal_ranks(np.array([0.1, 0.7, 0.2]), np.random.default_rng(0))
    array([2, 0, 1])
    """
    shuffle = rng.permutation(scores.shape[-1])
    order = shuffle[np.argsort(-scores[..., shuffle], axis=-1, kind="stable")]
    ranks = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(scores.shape[-1]), scores.shape), axis=-1)
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

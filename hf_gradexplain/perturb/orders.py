"""Orders of removal, from scores."""

from collections.abc import Sequence

import numpy as np
import torch

from hf_gradexplain.statistics.coefficients import rank
from hf_gradexplain.statistics.ragged_array import RaggedArray

_TIED = 64
"""The distance up to which scores are ties, in units in the last place of the text's largest score."""


def tie_tolerance(precision: str) -> float:
    """Return the distance up to which two scores of a text are ties, relative to its largest absolute score.

    Rounding makes scores that are equal by their formula differ in the last places, by an amount that depends on the
    batch. Sums that cancel, such as `sa_raw`, and differences of losses, such as `loo`, are off by some tens of units
    in the last place of the text's largest score. The tolerance is 64 such units, which is 8e-6 in float32. In half
    precision, such a unit is already 0.1 % (float16) or 0.8 % (bfloat16); there, the tolerance is one unit.

    Args:
        precision: The compute dtype as it is displayed, such as `float32` or `bfloat16 (mixed)`.
    """
    eps = torch.finfo(getattr(torch, precision.partition(" ")[0])).eps
    return eps if eps > 1e-4 else _TIED * eps


def tie(scores: np.ndarray, precision: str = "float32") -> np.ndarray:
    """Return the scores with ties made equal: `(..., U)` to `(..., U)`.

    Sorted scores form a group as long as each is within `tie_tolerance` of the next; the group gets its lowest score.

    >>> tie(np.array([1.0, 0.5, 0.5 + 1e-7, 0.0]))
    array([1. , 0.5, 0.5, 0. ])
    """
    if not scores.shape[-1]:
        return scores
    order = np.argsort(scores, axis=-1, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=-1)
    tolerance = tie_tolerance(precision) * np.abs(scores).max(axis=-1, keepdims=True)
    begins = np.diff(ordered, axis=-1, prepend=-np.inf) > tolerance
    first = np.maximum.accumulate(np.where(begins, np.arange(scores.shape[-1]), 0), axis=-1)
    tied = np.empty_like(scores)
    np.put_along_axis(tied, order, np.take_along_axis(ordered, first, axis=-1), axis=-1)
    return tied


def removal_ranks(scores: np.ndarray, rng: np.random.Generator | None, precision: str = "float32") -> np.ndarray:
    """Return the rank of each unit when the highest score is removed first: `(..., U)` to `(..., U)`.

    Scores that are equal up to rounding, see `tie_tolerance`, are put in random order, the same for every row. Without
    `rng` they keep the order of their positions. This is not the default of evaluations: in news, the first words
    matter most, so the order of positions would favour a method whose scores are all equal.

    >>> removal_ranks(np.array([0.1, 0.7, 0.2]), np.random.default_rng(0))
    array([2, 0, 1])
    >>> removal_ranks(np.array([0.5, 0.7, 0.5]), None)
    array([1, 0, 2])
    """
    scores, positions = tie(scores, precision), np.arange(scores.shape[-1])
    shuffle = positions if rng is None else rng.permutation(positions)
    order = shuffle[np.argsort(-scores[..., shuffle], axis=-1, kind="stable")]
    ranks = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.broadcast_to(positions, scores.shape), axis=-1)
    return ranks


def batch_removal_ranks(
    scores: np.ndarray,
    lengths: np.ndarray,
    rngs: Sequence[np.random.Generator] | None,
    precision: str = "float32",
) -> np.ndarray:
    """Return `removal_ranks` of each of `B` texts: `(M, B, U)` to `(M, B, U)`.

    Args:
        scores: Finite scores.
        lengths: `(B,)` the number of units of each text; the ranks after them are 0.
        rngs: A generator for each text, or None.
        precision: The compute dtype of the scores.
    """
    rows = RaggedArray.from_padded(scores, lengths)
    higher = rows.repeat_per_row(rows.lengths) - rank(rows, tie_tolerance(precision), 0).lowest.values
    places = rows.index_in_row
    if rngs is not None:
        shuffles = [rng.permutation(n) for rng, n in zip(rngs, lengths.tolist(), strict=True)]
        places = np.concatenate([np.argsort(shuffle) for shuffle in shuffles])
    size = len(places) + 1
    order = np.argsort((rows.repeat_per_row(rows.starts) + higher) * size + places, axis=-1)
    ranks, padded = np.empty_like(order), np.zeros(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.broadcast_to(rows.index_in_row, order.shape), axis=-1)
    padded[..., np.arange(scores.shape[-1]) < lengths[:, None]] = ranks
    return padded

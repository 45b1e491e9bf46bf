"""Orders of removal, from scores."""

import numpy as np


def removal_ranks(scores: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Return the rank of each unit when the highest score is removed first: `(..., U)` to `(..., U)`.

    Equal scores are put in random order, the same for every row. Without `rng` they keep the order of their position.
    This is not the default: in news the first words matter most, so it favours a method whose scores are all equal.

    >>> removal_ranks(np.array([0.1, 0.7, 0.2]), np.random.default_rng(0))
    array([2, 0, 1])
    >>> removal_ranks(np.array([0.5, 0.7, 0.5]), None)
    array([1, 0, 2])
    """
    positions = np.arange(scores.shape[-1])
    shuffle = positions if rng is None else rng.permutation(positions)
    order = shuffle[np.argsort(-scores[..., shuffle], axis=-1, kind="stable")]
    ranks = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.broadcast_to(positions, scores.shape), axis=-1)
    return ranks

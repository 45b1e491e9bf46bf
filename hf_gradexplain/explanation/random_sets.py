"""The random sets of units that the self-check compares with the top units of each method."""

from itertools import combinations
from math import comb

import numpy as np

from hf_gradexplain.text.data import Document

DRAWS = 5
"""The number of random sets that each method is compared with, if there are so many."""


def random_sets(document: Document, tops: np.ndarray, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Draw random sets of units that are as large as the sets of top units.

    They depend on the document and the seed, but not on the batch. The sets of a method are different from each other
    and from its top units. A method whose top units are among the sets that are drawn first gets another one instead.

    Args:
        document: The document, of at least 2 units.
        tops: `(M, U)` whether a unit is one of the `k` top units of a method; `k` is at least 1 and less than `U`.
        seed: The seed.

    Returns:
        The sets that are needed, `(6, U)`, the other rows empty; and for each method the numbers of its 5 sets, or of
        all other sets of `k` units if there are fewer.
    """
    sets = _different_sets(document, int(tops[0].sum()), seed)
    of_methods = [np.flatnonzero((sets != top).any(1))[:DRAWS] for top in tops]
    needed = np.zeros((DRAWS + 1, document.n_units), dtype=bool)
    for numbers in of_methods:
        needed[numbers] = sets[numbers]
    return needed, of_methods


def _different_sets(document: Document, k: int, seed: int) -> np.ndarray:
    """Return 6 sets of `k` units in random order, or all sets if there are no more: `(N, U)`."""
    n = document.n_units
    if comb(n, k) <= DRAWS + 1:
        return np.array([np.isin(np.arange(n), chosen) for chosen in combinations(range(n), k)])
    rng = document.rng(seed, "self-check")
    first = rng.permuted(np.tile(np.arange(n), (DRAWS, 1)), axis=1) < k
    sets = {drawn.tobytes(): drawn for drawn in first}
    while len(sets) <= DRAWS:
        drawn = rng.permutation(n) < k
        sets[drawn.tobytes()] = drawn
    return np.array(list(sets.values()))

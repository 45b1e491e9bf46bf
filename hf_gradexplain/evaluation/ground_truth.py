"""Agreement of a method's top units with known ground truth, for texts with planted words."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from hf_gradexplain.explanation import Explanation
from hf_gradexplain.perturb.orders import removal_ranks


def r_precision(ranks: np.ndarray, supports: np.ndarray) -> tuple[bool, float] | None:
    """Compare an order of units with the ground truth.

    Args:
        ranks: `(U,)`: 0 for the unit that the method puts first.
        supports: `(U,)` bool: whether the unit is known to support the target.

    Returns:
        Whether the first unit supports the target, and R-precision: the share of supporting units among the first
        `m`, where `m` is the number of supporting units. None if there are none.
    """
    m = int(supports.sum())
    return (bool(supports[ranks == 0].any()), float(supports[ranks < m].mean())) if m else None


def planted_table(
    explanations: Iterable[tuple[int, Explanation]], weight: Callable[[str, int], float], seed: int = 0
) -> pd.DataFrame:
    """Compare the order of every method with the planted words.

    Args:
        explanations: Pairs of a document's id and its explanation.
        weight: `(word, class) -> float`: positive where the word was planted to support the class.
        seed: Seed for breaking ties at random, together with the document's id.

    Returns:
        One row per method, columns `method, top_1, precision, n`: the share of documents whose first unit supports
        the target, and the mean R-precision, over the `n` documents with a supporting word.
    """
    rows = []
    for i, explanation in explanations:
        supports = np.array([weight(unit.text, explanation.target) > 0 for unit in explanation.units], dtype=bool)
        for method, scores in explanation.scores.items():
            ranks = removal_ranks(scores, np.random.default_rng((seed, i)), explanation.dtype)
            hits = r_precision(ranks, supports)
            rows += [(method, *hits)] if hits else []
    frame = pd.DataFrame(rows, columns=["method", "top_1", "precision"])
    groups = frame.groupby("method", sort=False)
    return groups[["top_1", "precision"]].mean().assign(n=groups.size()).reset_index()

"""Compare the top units of methods with a known ground truth: words that were planted in the texts."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from hf_gradexplain.explanation import Explanation
from hf_gradexplain.perturb.orders import removal_ranks


def r_precision(ranks: np.ndarray, supports: np.ndarray) -> tuple[bool, float] | None:
    """Compare an order of units with the ground truth.

    Args:
        ranks: `(U,)` the rank of each unit; 0 for the unit that the method puts first.
        supports: `(U,)` bool, whether each unit is known to support the target.

    Returns:
        Whether the first unit supports the target, and the R-precision: the share of supporting units among the first
        `m` units, where `m` is the number of supporting units. None if no unit supports the target.
    """
    m = int(supports.sum())
    return (bool(supports[ranks == 0].any()), float(supports[ranks < m].mean())) if m else None


def planted_table(
    explanations: Iterable[tuple[int, Explanation]], weight: Callable[[str, int], float], seed: int = 0
) -> pd.DataFrame:
    """Compare the order of every method with the planted words.

    Args:
        explanations: Pairs of a document's id and its explanation.
        weight: A function `(word, class) -> float`, positive if the word was planted to support the class.
        seed: Seed of the random order of ties, which also depends on the document's id.

    Returns:
        One row per method with the columns `method, top_1, precision, n`: the share of documents whose first unit
        supports the target, and the mean R-precision, both over the `n` documents with a supporting word.
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

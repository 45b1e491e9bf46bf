"""Measure how well two explanations of the same texts agree on the order of the units."""

from collections.abc import Sequence

import numpy as np

from hf_gradexplain.evaluation.median import MIN_VALUES, median_interval
from hf_gradexplain.explanation.correlation import correlate_documents


def spearman_by_text(
    scores: Sequence[np.ndarray], reference: Sequence[np.ndarray], precision: str = "float32", *, absolute: bool = False
) -> np.ndarray:
    """Return Spearman's rank correlation of two explanations of each text.

    Args:
        scores: The scores `(U,)` of `n` texts.
        reference: Other scores of the same units.
        precision: The compute dtype of the scores. Scores that are equal up to its rounding are ties.
        absolute: Whether to compare the absolute values.

    Returns:
        `(n,)`; NaN for texts with fewer than 3 units, and if one of the explanations is constant or not finite.

    >>> spearman_by_text([np.array([1.0, 2, 3]), np.ones(3)], [np.array([-1.0, -5, -9]), np.arange(3.0)])
    array([-1., nan])
    """
    lengths = np.array([len(row) for row in reference])
    x, y = (np.zeros((len(lengths), max(lengths, default=0))) for _ in range(2))
    for i, (row, other) in enumerate(zip(scores, reference, strict=True)):
        x[i, : len(row)], y[i, : len(other)] = row, other
    if absolute:
        x, y = np.abs(x), np.abs(y)
    return correlate_documents(x[None], y, lengths, ["spearman"], precision).r["spearman"][0]


def mean_of_defined(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of several numbers of each text, `(n,)` each; NaN for a text where one of them is undefined."""
    return np.mean(rows, axis=0)


def relative_difference(scores: Sequence[np.ndarray], reference: Sequence[np.ndarray]) -> np.ndarray:
    """Return `|s - r| / |r|` of each text, by the Euclidean norm.

    Texts whose reference is 0, and texts with scores that are not finite, are left out.
    """
    pairs = [
        (row, other)
        for row, other in zip(scores, reference, strict=True)
        if other.any() and np.isfinite([row, other]).all()
    ]
    return np.array([np.linalg.norm(row - other) / np.linalg.norm(other) for row, other in pairs])


def summarise(r: np.ndarray) -> dict[str, float]:
    """Return the median over texts, its 95 % interval, and the numbers of texts with and without a coefficient.

    The interval is that of `hf_gradexplain.evaluation.median.median_interval`; it needs 6 texts.
    """
    defined = r[~np.isnan(r)]
    low, high = median_interval(defined) if len(defined) >= MIN_VALUES else (np.nan, np.nan)
    median = float(np.median(defined)) if len(defined) else np.nan
    return {"median": median, "ci_low": low, "ci_high": high, "n": len(defined), "n_undefined": len(r) - len(defined)}

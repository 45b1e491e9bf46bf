"""Correlation with leave-one-out as an `evaluate.Metric`.

This file stands on its own, since it is also the code of a metric on the hub: it imports nothing of its package, and
its imports stand one on a line, as `evaluate` reads them.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np
from scipy import stats

_DESCRIPTION = """
How closely a method's scores follow leave-one-out: a correlation coefficient per document, and its distribution.
"""

_INPUTS = """
Args:
    scores: One list of floats per document: the method's score of each unit.
    loo: The leave-one-out score of the same units.
    coefficient: pearson (default), spearman or kendall.

Returns:
    median, mean: Over the documents that have a coefficient; None if there are none.
    fraction_significant: The share of those with a two-sided p-value of at most 0.05.
    n: How many documents have one.
    n_undefined: How many have none: fewer than 3 units, scores that are constant (equal up to a few roundings of
        float32) on either side, or scores that are not finite.
"""

_COEFFICIENTS = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}
_ROUNDING = 8 * np.finfo(np.float32).eps


class LOOCorrelation(evaluate.Metric):
    """Correlation of a method's scores with leave-one-out's, document by document (Eq. 9 of Du & Xu).

    `compute` raises `ValueError` for an unknown coefficient, and for a document whose two lists differ in length.

    >>> scores, loo = [[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]], [[2.0, 4.0, 6.0], [1.0, 2.0, 3.0]]
    >>> found = LOOCorrelation().compute(scores=scores, loo=loo)
    >>> found["n"], found["n_undefined"]
    (1, 1)
    """

    def _info(self) -> evaluate.MetricInfo:
        numbers = datasets.List(datasets.Value("float64"))
        features = datasets.Features({"scores": numbers, "loo": numbers})
        return evaluate.MetricInfo(description=_DESCRIPTION, citation="", inputs_description=_INPUTS, features=features)

    def _compute(
        self, scores: Sequence[Sequence[float]], loo: Sequence[Sequence[float]], coefficient: str = "pearson"
    ) -> dict[str, Any]:
        if coefficient not in _COEFFICIENTS:
            raise ValueError(f"unknown coefficient {coefficient!r}: choose one of {', '.join(_COEFFICIENTS)}")
        for i, (a, b) in enumerate(zip(scores, loo, strict=True)):
            if len(a) != len(b):
                raise ValueError(f"document {i} has {len(a)} scores but {len(b)} loo values: give one per unit")
        pairs = [(np.array(a), np.array(b)) for a, b in zip(scores, loo, strict=True)]
        found = [_correlate(a, b, coefficient) for a, b in pairs if _varies(a) and _varies(b)]
        return {
            "median": float(np.median([r for r, _ in found])) if found else None,
            "mean": float(np.mean([r for r, _ in found])) if found else None,
            "fraction_significant": float(np.mean([p <= 0.05 for _, p in found])) if found else None,
            "n": len(found),
            "n_undefined": len(pairs) - len(found),
        }


def _correlate(a: np.ndarray, b: np.ndarray, coefficient: str) -> tuple[float, float]:
    """The coefficient and its two-sided p-value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        result = _COEFFICIENTS[coefficient](a, b)
    return float(result.statistic), float(result.pvalue)


def _varies(x: np.ndarray) -> bool:
    """Whether there are at least 3 numbers, all finite, that are not all the same."""
    return len(x) >= 3 and bool(np.isfinite(x).all()) and bool(np.ptp(x) > _ROUNDING * np.abs(x).max())

"""Correlation with leave-one-out as an `evaluate.Metric`.

This file is also the code of a metric on the hub. It therefore imports nothing from its package, and has one import per
line, the form that `evaluate` parses.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np
from scipy import stats

_DESCRIPTION = """
The correlation of a method's scores with leave-one-out: a coefficient per document, and its distribution.
"""

_INPUTS = """
Args:
    scores: One list of floats per document: the method's score of each unit.
    loo: The leave-one-out score of the same units.
    coefficient: pearson (default), spearman or kendall.

Returns:
    median, mean: Over the documents that have a coefficient; None if there are none.
    fraction_significant: The share of these documents with a two-sided p-value of at most 0.05, or None.
    n: The number of documents with a coefficient.
    n_undefined: The number of documents without a coefficient. They have fewer than 3 units, or one of their two lists
        is constant (equal up to a few rounding errors of float32) or has values that are not finite, such as None.
"""

_COEFFICIENTS = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}
_TIED = 64 * np.finfo(np.float32).eps


class LOOCorrelation(evaluate.Metric):
    """Correlation of a method's scores with leave-one-out, per document (Eq. 9 of Du & Xu).

    `compute` raises `ValueError` for an unknown coefficient, and for a document whose two lists differ in length.

    >>> scores, loo = [[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]], [[2.0, 4.0, 6.0], [1.0, 2.0, 3.0]]
    >>> result = LOOCorrelation().compute(scores=scores, loo=loo)
    >>> result["n"], result["n_undefined"]
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
        pairs = [(np.array(a, dtype=float), np.array(b, dtype=float)) for a, b in zip(scores, loo, strict=True)]
        results = [_correlate(a, b, coefficient) for a, b in pairs if _varies(a) and _varies(b)]
        return {
            "median": float(np.median([r for r, _ in results])) if results else None,
            "mean": float(np.mean([r for r, _ in results])) if results else None,
            "fraction_significant": float(np.mean([p <= 0.05 for _, p in results])) if results else None,
            "n": len(results),
            "n_undefined": len(pairs) - len(results),
        }


def _correlate(a: np.ndarray, b: np.ndarray, coefficient: str) -> tuple[float, float]:
    """Return the coefficient and its two-sided p-value."""
    if coefficient != "pearson":
        a, b = _ranked(a), _ranked(b)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        result = _COEFFICIENTS[coefficient](a, b)
    return float(result.statistic), float(result.pvalue)


def _ranked(x: np.ndarray) -> np.ndarray:
    """Number the values from the lowest; neighbours within 64 rounding errors of the largest share a number."""
    order = np.argsort(x, kind="stable")
    ranks = np.empty(len(x))
    ranks[order] = np.cumsum(np.diff(x[order], prepend=-np.inf) > _TIED * np.abs(x).max())
    return ranks


def _varies(x: np.ndarray) -> bool:
    """Whether there are at least 3 numbers, all finite, that are not all equal."""
    return len(x) >= 3 and bool(np.isfinite(x).all()) and bool(np.ptp(_ranked(x)) > 0)

"""Correlation with leave-one-out as an `evaluate.Metric`."""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np

from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.evaluation.correlation import COEFFICIENTS, SIGNIFICANCE, correlate

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
    n_undefined: How many have none: fewer than 3 units, or constant scores on either side.
"""


class LOOCorrelation(evaluate.Metric):
    """Correlation with leave-one-out (Eq. 9 of Du & Xu); see `hf_gradexplain.evaluation.correlation.correlate`.

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
        choose("coefficient", coefficient, COEFFICIENTS)
        for i, (a, b) in enumerate(zip(scores, loo, strict=True)):
            if len(a) != len(b):
                raise GradexplainError(f"document {i} has {len(a)} scores but {len(b)} loo values: give one per unit")
        found = [correlate(np.array([a]), np.array(b), coefficient)[0] for a, b in zip(scores, loo, strict=True)]
        r, p = [c.r for c in found if c.r is not None], [c.p for c in found if c.p is not None]
        return {
            "median": float(np.median(r)) if r else None,
            "mean": float(np.mean(r)) if r else None,
            "fraction_significant": float(np.mean(np.array(p) <= SIGNIFICANCE)) if p else None,
            "n": len(r),
            "n_undefined": len(found) - len(r),
        }

"""AOPC as an `evaluate.Metric`.

This file is also the code of a metric on the hub. It therefore imports nothing from its package, and has one import per
line, the form that `evaluate` parses.
"""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np

_DESCRIPTION = """
The area over the perturbation curve: the mean over documents of 1/(K+1) * sum_{k=0..K} [f(x) - f(x^(k))], where f is
the probability of the explained class, and x^(k) the document without the k highest-scored units of a method.
"""

_INPUTS = """
Args:
    curves: One list of floats per document: f(x^(0)), f(x^(1)), ..., up to all units removed.
    max_k: The largest K; by default the number of units of the longest document. Past the last unit of a document, its
        curve stays flat.

Returns:
    aopc: AOPC(K) at the largest K.
    aopc_by_k: AOPC(K) for every K from 0.
    n: The number of documents.
"""


class AOPC(evaluate.Metric):
    """Area over the perturbation curve (Eq. 8 of Du & Xu).

    It is the mean fall of the probability while the highest-scored units of a method are removed one by one.

    `compute` raises `ValueError` without any curve, for an empty curve, for a value that is not finite (None, NaN or
    infinity), and for a negative `max_k`.

    >>> AOPC().compute(curves=[[0.75, 0.25]])
    {'aopc': 0.25, 'aopc_by_k': [0.0, 0.25], 'n': 1}
    """

    def _info(self) -> evaluate.MetricInfo:
        numbers = datasets.Features({"curves": datasets.List(datasets.Value("float64"))})
        return evaluate.MetricInfo(description=_DESCRIPTION, citation="", inputs_description=_INPUTS, features=numbers)

    def _compute(self, curves: Sequence[Sequence[float]], max_k: int | None = None) -> dict[str, Any]:
        if not len(curves):
            raise ValueError("there are no curves: give one per document, [f(x)] for a document without units")
        empty = next((i for i, curve in enumerate(curves) if not len(curve)), None)
        if empty is not None:
            raise ValueError(f"curve {empty} is empty: start it with f(x), also for a document without units")
        rows = [np.asarray(curve, dtype=np.float64) for curve in curves]
        wrong = next((i for i, row in enumerate(rows) if not np.isfinite(row).all()), None)
        if wrong is not None:
            raise ValueError(f"curve {wrong} has a value that is not finite: leave out this document")
        if max_k is not None and max_k < 0:
            raise ValueError(f"max_k is {max_k}, but it is a number of removed units: choose 0 or more")
        largest = max(map(len, curves)) - 1 if max_k is None else max_k
        by_k = np.zeros(largest + 1)
        for row in rows:
            x = row[: largest + 1]
            drops = x[0] - np.pad(x, (0, largest + 1 - len(x)), mode="edge")
            by_k += np.cumsum(drops) / np.arange(1, largest + 2)
        by_k /= len(curves)
        return {"aopc": by_k[-1].item(), "aopc_by_k": by_k.tolist(), "n": len(curves)}

"""AOPC as an `evaluate.Metric`."""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.aopc import aopc

_DESCRIPTION = """
The area over the perturbation curve: the mean over documents of 1/(K+1) * sum_{k=0..K} [f(x) - f(x^(k))], where f is
the probability of the explained class and x^(k) the document without the k units that a method scores highest.
"""

_INPUTS = """
Args:
    curves: One list of floats per document: f(x^(0)), f(x^(1)), ..., up to all units removed.
    max_k: The largest K; by default the longest document's number of units.

Returns:
    aopc: AOPC(K) at the largest K.
    aopc_by_k: AOPC(K) for every K from 0.
    n: The number of documents.
"""


class AOPC(evaluate.Metric):
    """Area over the perturbation curve (Eq. 8 of Du & Xu); see `hf_gradexplain.evaluation.aopc.aopc`.

    >>> AOPC().compute(curves=[[0.75, 0.25]])
    {'aopc': 0.25, 'aopc_by_k': [0.0, 0.25], 'n': 1}
    """

    def _info(self) -> evaluate.MetricInfo:
        numbers = datasets.Features({"curves": datasets.List(datasets.Value("float64"))})
        return evaluate.MetricInfo(description=_DESCRIPTION, citation="", inputs_description=_INPUTS, features=numbers)

    def _compute(self, curves: Sequence[Sequence[float]], max_k: int | None = None) -> dict[str, Any]:
        empty = next((i for i, curve in enumerate(curves) if not len(curve)), None)
        if empty is not None:
            raise GradexplainError(f"curve {empty} is empty: it starts with f(x), also for a document without units")
        if max_k is not None and max_k < 0:
            raise GradexplainError(f"max_k is the largest number of removed units, 0 or more, not {max_k}")
        by_k = aopc(curves, max_k).tolist()
        return {"aopc": by_k[-1], "aopc_by_k": by_k, "n": len(curves)}

"""How closely a method's scores follow leave-one-out, document by document (Eq. 9)."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

COEFFICIENTS: dict[str, Callable[..., Any]] = {
    "pearson": stats.pearsonr,
    "spearman": stats.spearmanr,
    "kendall": stats.kendalltau,
}
"""Each gives a coefficient in [-1, 1] and its two-sided p-value."""

REFERENCE = "loo"
"""The method that the others are correlated with."""

MIN_UNITS = 3
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Correlation:
    """One coefficient of one document, or the reason why there is none.

    Attributes:
        r: The coefficient, None where it is undefined.
        p: Its two-sided p-value, None where it is undefined.
        reason: Why it is undefined, else None.
    """

    r: float | None
    p: float | None
    reason: str | None = None


def correlate(scores: np.ndarray, reference: np.ndarray, coefficient: str = "pearson") -> Correlation:
    """Correlate two score vectors `(U,)` of one document.

    Undefined for fewer than 3 units, and where either side is constant: equal up to the rounding of float32, in which
    scores are computed.

    >>> round(correlate(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 4.0])).r, 4)
    0.9286
    >>> correlate(np.array([1.0, 1.0, 1.0]), np.array([1.0, 3.0, 4.0])).reason
    'constant scores'
    """
    if len(scores) < MIN_UNITS:
        return Correlation(None, None, f"fewer than {MIN_UNITS} units")
    if _is_constant(scores) or _is_constant(reference):
        return Correlation(None, None, "constant scores")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        result = COEFFICIENTS[coefficient](scores, reference)
    return Correlation(float(result.statistic), float(result.pvalue))


def correlated_methods(methods: Sequence[str]) -> list[str]:
    """Those that have a correlation: all but the reference, if it is among them."""
    return [method for method in methods if method != REFERENCE] if REFERENCE in methods else []


def correlate_all(scores: Mapping[str, np.ndarray]) -> dict[str, dict[str, float | str | None]]:
    """Correlate the scores of one document with the reference's.

    Returns:
        Per method but the reference: every coefficient, its p-value (`pearson_p`), and under `undefined` the reason
        if there are none.
    """
    out = {}
    for method in correlated_methods(list(scores)):
        found = {name: correlate(scores[method], scores[REFERENCE], name) for name in COEFFICIENTS}
        numbers = {key: value for name, c in found.items() for key, value in ((name, c.r), (f"{name}_p", c.p))}
        out[method] = {**numbers, "undefined": found["pearson"].reason}
    return out


def _is_constant(x: np.ndarray) -> bool:
    return bool(np.ptp(x) <= 8 * np.finfo(np.float32).eps * np.abs(x).max())

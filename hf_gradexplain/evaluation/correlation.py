"""How closely a method's scores follow leave-one-out, document by document (Eq. 9)."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

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


def correlate(scores: np.ndarray, reference: np.ndarray, coefficient: str = "pearson") -> list[Correlation]:
    """Correlate the scores of several methods `(M, U)` with a reference `(U,)`, for one document.

    Undefined for fewer than 3 units, and where either side is constant: equal up to a few roundings of float32, in
    which scores are computed.

    >>> correlate(np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 1.0]]), np.array([1.0, 3.0, 4.0]))[1].reason
    'constant scores'
    """
    if not (np.isfinite(scores).all() and np.isfinite(reference).all()):
        return [Correlation(None, None, "scores that are not finite")] * len(scores)
    if scores.shape[1] < MIN_UNITS:
        return [Correlation(None, None, f"fewer than {MIN_UNITS} units")] * len(scores)
    found = [Correlation(None, None, "constant scores")] * len(scores)
    defined = [] if _is_constant(reference) else [i for i, row in enumerate(scores) if not _is_constant(row)]
    if defined:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.NearConstantInputWarning)
            r, p = COEFFICIENTS[coefficient](scores[defined], reference)
        for i, *numbers in zip(defined, r.tolist(), p.tolist(), strict=True):
            found[i] = Correlation(*numbers)
    return found


def correlated_methods(methods: Sequence[str]) -> list[str]:
    """Those that have a correlation: all but the reference, if it is among them."""
    return [method for method in methods if method != REFERENCE] if REFERENCE in methods else []


def correlate_all(scores: Mapping[str, np.ndarray]) -> dict[str, dict[str, float | str | None]]:
    """Correlate the scores of one document with the reference's.

    Returns:
        Per method but the reference: every coefficient, its p-value (`pearson_p`), and under `undefined` the reason
        if there are none.
    """
    methods = correlated_methods(list(scores))
    out: dict[str, dict[str, float | str | None]] = {method: {} for method in methods}
    for name in COEFFICIENTS if methods else ():
        found = correlate(np.stack([scores[method] for method in methods]), scores[REFERENCE], name)
        for method, c in zip(methods, found, strict=True):
            out[method] |= {name: c.r, f"{name}_p": c.p, "undefined": c.reason}
    return out


def _is_constant(x: np.ndarray) -> bool:
    return bool(np.ptp(x) <= 8 * np.finfo(np.float32).eps * np.abs(x).max())


def _pearson(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    result = stats.pearsonr(x, np.broadcast_to(y, x.shape), axis=1)
    return result.statistic, result.pvalue


def _spearman(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _pearson(stats.rankdata(x, axis=1), stats.rankdata(y))


def _kendall(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    results = [stats.kendalltau(row, y) for row in x]
    return np.array([result.statistic for result in results]), np.array([result.pvalue for result in results])


COEFFICIENTS: dict[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "pearson": _pearson,
    "spearman": _spearman,
    "kendall": _kendall,
}
"""`(M, U)` and `(U,)` to `M` coefficients in [-1, 1] and their two-sided p-values."""

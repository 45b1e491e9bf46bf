"""The correlation of scores with those of leave-one-out, for one text (Eq. 9)."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from hf_gradexplain.perturb.orders import tie
from hf_gradexplain.rounding import ROUNDING

REFERENCE = "loo"
"""The method that the others are correlated with."""

MIN_UNITS = 3
"""Documents with fewer units have no correlation."""


@dataclass(frozen=True)
class Correlation:
    """One coefficient of one document, or the reason why it is undefined.

    Attributes:
        r: The coefficient, None where it is undefined.
        p: Its two-sided p-value, None where it is undefined.
        reason: Why it is undefined, else None.
    """

    r: float | None
    p: float | None
    reason: str | None = None


def correlate(
    scores: np.ndarray, reference: np.ndarray, coefficient: str = "pearson", precision: str = "float32"
) -> list[Correlation]:
    """Correlate the scores of several methods `(M, U)` with a reference `(U,)`, for one document.

    A coefficient is undefined for fewer than 3 units, and where either side is constant up to rounding. For
    coefficients of ranks, scores that are equal up to rounding are ties, see `hf_gradexplain.perturb.orders.tie`.

    Args:
        scores: The scores of the methods.
        reference: Those of the reference.
        coefficient: A name in `COEFFICIENTS`.
        precision: The compute dtype of the scores.

    >>> correlate(np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 1.0]]), np.array([1.0, 3.0, 4.0]))[1].reason
    'constant scores'
    """
    if not (np.isfinite(scores).all() and np.isfinite(reference).all()):
        return [Correlation(None, None, "scores that are not finite")] * len(scores)
    if scores.shape[1] < MIN_UNITS:
        return [Correlation(None, None, f"fewer than {MIN_UNITS} units")] * len(scores)
    correlations = [Correlation(None, None, "constant scores")] * len(scores)
    tied, tied_reference = tie(scores, precision), tie(reference, precision)
    defined = [] if _is_constant(tied_reference) else [i for i, row in enumerate(tied) if not _is_constant(row)]
    if defined:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.NearConstantInputWarning)
            x, y = (scores, reference) if coefficient == "pearson" else (tied, tied_reference)
            r, p = COEFFICIENTS[coefficient](x[defined], y)
        for i, *numbers in zip(defined, r.tolist(), p.tolist(), strict=True):
            correlations[i] = Correlation(*numbers)
    return correlations


def _is_constant(x: np.ndarray) -> bool:
    return bool(np.ptp(x) <= ROUNDING * np.abs(x).max())


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

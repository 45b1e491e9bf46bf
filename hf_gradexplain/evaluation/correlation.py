"""Agreement of a method's scores with leave-one-out, per document: correlation (Eq. 9) and sign."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.evaluation.rounding import ROUNDING
from hf_gradexplain.perturb.orders import tie

REFERENCE = "loo"
"""The method that the others are correlated with."""

MIN_UNITS = 3
"""Documents with fewer units have no correlation."""

SIGNIFICANCE = 0.05
"""P-values up to this one are significant."""


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


def correlated_methods(methods: Sequence[str]) -> list[str]:
    """Return the methods that have a correlation: all except the reference; none if the reference is missing."""
    return [method for method in methods if method != REFERENCE] if REFERENCE in methods else []


def compared_by_sign(methods: Sequence[str]) -> list[str]:
    """Return the signed methods among those that have a correlation."""
    return [method for method in correlated_methods(methods) if METHODS[method].signed]


def correlate_all(
    scores: Mapping[str, np.ndarray], precision: str = "float32"
) -> dict[str, dict[str, float | str | None]]:
    """Correlate the scores of every method with those of the reference, for one document.

    Returns:
        For each method but the reference: every coefficient, its p-value (`pearson_p`), and under `undefined` the
        reason if they are undefined, else None.
    """
    methods = correlated_methods(list(scores))
    out: dict[str, dict[str, float | str | None]] = {method: {} for method in methods}
    for name in COEFFICIENTS if methods else ():
        correlations = correlate(np.stack([scores[method] for method in methods]), scores[REFERENCE], name, precision)
        for method, c in zip(methods, correlations, strict=True):
            out[method] |= {name: c.r, f"{name}_p": c.p, "undefined": c.reason}
    return out


def sign_agreement(scores: np.ndarray, reference: np.ndarray) -> dict[str, int]:
    """Compare the signs of a method's scores with those of the reference, both `(U,)`, for one document.

    The agreement is `same / (same + opposite + zero)`: of the units whose reference score has a sign, the share with
    the same sign in the method's scores. Units whose reference score is 0 are left out. A unit that the method scores
    0, but the reference does not, counts as disagreement. A score counts as 0 if it is smaller than a few rounding
    errors of float32 relative to the greatest one. The agreement is undefined where all reference scores are 0.

    Returns:
        The numbers of units with the `same` sign, with the `opposite` sign, and `zero` by the method alone.

    >>> sign_agreement(np.array([1.0, -2.0, 0.0, 3.0]), np.array([2.0, 1.0, -1.0, 0.0]))
    {'same': 1, 'opposite': 1, 'zero': 1}
    """
    signs, expected = _signs(scores), _signs(reference)
    has_sign = expected != 0
    return {
        "same": int((signs == expected)[has_sign].sum()),
        "opposite": int((signs == -expected)[has_sign].sum()),
        "zero": int((signs == 0)[has_sign].sum()),
    }


def _signs(x: np.ndarray) -> np.ndarray:
    rounding = ROUNDING * np.abs(x).max(initial=0)
    return np.where(np.abs(x) <= rounding, 0.0, np.sign(x))


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

"""Agreement of a method's scores with leave-one-out, per document: correlation (Eq. 9) and sign."""

from collections.abc import Mapping, Sequence

import numpy as np

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.correlation import COEFFICIENTS, REFERENCE, correlate
from hf_gradexplain.rounding import ROUNDING

SIGNIFICANCE = 0.05
"""P-values up to this one are significant."""


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

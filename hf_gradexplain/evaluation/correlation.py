"""Agreement of scores with leave-one-out, for each document of a batch: correlation (Eq. 9 of Du & Xu) and sign."""

from collections.abc import Mapping, Sequence

import numpy as np

from hf_gradexplain.attribution.signed import is_signed
from hf_gradexplain.explanation.correlation import COEFFICIENTS, REFERENCE, correlate_documents
from hf_gradexplain.perturb.orders import tie_tolerance

SIGNIFICANCE = 0.05
"""P-values up to this value are significant."""


def correlated_methods(methods: Sequence[str]) -> list[str]:
    """Return the methods to correlate with the reference: all others; none if the reference is missing."""
    return [method for method in methods if method != REFERENCE] if REFERENCE in methods else []


def compared_by_sign(methods: Sequence[str]) -> list[str]:
    """Return the signed methods among those that have a correlation."""
    return [method for method in correlated_methods(methods) if is_signed(method)]


def correlate_all(
    scores: Mapping[str, np.ndarray], lengths: np.ndarray, precision: str = "float32"
) -> list[dict[str, dict[str, float | str | None]]]:
    """Correlate the scores of every method with those of the reference, for each of `B` documents.

    Args:
        scores: `(B, U)` per method.
        lengths: `(B,)` the number of units of each document.
        precision: The compute dtype of the scores.

    Returns:
        For each document and each method other than the reference: every coefficient, its p-value (such as
        `pearson_p`), and under `undefined` the reason why the coefficients are undefined, or None.
    """
    methods = correlated_methods(list(scores))
    if not methods:
        return [{} for _ in lengths]
    rows = np.stack([scores[method] for method in methods])
    found = correlate_documents(rows, scores[REFERENCE], lengths, precision=precision)
    names = [name + end for name in COEFFICIENTS for end in ("", "_p")]
    numbers = np.stack([part[name] for name in COEFFICIENTS for part in (found.r, found.p)], axis=-1)
    values, reasons = numbers.astype(object), found.reason.tolist()
    values[np.isnan(numbers)] = None
    return [
        {
            method: {**dict(zip(names, values[m][b], strict=True)), "undefined": reasons[m][b]}
            for m, method in enumerate(methods)
        }
        for b in range(len(lengths))
    ]


def sign_agreement(scores: np.ndarray, reference: np.ndarray, precision: str = "float32") -> dict[str, np.ndarray]:
    """Compare the signs of the scores in each row with those of the reference; both are `(..., U)`.

    The agreement is `same / (same + opposite + zero)`: the share of units with the same sign, among the units whose
    reference score is not 0. If only the method scores a unit 0, that counts as disagreement. A score counts as 0 if it
    would be a tie with 0 in an order of removal: up to `hf_gradexplain.perturb.orders.tie_tolerance` times the largest
    absolute score of the row. The agreement is undefined if all reference scores are 0.

    Args:
        scores: The scores of a method.
        reference: The scores of leave-one-out.
        precision: The compute dtype of both.

    Returns:
        The numbers of units with the `same` sign, with the `opposite` sign, and with a score of `zero` by the method
        alone, `(...)` each.

    >>> counts = sign_agreement(np.array([1.0, -2.0, 0.0, 3.0]), np.array([2.0, 1.0, -1.0, 0.0]))
    >>> {name: int(n) for name, n in counts.items()}
    {'same': 1, 'opposite': 1, 'zero': 1}
    """
    signs, expected = (_signs(x, tie_tolerance(precision)) for x in (scores, reference))
    has_sign = expected != 0
    return {
        "same": ((signs == expected) & has_sign).sum(-1),
        "opposite": ((signs == -expected) & has_sign).sum(-1),
        "zero": ((signs == 0) & has_sign).sum(-1),
    }


def _signs(x: np.ndarray, tolerance: float) -> np.ndarray:
    rounding = tolerance * np.abs(x).max(axis=-1, keepdims=True, initial=0)
    return np.where(np.abs(x) <= rounding, 0.0, np.sign(x))

"""The correlation of a method's scores with the scores of leave-one-out, for each text (Eq. 9 of Du & Xu)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hf_gradexplain.perturb.orders import tie_tolerance
from hf_gradexplain.statistics.coefficients import Ranks, kendall, pearson, rank, spearman
from hf_gradexplain.statistics.ragged_array import RaggedArray
from hf_gradexplain.statistics.rounding import ROUNDING

REFERENCE = "loo"
"""The reference method: the scores of all other methods are correlated with its scores."""

MIN_UNITS = 3
"""The smallest number of units for which a correlation is defined."""


@dataclass(frozen=True)
class Correlation:
    """One coefficient of one document, or the reason why it is undefined.

    Attributes:
        r: The coefficient; None if it is undefined.
        p: The two-sided p-value of the coefficient; None if it is undefined.
        reason: Why the coefficient is undefined; otherwise None.
    """

    r: float | None
    p: float | None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Correlations:
    """Coefficients of `M` methods on `n` documents, or the reasons why they are undefined.

    Attributes:
        r: For each name of a coefficient, its values `(M, n)`; NaN where undefined.
        p: For each name of a coefficient, its two-sided p-values `(M, n)`; NaN where undefined.
        reason: `(M, n)`, why the coefficients are undefined; None where they are defined.
    """

    r: dict[str, np.ndarray]
    p: dict[str, np.ndarray]
    reason: np.ndarray


def correlate_documents(
    scores: np.ndarray,
    reference: np.ndarray,
    lengths: np.ndarray,
    coefficients: Sequence[str] | None = None,
    precision: str = "float32",
) -> Correlations:
    """Correlate the scores of several methods with a reference, for each of `B` documents.

    Coefficients are undefined for fewer than 3 units, and if the scores or the reference are constant up to rounding.
    For coefficients of ranks, scores that are equal up to rounding are ties, see `hf_gradexplain.perturb.orders.tie`.

    Args:
        scores: The scores of the methods, `(M, B, U)`.
        reference: The scores of the reference, `(B, U)`.
        lengths: `(B,)` the number of units of each document; the values after them are padding and are ignored.
        coefficients: Names in `COEFFICIENTS`; None for all.
        precision: The compute dtype of the scores.
    """
    coefficients = list(COEFFICIENTS) if coefficients is None else coefficients
    shape = scores.shape[:2]
    real = np.arange(reference.shape[-1]) < lengths[:, None]
    finite = (np.isfinite(scores).all(0) & np.isfinite(reference) | ~real).all(-1)
    enough = finite & (lengths >= MIN_UNITS)
    reason = np.full(shape, None, dtype=object)
    reason[:, ~enough] = f"fewer than {MIN_UNITS} units"
    reason[:, ~finite] = "scores that are not finite"
    r, p = ({name: np.full(shape, np.nan) for name in coefficients} for _ in range(2))
    if enough.any():
        kept = np.where(enough, lengths, 0)
        x, y = RaggedArray.from_padded(scores, kept), RaggedArray.from_padded(reference, kept)
        x_ranks, y_ranks = (rank(side, tie_tolerance(precision), float(ROUNDING)) for side in (x, y))
        constant = x_ranks.constant | y_ranks.constant
        reason[:, enough] = np.array([None, "constant scores"], dtype=object)[constant.astype(int)]
        for name in coefficients:
            with np.errstate(invalid="ignore", divide="ignore"):  # of constant scores
                numbers = COEFFICIENTS[name](x, y, x_ranks, y_ranks)
            r[name][:, enough], p[name][:, enough] = (np.where(constant, np.nan, number) for number in numbers)
    return Correlations(r, p, reason)


def correlate(
    scores: np.ndarray, reference: np.ndarray, coefficient: str = "pearson", precision: str = "float32"
) -> list[Correlation]:
    """Correlate the scores of several methods `(M, U)` with a reference `(U,)`, for one document.

    See `correlate_documents`.

    >>> correlate(np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 1.0]]), np.array([1.0, 3.0, 4.0]))[1].reason
    'constant scores'
    """
    lengths = np.array([len(reference)])
    result = correlate_documents(scores[:, None], reference[None], lengths, [coefficient], precision)
    columns = (result.r[coefficient][:, 0], result.p[coefficient][:, 0], result.reason[:, 0])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Correlation(None, None, reason) if reason else Correlation(r, p) for r, p, reason in rows]


COEFFICIENTS: dict[str, Callable[[RaggedArray, RaggedArray, Ranks, Ranks], tuple[np.ndarray, np.ndarray]]] = {
    "pearson": lambda x, y, x_ranks, y_ranks: pearson(x, y),
    "spearman": lambda x, y, x_ranks, y_ranks: spearman(x_ranks, y_ranks),
    "kendall": lambda x, y, x_ranks, y_ranks: kendall(x_ranks, y_ranks),
}
"""For each coefficient, a function of the values `(M, N)` and `(N,)` and their ranks, which returns the coefficients in
[-1, 1] and their p-values, `(M, n)`."""

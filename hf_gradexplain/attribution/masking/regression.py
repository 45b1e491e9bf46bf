"""Standard errors of least squares on random masks."""

import numpy as np


def robust_errors(rows: np.ndarray, weights: np.ndarray, inverse: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Return standard errors of coefficients, which are valid also if residuals differ in spread: `(C, U)`.

    This is the estimator HC3 (MacKinnon & White 1985, *Some Heteroskedasticity-Consistent Covariance Matrix Estimators
    with Improved Finite Sample Properties*), which divides each residual by one minus the leverage of its row. It is
    also valid if the outcome is not linear in the masks, so that the coefficients depend on which masks are drawn.

    Args:
        rows: `(N, U)` the rows of the regression, one per independent draw of a mask.
        weights: `(N,)` their weights.
        inverse: `(U, U)` the matrix that turns the weighted sum of rows times outcomes into coefficients.
        residuals: `(C, N)` the outcomes minus their fitted values.
    """
    effects = rows @ inverse * weights[:, None]
    leverages = (effects * rows).sum(1).clip(0, 1 - 1e-9)
    moved = residuals / (1 - leverages)
    means = moved @ effects / len(rows)
    return np.sqrt((np.square(moved) @ np.square(effects) - len(rows) * np.square(means)).clip(0))

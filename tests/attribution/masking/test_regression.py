"""Robust standard errors, against the sandwich formula of HC3 with plain matrices."""

import numpy as np
import pytest

from hf_gradexplain.attribution.masking.regression import robust_errors


def least_squares(seed=0, n=30, units=4, classes=2):
    rng = np.random.default_rng(seed)
    rows, weights = rng.integers(0, 2, (n, units)).astype(float), rng.uniform(0.5, 2, n)
    outcomes = rng.normal(size=(classes, n))
    inverse = np.linalg.inv(rows.T @ np.diag(weights) @ rows)
    fitted = outcomes @ np.diag(weights) @ rows @ inverse @ rows.T
    return rows, weights, inverse, outcomes - fitted


def test_the_errors_are_those_of_hc3_around_the_mean_effect():
    """Draw by draw: what its residual, divided by one minus its leverage, moves the coefficients by."""
    rows, weights, inverse, residuals = least_squares()
    found = robust_errors(rows, weights, inverse, residuals)
    assert found.shape == (2, 4)
    for c in range(2):
        moves = np.array(
            [
                w * (inverse @ x) * e / (1 - w * x @ inverse @ x)
                for x, w, e in zip(rows, weights, residuals[c], strict=True)
            ]
        )
        expected = np.sqrt(((moves - moves.mean(0)) ** 2).sum(0))
        np.testing.assert_allclose(found[c], expected, rtol=1e-10)


@pytest.mark.parametrize(("residual", "expected"), [(0.0, 0.0), (1.0, np.sqrt(0.5) * 1e9)])
def test_a_row_with_the_whole_leverage(residual, expected):
    """The first coefficient depends on one row alone: no residual of it is left in exact arithmetic."""
    found = robust_errors(np.eye(2), np.ones(2), np.eye(2), np.array([[residual, 0.0]]))
    np.testing.assert_allclose(found, [[expected, 0.0]], rtol=1e-6)


def test_equal_moves_have_no_spread():
    """Rounding below zero is no NaN."""
    rows = np.full((3, 1), 0.1)
    assert robust_errors(rows, np.ones(3), np.eye(1), np.full((1, 3), 0.7)).max() < 1e-7

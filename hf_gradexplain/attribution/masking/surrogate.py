"""A control variate for random orders of removal: a surrogate of the loss, fitted to all draws but one.

Shapley values depend only on the odd part of the loss, `w(S) = (l(x without S) - l(x without all but S)) / 2`, and an
order and its reverse together give exactly the rises of `w`. A kernel ridge regression on the sets that ran predicts
`w` for other sets. Its kernel is the odd part of a Gaussian kernel on sets,

    k(x, y) = sinh(<x, y> / U) / sinh(1),   x_u = 1 if unit u is removed, -1 otherwise

and the Shapley values of this kernel have a closed form, see `shapley_of_kernel`.

A draw is corrected by the surrogate `h` that is fitted to all *other* draws: it becomes the rises of `w - h` along its
orders, plus the Shapley values of `h`. Since `h` does not depend on the draw, the expected value stays the same for any
`h`. The better `h` predicts `w`, the less the draws vary. A single inverse of a matrix is enough for all these fits, as
for the leave-one-out residuals of a ridge regression. Only a share of this correction is applied to each draw. The
share is the same for all units, and it minimises the spread of the draws. The scores of each draw still add up to
`l(all removed) - l(x)`. A fit needs at least eight draws and at most 1,000 sets, so the draws of texts with more than
about 60 units often stay as they are.

**Errors.** Corrected draws are not independent, because the surrogate of a draw is fitted to the sets of all others. If
there are few units, draws have many sets in common, and errors from the spread of the draws alone would be about a
tenth too small. Let `c_i(h)` be draw `i`, corrected by `h`. Let `h_i` be the surrogate that is fitted to all draws but
`i`, and `h_ij` the one that is fitted to all draws but `i` and `j`. Then

    covariance of draws i and j = expected value of (c_i(h_i) - c_i(h_ij)) (c_j(h_j) - c_j(h_ij))

because `c_i(h)` has the same expected value for any `h` that does not depend on draw `i`, so that all other products
have the expected value 0. The products of all ordered pairs are added to the sum of the squared distances of the `D`
draws from their mean. For a fixed share, this total divided by `D (D - 1)` is an unbiased estimate of the mean squared
error of the scores. The products of a single unit vary much from seed to seed. So what is added to the squares of a
unit is at least the same share of them as for all units together, and never negative.

Surrogates as control variates of Shapley values: Goldwasser & Hooker 2024, *Stabilizing Estimates of Shapley Values
with Control Variates*; Witter et al. 2025, *Regression-adjusted Monte Carlo Estimators for Shapley Values*.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np

from hf_gradexplain.attribution.masking.budget import Means
from hf_gradexplain.attribution.masking.game import EstimatedScores
from hf_gradexplain.attribution.masking.walks import Walks, rises

LEAST_DRAWS = 8
"""The number of draws below which there is no correction."""

MOST_SETS = 1000
"""The largest number of sets that a surrogate is fitted to; the time of a fit grows with its cube."""

_NOISE = 1e-5
"""This number is added to the diagonal of the kernel matrix."""


class CorrectedWalks(Walks):
    """Draws of random orders whose result is the mean of the corrected draws."""

    @cached_property
    def estimate(self) -> EstimatedScores:
        """The means of the corrected draws and their standard errors."""
        draws, covariances = corrected(self)
        means = Means.of(draws)
        return replace(means, squares=means.squares + added_squares(covariances, means.squares)).estimate


def corrected(walks: Walks) -> tuple[np.ndarray, np.ndarray]:
    """Return the draws, corrected by surrogates, and the sums of the covariances of all ordered pairs of them.

    Returns:
        The draws `(D, C, U)`, and the sums `(C, U)`.
    """
    parts = [_correct(part) for part in walks.split(MOST_SETS)]
    return np.concatenate([draws for draws, _ in parts]), np.sum([covariances for _, covariances in parts], 0)


def added_squares(covariances: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Return what is added to the sums of squares of the draws because these are not independent: `(C, U)`.

    Args:
        covariances: `(C, U)` the sums of the covariances of all ordered pairs of draws.
        squares: `(C, U)` the sums of the squared distances of the draws from their mean.
    """
    of_all = squares.sum(1, keepdims=True)
    share = np.divide(covariances.sum(1, keepdims=True), of_all, out=np.zeros_like(of_all), where=of_all > 0)
    return np.maximum(covariances, share.clip(0) * squares)


def _correct(walks: Walks) -> tuple[np.ndarray, np.ndarray]:
    draws = walks.draws()
    if len(draws) < LEAST_DRAWS:
        return draws, np.zeros(draws.shape[1:])
    surrogates = Surrogates(walks)
    fitted = surrogates.without(np.arange(len(draws))[:, None])[:, 0]
    shift = fitted - draws
    spread, shifted = (np.square(x - x.mean(0)).sum((0, 2)) for x in (fitted, shift))
    before = np.square(draws - draws.mean(0)).sum((0, 2))
    share = np.divide(before + shifted - spread, 2 * shifted, out=np.zeros_like(spread), where=shifted > 0)
    share = share.clip(0, 1)[:, None]
    pairs = np.stack(np.triu_indices(len(draws), 1), 1)
    moved = share * (surrogates.without(pairs) - fitted[pairs])
    return draws + share * shift, 2 * moved.prod(1).sum(0)


class Surrogates:
    """Surrogates of the loss, each fitted to the sets of all draws but some.

    Args:
        walks: The draws.
    """

    def __init__(self, walks: Walks) -> None:
        units = walks.orders.shape[-1]
        odd = (walks.losses[..., 0, :] - walks.losses[..., 1, ::-1]) / 2
        self.orders, self.end = walks.orders, odd[:, 0, 0, -1]
        signs = np.concatenate([_signs(walks.orders).reshape(-1, units), np.ones((1, units))])
        values = np.concatenate([np.moveaxis(odd[..., 1:-1].reshape(len(odd), -1), 0, 1), self.end[None]])
        self._inverse = np.linalg.inv(_kernel(signs @ signs.T) + _NOISE * np.eye(len(signs)))
        self._weights, self._of_values = self._inverse @ values, shapley_of_kernel(signs).T @ self._inverse
        self._shapley = (self._of_values @ values).T

    def without(self, left_out: np.ndarray) -> np.ndarray:
        """Return the rises of `w - h` along left-out draws, plus the Shapley values of the surrogate `h`.

        Args:
            left_out: `(G, K)` the numbers of the draws that are left out in each of `G` fits.

        Returns:
            `(G, K, C, U)` one result for each draw that is left out of a fit.
        """
        n_draws, turns, units = self.orders.shape
        own = np.arange(len(self._weights) - 1).reshape(n_draws, -1)[left_out].reshape(len(left_out), -1)
        left_over = np.linalg.solve(self._inverse[own[:, :, None], own[:, None]], self._weights[own])
        shapley = self._shapley - np.einsum("ugp,gpk->gku", self._of_values[:, own], left_over)
        at_end = self.end - shapley.sum(-1) / 2
        inner = np.moveaxis(left_over, -1, 0).reshape(len(self.end), *left_out.shape, turns, units - 1)
        ends = np.broadcast_to(at_end.T[:, :, None, None, None], (*inner.shape[:-1], 1))
        rise = rises(self.orders[left_out], np.concatenate([-ends, inner, ends], -1)).mean(3)
        return shapley[:, None] + np.moveaxis(rise, 0, 2)


def shapley_of_kernel(signs: np.ndarray) -> np.ndarray:
    """Return the Shapley values of the functions `x -> k(x, y)` for `N` sets `y`: signs `(N, U)` to `(N, U)`.

    If units are removed independently with probability `q`, the expected value of each exponential of the kernel is a
    product over units. The mean rise over all `q` is the Shapley value (Owen 1972). With `m` units removed in `y`, and
    `b = 1 / U`,

        c = q e^b + (1 - q) e^-b,   d = q e^-b + (1 - q) e^b
        a unit removed in y:      2 sinh(b) / sinh(1) * integral over q of c^(m - 1) d^(U - m)
        a unit not removed in y:  -2 sinh(b) / sinh(1) * integral over q of c^m d^(U - m - 1)

    The integrands are polynomials, for which Gauss-Legendre quadrature is exact.
    """
    units = signs.shape[1]
    nodes, weights = np.polynomial.legendre.leggauss(units // 2 + 1)
    q, b = (nodes + 1) / 2, 1 / units
    c, d = (q * np.exp(s) + (1 - q) * np.exp(-s) for s in (b, -b))
    power = np.arange(units)[:, None]
    integral = (c**power * d ** (units - 1 - power)) @ (weights / 2)
    removed = signs > 0
    number = removed.sum(1, keepdims=True)
    rise = np.where(removed, integral[number - 1], -integral[np.minimum(number, units - 1)])
    return 2 * np.sinh(b) / np.sinh(1) * rise


def _kernel(products: np.ndarray) -> np.ndarray:
    """Return the kernel of sets, given their inner products `(N, N)`, whose diagonal is the number of units."""
    return np.sinh(products / products[0, 0]) / np.sinh(1)


def _signs(orders: np.ndarray) -> np.ndarray:
    """Return the sets of removed units along orders `(..., U)`, without the empty and the full set.

    The shape is `(..., U - 1, U)`, with 1 for a unit that is removed and -1 otherwise.
    """
    ranks = orders.argsort(-1)
    return np.where(ranks[..., None, :] < np.arange(1, orders.shape[-1])[:, None], 1.0, -1.0)

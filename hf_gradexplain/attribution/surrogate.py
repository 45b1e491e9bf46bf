"""A control variate for random orders: a surrogate of the game, fitted to the losses of the other draws.

Shapley values depend only on the odd part of a game, `w(S) = (v(S) - v(all but S)) / 2`, and an order together with its
reverse gives exactly the rises of `w` along the order. A kernel ridge regression on the sets that were run predicts `w`
elsewhere. Its kernel is the odd part of a Gaussian kernel on sets,

    k(x, y) = sinh(a <x, y> / U) / sinh(a),   x_u = 1 if unit u is removed, -1 otherwise,

whose own Shapley values have a closed form: over independent removals with probability `q` the exponentials factor, and
the mean over `q` is Owen's integral of a polynomial, which Gauss-Legendre quadrature computes exactly.

Each draw is corrected by the surrogate `h` that was fitted to all *other* draws: its rises of `w - h`, plus the Shapley
values of `h`. As `h` does not depend on the draw, the sum has the same mean as the draw itself, for any `h`, and the
better the surrogate, the less it varies. All these fits together take one inverse (the residuals of leave-one-out in
ridge regression).
"""

import numpy as np

WIDTH = 2.0
"""`a` of the kernel: the larger, the more interactions of many units count."""

NOISE = 1e-5
"""What is added to the diagonal of the kernel matrix."""

MOST_SETS = 1000
"""The largest number of sets that a surrogate is fitted to."""


def corrected(orders: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Return draws of the Shapley values, corrected by surrogates that are fitted to the other draws.

    Args:
        orders: `(D, T, U)` the orders of removal of each draw, without their reverses.
        losses: `(K, D, T, 2, U + 1)` the losses along each order and along its reverse.

    Returns:
        `(D, K, U)`.
    """
    n_draws, n_orders, units = orders.shape
    odd = (losses[..., 0, :] - losses[..., 1, ::-1]) / 2
    signs, end = _signs(orders)[:, :, 1:-1].reshape(n_draws, -1, units), odd[:, 0, 0, -1]
    values = np.moveaxis(odd[..., 1:-1].reshape(len(losses), n_draws, -1), 0, -1)
    per_draw = values.shape[1]
    flat = np.concatenate([signs.reshape(-1, units), np.ones((1, units))])
    targets = np.concatenate([values.reshape(-1, len(losses)), end[None]])
    inverse = np.linalg.inv(_kernel(flat @ flat.T / units) + NOISE * np.eye(len(flat)))
    weights, gains = inverse @ targets, shapley_of_kernel(flat).T @ inverse

    def of_draws(rows: np.ndarray) -> np.ndarray:
        return rows[:-1].reshape(n_draws, per_draw, *rows.shape[1:])

    numbers = np.arange(n_draws * per_draw).reshape(n_draws, per_draw)
    own = inverse[numbers[:, :, None], numbers[:, None, :]]
    residuals = np.linalg.solve(own, of_draws(weights))
    at_end = NOISE * (weights[-1] - np.einsum("dp,dpk->dk", of_draws(inverse[:, -1]), residuals))
    shapley = (gains @ targets).T - np.einsum("dpu,dpk->dku", of_draws(gains.T), residuals)
    inner = np.moveaxis(residuals, -1, 1).reshape(n_draws, len(losses), n_orders, units - 1)
    ends = np.broadcast_to(at_end[:, :, None, None], (*inner.shape[:-1], 1))
    rises = np.diff(np.concatenate([-ends, inner, ends], -1), axis=-1)
    scores = np.empty_like(rises)
    np.put_along_axis(scores, np.broadcast_to(orders[:, None], rises.shape), rises, -1)
    return shapley + scores.mean(2)


def shapley_of_kernel(signs: np.ndarray) -> np.ndarray:
    """Return the Shapley values of the functions `x -> k(x, y)`, for `N` sets `y`: `(N, U)` to `(N, U)`.

    A unit that is removed in `y`, which removes `m` units, has

        2 sinh(b) / sinh(a) * integral over q of  c^(m - 1) d^(U - m),   b = a / U,
        c = q e^b + (1 - q) e^-b,   d = q e^-b + (1 - q) e^b,

    and one that is not removed has `- 2 sinh(b) / sinh(a) * integral of c^m d^(U - m - 1)`.
    """
    units = signs.shape[1]
    nodes, weights = np.polynomial.legendre.leggauss(units // 2 + 1)
    q, scale = (nodes + 1) / 2, WIDTH / units
    c, d = (q * np.exp(s) + (1 - q) * np.exp(-s) for s in (scale, -scale))
    powers = np.arange(units)
    integral = (c ** powers[:, None] * d ** (units - 1 - powers[:, None])) @ (weights / 2)
    factor, removed = 2 * np.sinh(scale) / np.sinh(WIDTH), signs > 0
    number = removed.sum(1, keepdims=True)
    return factor * np.where(removed, integral[number - 1], -integral[np.minimum(number, units - 1)])


def _kernel(cosines: np.ndarray) -> np.ndarray:
    return np.sinh(WIDTH * cosines) / np.sinh(WIDTH)


def _signs(orders: np.ndarray) -> np.ndarray:
    """Return the sets along orders `(..., U)` as signs: `(..., U + 1, U)`, 1 where a unit is removed."""
    units = orders.shape[-1]
    removed = orders.argsort(-1)[..., None, :] < np.arange(units + 1)[:, None]
    return np.where(removed, 1.0, -1.0)

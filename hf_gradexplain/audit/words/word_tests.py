"""Test whether a word's share of the score is larger than that of other words of the same documents.

The null hypothesis is that the scores within each document are exchangeable, that is, they are assigned to its words at
random. A permutation of a document's scores then gives a word any of its `U` shares with equal probability. The sum of
the shares of a word over its documents is a sum of independent draws, one per document. The distribution of this sum is
computed from its cumulant generating function, which adds up over documents,

    K(t) = sum_d log(1/U_d sum_u exp(t (s_du - m_d))),    m_d = 1/U_d sum_u s_du,

by the saddlepoint approximation. This approximation is accurate far into the tail, as thousands of simultaneous tests
require. Without it, millions of random permutations would be needed.

Documents are read only once: `K` and its first two derivatives are summed at the fixed points `TILTS` and interpolated
between them.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr

TILTS = np.concatenate([[0.0], 0.5 * 1.5 ** np.arange(36)])
"""`(G,)` the `t` at which cumulants are summed, up to about 730,000; shares are at most 1."""

NEAR = 1e-3
"""The smallest distance from the mean, in standard deviations. Below it, the formula is 0 / 0 and p is about 0.5."""

BISECTIONS = 50


def document_cumulants(shares: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return `K_d`, `K_d'` and `K_d''` of the share of a random word, at the points `TILTS`: `(n, 3, G)`.

    Args:
        shares: `(W,)` the shares of the words of `n` documents, ordered by document.
        starts: `(n,)` where each document begins; none is empty.
    """
    lengths = np.diff(starts, append=len(shares))[:, None]

    def means(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, starts, axis=0) / lengths

    def repeat(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, lengths[:, 0], axis=0)

    centred = shares[:, None] - repeat(means(shares[:, None]))
    largest = np.maximum.reduceat(centred, starts, axis=0) * TILTS
    weights = np.exp(centred * TILTS - repeat(largest))
    total = means(weights)
    mean = means(weights * centred) / total
    variance = means(weights * (centred - repeat(mean)) ** 2) / total
    return np.stack([largest + np.log(total), mean, variance], axis=1)


def upper_tail(excess: np.ndarray, cumulants: np.ndarray) -> np.ndarray:
    """Return the probability, under the null hypothesis, of a sum of shares of at least the observed size: `(R,)`.

    Formula:
        `P(T >= x) = 1 - Phi(r + log(u / r) / r)` with `r = sqrt(2 (t x - K(t)))`, `u = t sqrt(K''(t))` and the
        saddlepoint `t`, for which `K'(t) = x`. No p-value is larger than Chernoff's bound `exp(K(t) - t x)`, nor
        smaller than the probability that every document gives its largest share.

    Args:
        excess: `(R,)` the sums `x` of `s_dw - m_d`.
        cumulants: `(R, 3, G)` the sums of `document_cumulants` over the same documents.

    Returns:
        The p-values. They are 1 if the sum is not larger than its mean, because that is no evidence for a word.

    Reference:
        Lugannani and Rice (1980), Advances in Applied Probability 12; in this form Barndorff-Nielsen (1986),
        Biometrika 73; for permutation tests Robinson (1982), Journal of the Royal Statistical Society B 44.
    """
    x = np.maximum(excess, NEAR * np.sqrt(cumulants[:, 2, 0]))
    saddle = _saddlepoint(x, cumulants)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(2 * (saddle.tilt * x - saddle.k))
        log_p = log_ndtr(-root - np.log(saddle.tilt * np.sqrt(saddle.variance) / root) / root)
    bound = (cumulants[:, 0] - TILTS * x[:, None]).min(1)
    least = cumulants[:, 0, -1] - TILTS[-1] * cumulants[:, 1, -1]
    return np.where(excess > 0, np.exp(np.fmax(np.fmin(log_p, bound), least)), 1.0)


class _Saddle(NamedTuple):
    """The saddlepoints `(R,)`, and `K` and `K''` there."""

    tilt: np.ndarray
    k: np.ndarray
    variance: np.ndarray


def _saddlepoint(excess: np.ndarray, cumulants: np.ndarray) -> _Saddle:
    """Solve `K'(t) = x`; return the largest tilt if no tilt is large enough. `K` is a quintic between two tilts."""
    lower = np.clip((cumulants[:, 1] <= excess[:, None]).sum(1) - 1, 0, len(TILTS) - 2)
    width = np.diff(TILTS)[lower]
    rows = np.arange(len(excess))
    scale = np.stack([np.ones_like(width), width, width**2])
    quintic = _quintic(*(cumulants[rows, :, lower].T * scale), *(cumulants[rows, :, lower + 1].T * scale))
    low, high = np.zeros(len(excess)), np.ones(len(excess))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        below = _evaluate(quintic, middle, 1) < excess * width
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    place = (low + high) / 2
    k, curvature = (_evaluate(quintic, place, order) for order in (0, 2))
    return _Saddle(TILTS[lower] + width * place, k, np.maximum(curvature, 0) / width**2)


def _quintic(
    f: np.ndarray, df: np.ndarray, ddf: np.ndarray, g: np.ndarray, dg: np.ndarray, ddg: np.ndarray
) -> list[np.ndarray]:
    """Return the coefficients of the polynomials with these values and derivatives at 0 and at 1."""
    rise = g - f
    return [
        f,
        df,
        ddf / 2,
        10 * rise - 6 * df - 4 * dg - 1.5 * ddf + 0.5 * ddg,
        -15 * rise + 8 * df + 7 * dg + 1.5 * ddf - ddg,
        6 * rise - 3 * df - 3 * dg - 0.5 * ddf + 0.5 * ddg,
    ]


def _evaluate(coefficients: list[np.ndarray], at: np.ndarray, derivative: int) -> np.ndarray:
    """Return the polynomials or their derivatives, each at its own place."""
    value = np.zeros_like(at)
    for power in range(len(coefficients) - 1, derivative - 1, -1):
        factor = np.prod(np.arange(power - derivative + 1, power + 1))
        value = value * at + factor * coefficients[power]
    return value

"""LIME: the coefficients of a ridge regression of the loss on which units are removed.

Ribeiro, Singh & Guestrin 2016, *"Why Should I Trust You?": Explaining the Predictions of Any Classifier*, as in
`LimeTextExplainer` of their package lime:

- **Masks.** The number of removed units is drawn uniformly from 1 to `U`, and then a set of this size is drawn
  uniformly. The text itself is one more row of the regression.
- **Kernel.** A copy without `r` units has the weight `exp(-d^2 / (2 * 25^2))`, where `d = 100 (1 - sqrt(1 - r / U))` is
  100 times the cosine distance between the masks of copy and text, and 25 is the kernel width. The weight is 0.87 if a
  quarter of the units is removed, 0.50 for half of them, and 3e-4 for all.
- **Regression.** `sklearn.linear_model.Ridge` with an intercept and `alpha=1`:

      argmin over b, c of  sum over copies of  weight (l(copy) - c - sum of b_u over removed units)^2 + sum of b_u^2

Differences from lime:

- Words are masked. lime deletes them, all occurrences of a word together (as the unit `word_type` does here).
- The loss, or another objective, is explained. lime explains the probability.
- All units have scores. lime keeps the 10 units with the largest coefficients, and repeats the fit with these units.
- Up to `max_evals` copies run, and fewer if the errors are small. lime runs 5,000.

A score is positive if the loss rises without the unit. The scores have no known sum. The penalty pulls them towards 0,
and more so with a small `max_evals`. For a linear model and 2,000 copies, they are 0.5 to 1 % smaller than the scores
of leave-one-out.

**Errors** tell how far the scores would move if other masks were drawn, see `regression.robust_errors`. They do not
cover the effect of the penalty, or how far the model is from a linear function.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import Ridge

from hf_gradexplain.attribution.masking.budget import FIRST_DRAWS, Budget
from hf_gradexplain.attribution.masking.game import EstimatedScores, Game, all_sets
from hf_gradexplain.attribution.masking.regression import robust_errors
from hf_gradexplain.attribution.masking.source import SampledSource

KERNEL_WIDTH = 25.0
"""The width of the kernel, in hundredths of the cosine distance: the default of lime for texts."""

ALPHA = 1.0
"""The weight of the penalty: the default of lime."""


@dataclass(frozen=True)
class Lime(SampledSource):
    """The coefficients that LIME gives to the units, see `hf_gradexplain.attribution.masking.lime`.

    The weights are always scaled to `max_evals` copies, so that the effect of the penalty does not depend on how many
    copies run. If `max_evals` copies are enough for all sets of units, each set runs once, with the weight that it
    would have on average, and the errors are 0. At least `2 U` copies run even if `max_evals` is smaller. The unit of a
    text with only one unit gets 0.29 times its leave-one-out score, because the only copy has a small weight.
    """

    def estimate(self, game: Game, budget: Budget) -> EstimatedScores:
        """Return the coefficients of a text."""
        most = max(budget.max_evals, 2 * game.size)
        if 2**game.size - 1 <= most:
            return all_masks(game, most)
        return random_masks(game, budget, most)

    def most_copies(self, units: int, max_evals: int) -> int:
        """Return the largest number of masked copies that a text of this number of units takes."""
        return min(max(max_evals, 2 * units), 2**units - 1)


@dataclass(frozen=True, eq=False)
class Masks:
    """A text and copies of it without random sets of units.

    Attributes:
        removed: `(N, U)` the removed units; the first row is the text itself, with no removed unit.
        losses: `(C, N)` the losses.
        most: The number of copies that the weights are scaled to: each weight is multiplied by `most / (N - 1)`.
    """

    removed: np.ndarray
    losses: np.ndarray
    most: int

    def __add__(self, other: "Masks") -> "Masks":
        """Return these copies and further ones."""
        joined = np.concatenate([self.removed, other.removed]), np.concatenate([self.losses, other.losses], 1)
        return Masks(*joined, self.most)

    @property
    def estimate(self) -> EstimatedScores:
        """The coefficients and their standard errors."""
        weights = kernel(self.removed)
        weights[1:] *= self.most / (len(weights) - 1)
        scores, intercepts = fit(self.removed, self.losses, weights)
        residuals = self.losses - intercepts[:, None] - scores @ self.removed.T
        rows = self.removed - weights @ self.removed / weights.sum()
        inverse = np.linalg.inv((rows.T * weights) @ rows + ALPHA * np.eye(rows.shape[1]))
        errors = robust_errors(rows[1:], weights[1:], inverse, residuals[:, 1:])
        return EstimatedScores.after(len(rows) - 1, scores, errors)


def kernel(removed: np.ndarray) -> np.ndarray:
    """Return the weights of copies without sets of units: `(N, U)` to `(N,)`."""
    distances = 100 * (1 - np.sqrt(1 - removed.mean(1)))
    return np.exp(-np.square(distances) / (2 * KERNEL_WIDTH**2))


def fit(removed: np.ndarray, losses: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients and the intercepts of the ridge regression.

    Args:
        removed: `(N, U)` the removed units.
        losses: `(C, N)` the losses.
        weights: `(N,)` the weights.

    Returns:
        The coefficients `(C, U)` and the intercepts `(C,)`.
    """
    ridge = Ridge(alpha=ALPHA, solver="cholesky").fit(removed.astype(float), losses.T, sample_weight=weights)
    return np.reshape(ridge.coef_, (len(losses), -1)), np.reshape(ridge.intercept_, -1)


def all_masks(game: Game, draws: int) -> EstimatedScores:
    """Return the coefficients if each set of units has the weight that it would have, on average, in random draws.

    Args:
        game: The game.
        draws: The number of draws.
    """
    sets = all_sets(game.size)
    sizes = sets.sum(1)
    numbers = np.bincount(sizes)[sizes] * game.size / draws
    numbers[0] = 1
    losses = np.concatenate([game.plain[:, None], game.losses(sets[1:])], 1)
    scores, _ = fit(sets, losses, kernel(sets) / numbers)
    return EstimatedScores.exact(scores)


def random_masks(game: Game, budget: Budget, most: int) -> EstimatedScores:
    """Return the coefficients with random masks, at most this number of them."""
    rng, text = game.rng("lime"), np.zeros((1, game.size), bool)

    def draw(first: int, stop: int) -> Masks:
        random = rng.random((stop - first, game.size + 1))
        sizes = 1 + np.floor(random[:, :1] * game.size)
        sets = random[:, 1:].argsort(1).argsort(1) < sizes
        copies = Masks(sets, game.losses(sets), most)
        return copies if first else Masks(text, game.plain[:, None], most) + copies

    return budget.sample(draw, budget.looks(most, max(FIRST_DRAWS, 2 * game.size)))

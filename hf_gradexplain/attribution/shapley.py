"""Shapley values: by closed form, by enumeration, or by random orders of removal with standard errors.

A unit's Shapley value is the rise of the loss when it is removed, averaged over all orders in which the units of the
text can be removed (Shapley 1953, Strumbelj & Kononenko 2010):

    score_u = mean over orders of  l(x without what comes before u, and u) - l(x without what comes before u)

The scores add up to `l(all removed) - l(x)`, exactly, with any number of orders.

**Random orders.** One draw is a random order, the order that begins in its middle, and both reversed. An order and its
reverse together are exact for effects of single units and of pairs (Mitchell et al. 2022, *Sampling Permutations for
Shapley Value Estimation*), and the half turn removes each unit both early and late. A score is the mean over draws, and
its standard error comes from their spread. If fewer than eight draws of four orders are allowed, a draw is an order and
its reverse.

No linear surrogate is used as a control variate: in every order, a linear function gives each unit its exact value, so
that there is no spread to remove.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import comb
from typing import ClassVar

import numpy as np

from hf_gradexplain.attribution.game import Estimate, Game, sample
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.options import Options
from hf_gradexplain.sampling import margins, tells_apart
from hf_gradexplain.text.data import Sampled

FIRST_DRAWS = 8
"""The number of draws before the first look at the errors."""

_MORE = 1.5
"""The factor by which the number of draws grows between looks."""


@dataclass(frozen=True)
class Budget:
    """How many masked copies of a text may run, and when fewer are enough.

    Args:
        max_evals: The largest number of masked copies.
        max_error: The standard error of every score, as a share of the largest absolute score, that is small enough.
        tell_apart: The number of highest-scored units to tell apart from the others; replaces `max_error`.
    """

    max_evals: int = Options.max_evals
    max_error: float = Options.max_error
    tell_apart: int | None = None

    def is_met(self, means: "Means") -> bool:
        """Return whether the scores are sure enough, for every class."""
        if self.tell_apart is not None:
            return bool(tells_apart(means.mean, margins(means.errors, means.count), self.tell_apart).all())
        return bool((means.errors <= self.max_error * np.abs(means.mean).max(-1, keepdims=True)).all())

    def looks(self, most: int) -> list[int]:
        """Return the numbers of draws after which the errors are looked at, ascending, up to `most`."""
        looks = [min(FIRST_DRAWS, most)]
        while looks[-1] < most:
            looks.append(min(most, round(looks[-1] * _MORE)))
        return looks


@dataclass
class Means:
    """Running means of draws and the spread of these; sums of two parts can be joined.

    Attributes:
        count: The number of draws.
        mean: `(K, U)`.
        squares: `(K, U)` sum of the squared distances from the mean.
    """

    count: int = 0
    mean: np.ndarray = field(default_factory=lambda: np.zeros(()))
    squares: np.ndarray = field(default_factory=lambda: np.zeros(()))

    @classmethod
    def of(cls, draws: np.ndarray) -> "Means":
        """Return the means of draws `(D, K, U)`."""
        mean = draws.mean(0)
        return cls(len(draws), mean, np.square(draws - mean).sum(0))

    def __add__(self, other: "Means") -> "Means":
        """Return the means of the draws of both (Chan, Golub & LeVeque 1979)."""
        if not self.count:
            return other
        count, distance = self.count + other.count, other.mean - self.mean
        mean = self.mean + distance * (other.count / count)
        between = np.square(distance) * (self.count * other.count / count)
        return Means(count, mean, self.squares + other.squares + between)

    @property
    def errors(self) -> np.ndarray:
        """The standard errors of the means: `(K, U)`; infinite for a single draw."""
        if self.count < 2:
            return np.full_like(self.mean, np.inf)
        return np.sqrt(self.squares / (self.count * (self.count - 1)))


@dataclass(frozen=True)
class Shapley:
    """Shapley values of the units, see `hf_gradexplain.attribution.shapley`.

    They are exact, with errors of 0, where the logits of the model are a sum over units and the objective is linear in
    them (FastText with the objective `logit`), and where no more than `max_evals` copies remove all sets of units.

    At least two draws of two orders run, `4 (U - 1)` masked copies, also where `max_evals` is smaller.

    Args:
        max_evals: Largest number of masked copies of a text.
        max_error: Stop once the standard error of every score is at most this share of the largest absolute score.
        tell_apart: Stop once the intervals of this number of highest-scored units lie above those of all others.
    """

    max_evals: int | None = None
    max_error: float | None = None
    tell_apart: int | None = None
    graph: ClassVar[bool] = False
    masks: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Sampled:
        """Return the scores and their standard errors, both `(B, U)`."""
        return self.of_classes([forward])[0]

    def of_classes(self, forwards: Sequence[ForwardPass]) -> list[Sampled]:
        """Return the same for each class, from one set of masked copies."""
        given = {"max_evals": self.max_evals, "max_error": self.max_error, "tell_apart": self.tell_apart}
        budget = Budget(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        return sample(forwards, lambda game: shapley_values(game, budget))

    def copies(self, units: int) -> int:
        """Return the largest number of masked copies of a text."""
        return most_copies(units, self.max_evals or Options.max_evals)


def shapley_values(game: Game, budget: Budget) -> Estimate:
    """Return the Shapley values of a game."""
    if game.size == 1 or game.linear:
        return Estimate(single_removals(game), np.zeros((len(game.forwards), game.size)), 0)
    if 2**game.size - 2 <= budget.max_evals:
        scores = exact_values(game)
        return Estimate(scores, np.zeros_like(scores), 0)
    return sampled_values(game, budget)


def single_removals(game: Game) -> np.ndarray:
    """Return the rise of the loss when each unit is removed alone: `(K, U)`."""
    return game.losses(np.eye(game.size, dtype=bool)) - game.plain[:, None]


def exact_values(game: Game) -> np.ndarray:
    """Return the Shapley values by enumeration of all sets of units: `(K, U)`.

    A set of `s` other units comes before a unit in the share `s! (U - s - 1)! / U!` of all orders.
    """
    units = game.size
    numbers = np.arange(2**units)
    sets = (numbers[:, None] >> np.arange(units) & 1).astype(bool)
    losses = game.losses(sets)
    losses[:, 0] = game.plain
    sizes = sets.sum(1)
    share_of = np.array([1 / (units * comb(units - 1, s)) for s in range(units)])
    scores = np.empty((len(losses), units))
    for unit in range(units):
        without = numbers[~sets[:, unit]]
        rises = losses[:, without | 1 << unit] - losses[:, without]
        scores[:, unit] = rises @ share_of[sizes[without]]
    return scores


def sampled_values(game: Game, budget: Budget) -> Estimate:
    """Return estimates of the Shapley values by random orders."""
    orders = orders_per_draw(game.size, budget.max_evals)
    most = max(2, budget.max_evals // (orders * (game.size - 1)))
    means = Means()
    for look in budget.looks(most):
        means += draw(game, means.count, look, orders)
        if budget.is_met(means):
            break
    return Estimate(means.mean, means.errors, means.count)


def orders_per_draw(units: int, max_evals: int) -> int:
    """Return the number of orders of one draw: four, or two if eight draws of four are too many."""
    return 4 if 4 * FIRST_DRAWS * (units - 1) <= max_evals else 2


def most_copies(units: int, max_evals: int) -> int:
    """Return the largest number of masked copies that the Shapley values of a text take."""
    if 2**units - 2 <= max_evals:
        return max(1, 2**units - 2)
    of_a_draw = orders_per_draw(units, max_evals) * (units - 1)
    return max(2, max_evals // of_a_draw) * of_a_draw


def draw(game: Game, first: int, stop: int, orders: int) -> Means:
    """Return the means of the draws from number `first` up to `stop`, which other draws do not influence.

    Args:
        game: The game.
        first: The number of the first draw.
        stop: The number after the last one.
        orders: The number of orders of a draw, 2 or 4.
    """
    base = np.stack([game.rng(f"shapley {number}").permutation(game.size) for number in range(first, stop)])
    turned = [base, np.roll(base, game.size // 2, axis=1)][: orders // 2]
    walks = np.stack([each for order in turned for each in (order, order[:, ::-1])], 1)
    rises = np.diff(game.walks(walks.reshape(-1, game.size)), axis=2)
    scores = np.empty_like(rises)
    np.put_along_axis(scores, np.broadcast_to(walks.reshape(1, -1, game.size), rises.shape), rises, 2)
    return Means.of(scores.reshape(len(scores), -1, orders, game.size).mean(2).swapaxes(0, 1))

"""How many masked copies of a text may run, and when the scores are precise enough."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol, Self

import numpy as np

from hf_gradexplain.attribution.masking.game import EstimatedScores
from hf_gradexplain.options import Options
from hf_gradexplain.statistics.sampling import margins, tells_apart

FIRST_DRAWS = 8
"""The number of draws after which the errors are checked for the first time."""

_MORE = 1.5
"""The factor by which the number of draws grows between checks."""


class Drawn(Protocol):
    """The result of some draws; `+` combines the results of different draws."""

    @property
    def estimate(self) -> EstimatedScores:
        """The scores and their standard errors."""

    def __add__(self, other: Self) -> Self:
        """Return the result of the draws of both objects together."""


@dataclass(frozen=True)
class Budget:
    """How many masked copies of a text may run, and when fewer are enough.

    Args:
        max_evals: The largest number of masked copies, including the one with all units removed.
        max_error: The largest standard error that is small enough, as a share of the largest absolute score.
        tell_apart: The number of highest-scored units whose 95 % intervals have to lie above those of all others. For
            texts with more units than this number, this condition replaces that of `max_error`.
    """

    max_evals: int = Options.max_evals
    max_error: float = Options.max_error
    tell_apart: int | None = None

    def is_met(self, estimate: EstimatedScores) -> np.ndarray:
        """Return whether the scores are precise enough, for each class: `(C,)`."""
        scores, errors = estimate.scores, estimate.errors
        if self.tell_apart is not None and self.tell_apart < scores.shape[-1]:
            return tells_apart(scores, margins(errors, estimate.draws[:, None]), self.tell_apart)
        return (errors <= self.max_error * np.abs(scores).max(-1, keepdims=True)).all(-1)

    def looks(self, most: int, first: int = FIRST_DRAWS) -> list[int]:
        """Return the numbers of draws after which the errors are checked, ascending, from `first` up to `most`."""
        looks = [min(first, most)]
        while looks[-1] < most:
            looks.append(min(most, round(looks[-1] * _MORE)))
        return looks

    def sample(
        self, draw: Callable[[int, int], Drawn], looks: list[int], earlier: EstimatedScores | None = None
    ) -> EstimatedScores:
        """Draw until the scores are precise enough, and return them.

        Each class stops after as many draws as if it were explained alone.

        Args:
            draw: A function `(first, stop)` that returns the result of the draws `first` to `stop - 1`.
            looks: The numbers of draws after which the errors are checked.
            earlier: The result of earlier draws, which the new draws continue; None for none.
        """
        drawn: Drawn
        if earlier is None:
            drawn = draw(0, looks[0])
        else:
            first = int(earlier.draws.max())
            drawn, looks = Continued(earlier), [first, *(look for look in looks if look > first)]
        found = drawn.estimate
        for start, stop in pairwise(looks):
            if (met := self.is_met(found)).all():
                break
            drawn += draw(start, stop)
            found = found.where(met, drawn.estimate)
        return found


@dataclass
class Means:
    """The mean of draws and their spread.

    Attributes:
        count: The number of draws.
        mean: `(C, U)` the means.
        squares: `(C, U)` sum of the squared distances from the mean.
    """

    count: int = 0
    mean: np.ndarray = field(default_factory=lambda: np.zeros(()))
    squares: np.ndarray = field(default_factory=lambda: np.zeros(()))

    @classmethod
    def behind(cls, estimate: EstimatedScores) -> "Means":
        """Return the means behind an estimate; all of its classes must have the same number of draws."""
        count = int(estimate.draws.max())
        squares = np.square(estimate.errors) * (count * (count - 1)) if count > 1 else np.zeros_like(estimate.errors)
        return cls(count, estimate.scores, squares)

    @classmethod
    def of(cls, draws: np.ndarray) -> "Means":
        """Return the means of draws `(D, C, U)`."""
        mean = draws.mean(0)
        return cls(len(draws), mean, np.square(draws - mean).sum(0))

    def __add__(self, other: "Means") -> "Means":
        """Return the means over the draws of both objects (Chan, Golub & LeVeque 1979)."""
        if not self.count:
            return other
        count, distance = self.count + other.count, other.mean - self.mean
        mean = self.mean + distance * (other.count / count)
        between = np.square(distance) * (self.count * other.count / count)
        return Means(count, mean, self.squares + other.squares + between)

    @property
    def errors(self) -> np.ndarray:
        """The standard errors of the means: `(C, U)`; infinite for a single draw."""
        if self.count < 2:
            return np.full_like(self.mean, np.inf)
        return np.sqrt(self.squares / (self.count * (self.count - 1)))

    @property
    def estimate(self) -> EstimatedScores:
        """The means and their standard errors."""
        return EstimatedScores.after(self.count, self.mean, self.errors)


@dataclass(frozen=True)
class Continued:
    """Draws that continue an earlier estimate; the means of both are combined.

    Attributes:
        earlier: The estimate.
        drawn: The result of the further draws; None before the first of them.
    """

    earlier: EstimatedScores
    drawn: Drawn | None = None

    @property
    def estimate(self) -> EstimatedScores:
        """The scores and their standard errors."""
        if self.drawn is None:
            return self.earlier
        both = zip(self.earlier.by_class(), self.drawn.estimate.by_class(), strict=True)
        return EstimatedScores.of_all([(Means.behind(one) + Means.behind(other)).estimate for one, other in both])

    def __add__(self, other: Drawn) -> "Continued":
        """Return the result with further draws added."""
        return Continued(self.earlier, other if self.drawn is None else self.drawn + other)

"""The certainty of scores that are estimated from random draws: standard errors and intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.stats import t as student

CONFIDENCE = 0.95
"""The confidence level of intervals."""

FEW_DRAWS = 8
"""Intervals from fewer draws than this contain the exact score in fewer than 95 % of cases."""


def margins(errors: np.ndarray, draws: int | np.ndarray) -> np.ndarray:
    """Return half the widths of the 95 % intervals of means of draws, by Student's t distribution.

    Args:
        errors: The standard errors.
        draws: The number of independent draws, at least 2; 0 for exact scores, whose errors are 0.
    """
    return errors * student.ppf((1 + CONFIDENCE) / 2, np.maximum(draws, 2) - 1)


def tells_apart(scores: np.ndarray, margins: np.ndarray, k: int) -> np.ndarray:
    """Return whether the intervals of the `k` highest scores lie above those of all others: `(..., U)` to `(...)`.

    True if `k` is `U` or larger: there are no others.
    """
    if k >= scores.shape[-1]:
        return np.ones(scores.shape[:-1], dtype=bool)
    order = np.argsort(-scores, axis=-1, kind="stable")
    low, high = (np.take_along_axis(x, order, -1) for x in (scores - margins, scores + margins))
    return low[..., :k].min(-1) > high[..., k:].max(-1)


@dataclass(frozen=True, eq=False)
class Sampling:
    """The certainty of scores that are estimated from random copies of the text.

    Attributes:
        errors: `(U,)` the standard error of each score; 0 where scores are exact.
        draws: The number of independent draws that the scores are estimated from; 0 if they are exact.
        copies: The number of copies of the text that ran.
        seed: The seed of the draws.
    """

    errors: np.ndarray
    draws: int
    copies: int
    seed: int = 0

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Sampling) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.draws, self.copies, self.seed))

    @property
    def exact(self) -> bool:
        """Whether the scores are exact."""
        return not self.draws

    @property
    def margins(self) -> np.ndarray:
        """Half the width of the 95 % interval of each score: `(U,)`."""
        return margins(self.errors, self.draws)

    def told_apart(self, scores: np.ndarray, most: int = 10) -> int:
        """Return how many of the highest-scored units, up to `most`, certainly score higher than all others.

        The 95 % intervals of these units lie above those of all other units. 0 if not even the unit with the highest
        score is certain.
        """
        sizes = range(1, min(most, len(scores) - 1) + 1)
        return max((k for k in sizes if tells_apart(scores, self.margins, k)), default=0)

    def of_units(self, part: slice) -> Self:
        """Return the certainty of the scores of some of the units."""
        return replace(self, errors=self.errors[part])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` reads them."""
        return {"errors": self.errors.tolist(), "draws": self.draws, "copies": self.copies, "seed": self.seed}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Create the object from a dictionary made by `to_dict`."""
        return cls(np.asarray(record["errors"], dtype=float), record["draws"], record["copies"], record["seed"])

"""A text as a cooperative game: its units are the players, and the value of a set is the loss without that set.

Shapley values, KernelSHAP and LIME need nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.perturb import has_curve_shortcut, is_additive, removal_curves, subset_logits
from hf_gradexplain.text.hierarchy import Hierarchy, hierarchy

_HELD = 2**24
"""The largest number of logits, or of sets times units, that are in memory at a time."""


class Game:
    """The losses of one text when sets of its units are removed, for `C` classes at once.

    Args:
        forwards: The forward passes over this text alone; they differ only in the explained classes.

    Attributes:
        size: The number of units, `U`.
        copies: The number of masked copies that ran.
    """

    def __init__(self, forwards: Sequence[ForwardPass]) -> None:
        self.forwards = forwards
        self.forward = forwards[0]
        self.size = self.forward.batch.units.size
        self.copies = 0
        self._classes = max(1, self.forward.logits.shape[-1])

    @property
    def classes(self) -> list[int]:
        """The ids of the explained classes: `C` of them."""
        return [int(forward.batch.target[0]) for forward in self.forwards]

    @property
    def linear(self) -> bool:
        """Whether the loss is known to be a sum over the removed units."""
        linear = all(each.classifier.objective.is_linear(each.batch.against) for each in self.forwards)
        return linear and is_additive(self.forward)

    @property
    def has_shortcut(self) -> bool:
        """Whether masked copies use a shortcut, which takes much less time than passes over the model."""
        return has_curve_shortcut(self.forward)

    @property
    def hierarchy(self) -> Hierarchy:
        """The units in nested lists: by text, sentence and clause."""
        document = self.forward.batch.documents[0]
        borders = [message.start for message in document.occurrences.messages]
        return hierarchy(document.text, document.units, [*borders, document.pair_start or 0])

    @property
    def plain(self) -> np.ndarray:
        """The losses of the whole text: `(C,)`."""
        return self._array([forward.loss() for forward in self.forwards])[:, 0]

    def losses(self, removed: np.ndarray) -> np.ndarray:
        """Return the losses without sets of units: `(N, U)` bool to `(C, N)`."""
        sets = torch.from_numpy(np.ascontiguousarray(removed)).to(self.forward.logits.device)
        parts = [self._losses(part) for part in sets.split(max(1, _HELD // max(1, self.size)))]
        self.copies += int(removed.any(1).sum())
        return np.concatenate(parts, 1)

    def walks(self, orders: np.ndarray) -> np.ndarray:
        """Return the losses as the units are removed one by one: `(M, U)` orders to `(C, M, U + 1)`.

        All orders share the copy with all units removed, which runs once.

        Args:
            orders: A permutation of the units per row, the first one removed first.
        """
        ranks = torch.from_numpy(orders.argsort(1)).to(self.forward.logits.device)
        parts = []
        for part in ranks.split(max(1, _HELD // ((self.size + 1) * self._classes))):
            curves = removal_curves(self.forward, part.unsqueeze(1), end=self._without_any)
            parts.append(self._array([forward.loss(curves)[:, 0] for forward in self.forwards]))
            self.copies += len(part) * (self.size - 1)
        return np.concatenate(parts, 1)

    def rng(self, purpose: str) -> np.random.Generator:
        """Return a random generator that depends only on the text, the seed and the purpose."""
        return self.forward.batch.documents[0].rng(self.forward.batch.seed, purpose)

    @cached_property
    def _without_any(self) -> Tensor:
        """The logits without any unit: `(1, C)`."""
        self.copies += 1
        return self._logits(torch.ones(1, self.size, dtype=torch.bool, device=self.forward.logits.device))

    def _losses(self, removed: Tensor) -> np.ndarray:
        logits = self._logits(removed).unsqueeze(0)
        return self._array([forward.loss(logits)[0] for forward in self.forwards])

    def _logits(self, removed: Tensor) -> Tensor:
        text_of = torch.zeros(len(removed), dtype=torch.long, device=removed.device)
        return subset_logits(self.forward, text_of, removed)

    def _array(self, losses: Sequence[Tensor]) -> np.ndarray:
        return torch.stack(list(losses)).detach().cpu().double().numpy()


def all_sets(units: int) -> np.ndarray:
    """Return all sets of units, `(2^U, U)` bool: set `n` holds unit `u` if bit `u` of `n` is 1."""
    return (np.arange(2**units)[:, None] >> np.arange(units) & 1).astype(bool)


@dataclass(frozen=True, eq=False)
class EstimatedScores:
    """The scores of one text for `C` classes.

    Attributes:
        scores: `(C, U)` the scores.
        errors: `(C, U)` their standard errors; 0 where they are exact.
        draws: `(C,)` the number of independent draws; 0 if the scores are exact.
    """

    scores: np.ndarray
    errors: np.ndarray
    draws: np.ndarray

    @classmethod
    def exact(cls, scores: np.ndarray) -> "EstimatedScores":
        """Return exact scores."""
        return cls(scores, np.zeros_like(scores), np.zeros(len(scores), dtype=int))

    @classmethod
    def after(cls, draws: int, scores: np.ndarray, errors: np.ndarray) -> "EstimatedScores":
        """Return the scores after a number of draws."""
        return cls(scores, errors, np.full(len(scores), draws))

    @classmethod
    def of_all(cls, estimates: "Sequence[EstimatedScores]") -> "EstimatedScores":
        """Combine estimates, each for some of the classes, into one for all classes."""
        parts = zip(*((each.scores, each.errors, each.draws) for each in estimates), strict=True)
        return cls(*map(np.concatenate, parts))

    def by_class(self) -> "list[EstimatedScores]":
        """Return the scores of each class by itself."""
        rows = [slice(k, k + 1) for k in range(len(self.scores))]
        return [EstimatedScores(self.scores[k], self.errors[k], self.draws[k]) for k in rows]

    def where(self, chosen: np.ndarray, other: "EstimatedScores") -> "EstimatedScores":
        """Return this estimate for the `chosen` classes, `(C,)` bool, and `other` for the rest."""
        rows = chosen[:, None]
        return EstimatedScores(
            np.where(rows, self.scores, other.scores),
            np.where(rows, self.errors, other.errors),
            np.where(chosen, self.draws, other.draws),
        )


@dataclass(frozen=True, eq=False)
class Earlier:
    """The result of the first draws of one text.

    Attributes:
        estimates: The estimate of each class, by its id.
        copies: The number of masked copies that ran.
    """

    estimates: Mapping[int, EstimatedScores]
    copies: int

    @property
    def draws(self) -> int:
        """The largest number of draws of a class."""
        return max(int(estimate.draws.max()) for estimate in self.estimates.values())

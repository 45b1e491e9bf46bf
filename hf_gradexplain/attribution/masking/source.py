"""The base class of sources that draw masked copies of a text at random."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from hf_gradexplain.attribution.masking.budget import Budget
from hf_gradexplain.attribution.masking.game import Earlier, EstimatedScores, Game
from hf_gradexplain.attribution.sources import Source
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.objective import widest
from hf_gradexplain.text.data import Sampled


@dataclass(frozen=True)
class SampledSource(Source):
    """Estimates the scores of each text from random masked copies, within a budget.

    A subclass defines the methods `estimate` and `most_copies`. Arguments that are None are filled in from the options
    of the call, see `hf_gradexplain.options.Options`.

    Args:
        max_evals: Largest number of masked copies of a text.
        max_error: Stop once the standard error of every score is at most this share of the largest absolute score.
        tell_apart: Stop once the 95 % intervals of this many highest-scored units lie above those of all others.
        earlier: The result of earlier draws, which further draws continue. The batch then has only one text. A subclass
            that supports this has `continues = True`.
    """

    max_evals: int | None = None
    max_error: float | None = None
    tell_apart: int | None = None
    earlier: Earlier | None = None
    masks: ClassVar[bool] = True
    seeded: ClassVar[bool] = True
    sampled: ClassVar[bool] = True

    def estimate(self, game: Game, budget: Budget) -> EstimatedScores:
        """Return the scores of one text and their standard errors."""
        raise NotImplementedError

    def most_copies(self, units: int, max_evals: int) -> int:
        """Return the largest number of masked copies that a text of this number of units takes."""
        raise NotImplementedError

    @property
    def budget(self) -> Budget:
        """How many copies may run, and when fewer are enough."""
        given = {"max_evals": self.max_evals, "max_error": self.max_error, "tell_apart": self.tell_apart}
        return Budget(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]

    def __call__(self, forward: ForwardPass) -> Sampled:
        """Return the scores and their standard errors, both `(B, U)`."""
        return self.of_classes([forward])[0]

    def of_classes(self, forwards: Sequence[ForwardPass]) -> list[Sampled]:
        """Return the scores and standard errors for each class, from one set of masked copies."""
        found = sample(forwards, lambda game: self.estimate(game, self.budget))
        ran = 0 if self.earlier is None else self.earlier.copies
        return [replace(each, copies=each.copies + ran) for each in found]

    def masked_copies(self, units: int) -> int:
        """Return the largest number of masked copies of a text; 0 if it has no units."""
        return self.most_copies(units, self.budget.max_evals) if self.masks and units else 0


def sample(forwards: Sequence[ForwardPass], estimate: Callable[[Game], EstimatedScores]) -> list[Sampled]:
    """Apply a function that estimates scores to each text, and return the scores per class.

    Each text is a separate game: its masked copies fill whole passes, and its scores do not depend on the other
    texts.

    Args:
        forwards: The forward passes over the same texts; they differ only in the explained classes.
        estimate: The function.
    """
    batch, logits = forwards[0].batch, forwards[0].logits
    texts, dtype = len(batch.documents), widest(logits.device)
    scores, errors = (torch.zeros(len(forwards), texts, batch.units.size, dtype=dtype) for _ in range(2))
    draws, copies = torch.zeros(len(forwards), texts, dtype=torch.long), torch.zeros(texts, dtype=torch.long)
    with torch.no_grad():
        for text, document in enumerate(batch.documents):
            if document.n_units:
                game = Game([forward.only(text) for forward in forwards])
                found = estimate(game)
                scores[:, text, : game.size] = torch.from_numpy(found.scores)
                errors[:, text, : game.size] = torch.from_numpy(found.errors)
                draws[:, text], copies[text] = torch.from_numpy(found.draws), game.copies
    scores, errors = scores.to(logits.device), errors.to(logits.device)
    return [Sampled(*of_class, copies) for of_class in zip(scores, errors, draws, strict=True)]

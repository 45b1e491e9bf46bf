"""Sources of evidence, such as gradients or the losses of masked copies.

Methods with equal sources share the passes over the model.

A source is a frozen, hashable object. The call `source(forward)` returns the evidence, which a formula turns into
scores. docs/write-a-method.md shows how to write a new source.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from hf_gradexplain.attribution.gradients import gradients_of_classes, propagated_gradients
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.objective import widest
from hf_gradexplain.options import ObjectiveName
from hf_gradexplain.perturb import Shortcut, has_gradient_shortcut, leave_one_out, shortcut_gradients
from hf_gradexplain.text.data import Gradients


class Source(Protocol):
    """Computes evidence from a forward pass over a batch.

    Optional attributes and methods describe what a source does:

    - `gradients = True`: it takes gradients, from the given forward pass or from passes of its own. The method
      `passes(units)` then returns the number of passes for a text of `units` units. Without this method, a text takes
      one pass.
    - `propagates = True`: it propagates relevance.
    - `masks = True`: it runs masked copies. The method `copies(units)` returns the largest number of copies for a text
      of `units` units, and `saved_by(shortcut, units)` whether a shortcut replaces these copies. Without `saved_by`,
      every shortcut for sets of units replaces them.
    - `neighbours = True`: each of its masked copies lacks one unit, or a few consecutive units. In a long
      document, only the one or two windows with these units run again.
    - `sampled = True`: it draws at random and returns `Sampled`.
    - `draws_baselines = True`: it draws baselines at random.
    - `seeded = True`: its evidence depends on the seed, although `sampled` and `draws_baselines` are False.
    - `complete = True`: the scores that `signed_gi` computes from its evidence should add up to `evidence.rise`.
    """

    @property
    def graph(self) -> bool:
        """Whether the source differentiates the given forward pass, which then needs an autograd graph."""

    def __call__(self, forward: ForwardPass) -> Any:
        """Return the evidence for each text of the batch, usually `Gradients` or scores `(B, U)`."""


def takes_gradients(source: Source) -> bool:
    """Return whether a source differentiates the model, in the given forward pass or in passes of its own."""
    return source.graph or getattr(source, "gradients", False)


def gradient_passes(source: Source, units: float) -> float:
    """Return how many forward and backward passes a source takes for a text of `units` units."""
    passes = getattr(source, "passes", None)
    return int(takes_gradients(source)) if passes is None else passes(units)


def propagates(source: Source) -> bool:
    """Return whether a source propagates relevance; forward passes then record what the rules read."""
    return bool(getattr(source, "propagates", False))


def draws_baselines(source: Source) -> bool:
    """Return whether a source draws baselines at random, see `hf_gradexplain.attribution.baseline_distribution`."""
    return bool(getattr(source, "draws_baselines", False))


def masks_words(source: Source) -> bool:
    """Return whether a source runs masked copies of the texts."""
    return bool(getattr(source, "masks", False))


def masked_copies(source: Source, units: int) -> int:
    """Return the largest number of masked copies that a source runs for a text of this many units."""
    copies = getattr(source, "copies", None)
    return copies(units) if units and masks_words(source) and callable(copies) else 0


def removes_neighbours(source: Source) -> bool:
    """Return whether each masked copy of a source lacks one unit, or a few consecutive units."""
    return bool(getattr(source, "neighbours", False))


def is_saved(source: Source, shortcut: Shortcut, units: int) -> bool:
    """Return whether a shortcut replaces the masked copies of a source for a text of this many units."""
    saved_by = getattr(source, "saved_by", None)
    return shortcut.has_subsets if saved_by is None else saved_by(shortcut, units)


def is_sampled(source: Source) -> bool:
    """Return whether a source draws at random and returns `Sampled`: scores with standard errors."""
    return bool(getattr(source, "sampled", False))


def draws(source: Source) -> bool:
    """Return whether the scores of a source depend on the seed."""
    return is_sampled(source) or draws_baselines(source) or bool(getattr(source, "seeded", False))


def evidence_of(source: Source, forwards: Sequence[ForwardPass]) -> Iterable[Any]:
    """Return the evidence for each forward pass; the passes differ only in the explained classes of the texts.

    If a source needs the same further passes for every class, its method `of_classes(forwards)` runs them only once.
    """
    of_classes = getattr(source, "of_classes", None)
    return map(source, forwards) if of_classes is None else of_classes(forwards)


@dataclass(frozen=True)
class Backward:
    """One backward pass from the summed losses to the word vectors; parameters get no gradients.

    Args:
        objective: The objective to differentiate in place of the explained objective, see `Objective`. It takes a
            further forward pass. None for the explained objective.
    """

    objective: ObjectiveName | None = None
    gradients: ClassVar[bool] = True

    @property
    def graph(self) -> bool:
        """Whether the given forward pass is differentiated: True only if `objective` is None."""
        return self.objective is None

    def __call__(self, forward: ForwardPass) -> Gradients:
        """Return the word vectors and their gradients.

        Texts do not influence each other, so the gradient of the summed loss is the gradient of each text's own loss.
        """
        return next(iter(self.of_classes([forward])))

    def of_classes(self, forwards: Sequence[ForwardPass]) -> Iterable[Gradients]:
        """Return the word vectors and their gradients for each class, from one forward pass."""
        if self.objective is not None:
            given = forwards[0].classifier
            classifier = replace(given, objective=replace(given.objective, name=self.objective))
            own = classifier.forward(forwards[0].batch, graph=not has_gradient_shortcut(classifier, forwards[0].batch))
            last = forwards[-1]
            forwards = [replace(own, batch=each.batch, keep_graph=each is not last) for each in forwards]
        shortcut = not forwards[0].held and has_gradient_shortcut(forwards[0].classifier, forwards[0].batch)
        return map(shortcut_gradients, forwards) if shortcut else gradients_of_classes(forwards)


@dataclass(frozen=True)
class Propagation:
    """One backward pass that follows a rule set of `hf_gradexplain.propagation.rules` in place of the derivatives.

    Args:
        rules: Name of the rule set.
    """

    rules: str
    graph: ClassVar[bool] = True
    propagates: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Gradients:
        """Return the word vectors and their modified gradients, both `(S, T, D)`."""
        if not forward.held and has_gradient_shortcut(forward.classifier, forward.batch):
            forward = forward.classifier.forward(forward.batch, graph=True)
        return propagated_gradients(forward, self.rules)


@dataclass(frozen=True)
class LeaveOneOut:
    """The rise of the loss when a unit's word vectors are set to the baseline: `l_y(x without unit) - l_y(x)`.

    Eq. 7 of Du & Xu has the opposite sign. That contradicts their figures 2 and 3, and their convention that a positive
    score supports the target. The sign here is that of the figures.
    """

    graph: ClassVar[bool] = False
    masks: ClassVar[bool] = True
    neighbours: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Tensor:
        """Return the scores `(B, U)`, 0 where a text has fewer than `U` units."""
        return self.of_classes([forward])[0]

    def copies(self, units: int) -> int:
        """Return the number of masked copies of a text."""
        return units

    def saved_by(self, shortcut: Shortcut, units: int) -> bool:
        """Return whether a shortcut replaces these copies."""
        return shortcut.has_leave_one_out

    def of_classes(self, forwards: Sequence[ForwardPass]) -> list[Tensor]:
        """Return the scores for each class, from one set of masked copies."""
        with torch.no_grad():
            logits = leave_one_out(forwards[0])
            return [each.loss(logits) - each.loss().unsqueeze(1) for each in forwards]


@dataclass(frozen=True)
class RandomScores:
    """A seeded random permutation of the units of each document."""

    graph: ClassVar[bool] = False
    seeded: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Tensor:
        """Return the numbers `0 ... count - 1` in random order, `(B, U)`; 0 where a text has fewer than `U` units."""
        batch = forward.batch
        scores = torch.zeros(batch.units.real.shape, dtype=torch.float64)
        for row, document in zip(scores, batch.documents, strict=True):
            n = document.n_units
            row[:n] = torch.from_numpy(document.rng(batch.seed, "random").permutation(n))
        return scores.to(forward.logits.device, widest(forward.logits.device))

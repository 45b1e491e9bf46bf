"""Sources of evidence, such as gradients or the losses of masked copies.

Methods with equal sources share the passes over the model.

A source is a frozen, hashable object. The call `source(forward)` returns the evidence, which a formula turns into
scores. docs/write-a-method.md shows how to write a new source.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from hf_gradexplain.attribution.gradients import gradients_of_classes, propagated_gradients
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.objective import widest
from hf_gradexplain.options import ObjectiveName
from hf_gradexplain.perturb import Shortcut, has_gradient_shortcut, leave_one_out, shortcut_gradients
from hf_gradexplain.text.data import Gradients


class Source:
    """Computes evidence from a forward pass over a batch: the base class of all sources.

    A subclass defines `__call__`, and sets those of these attributes that are True for it. They are False by default.

    Attributes:
        graph: It differentiates the given forward pass, which then has an autograd graph.
        gradients: It differentiates forward passes of its own.
        propagates: It propagates relevance; forward passes then record what the rules read.
        masks: It runs masked copies of the texts.
        neighbours: Each of its masked copies lacks one unit, or a few consecutive units. In a long document, only the
            one or two windows with these units run again.
        seeded: Its evidence depends on the seed.
        sampled: It draws at random and returns `Sampled`: scores with standard errors.
        continues: It can continue earlier draws, see `hf_gradexplain.attribution.masking.source`.
        by_parts: It groups the units, and the scores of a group are the sum of its units' scores.
        draws_baselines: It draws baselines at random, see `hf_gradexplain.attribution.baseline_distribution`.
        complete: The scores that `signed_gi` computes from its evidence should add up to `evidence.rise`.
    """

    graph: ClassVar[bool] = False
    gradients: ClassVar[bool] = False
    propagates: ClassVar[bool] = False
    masks: ClassVar[bool] = False
    neighbours: ClassVar[bool] = False
    seeded: ClassVar[bool] = False
    sampled: ClassVar[bool] = False
    continues: ClassVar[bool] = False
    by_parts: ClassVar[bool] = False
    draws_baselines: ClassVar[bool] = False
    complete: ClassVar[bool] = False

    def __call__(self, forward: ForwardPass) -> Any:
        """Return the evidence for each text of the batch, usually `Gradients` or scores `(B, U)`."""
        raise NotImplementedError

    def of_classes(self, forwards: Sequence[ForwardPass]) -> Iterable[Any]:
        """Return the evidence for each forward pass; the passes differ only in the explained classes of the texts.

        A source that needs the same further passes for every class runs them only once.
        """
        return map(self, forwards)

    @property
    def takes_gradients(self) -> bool:
        """Whether it differentiates the model, in the given forward pass or in passes of its own."""
        return self.graph or self.gradients

    def passes(self, units: float) -> float:
        """Return how many forward and backward passes it takes for a text of `units` units.

        By default 1 if it takes gradients, else 0.
        """
        return int(self.takes_gradients)

    def masked_copies(self, units: int) -> int:
        """Return the largest number of masked copies that it runs for a text of `units` units."""
        return 0

    def saved_by(self, shortcut: Shortcut, units: int) -> bool:
        """Return whether a shortcut replaces its masked copies for a text of `units` units.

        By default, every shortcut for sets of units does.
        """
        return shortcut.has_subsets


@dataclass(frozen=True)
class Backward(Source):
    """One backward pass from the summed losses to the word vectors; parameters get no gradients.

    Args:
        objective: The objective to differentiate in place of the explained objective, see `Objective`. It takes a
            further forward pass. None for the explained objective.
    """

    objective: ObjectiveName | None = None
    gradients: ClassVar[bool] = True

    @property
    def graph(self) -> bool:  # type: ignore[override]
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
class Propagation(Source):
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
class LeaveOneOut(Source):
    """The rise of the loss when a unit's word vectors are set to the baseline: `l_y(x without unit) - l_y(x)`.

    Eq. 7 of Du & Xu has the opposite sign. That contradicts their figures 2 and 3, and their convention that a positive
    score supports the target. The sign here is that of the figures.
    """

    masks: ClassVar[bool] = True
    neighbours: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Tensor:
        """Return the scores `(B, U)`, 0 where a text has fewer than `U` units."""
        return self.of_classes([forward])[0]

    def masked_copies(self, units: int) -> int:
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
class RandomScores(Source):
    """A seeded random permutation of the units of each document."""

    seeded: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Tensor:
        """Return the numbers `0 ... count - 1` in random order, `(B, U)`; 0 where a text has fewer than `U` units."""
        batch = forward.batch
        scores = torch.zeros(batch.units.real.shape, dtype=torch.float64)
        for row, document in zip(scores, batch.documents, strict=True):
            n = document.n_units
            row[:n] = torch.from_numpy(document.rng(batch.seed, "random").permutation(n))
        return scores.to(forward.logits.device, widest(forward.logits.device))

"""Where evidence comes from. Methods that share a source share its pass.

A source is frozen and hashable; calling it on a reading gives the evidence that scores are computed from. `graph`
says whether the reading must carry a graph; one that takes gradients of readings of its own says `gradients = True`. A
new source is a class here, see docs/write-a-method.md.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.classifier.objective import ObjectiveName, widest
from hf_gradexplain.perturb import has_gradient_shortcut, leave_one_out, shortcut_gradients
from hf_gradexplain.text.data import Gradients


class Source(Protocol):
    """Draws evidence from a reading of a batch."""

    @property
    def graph(self) -> bool:
        """Whether it differentiates the reading that it is given."""

    def __call__(self, forward: ForwardPass) -> Any:
        """Evidence about every text of the batch."""


def takes_gradients(source: Source) -> bool:
    """Whether a source takes gradients of the model, at the reading that it is given or at others."""
    return source.graph or getattr(source, "gradients", False)


@dataclass(frozen=True)
class Backward:
    """One backward pass from the summed losses to the word vectors, and to nothing else.

    Args:
        objective: What is differentiated, whatever is explained: see `Objective`. That takes a
            forward pass of its own. None for what is explained.
    """

    objective: ObjectiveName | None = None
    gradients: ClassVar[bool] = True

    @property
    def graph(self) -> bool:
        """Whether what is explained is differentiated, which has been read already."""
        return self.objective is None

    def __call__(self, forward: ForwardPass) -> Gradients:
        """The word vectors and their gradients; texts do not influence each other, so the sum keeps them apart."""
        if self.objective is not None:
            objective = replace(forward.classifier.objective, name=self.objective)
            classifier = replace(forward.classifier, objective=objective)
            forward = classifier.forward(forward.batch, graph=not has_gradient_shortcut(classifier))
        return gradients_of(forward) if forward.words else shortcut_gradients(forward)


@dataclass(frozen=True)
class LeaveOneOut:
    """The rise of the loss when a unit's word vectors are set to the baseline: `l_y(x without unit) - l_y(x)`.

    Eq. 7 of the paper prints the opposite sign, which contradicts its own figures 2 and 3 and its convention that a
    positive score supports the target; this is the sign of the figures.
    """

    graph: ClassVar[bool] = False

    def __call__(self, forward: ForwardPass) -> Tensor:
        """`(B, U)`, 0 where a text has fewer units."""
        with torch.no_grad():
            return forward.loss(leave_one_out(forward)) - forward.loss().unsqueeze(1)


@dataclass(frozen=True)
class RandomScores:
    """A seeded random permutation of the units, one per document."""

    graph: ClassVar[bool] = False

    def __call__(self, forward: ForwardPass) -> Tensor:
        """`(B, U)`: the numbers `0 ... count - 1` in random order, 0 where a text has fewer units."""
        batch = forward.batch
        scores = torch.zeros(batch.units.real.shape, dtype=torch.float64)
        for row, document in zip(scores, batch.documents, strict=True):
            n = len(document.units)
            row[:n] = torch.from_numpy(document.rng(batch.seed, "random").permutation(n))
        return scores.to(forward.logits.device, widest(forward.logits.device))


def gradients_of(forward: ForwardPass) -> Gradients:
    """The gradients of the objective at what was read, in at least float32; the graph is used up.

    In float16 those of a confident prediction would fade away. So each text's are taken of its loss times a power of
    two, which is exact, and divided by it where there is room.
    """
    deltas = [words.delta for words in forward.words]
    slope = forward.slope()
    scale = room(slope) if any(delta.dtype == torch.float16 for delta in deltas) else torch.ones_like(slope[:, :1])
    grads = torch.autograd.grad(forward.logits, deltas, (slope * scale).to(forward.logits.dtype))
    grad = torch.cat([grad.to(torch.promote_types(grad.dtype, torch.float32)) for grad in grads], -1)
    vectors = torch.cat([words.embedding for words in forward.words], -1)
    return Gradients(vectors, grad.div_(scale.unsqueeze(2)), baseline_of(forward.classifier))


def room(slope: Tensor) -> Tensor:
    """The power of two, from 1 to `2^120`, that brings each text's slopes `(B, C)` nearest to 1: `(B, 1)`."""
    return torch.exp2(-slope.abs().amax(1, keepdim=True).log2().round().clamp(-120, 0))


def baseline_of(classifier: HookedClassifier) -> Tensor | None:
    """What stands in for a word, all tables side by side: `(D,)`, None for zero."""
    return None if classifier.baseline is None else torch.cat(classifier.baseline)

"""The classes that `target="all"` explains, with one forward pass for all of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.objective import with_classes
from hf_gradexplain.text.data import Batch

Classes = Callable[[ForwardPass, Batch], list[ForwardPass]]
"""A function that takes a forward pass and its texts, and returns the forward pass once per class to explain.

The target of each text may still be `PREDICTED`, that is, not yet replaced by the predicted class.
"""


def only_target(forward: ForwardPass, batch: Batch) -> list[ForwardPass]:
    """Return the forward pass as it is: only the target of each text is explained."""
    return [forward]


@dataclass(frozen=True)
class AllClasses:
    """Chooses which classes of each text are explained, the predicted class first.

    Args:
        top: The largest number of classes, unless `named` is given.
        threshold: With a sigmoid head, the smallest probability of an explained class, unless `named` is given.
        named: Ids of the classes to explain besides the predicted class. If empty, the most probable classes are
            explained.
    """

    top: int
    threshold: float
    named: tuple[int, ...] = ()

    def __call__(self, forward: ForwardPass, batch: Batch) -> list[ForwardPass]:
        """Return the forward pass once per class, the most probable first.

        If fewer classes of a text are explained than of another text, the predicted class of the first one is repeated.

        Args:
            forward: The forward pass over the texts.
            batch: The texts.
        """
        objective = forward.classifier.objective
        batches = (replace(batch, target=target) for target in self.targets(forward).unbind(1))
        return [replace(forward, batch=with_classes(each, forward.logits.detach(), objective)) for each in batches]

    def targets(self, forward: ForwardPass) -> Tensor:
        """Return the classes of each text to explain, the predicted class first: `(B, N)`."""
        logits, objective = forward.logits.detach(), forward.classifier.objective
        predicted = objective.predicted(logits).unsqueeze(1)
        if self.named:
            chosen = torch.zeros_like(logits, dtype=torch.bool)
            chosen[:, list(self.named)] = True
        elif objective.head == "sigmoid":
            chosen = objective.probability(logits) >= self.threshold
        else:
            chosen = torch.ones_like(logits, dtype=torch.bool)
        chosen.scatter_(1, predicted, True)
        count = int(chosen.sum(1).max())
        size = count if self.named else min(count, self.top)
        scores = logits.masked_fill(~chosen, -torch.inf).scatter(1, predicted, torch.inf)  # the predicted one is first
        targets = scores.topk(size).indices
        return targets.where(chosen.gather(1, targets), predicted)

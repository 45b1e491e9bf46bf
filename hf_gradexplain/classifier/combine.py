"""How the logits of a text's sequences become the logits of the text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Combine = Callable[[Tensor, Tensor], Tensor]
"""A function `(logits, real)` that returns the logits `(..., C)` of texts.

`logits` `(..., K, C')` are the logits of up to `K` sequences per text; `real` `(..., K)` says which sequences exist.
"""


@dataclass(frozen=True)
class Pool:
    """The mean or the maximum over the sequences, class by class: `C'` is `C`.

    Args:
        how: `mean` or `max`.
    """

    how: Literal["mean", "max"]

    def __call__(self, logits: Tensor, real: Tensor) -> Tensor:
        """Return the pooled logits: `(..., K, C)` to `(..., C)`."""
        deciding, real = self.deciding(logits, real), real.unsqueeze(-1)
        if deciding is not None:
            return logits.gather(-2, deciding.unsqueeze(-2)).squeeze(-2)
        return logits.masked_fill(~real, 0).sum(-2) / real.sum(-2)

    def deciding(self, logits: Tensor, real: Tensor) -> Tensor | None:
        """Return which sequence has the maximum of each class, the first of equal ones: `(..., K, C)` to `(..., C)`.

        None for the mean, to which all sequences contribute.
        """
        return logits.masked_fill(~real.unsqueeze(-1), -torch.inf).argmax(-2) if self.how == "max" else None


@dataclass(frozen=True)
class OnePerSequence:
    """Each sequence is a class of its own, such as a candidate label or an answer: `C` is `K`.

    The logit of a class is a weighted sum of the logits of its sequence.

    Args:
        weights: `(C',)` the weights of the logits of a sequence.
    """

    weights: tuple[float, ...]

    def __call__(self, logits: Tensor, real: Tensor) -> Tensor:
        """Return one logit per sequence: `(..., K, C')` to `(..., K)`; minus infinity if a sequence does not exist."""
        chosen = logits @ logits.new_tensor(self.weights)
        return chosen.masked_fill(~real, -torch.inf)

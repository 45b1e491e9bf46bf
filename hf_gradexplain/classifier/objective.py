"""The function that is explained: from logits `(..., C)` and a target class to one number per text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from hf_gradexplain.classifier.head import Head
from hf_gradexplain.errors import choose
from hf_gradexplain.options import ObjectiveName

_LOG_PROBABILITY: dict[Head, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: F.log_softmax(logits, -1),
    "sigmoid": F.logsigmoid,
}
_PROBABILITY: dict[Head, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: logits.softmax(-1),
    "sigmoid": lambda logits: logits.sigmoid(),
    "identity": lambda logits: logits,
}


@dataclass(frozen=True)
class Objective:
    """The function of the logits that is explained.

    With `f_y` the probability of the target (for regression: the output of the target), the loss is

    ========  =====================
    `loss`    `-log f_y` (Du & Xu)
    `logit`   `-logit_y`
    `prob`    `-f_y`
    ========  =====================

    For regression the three are equal: minus the output. Logits of any dtype are converted to float64: in float32, a
    class whose logit leads by 17 has `log f_y = 0` and a zero gradient, and every score would be zero.

    Args:
        name: `loss`, `logit` or `prob`.
        head: The function that turns logits into probabilities, see `head_of`.

    Raises:
        GradexplainError: The name is unknown.
    """

    name: ObjectiveName
    head: Head

    def __post_init__(self) -> None:
        choose("objective", self.name, get_args(ObjectiveName))

    def probability(self, logits: Tensor) -> Tensor:
        """Return the probabilities `f` (for regression: the outputs): `(..., C)` to `(..., C)`."""
        return _PROBABILITY[self.head](_wide(logits))

    def predicted(self, logits: Tensor) -> Tensor:
        """Return the class with the highest logit, the first of equal ones: `(..., C)` to `(...)`."""
        return logits.argmax(-1)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each text, not averaged: `(..., C)` and `(...)` to `(...)`."""
        logits = _wide(logits)
        if self.name == "logit" or self.head == "identity":
            values = logits
        elif self.name == "prob":
            values = self.probability(logits)
        else:
            values = _LOG_PROBABILITY[self.head](logits)
        return -values.gather(-1, target.unsqueeze(-1)).squeeze(-1)

    def slope(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return `dl_y/dlogits`: `(..., C)` and `(...)` to `(..., C)`.

        It is in float64 (float32 on mps), whatever the dtype of the logits: float16 has no numbers below 6e-8.
        """
        with torch.enable_grad():
            wide = _wide(logits.detach()).requires_grad_()
            (slope,) = torch.autograd.grad(self.loss(wide, target).sum(), wide)
        return slope


def widest(device: torch.device) -> torch.dtype:
    """Return the widest float dtype of a device: float64, or float32 on Apple GPUs (mps)."""
    return torch.float32 if device.type == "mps" else torch.float64


def _wide(logits: Tensor) -> Tensor:
    return logits.to(widest(logits.device))

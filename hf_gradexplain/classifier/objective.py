"""What is explained: from logits `(..., C)` and a target class to one number per text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PretrainedConfig

from hf_gradexplain.errors import choose

Head = Literal["softmax", "sigmoid", "identity"]
ObjectiveName = Literal["loss", "logit", "prob"]

_LOG_PROBABILITY: dict[Head, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: F.log_softmax(logits, -1),
    "sigmoid": F.logsigmoid,
}
_PROBABILITY: dict[Head, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: logits.softmax(-1),
    "sigmoid": lambda logits: logits.sigmoid(),
    "identity": lambda logits: logits,
}


def head_of(config: PretrainedConfig) -> Head:
    """How a model's logits are read, from its `problem_type`.

    Single-label models have a softmax, multi-label models a sigmoid per label. Regression, and a single logit
    whose `problem_type` is not set, is read as it is: the output itself takes the place of the probability.
    """
    if config.problem_type == "multi_label_classification":
        return "sigmoid"
    if config.problem_type == "regression" or config.num_labels == 1:
        return "identity"
    return "softmax"


@dataclass(frozen=True)
class Objective:
    """The function of the logits that an explanation is of.

    With `f_y` the probability of the target (for regression: the output of the target), the loss is

    ========  =====================
    `loss`    `-log f_y`, the paper's
    `logit`   `-logit_y`
    `prob`    `-f_y`
    ========  =====================

    For regression the three coincide: the output has no logarithm. Whatever the model's dtype, logits are read in
    float64: in float32 a class that leads by 17 has `log f_y = 0` and no gradient, and nothing would be explained.

    Args:
        name: `loss`, `logit` or `prob`.
        head: How the logits are read, see `head_of`.
    """

    name: ObjectiveName
    head: Head

    def __post_init__(self) -> None:
        choose("objective", self.name, get_args(ObjectiveName))

    def probability(self, logits: Tensor) -> Tensor:
        """`f`, the probabilities (for regression: the outputs): `(..., C)` to `(..., C)`."""
        return _PROBABILITY[self.head](_wide(logits))

    def predicted(self, logits: Tensor) -> Tensor:
        """The class with the highest logit: `(..., C)` to `(...)`; the first of equals."""
        return logits.argmax(-1)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of each text, never averaged: `(..., C)` and `(...)` to `(...)`."""
        logits = _wide(logits)
        if self.name == "logit" or self.head == "identity":
            values = logits
        elif self.name == "prob":
            values = self.probability(logits)
        else:
            values = _LOG_PROBABILITY[self.head](logits)
        return -values.gather(-1, target.unsqueeze(-1)).squeeze(-1)

    def slope(self, logits: Tensor, target: Tensor) -> Tensor:
        """`dl_y/dlogits`, as wide as logits are read: float16 ends at 6e-8. `(..., C)` and `(...)` to `(..., C)`."""
        with torch.enable_grad():
            wide = _wide(logits.detach()).requires_grad_()
            (slope,) = torch.autograd.grad(self.loss(wide, target).sum(), wide)
        return slope


def widest(device: torch.device) -> torch.dtype:
    """The widest numbers that a device has: float64, and float32 on Apple's."""
    return torch.float32 if device.type == "mps" else torch.float64


def _wide(logits: Tensor) -> Tensor:
    return logits.to(widest(logits.device))

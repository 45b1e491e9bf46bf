"""The objective: the function of logits `(..., C)` and a target class that is explained, one number per text."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from hf_gradexplain.classifier.head import Head
from hf_gradexplain.errors import GradexplainError, choose, one_line
from hf_gradexplain.options import ObjectiveName
from hf_gradexplain.text.data import PREDICTED, REST, RUNNER_UP, Batch

_LOG_PROBABILITY: dict[Head, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: _classes_last(F.log_softmax(_classes_first(logits), 0)),
    "sigmoid": F.logsigmoid,
}
_PROBABILITY: dict[Head, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: _classes_last(_classes_first(logits).softmax(0)),
    "sigmoid": lambda logits: logits.sigmoid(),
    "identity": lambda logits: logits,
}


@dataclass(frozen=True)
class Objective:
    """The function of the logits that is explained.

    With `f_y` the probability of the target (for regression: the output of the target), the loss is

    ==========  =======================================================================
    `loss`      `-log f_y` (Du & Xu)
    `logit`     `-logit_y`
    `prob`      `-f_y`
    `contrast`  `-(logit_y - logit_a)` for another class `a`, or `-log(f_y / (1 - f_y))`
    ==========  =======================================================================

    For regression, the first three are equal to minus the output, and there is no contrast. Logits of any dtype are
    converted to float64. In float32, a class whose logit leads by 17 would have `log f_y = 0` and a zero gradient, and
    every score would be zero.

    Args:
        name: `loss`, `logit`, `prob` or `contrast`.
        head: The function that turns logits into probabilities, see `head_of`.

    Raises:
        GradexplainError: The name is unknown.
    """

    name: ObjectiveName
    head: Head

    def __post_init__(self) -> None:
        choose("objective", self.name, get_args(ObjectiveName))

    def is_linear(self, against: Tensor | None = None) -> bool:
        """Return whether the loss is linear in the logits, given the class of a contrast or `REST`."""
        if self.name == "contrast":
            return against is not None and not bool((against == REST).any())
        return self.name == "logit" or self.head == "identity"

    def probability(self, logits: Tensor) -> Tensor:
        """Return the probabilities `f` (for regression: the outputs): `(..., C)` to `(..., C)`."""
        return _PROBABILITY[self.head](_wide(logits))

    def predicted(self, logits: Tensor) -> Tensor:
        """Return the class with the highest logit, the first of equal ones: `(..., C)` to `(...)`."""
        return logits.argmax(-1)

    def target_probability(self, logits: Tensor, target: Tensor, against: Tensor | None = None) -> Tensor:
        """Return the number that curves and self-checks use: `(..., C)` and `(...)` to `(...)`.

        This is `f_y`. Under a contrast, it is the sigmoid of the contrast: the probability that the target would have
        if there were only the two classes. In a contrast with all other classes, it is `f_y` again.
        """
        if self.name == "contrast":
            return (-self.loss(logits, target, against)).sigmoid()
        return _pick(self.probability(logits), target)

    def loss(self, logits: Tensor, target: Tensor, against: Tensor | None = None) -> Tensor:
        """Return the loss of each text, not averaged: `(..., C)` and `(...)` to `(...)`.

        Args:
            logits: The logits.
            target: The class to explain.
            against: The class of a contrast, or `REST` for all others together. Only the objective `contrast` uses it.
        """
        logits = _wide(logits)
        if self.name == "contrast":
            assert against is not None
            return self._logit_against(logits, target, against) - _pick(logits, target)
        if self.name == "logit" or self.head == "identity":
            values = logits
        elif self.name == "prob":
            values = self.probability(logits)
        else:
            values = _LOG_PROBABILITY[self.head](logits)
        return -_pick(values, target)

    def _logit_against(self, logits: Tensor, target: Tensor, against: Tensor) -> Tensor:
        """Return the logit that a contrast subtracts. For `REST`, it makes the contrast the log-odds of `y`."""
        others = logits.scatter(-1, target.unsqueeze(-1), -torch.inf)
        rest = torch.zeros_like(logits[..., 0]) if self.head == "sigmoid" else others.logsumexp(-1)
        return torch.where(against == REST, rest, _pick(logits, against.clamp(min=0)))

    def slope(self, logits: Tensor, target: Tensor, against: Tensor | None = None) -> Tensor:
        """Return `dl_y/dlogits`: `(..., C)` and `(...)` to `(..., C)`.

        It is in float64 (float32 on mps) for logits of any dtype, because float16 has no numbers below 6e-8.
        """
        with torch.enable_grad():
            wide = _wide(logits.detach()).requires_grad_()
            (slope,) = torch.autograd.grad(self.loss(wide, target, against).sum(), wide)
        return slope


def with_classes(batch: Batch, logits: Tensor, objective: Objective) -> Batch:
    """Return a batch with the classes that depend on the logits `(B, C)`: the predicted one and the runner-up.

    Raises:
        GradexplainError: The predicted class of a text is compared with itself.
    """
    target = torch.where(batch.target == PREDICTED, objective.predicted(logits), batch.target)
    if batch.against is None:
        return replace(batch, target=target)
    if (same := batch.against == target).any():
        text = batch.documents[int(same.nonzero()[0])].text
        raise GradexplainError(
            f"the predicted class of {one_line(text, 40)!r} is the class that against names: give target=..., or "
            "against='runner_up'"
        )
    others = logits.scatter(-1, target.unsqueeze(-1), -torch.inf)
    against = torch.where(batch.against == RUNNER_UP, objective.predicted(others), batch.against)
    return replace(batch, target=target, against=against)


def _classes_first(logits: Tensor) -> Tensor:
    """Return logits as `(C, ...)`: for thousands of copies and few classes, a softmax over this axis is far faster."""
    return logits.movedim(-1, 0).contiguous()


def _classes_last(values: Tensor) -> Tensor:
    return values.movedim(0, -1)


def _pick(values: Tensor, of: Tensor) -> Tensor:
    """Return the value of one class: `(..., C)` and `(...)` to `(...)`."""
    return values.gather(-1, of.unsqueeze(-1)).squeeze(-1)


def widest(device: torch.device) -> torch.dtype:
    """Return the widest float dtype of a device: float64, or float32 on Apple GPUs (mps)."""
    return torch.float32 if device.type == "mps" else torch.float64


TINY = 2.0**-40
"""Derivatives of an objective below this number are tiny: the gradients that follow from them are computed in float64.

For the loss, these are predictions whose logit leads by more than 27. In float32, the gradients would vanish at 104.
"""


def is_tiny(slope: Tensor) -> Tensor:
    """Return whether the derivatives of an objective are tiny, but not all zero: `(..., C)` to `(..., 1)`."""
    largest = slope.abs().amax(-1, keepdim=True)
    return (largest > 0) & (largest < TINY)


def gradient_dtype(dtype: torch.dtype, slope: Tensor) -> torch.dtype:
    """Return the dtype for the gradients of a model in `dtype`: at least float32, and the widest if a slope is tiny."""
    return torch.promote_types(dtype, widest(slope.device) if is_tiny(slope).any() else torch.float32)


def _wide(logits: Tensor) -> Tensor:
    return logits.to(widest(logits.device))

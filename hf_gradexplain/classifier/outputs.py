"""The logits in what a model returns."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def logits_of(output: Any) -> Any:
    """Return the logits of a model's output: its attribute or key `logits`, or the output itself if it is a tensor.

    None if there are none.
    """
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        return output.get("logits")
    return getattr(output, "logits", None)

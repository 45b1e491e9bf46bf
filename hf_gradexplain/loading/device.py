"""The device that a model is loaded on."""

from typing import Literal

import torch

from hf_gradexplain.errors import GradexplainError, one_line

_CHOICES = (
    "give cpu, cuda, cuda:1 for the second GPU, mps, or auto; without a device, the model is on a GPU if there is one"
)


def find_device(device: str | torch.device | None) -> torch.device | Literal["auto"]:
    """Return the device of a model, after a check that this machine has it.

    Args:
        device: The device; None for a GPU if there is one, else the CPU. "auto" is returned as it is.

    Raises:
        GradexplainError: There is no such device.
    """
    if device == "auto":
        return "auto"
    try:
        found = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise GradexplainError(f"unknown device {device!r}: {_CHOICES}") from error
    try:
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = one_line(str(error).partition("\n")[0].partition(". ")[0], 200)
        raise GradexplainError(f"the device {str(found)!r} cannot be used ({reason}): {_CHOICES}") from error
    return found

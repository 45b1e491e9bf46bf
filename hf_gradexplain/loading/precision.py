"""The precision that a model is loaded in."""

import warnings

import psutil
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedConfig

_ROOM = 1.2
"""How much more memory than its weights a model gets: the rest is for what it computes."""


def affordable_dtype(
    name: str, config: PreTrainedConfig, place: str | torch.device, *, trust_remote_code: bool
) -> torch.dtype:
    """float32, or the dtype of half-precision weights that would not fit into the free memory in float32.

    Args:
        name: What the model is called in the warning.
        config: Its configuration.
        place: Where it goes: a device, or "auto".
        trust_remote_code: Whether code that its repository ships may run.
    """
    own = getattr(config, "dtype", None)
    if own not in (torch.float16, torch.bfloat16):
        return torch.float32
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=trust_remote_code)
    needed, free = 4 * _ROOM * sum(parameter.numel() for parameter in model.parameters()), free_memory(place)
    if needed <= free:
        return torch.float32
    narrow = str(own).removeprefix("torch.")
    warnings.warn(
        f"{name!r} needs {needed / 1e9:.1f} GB in float32 and there are {free / 1e9:.1f} GB: explained in {narrow}, as "
        f"it was saved, with less exact gradients. A larger device, or device='auto', takes it in float32",
        stacklevel=6,
    )
    return own


def free_memory(place: str | torch.device) -> float:
    """Bytes that are free on a device, or for "auto" on all GPUs together; infinite where nobody can tell."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if place == "auto" and gpus:
        return sum(torch.cuda.mem_get_info(gpu)[0] for gpu in range(gpus))
    device = torch.device("cpu" if place == "auto" else place)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available if device.type == "cpu" else float("inf")

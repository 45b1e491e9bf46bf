"""The precision in which a model is loaded."""

import psutil
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedConfig

from hf_gradexplain.errors import warn

_MEMORY_FACTOR = 1.2
"""Memory that a model needs, as a multiple of the size of its weights; what is above 1 is for activations."""


def affordable_dtype(
    name: str, config: PreTrainedConfig, device: str | torch.device, *, trust_remote_code: bool
) -> torch.dtype:
    """Return float32, or the half-precision dtype of the weights if they do not fit into the free memory in float32.

    Args:
        name: The model's name, for the warning.
        config: Its configuration.
        device: The device of the model, or "auto".
        trust_remote_code: Whether code from its repository may run.
    """
    saved = getattr(config, "dtype", None)
    if saved not in (torch.float16, torch.bfloat16):
        return torch.float32
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=trust_remote_code)
    needed, free = 4 * _MEMORY_FACTOR * sum(parameter.numel() for parameter in model.parameters()), free_memory(device)
    if needed <= free:
        return torch.float32
    narrow = str(saved).removeprefix("torch.")
    warn(
        f"{name!r} needs {needed / 1e9:.1f} GB in float32, but {free / 1e9:.1f} GB are free: it is loaded in {narrow}, "
        "the dtype of its weights, and its gradients are less exact; for float32 use a larger device or device='auto'"
    )
    return saved


def free_memory(device: str | torch.device) -> float:
    """Return the free bytes of a device, or for "auto" of all GPUs together; infinity if unknown."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto" and gpus:
        return sum(torch.cuda.mem_get_info(gpu)[0] for gpu in range(gpus))
    device = torch.device("cpu" if device == "auto" else device)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available if device.type == "cpu" else float("inf")

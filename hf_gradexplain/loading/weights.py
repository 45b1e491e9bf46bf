"""A loaded model: the one inside its wrappers, and whether its weights are numbers."""

from typing import Any

import torch
from torch import nn

from hf_gradexplain.errors import GradexplainError

_PART = 2**24


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside wrappers that only change how it is run.

    These are data parallelism, `torch.compile`, and adapters that live in the model's own layers, as LoRA does. A
    wrapper with weights of its own, such as a learned prompt, stays, since it changes the answers.
    """
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return unwrapped(model.module)
    compiled = getattr(model, "_orig_mod", None)
    if isinstance(compiled, nn.Module):
        return unwrapped(compiled)
    base: Any = getattr(model, "get_base_model", None)
    adapted: nn.Module = base() if callable(base) else model
    own = {id(parameter) for parameter in model.parameters()} - {id(parameter) for parameter in adapted.parameters()}
    return model if own or adapted is model else unwrapped(adapted)


def check_finite(model: nn.Module) -> None:
    """Raise if any weight is NaN or infinite; weights that are not loaded are not looked at.

    Large ones are looked at in parts, so that it takes no memory to speak of.
    """
    for name, parameter in model.named_parameters():
        parts = parameter.detach().reshape(-1).split(_PART) if parameter.device.type != "meta" else ()
        if not all(bool(torch.isfinite(part).all()) for part in parts):
            raise GradexplainError(
                f"weight {name!r} is not finite: the checkpoint is broken, or its training diverged; load another one"
            )

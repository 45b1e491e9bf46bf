"""The model inside its wrappers, and a check that its weights are finite."""

from typing import Any

import torch
from torch import nn

from hf_gradexplain.errors import GradexplainError

_CHUNK = 2**24
"""How many weights are checked at once."""


def unwrap(model: nn.Module) -> nn.Module:
    """Return the model inside wrappers that only change how it runs.

    These are data parallelism, `torch.compile`, and adapters inside the model's layers, such as LoRA. A wrapper with
    additional weights, such as a learned prompt, is kept, because it changes the predictions.
    """
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return unwrap(model.module)
    compiled = getattr(model, "_orig_mod", None)
    if isinstance(compiled, nn.Module):
        return unwrap(compiled)
    base: Any = getattr(model, "get_base_model", None)
    adapted: nn.Module = base() if callable(base) else model
    inside = {id(parameter) for parameter in adapted.parameters()}
    has_more_weights = any(id(parameter) not in inside for parameter in model.parameters())
    return model if has_more_weights or adapted is model else unwrap(adapted)


def check_finite(model: nn.Module) -> None:
    """Check that no weight is NaN or infinite; weights on the meta device are skipped.

    Large weights are checked in chunks, which needs little memory.

    Raises:
        GradexplainError: A weight is not finite.
    """
    for name, parameter in model.named_parameters():
        chunks = parameter.detach().reshape(-1).split(_CHUNK) if parameter.device.type != "meta" else ()
        if not all(bool(torch.isfinite(chunk).all()) for chunk in chunks):
            raise GradexplainError(
                f"weight {name!r} is not finite: the checkpoint is corrupt, or its training diverged; load another one"
            )

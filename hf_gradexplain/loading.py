"""From a name to a model and its tokenizer, with every doubt about the weights raised before the first explanation."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from hf_gradexplain import models  # noqa: F401  (registers our architectures with the Auto classes)
from hf_gradexplain.errors import GradexplainError

_PART = 2**24
_ROOM = 1.2
"""How much more memory than its weights a model gets: the rest is for what it computes."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What was loaded from a name.

    Attributes:
        model: The classifier.
        tokenizer: Its tokenizer.
        missing: The weights that the checkpoint does not have, so that they are random.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    missing: tuple[str, ...]


def load_checkpoint(
    name: str,
    *,
    revision: str | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | str = torch.float32,
    trust_remote_code: bool = False,
) -> Checkpoint:
    """Load what is there by hub name or from a folder, whether it can be explained or not.

    Args:
        name: Hub name or folder.
        revision: Branch, tag or commit.
        device: Where to put the model: None for a GPU if there is one, "auto" to spread it over all that there are.
        dtype: Explanations are made in float32 unless asked otherwise: bfloat16 gradients are off by percents. Where
            half-precision weights would not fit into memory in float32, they stay as they are, with a warning.
        trust_remote_code: Whether code that the repository ships may run.

    Raises:
        GradexplainError: If the name cannot be loaded.
    """
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    source = {"revision": revision, "trust_remote_code": trust_remote_code}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **source)
        model, info = AutoModelForSequenceClassification.from_pretrained(
            name,
            **source,
            dtype=_affordable(name, source, place) if dtype in (torch.float32, "float32") else dtype,
            device_map="auto" if place == "auto" else None,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = _first_line(error).rstrip(".")
        raise GradexplainError(f"cannot load a sequence classifier from {name!r}: {reason}{_mend(error)}") from error
    model = model if place == "auto" else model.to(place)
    return Checkpoint(model, tokenizer, tuple(sorted(info["missing_keys"])))


def load_classifier(
    name: str,
    *,
    revision: str | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | str = torch.float32,
    trust_remote_code: bool = False,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a sequence classifier that can be explained, and its tokenizer; the arguments are `load_checkpoint`'s.

    Raises:
        GradexplainError: If the name cannot be loaded, if weights of the classification head are missing from the
            checkpoint, or if any weight is not finite.
    """
    found = load_checkpoint(name, revision=revision, device=device, dtype=dtype, trust_remote_code=trust_remote_code)
    if found.missing:
        raise GradexplainError(
            f"{name!r} has no weights for {', '.join(found.missing[:4])}{', ...' if len(found.missing) > 4 else ''}: "
            "its answers would be random. Fine-tune it for classification first (recipes/train.py), or name a "
            "fine-tuned model"
        )
    check_finite(found.model)
    return found.model, found.tokenizer


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


def _affordable(name: str, source: Mapping[str, Any], place: str | torch.device) -> torch.dtype:
    """float32, or the dtype of half-precision weights that would not fit into the free memory in float32."""
    try:
        config = AutoConfig.from_pretrained(name, **source)
    except (OSError, ValueError):  # an adapter, whose base model has the configuration; or nothing: loading says so
        return torch.float32
    own = getattr(config, "dtype", None)
    if own not in (torch.float16, torch.bfloat16):
        return torch.float32
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=source["trust_remote_code"])
    needed, free = 4 * _ROOM * sum(parameter.numel() for parameter in model.parameters()), free_memory(place)
    if needed <= free:
        return torch.float32
    narrow = str(own).removeprefix("torch.")
    warnings.warn(
        f"{name!r} needs {needed / 1e9:.1f} GB in float32 and there are {free / 1e9:.1f} GB: explained in {narrow}, as "
        f"it was saved, with less exact gradients. A larger device, or device='auto', takes it in float32",
        stacklevel=5,
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


def _mend(error: Exception) -> str:
    """What to do where nothing was found under a name; other errors of loading speak for themselves."""
    if not isinstance(error, OSError):
        return ""
    return "; name a model of the hub, or a folder with its configuration and weights; offline, one fetched before"


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

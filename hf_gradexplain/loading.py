"""From a name to a model and its tokenizer, with every doubt about the weights raised before the first explanation."""

from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from hf_gradexplain import models  # noqa: F401  (registers our architectures with the Auto classes)
from hf_gradexplain.errors import GradexplainError


def load_classifier(
    name: str,
    *,
    revision: str | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | str = torch.float32,
    trust_remote_code: bool = False,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a sequence classifier and its tokenizer by hub name or from a folder.

    Args:
        name: Hub name or folder.
        revision: Branch, tag or commit.
        device: Where to put the model: None for a GPU if there is one, "auto" to spread it over all that there are.
        dtype: Explanations are made in float32 unless asked otherwise: bfloat16 gradients are off by percents.
        trust_remote_code: Whether code that the repository ships may run.

    Raises:
        GradexplainError: If the name cannot be loaded, if weights of the classification head are missing from the
            checkpoint, or if any weight is not finite.
    """
    try:
        model, info = AutoModelForSequenceClassification.from_pretrained(
            name,
            revision=revision,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            device_map="auto" if device == "auto" else None,
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise GradexplainError(f"cannot load a sequence classifier from {name!r}: {_first_line(error)}") from error
    missing = sorted(info["missing_keys"])
    if missing:
        raise GradexplainError(
            f"{name!r} has no weights for {', '.join(missing[:4])}{', ...' if len(missing) > 4 else ''}: its answers "
            "would be random. Fine-tune it for classification first (recipes/train.py), or name a fine-tuned model"
        )
    check_finite(model)
    if device != "auto":
        model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return model, tokenizer


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
    """Raise if any weight is NaN or infinite; weights that are not loaded are not looked at."""
    for name, parameter in model.named_parameters():
        if parameter.device.type != "meta" and not torch.isfinite(parameter).all():
            raise GradexplainError(
                f"weight {name!r} is not finite: the checkpoint is broken, or its training diverged; load another one"
            )


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

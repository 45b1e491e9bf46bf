"""The model inside its wrappers, and checks of its weights."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

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


def check_weights(model: nn.Module) -> None:
    """Check that no weight is NaN or infinite, and that the word vectors are not all zero.

    Weights on the meta device are skipped.

    Raises:
        GradexplainError: A weight is not finite, or all word vectors are zero.
    """
    if (name := name_of_non_finite(model)) is not None:
        raise GradexplainError(
            f"weight {name!r} is not finite: the checkpoint is corrupt, or its training diverged; load another one"
        )
    table = _word_table(model)
    if table is not None and table.device.type != "meta" and not bool(table.detach().any()):
        raise GradexplainError(
            f"the word vectors of {type(model).__name__} are all zero: its checkpoint is empty or corrupt; load "
            "another one"
        )


def name_of_non_finite(model: nn.Module) -> str | None:
    """Return the name of the first weight with a NaN or infinite value, or None. The meta device is skipped.

    Large weights are checked in chunks, which needs little memory.
    """
    for name, parameter in model.named_parameters():
        chunks = parameter.detach().reshape(-1).split(_CHUNK) if parameter.device.type != "meta" else ()
        if not all(bool(torch.isfinite(chunk).all()) for chunk in chunks):
            return name
    return None


def input_embeddings(model: nn.Module) -> nn.Module | None:
    """Return the layer that a model names as its word vectors; None if it names none, like CANINE."""
    try:
        layer = cast(Any, model).get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return None
    return layer if isinstance(layer, nn.Module) else None


def _word_table(model: nn.Module) -> Tensor | None:
    """Return the weight that a model names as its word vectors, if it names one."""
    weight = getattr(input_embeddings(model), "weight", None)
    return weight if isinstance(weight, Tensor) and weight.numel() else None


def check_missing(name: str, missing: Sequence[str]) -> None:
    """Check that a checkpoint has all weights of the model.

    Args:
        name: Hub name or folder of the model.
        missing: The names of the weights that the checkpoint lacks.

    Raises:
        GradexplainError: `missing` is not empty.
    """
    if missing:
        raise GradexplainError(
            f"{name!r} has no weights for {', '.join(missing[:4])}{', ...' if len(missing) > 4 else ''}, and its "
            "predictions would be random: fine-tune it for classification first (hf-gradexplain train), or name a "
            "fine-tuned model"
        )


def check_shapes(mismatched: Iterable[tuple[str, Sequence[int], Sequence[int]]]) -> None:
    """Check that all weights of a checkpoint have the shapes that its configuration asks for.

    Args:
        mismatched: For each weight with another shape: its name, its shape in the checkpoint, and the shape that the
            configuration asks for.

    Raises:
        GradexplainError: `mismatched` is not empty.
    """
    wrong = sorted((name, tuple(saved), tuple(expected)) for name, saved, expected in mismatched)
    if wrong:
        name, saved, expected = wrong[0]
        have = "1 weight has" if len(wrong) == 1 else f"{len(wrong)} weights have"
        raise GradexplainError(
            f"{have} another shape than config.json asks for, such as {name!r}: {saved} instead of {expected}; "
            "correct config.json, or name another checkpoint"
        )

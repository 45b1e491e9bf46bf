"""PEFT adapters: their weights, and a model with an adapter applied."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.hub.provenance import Provenance, fetch
from hf_gradexplain.loading.safety import PICKLE, Source

PREFIX = "base_model.model."
"""The prefix of the names of an adapter's weights; the rest of a name is the one in the base model."""


def adapter_weights(source: Source, *, allow_pickle: bool) -> dict[str, Tensor]:
    """Load the weights of an adapter: a tensor for each name.

    Raises:
        GradexplainError: The adapter has no weights, or only pickled ones and `allow_pickle` is False.
    """
    path = fetch(source.model, "adapter_model.safetensors")
    if path is not None:
        return load_file(path)
    pickled = fetch(source.model, "adapter_model.bin")
    if pickled is None:
        raise GradexplainError("the adapter has no weights: adapter_model.safetensors is missing")
    if not allow_pickle:
        raise GradexplainError(f"the weights of the adapter are {PICKLE}")
    return torch.load(pickled, map_location="cpu", weights_only=True)


def head_config(adapter: Mapping[str, Any], weights: Mapping[str, Tensor]) -> dict[str, int]:
    """Return `{"num_labels": n}` for the head saved with an adapter.

    `n` is the smallest number of rows of the head's matrices. The result is empty if the adapter has no head: the
    number of classes is then that of the base model.
    """
    saved = set(adapter.get("modules_to_save") or ())
    rows = [len(weight) for name, weight in weights.items() if weight.ndim == 2 and saved & set(name.split("."))]
    return {"num_labels": min(rows)} if rows else {}


def apply_adapter(model: PreTrainedModel, adapter: Provenance) -> Any:
    """Return the model with the adapter applied, in evaluation mode; `adapter_weights` has fetched its files.

    Raises:
        GradexplainError: peft is not installed.
    """
    try:
        from peft import PeftModel
    except ImportError as error:
        raise GradexplainError("it is an adapter, which needs peft: pip install peft") from error
    folder = cast(Path, fetch(adapter, "adapter_config.json")).parent
    return PeftModel.from_pretrained(model, str(folder))

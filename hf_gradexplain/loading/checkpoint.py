"""Load a model and its tokenizer by name, with all checks on the weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.loading.adapter import PREFIX, adapter_weights, apply_adapter, head_config
from hf_gradexplain.loading.device import find_device
from hf_gradexplain.loading.precision import affordable_dtype
from hf_gradexplain.loading.safety import (
    NO_SAFETENSORS_CONVERSION,
    Source,
    find_source,
    read_config,
    translate_load_errors,
    weights_options,
)
from hf_gradexplain.loading.weights import check_missing, check_shapes, check_weights


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded model and its tokenizer.

    Attributes:
        model: The classifier.
        tokenizer: Its tokenizer.
        missing: The names of weights that are not in the checkpoint and were initialised at random.
        provenances: Where the model comes from, under the key `model`; for an adapter, also its `base model`.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    missing: tuple[str, ...]
    provenances: Mapping[str, Provenance] = field(default_factory=dict)


def load_checkpoint(
    name: str,
    *,
    revision: str | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | str = torch.float32,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> Checkpoint:
    """Load a model and its tokenizer by hub name or from a folder, even if it cannot be explained.

    All files are read at one commit, to which the revision is resolved first. An adapter is applied to its base model.

    Args:
        name: Hub name or folder.
        revision: Branch, tag or commit.
        device: The device of the model; None for a GPU if there is one, "auto" to distribute it over all GPUs,
            then the CPU and the disk.
        dtype: The dtype of the weights, or "auto" for that of the checkpoint. The default is float32, because bfloat16
            gradients are off by several percent. If half-precision weights do not fit into memory in float32, they keep
            their dtype, with a warning.
        trust_remote_code: Whether code from the repository may run.
        allow_pickle: Whether weights may be pickled (.bin). Only their tensors are unpickled, nothing else.

    Raises:
        GradexplainError: The model or its tokenizer cannot be loaded, or there is no such device.
    """
    device = find_device(device)
    failure = f"cannot load a sequence classifier from {name!r}"
    with translate_load_errors(failure), NO_SAFETENSORS_CONVERSION.set(), _quiet_if_asked():
        source = find_source(name, revision)
        checkpoint = _load(source, device, dtype, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle)
        return replace(checkpoint, model=_moved(checkpoint.model, device))


def load_classifier(
    name: str,
    *,
    revision: str | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | str = torch.float32,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> Checkpoint:
    """Load a sequence classifier that can be explained, and its tokenizer; for the arguments see `load_checkpoint`.

    Raises:
        GradexplainError: The model or its tokenizer cannot be loaded, weights are missing from the checkpoint, a
            weight is not finite, or all word vectors are zero.
    """
    checkpoint = load_checkpoint(
        name,
        revision=revision,
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        allow_pickle=allow_pickle,
    )
    check_missing(name, checkpoint.missing)
    check_weights(checkpoint.model)
    return checkpoint


def _moved(model: PreTrainedModel, device: str | torch.device) -> PreTrainedModel:
    """Move a model to a device, unless its loading has placed it there: with `auto`, and some quantised models."""
    if isinstance(device, str):
        return model
    try:
        return cast(Any, model).to(device)
    except ValueError:  # models of bitsandbytes are loaded onto a GPU and cannot be moved
        if device.type == model.device.type and device.index in (None, model.device.index):
            return model
        raise


@contextmanager
def _quiet_if_asked() -> Iterator[None]:
    """Hide the progress bar of the weights within the block if the verbosity of transformers is error or less."""
    hide = logging.get_verbosity() >= logging.ERROR and logging.is_progress_bar_enabled()
    if hide:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if hide:
            logging.enable_progress_bar()


def _load(
    source: Source,
    device: str | torch.device,
    dtype: torch.dtype | str,
    *,
    trust_remote_code: bool,
    allow_pickle: bool,
) -> Checkpoint:
    weights = adapter_weights(source, allow_pickle=allow_pickle) if source.adapter is not None else {}
    config = read_config(
        source,
        trust_remote_code=trust_remote_code,
        allow_pickle=allow_pickle,
        changes=head_config(source.adapter, weights) if source.adapter is not None else None,
    )
    if dtype in (torch.float32, "float32"):
        dtype = affordable_dtype(source.model.name, config, device, trust_remote_code=trust_remote_code)
    tokenizer = AutoTokenizer.from_pretrained(
        source.tokenizer.name, revision=source.tokenizer.commit, config=config, trust_remote_code=trust_remote_code
    )
    model, info = AutoModelForSequenceClassification.from_pretrained(
        source.base.name,
        config=config,
        dtype=dtype,
        device_map="auto" if device == "auto" else None,
        trust_remote_code=trust_remote_code,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **weights_options(source, allow_pickle=allow_pickle),
    )
    if source.adapter is None:
        check_shapes(info["mismatched_keys"])
    missing = {*info["missing_keys"], *(name for name, *_ in info["mismatched_keys"])}
    if source.adapter is not None:
        model = apply_adapter(model, source.model)
        missing -= {name.removeprefix(PREFIX) for name in weights}
    return Checkpoint(model, tokenizer, tuple(sorted(missing)), source.provenances)

"""From a name to a model and its tokenizer, with every doubt about the weights raised before the first explanation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from hf_gradexplain import models  # noqa: F401  (registers our architectures with the Auto classes)
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.loading.adapter import PREFIX, adapter_weights, head_of_adapter, with_adapter
from hf_gradexplain.loading.precision import affordable_dtype
from hf_gradexplain.loading.safety import (
    Source,
    find,
    no_safetensors_conversion,
    read_config,
    translate_errors,
    weights_options,
)
from hf_gradexplain.loading.weights import check_finite


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What was loaded from a name.

    Attributes:
        model: The classifier.
        tokenizer: Its tokenizer.
        missing: The weights that the checkpoint does not have, so that they are random.
        origins: What it was loaded from: the `model` and, of an adapter, the `base model`.
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
    """Load what is there by hub name or from a folder, whether it can be explained or not.

    Everything is read from the one commit that the revision means at the time. An adapter is put onto the model that
    it names.

    Args:
        name: Hub name or folder.
        revision: Branch, tag or commit.
        device: Where to put the model: None for a GPU if there is one, "auto" to spread it over all that there are.
        dtype: Explanations are made in float32 unless asked otherwise: bfloat16 gradients are off by percents. Where
            half-precision weights would not fit into memory in float32, they stay as they are, with a warning.
        trust_remote_code: Whether code that the repository ships may run.
        allow_pickle: Whether weights may be pickled (.bin). Only their tensors are unpickled, nothing else.

    Raises:
        GradexplainError: If the name cannot be loaded.
    """
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    with translate_errors(f"cannot load a sequence classifier from {name!r}"), no_safetensors_conversion():
        source = find(name, revision)
        found = _load(source, place, dtype, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle)
    return found if place == "auto" else replace(found, model=cast(Any, found.model).to(place))


def load_classifier(
    name: str,
    *,
    revision: str | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | str = torch.float32,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> Checkpoint:
    """Load a sequence classifier that can be explained, and its tokenizer; the arguments are `load_checkpoint`'s.

    Raises:
        GradexplainError: If the name cannot be loaded, if weights of the classification head are missing from the
            checkpoint, or if any weight is not finite.
    """
    found = load_checkpoint(
        name,
        revision=revision,
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        allow_pickle=allow_pickle,
    )
    if found.missing:
        raise GradexplainError(
            f"{name!r} has no weights for {', '.join(found.missing[:4])}{', ...' if len(found.missing) > 4 else ''}: "
            "its answers would be random. Fine-tune it for classification first (recipes/train.py), or name a "
            "fine-tuned model"
        )
    check_finite(found.model)
    return found


def _load(
    source: Source,
    place: str | torch.device,
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
        changes=head_of_adapter(source.adapter, weights) if source.adapter is not None else None,
    )
    if dtype in (torch.float32, "float32"):
        dtype = affordable_dtype(source.model.name, config, place, trust_remote_code=trust_remote_code)
    tokenizer = AutoTokenizer.from_pretrained(
        source.words.name, revision=source.words.commit, config=config, trust_remote_code=trust_remote_code
    )
    model, info = AutoModelForSequenceClassification.from_pretrained(
        source.base.name,
        config=config,
        dtype=dtype,
        device_map="auto" if place == "auto" else None,
        trust_remote_code=trust_remote_code,
        ignore_mismatched_sizes=source.adapter is not None,
        output_loading_info=True,
        **weights_options(source, allow_pickle=allow_pickle),
    )
    missing = {*info["missing_keys"], *(name for name, *_ in info["mismatched_keys"])}
    if source.adapter is not None:
        model = with_adapter(model, source.model)
        missing -= {name.removeprefix(PREFIX) for name in weights}
    return Checkpoint(model, tokenizer, tuple(sorted(missing)), source.provenances)

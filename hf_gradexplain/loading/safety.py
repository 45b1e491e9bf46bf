"""The files behind a model's name, and rules for their use: no pickled weights and no code unless allowed."""

import logging
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedConfig

from hf_gradexplain.errors import GradexplainError, one_line, translate_errors
from hf_gradexplain.hub.provenance import Provenance, read_json, resolve
from hf_gradexplain.threads import ProcessSetting, Restore
from hf_gradexplain.viz.sanitize import visible

_INSTALLED_QUANTIZERS = ("bitsandbytes",)
"""Quantisation methods whose code is an installed package; others download code from the hub."""

PICKLE = (
    "a pickle, which may run code: allow it with allow_pickle (--allow_pickle) if you trust its maker, or name a "
    "revision with .safetensors"
)


@dataclass(frozen=True)
class Source:
    """The repositories or folders behind a model's name.

    Attributes:
        model: The requested repository or folder.
        base: The repository or folder of the configuration and the weights; for an adapter, that of its base model.
        adapter: The adapter's configuration, or None if the model is not an adapter.
    """

    model: Provenance
    base: Provenance
    adapter: Mapping[str, Any] | None = None

    @property
    def tokenizer(self) -> Provenance:
        """The repository or folder of the tokenizer: `model`, or `base` if an adapter does not include a tokenizer."""
        included = self.adapter is None or read_json(self.model, "tokenizer_config.json") is not None
        return self.model if included else self.base

    @property
    def provenances(self) -> dict[str, Provenance]:
        """The repositories and folders that are read, by their role: `model` and, for an adapter, `base model`."""
        return {"model": self.model} if self.adapter is None else {"model": self.model, "base model": self.base}


def find_source(name: str, revision: str | None = None) -> Source:
    """Resolve a name to a commit. For an adapter, the name of its base model is resolved, too.

    Raises:
        GradexplainError: A repository cannot be found, accessed or reached, or the adapter would load other code,
            other adapters or a base model that is not allowed.
    """
    model = resolve(name, revision)
    adapter = read_json(model, "adapter_config.json")
    if adapter is None:
        return Source(model, model)
    _check_adapter(adapter, model)
    if model.commit is None and Path(name, "config.json").is_file():  # a full model that also ships an adapter
        return Source(model, model)
    base = resolve(_base_name(adapter, model), adapter.get("revision"))
    if read_json(base, "adapter_config.json") is not None:
        raise GradexplainError(
            f"the base model of the adapter {name!r} is an adapter, too ({base.name!r}): merge one of them first"
        )
    return Source(model, base, adapter)


def _check_adapter(adapter: Mapping[str, Any], model: Provenance) -> None:
    """Check that an adapter neither loads other adapters nor imports a module that it names."""
    if adapter.get("peft_type") == "XLORA" or adapter.get("megatron_config"):
        loads = "a module by name" if adapter.get("megatron_config") else "other adapters"
        raise GradexplainError(
            f"the adapter {model.name!r} would load {loads}: load it with peft, and give the model to "
            "Explainer(model, tokenizer)"
        )


def _base_name(adapter: Mapping[str, Any], model: Provenance) -> str:
    """Return the name of the base model of an adapter; an adapter from the hub must not name a local folder."""
    base = adapter.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise GradexplainError(f"the adapter {model.name!r} does not name its base model: add base_model_name_or_path")
    if model.commit is not None and os.path.exists(base):
        raise GradexplainError(
            f"the adapter {model.name!r} names a folder as its base model ({base!r}), not a model on the hub: load "
            "both with peft, and give the model to Explainer(model, tokenizer)"
        )
    return base


def read_config(
    source: Source, *, trust_remote_code: bool, allow_pickle: bool, changes: Mapping[str, Any] | None = None
) -> PreTrainedConfig:
    """Read the configuration of a model, and remove settings that would load code from elsewhere.

    A configuration can name repositories of kernels for attention or experts. These settings are ignored, and the
    implementation in transformers is used; with `trust_remote_code` they are kept.

    Args:
        source: The files of the model.
        trust_remote_code: Whether code from the repository may run.
        allow_pickle: Whether weights may be pickled.
        changes: Values to set in the configuration.

    Raises:
        GradexplainError: The quantisation method downloads code, or the configuration names a pickle as the weights.
    """
    config: PreTrainedConfig = AutoConfig.from_pretrained(
        source.base.name, revision=source.base.commit, trust_remote_code=trust_remote_code, **(changes or {})
    )
    if not allow_pickle:
        _check_named_weights(source.base, config)
    if trust_remote_code:
        return config
    config._attn_implementation = None
    config._experts_implementation = None
    quantized = getattr(config, "quantization_config", None)
    method = quantized.get("quant_method") if isinstance(quantized, dict) else getattr(quantized, "quant_method", None)
    if quantized is not None and method not in _INSTALLED_QUANTIZERS:
        raise GradexplainError(
            f"its weights are quantised by {str(method)!r}, whose code may come from the hub: allow it with "
            "trust_remote_code, or name a model that is not quantised"
        )
    return config


def _check_named_weights(base: Provenance, config: PreTrainedConfig) -> None:
    """Check that no pickle is named as weights: transformers unpickles a file if its suffix is not .safetensors."""
    index = read_json(base, "model.safetensors.index.json") or {}
    shards = index.get("weight_map")
    files = [getattr(config, "transformers_weights", None), *(shards.values() if isinstance(shards, dict) else ())]
    for file in files:
        if file is not None and not str(file).endswith((".safetensors", ".safetensors.index.json")):
            raise GradexplainError(f"it names {str(file)!r} as its weights, {PICKLE}")


def weights_options(source: Source, *, allow_pickle: bool) -> dict[str, Any]:
    """Return the arguments of `from_pretrained` that choose the files and the commit of the weights."""
    return {
        "revision": source.base.commit,
        "use_safetensors": None if allow_pickle else True,
        "weights_only": True,
    }


@contextmanager
def translate_load_errors(failure: str) -> Iterator[None]:
    """Turn any exception in the block into one sentence: untrusted files can raise any exception.

    Log messages within the block may quote untrusted files, too. Control characters in these messages are made visible.

    Args:
        failure: What failed; the message begins with it.

    Raises:
        GradexplainError: The block raised an exception.
    """
    explain = translate_errors(lambda error: f"{failure}: {_reason(error)}", Exception, GradexplainError)
    with explain, _VISIBLE_LOGS.set():
        yield


def _make_logs_visible() -> Restore:
    """Make control characters visible in all log messages, of any logger."""
    factory = logging.getLogRecordFactory()

    def visible_record(*args: Any) -> logging.LogRecord:
        record = factory(*args)
        with suppress(Exception):  # logging itself reports a message that cannot be formatted
            record.msg, record.args = visible(record.getMessage()), None
        return record

    logging.setLogRecordFactory(visible_record)
    return lambda: logging.setLogRecordFactory(factory)


_VISIBLE_LOGS = ProcessSetting(_make_logs_visible)
"""Log messages have no control characters."""


def _reason(error: Exception) -> str:
    message = visible(one_line(error))
    if isinstance(error, GradexplainError):
        return message
    if isinstance(error, RecursionError):
        return "one of its JSON files is nested too deeply: repair it, or name another model"
    if isinstance(error, pickle.UnpicklingError):
        return "its pickled weights hold more than tensors, which is not allowed: name a revision with .safetensors"
    if isinstance(error, torch.OutOfMemoryError):
        return (
            "it does not fit into the memory of the device: give device='auto' to spread it over all devices, a "
            "smaller dtype such as dtype='bfloat16', or device='cpu' (--device, --dtype)"
        )
    if "trust_remote_code=True" in message:
        return (
            "it needs code from its repository: read that code, and allow it with trust_remote_code "
            "(--trust_remote_code) if you trust it"
        )
    if isinstance(error, OSError) and "model.safetensors" in message:
        return f"it has no weights in .safetensors; weights in .bin would be {PICKLE}"
    first = _first_sentence(visible(str(error)))
    if type(error).__name__ == "SafetensorError":
        return f"a .safetensors file is damaged ({first}): download it again, with git lfs pull if it is an LFS pointer"
    if isinstance(error, OSError):
        return f"{first}; name a model on the hub, or a folder with its configuration and weights"
    return f"{type(error).__name__}: {first}"


def _first_sentence(message: str) -> str:
    """Return the first line of a message; while the lines end in a colon, also the next line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["no reason given"]
    end = next((i for i, line in enumerate(lines) if not line.endswith(":")), len(lines) - 1)
    return " ".join(lines[: end + 1]).rstrip(".")


def _disable_conversion() -> Restore:
    name = "DISABLE_SAFETENSORS_CONVERSION"
    before = os.environ.get(name)
    os.environ[name] = "1"

    def restore() -> None:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

    return restore


NO_SAFETENSORS_CONVERSION = ProcessSetting(_disable_conversion)
"""Transformers does not ask the hub to convert pickled weights: the request would send the user's token."""

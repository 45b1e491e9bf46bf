"""What lies under a name, and what of it may be used: weights without pickle, and no code that was not asked for."""

import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.hub.provenance import Provenance, read_json, resolve

_INSTALLED_QUANTIZERS = ("bitsandbytes",)
"""Ways of quantising whose code is an installed package; others fetch theirs from the hub."""


@dataclass(frozen=True)
class Source:
    """What lies under a name.

    Attributes:
        model: The repository or folder that was asked for.
        base: Where configuration and weights are: the same, or for an adapter the model that it was made for.
        adapter: The adapter's configuration, or None if it is no adapter.
    """

    model: Provenance
    base: Provenance
    adapter: Mapping[str, Any] | None = None

    @property
    def words(self) -> Provenance:
        """Where the tokenizer is: an adapter may bring its own."""
        own = self.adapter is None or read_json(self.model, "tokenizer_config.json") is not None
        return self.model if own else self.base

    @property
    def provenances(self) -> dict[str, Provenance]:
        """Everything that was read, by its part."""
        return {"model": self.model} if self.adapter is None else {"model": self.model, "base model": self.base}


def find(name: str, revision: str | None = None) -> Source:
    """Pin a name to a commit; of an adapter, also the model that it was made for.

    Raises:
        GradexplainError: Something cannot be found, seen or reached, or the adapter asks for what it must not.
    """
    model = resolve(name, revision)
    adapter = read_json(model, "adapter_config.json")
    if adapter is None:
        return Source(model, model)
    _check_adapter(adapter, model)
    if model.commit is None and Path(name, "config.json").is_file():  # a model that has its adapter beside it
        return Source(model, model)
    base = resolve(_base_name(adapter, model), adapter.get("revision"))
    if read_json(base, "adapter_config.json") is not None:
        raise GradexplainError(f"the base model of the adapter {name!r} is an adapter, too ({base.name!r}): merge one")
    return Source(model, base, adapter)


def _check_adapter(adapter: Mapping[str, Any], model: Provenance) -> None:
    """Refuse what loads other adapters, or imports a module that the adapter names."""
    if adapter.get("peft_type") == "XLORA" or adapter.get("megatron_config"):
        asked = "a module by name" if adapter.get("megatron_config") else "other adapters"
        raise GradexplainError(
            f"the adapter {model.name!r} would load {asked}: load it with peft, and give the model to "
            "Explainer(model, tokenizer)"
        )


def _base_name(adapter: Mapping[str, Any], model: Provenance) -> str:
    """The model that an adapter was made for; one of the hub can be for none of this machine."""
    base = adapter.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise GradexplainError(f"the adapter {model.name!r} does not name its model: add base_model_name_or_path")
    if model.commit is not None and os.path.exists(base):
        raise GradexplainError(
            f"the adapter {model.name!r} names a folder as its model ({base!r}), which is not one of the hub: load the "
            "two with peft, and give the model to Explainer(model, tokenizer)"
        )
    return base


def read_config(
    source: Source, *, trust_remote_code: bool, allow_pickle: bool, changes: Mapping[str, Any] | None = None
) -> PreTrainedConfig:
    """Read the configuration of a model, and take from it what would bring in code or pickles from elsewhere.

    A configuration can name the repositories of kernels that compute attention or experts: those wishes are passed
    over, and transformers computes. With `trust_remote_code` they are granted.

    Args:
        source: Where the model is.
        trust_remote_code: Whether code that the repository ships may run.
        allow_pickle: Whether weights may be pickled.
        changes: Values to set in it.

    Raises:
        GradexplainError: The model is quantised in a way that fetches code, or names a pickle as its weights.
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
            f"its weights are quantised by {str(method)!r}, whose code may come from the hub: allow that with "
            "trust_remote_code, or name a model that is not quantised"
        )
    return config


def _check_named_weights(base: Provenance, config: PreTrainedConfig) -> None:
    """Refuse pickles that go by the name of safe weights: files are unpickled by their own endings."""
    index = read_json(base, "model.safetensors.index.json") or {}
    parts = index.get("weight_map")
    named = [getattr(config, "transformers_weights", None), *(parts.values() if isinstance(parts, dict) else ())]
    for file in named:
        if file is not None and not str(file).endswith((".safetensors", ".safetensors.index.json")):
            raise GradexplainError(f"it names {str(file)!r} as its weights, {PICKLE}")


PICKLE = (
    "a pickle, which may run code: allow it with allow_pickle (--allow_pickle) if you trust its maker, or name a "
    "revision with .safetensors"
)


def weights_options(source: Source, *, allow_pickle: bool) -> dict[str, Any]:
    """The arguments of `from_pretrained` that say which weights are read, and at which commit."""
    return {
        "revision": source.base.commit,
        "use_safetensors": None if allow_pickle else True,
        "weights_only": True,
    }


@contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Say in one sentence what could not be done and why: what strangers' files make libraries raise is of any kind.

    Args:
        what: What could not be done.

    Raises:
        GradexplainError: Anything was raised in the block.
    """
    try:
        yield
    except Exception as error:
        raise GradexplainError(f"{what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, GradexplainError):
        return said
    if isinstance(error, pickle.UnpicklingError):
        return "its pickled weights hold more than tensors, which is not unpickled: name a revision with .safetensors"
    if "trust_remote_code=True" in said:
        return (
            "it is made by code that its repository ships: read that code, and allow it with trust_remote_code "
            "(--trust_remote_code) if you trust it"
        )
    if isinstance(error, OSError) and "model.safetensors" in said:
        return f"it has no weights in .safetensors; what it may have in .bin is {PICKLE}"
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given").rstrip(".")
    if isinstance(error, OSError):
        return f"{first}; name a model of the hub, or a folder with its configuration and weights"
    return f"{type(error).__name__}: {first}"


@contextmanager
def no_safetensors_conversion() -> Iterator[None]:
    """Keep transformers from asking the hub to convert pickled weights, a request that carries the user's token."""
    name = "DISABLE_SAFETENSORS_CONVERSION"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

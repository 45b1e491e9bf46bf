"""Run a model on those outputs of the tokenizer that it takes, and find the logits in what it returns."""

from collections.abc import Mapping
from inspect import signature
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn


def logits_of(output: Any) -> Any:
    """Return the logits of a model's output: its attribute or key `logits`, or the output itself if it is a tensor.

    None if there are no logits.
    """
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        return output.get("logits")
    return getattr(output, "logits", None)


_ACCEPTED: WeakKeyDictionary[nn.Module, frozenset[str] | None] = WeakKeyDictionary()
"""The names of the inputs that each model takes; None if it takes any."""


def run_model(model: nn.Module, inputs: Mapping[str, Tensor]) -> Any:
    """Run a model on the tokenizer's output, see `output_of`; return its logits or None, see `logits_of`."""
    return logits_of(output_of(model, inputs))


def output_of(model: nn.Module, inputs: Mapping[str, Tensor]) -> Any:
    """Run a model on the tokenizer's output, without inputs that it does not take; return what it returns.

    For example, many tokenizers return `token_type_ids`, and many hand-written modules do not take them.
    """
    if model not in _ACCEPTED:
        parameters = signature(model.forward).parameters.values()
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        _ACCEPTED[model] = None if takes_all else frozenset(parameter.name for parameter in parameters)
    names = _ACCEPTED[model]
    return model(**{name: x for name, x in inputs.items() if names is None or name in names})

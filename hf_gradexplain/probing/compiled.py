"""The layers that a model repeats, compiled; everything around them, the word lookups above all, runs as it is."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.memory import ran_out
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.probing.gradient_checks import FAILURES, forward_backward, largest, relative_error, sample_documents
from hf_gradexplain.text.encode import collate

BACKEND = "inductor"
"""What `torch.compile` hands its graphs to."""

_LENGTHS = (5, 9)


class CompiledLayers:
    """What to call in place of each repeated layer: compiled at the first use, for texts of any length.

    The compiled model is tried on short texts. If it answers otherwise than the plain one, or if there is nothing to
    compile, a warning says so, and the model runs as it is.

    Args:
        tokenizer: The tokenizer.
        tolerance: The largest relative error of logits and gradients.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, tolerance: float) -> None:
        self.tokenizer, self.tolerance = tokenizer, tolerance
        self._calls: Mapping[nn.Module, Callable[..., Any]] | None = None

    def __call__(self, classifier: HookedClassifier) -> Mapping[nn.Module, Callable[..., Any]]:
        """Return the compiled call of each repeated layer; call this within `frozen_eval_mode`.

        Raises:
            GradexplainError: If the layers cannot be compiled on this machine.
        """
        if self._calls is None:
            self._calls = self._compile(classifier)
        return self._calls

    def _compile(self, classifier: HookedClassifier) -> Mapping[nn.Module, Callable[..., Any]]:
        name = type(classifier.model).__name__
        layers = [] if classifier.follow or classifier.no_gradient else repeated_layers(classifier)
        if not layers:
            warnings.warn(f"{name} has no repeated layers that can be compiled: it runs as it is", stacklevel=6)
            return {}
        calls = {layer: torch.compile(layer._call_impl, dynamic=True, backend=BACKEND) for layer in layers}
        try:
            error = largest(self._error(classifier, calls, length) for length in _LENGTHS)
        except (*FAILURES, OSError) as failure:
            if ran_out(failure):
                raise
            raise GradexplainError(
                f"the layers of {name} cannot be compiled here ({type(failure).__name__}): see that a C++ compiler is "
                "installed, or leave torch_compile out"
            ) from failure
        if not error <= self.tolerance:
            warnings.warn(f"{name} answers otherwise when compiled (by {error:.1e}): it runs as it is", stacklevel=6)
            return {}
        return calls

    def _error(self, classifier: HookedClassifier, calls: Mapping[nn.Module, Callable[..., Any]], length: int) -> float:
        documents = sample_documents(self.tokenizer, [length] * 2)
        batch = collate(documents, [0] * 2, self.tokenizer, device_of(classifier.model))
        plain, compiled = (
            forward_backward(classifier, batch),
            forward_backward(replace(classifier, compiled=calls), batch),
        )
        pairs = (plain.logits, compiled.logits), (plain.rows(), compiled.rows())
        return largest(relative_error(expected, found) for expected, found in pairs)


def repeated_layers(classifier: HookedClassifier) -> list[nn.Module]:
    """The members of every list of like layers, the outermost such lists, that hold no word lookup."""
    lookups = [f"{lookup.module}." for lookup in classifier.lookups]
    found: dict[str, nn.ModuleList] = {}
    for name, module in classifier.model.named_modules():
        prefix = f"{name}."
        if (
            isinstance(module, nn.ModuleList)
            and len(module) > 1
            and len({type(layer) for layer in module}) == 1
            and not any(lookup.startswith(prefix) for lookup in lookups)
            and not any(prefix.startswith(outer) for outer in found)
        ):
            found[prefix] = module
    return [layer for layers in found.values() for layer in layers]

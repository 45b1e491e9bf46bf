"""Compile the repeated layers of a model; everything else, such as the embedding lookups, runs uncompiled."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.hooked_classifier import HookedClassifier
from hf_gradexplain.classifier.memory import FAILURES, is_out_of_memory
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.errors import GradexplainError, warn
from hf_gradexplain.probing.gradient_checks import forward_backward, largest, relative_error, sample_documents
from hf_gradexplain.text.collate import collate

BACKEND = "inductor"
"""The backend of `torch.compile`."""

_LENGTHS = (5, 9)
"""Numbers of ordinary tokens of the texts on which the compiled layers are compared with the plain ones."""


class CompiledLayers:
    """Compiled versions of the repeated layers, made at the first use, for texts of any length.

    The compiled model is compared with the plain one on short texts. If their results differ, or if there is nothing to
    compile, a warning is issued and the model runs uncompiled.

    Args:
        tokenizer: The model's tokenizer.
        tolerance: The largest accepted relative error of logits and gradients.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, tolerance: float) -> None:
        self.tokenizer, self.tolerance = tokenizer, tolerance
        self._calls: Mapping[nn.Module, Callable[..., Any]] | None = None

    def __call__(self, classifier: HookedClassifier) -> Mapping[nn.Module, Callable[..., Any]]:
        """Return the compiled call of each repeated layer; call this within `frozen_eval_mode`.

        Raises:
            GradexplainError: The layers cannot be compiled on this machine.
        """
        if self._calls is None:
            self._calls = self._compile(classifier)
        return self._calls

    def _compile(self, classifier: HookedClassifier) -> Mapping[nn.Module, Callable[..., Any]]:
        name = type(classifier.model).__name__
        layers = [] if classifier.followed_functions or classifier.no_gradient_reason else repeated_layers(classifier)
        if not layers:
            warn(f"{name} has no repeated layers that can be compiled: it runs uncompiled")
            return {}
        calls = {layer: torch.compile(layer._call_impl, dynamic=True, backend=BACKEND) for layer in layers}
        try:
            error = largest(self._error(classifier, calls, length) for length in _LENGTHS)
        except (*FAILURES, OSError) as failure:
            if is_out_of_memory(failure):
                raise
            raise GradexplainError(
                f"the layers of {name} cannot be compiled on this machine ({type(failure).__name__}): install a C++ "
                "compiler, or leave out torch_compile"
            ) from failure
        if not error <= self.tolerance:
            warn(f"{name} gives other results when compiled (relative error {error:.1e}): it runs uncompiled")
            return {}
        return calls

    def _error(self, classifier: HookedClassifier, calls: Mapping[nn.Module, Callable[..., Any]], length: int) -> float:
        documents = sample_documents(self.tokenizer, [length] * 2)
        batch = collate(documents, [0] * 2, self.tokenizer, device_of(classifier.model))
        plain = forward_backward(classifier, batch)
        compiled = forward_backward(replace(classifier, compiled=calls), batch)
        pairs = (plain.logits, compiled.logits), (plain.token_gradients(), compiled.token_gradients())
        return largest(relative_error(expected, actual) for expected, actual in pairs)


def repeated_layers(classifier: HookedClassifier) -> list[nn.Module]:
    """Return the layers of every `ModuleList` whose layers are of one class and contain no embedding lookup.

    If lists are nested, the outermost one is used.
    """
    lookups = [f"{lookup.module}." for lookup in classifier.lookups]
    lists: dict[str, nn.ModuleList] = {}
    for name, module in classifier.model.named_modules():
        prefix = f"{name}."
        if (
            isinstance(module, nn.ModuleList)
            and len(module) > 1
            and len({type(layer) for layer in module}) == 1
            and not any(lookup.startswith(prefix) for lookup in lookups)
            and not any(prefix.startswith(outer) for outer in lists)
        ):
            lists[prefix] = module
    return [layer for layers in lists.values() for layer in layers]

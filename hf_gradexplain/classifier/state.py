"""The user's model, left as found: its parameters, mode, configuration, hooks and random numbers."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import is_
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

UNUSED_PAD_ID = -1


class ModelState:
    """A model's state between two forward passes: attributes, buffers and parts of its modules, its configuration.

    And its random numbers: within `restore` they are those of a fixed seed, after it those that would have come.
    """

    def __init__(self, model: nn.Module) -> None:
        live = [state for module in model.modules() for state in (vars(module), module._buffers, module._modules)]
        self.live = live + [vars(config) for config in _configs(model)]
        self.found = [dict(state) for state in self.live]
        devices = {parameter.device for parameter in model.parameters() if parameter.device.type == "cuda"}
        self.generators = [torch.default_generator, *(torch.cuda.default_generators[d.index] for d in devices)]

    @contextmanager
    def restore(self) -> Iterator[None]:
        """Restore, after the block, what was changed in it."""
        random = [generator.get_state() for generator in self.generators]
        try:
            for generator in self.generators:
                generator.manual_seed(0)
            yield
        finally:
            for generator, state in zip(self.generators, random, strict=True):
                generator.set_state(state)
            for live, found in zip(self.live, self.found, strict=True):
                if len(live) != len(found) or not all(map(is_, live.values(), found.values())):
                    live.clear()
                    live.update(found)


@contextmanager
def frozen_eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode, frozen parameters and a pad id within the block; everything put back after it.

    Decoders without a pad token refuse batches, even of texts of equal length, so they get an id that no token has.
    Modules compiled in place run uncompiled: compiled code may pass over hooks. Gradients are on, whatever the caller
    chose. See `_cudnn_for` for what is done to cuDNN.
    """
    modules = list(model.modules())
    trainable = [
        (module, name)
        for module in modules
        for name, parameter in module._parameters.items()
        if parameter is not None and parameter.requires_grad
    ]
    try:
        with torch.inference_mode(False), torch.enable_grad(), ModelState(model).restore(), _cudnn_for(modules):
            if any(module.training for module in modules):
                model.eval()
            for module, name in trainable:
                module.get_parameter(name).requires_grad_(False)
            for config in _configs(model):
                if getattr(config, "pad_token_id", 0) is None:
                    config.pad_token_id = UNUSED_PAD_ID
            for module in modules:
                if module._compiled_call_impl is not None:
                    module._compiled_call_impl = None
            yield
    finally:
        for module, name in trainable:
            module.get_parameter(name).requires_grad_(True)


@contextmanager
def _cudnn_for(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Within the block, cuDNN is off for models with recurrent layers, and convolves exactly.

    It refuses the backward pass of recurrent layers in eval mode. And it rounds what it convolves to 10 bits (TF32)
    where it can, by which a model would differ from its short cut.
    """
    found: list[tuple[Any, str, Any]] = []

    def put(place: Any, name: str, value: Any) -> None:
        found.append((place, name, getattr(place, name)))
        setattr(place, name, value)

    try:
        if any(isinstance(module, nn.RNNBase) for module in modules):
            put(torch.backends.cudnn, "enabled", False)
        if any(isinstance(module, _ConvNd) for module in modules):
            _convolve_exactly(put)
        yield
    finally:
        for place, name, value in reversed(found):
            setattr(place, name, value)


def _convolve_exactly(put: Callable[[Any, str, Any], None]) -> None:
    """Have convolutions in float32 proper, by switches whose values can be put back.

    A switch that nobody ever set follows the more general one, and once set it cannot be made to follow again. So the
    most general goes first: one that has not followed it has a value of its own.
    """
    cudnn: Any = torch.backends.cudnn
    if not hasattr(cudnn, "conv"):  # before PyTorch 2.9
        put(cudnn, "allow_tf32", False)
    elif cudnn.conv.fp32_precision == "tf32":
        for place in (torch.backends, cudnn, cudnn.conv):
            if place.fp32_precision != "ieee":
                put(place, "fp32_precision", "ieee")


def device_of(model: nn.Module) -> torch.device:
    """Where the model's inputs go: the device of its first weights that are loaded at all."""
    devices = [parameter.device for parameter in model.parameters() if parameter.device.type != "meta"]
    return devices[0] if devices else torch.device("cpu")


def dtype_of(model: nn.Module) -> torch.dtype:
    """What most of the model's weights are in, and what it computes in: float32 if it has none."""
    sizes: Counter[torch.dtype] = Counter()
    for parameter in model.parameters():
        sizes[parameter.dtype] += parameter.numel() if parameter.is_floating_point() else 0
    return max(sizes, key=lambda dtype: sizes[dtype], default=torch.float32)


def _configs(model: nn.Module) -> list[Any]:
    """The model's configuration and, where it has one of its own, that of its text part."""
    config: Any = getattr(model, "config", None)
    if config is None:
        return []
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return [config] if text is config else [config, text]

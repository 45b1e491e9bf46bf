"""Save and restore the user's model: parameters, mode, configuration, attributes and random numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from operator import is_
from typing import Any
from weakref import WeakSet

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from transformers import PreTrainedModel

from hf_gradexplain.classifier.process_settings import WITHOUT_CUDNN, WITHOUT_TF32, random_state
from hf_gradexplain.threads import lock_of

UNUSED_PAD_ID = -1
"""A pad id that no token has, for models without a pad token."""

_NAMING: WeakSet[nn.Module] = WeakSet()
"""The models that return names in `frozen_eval_mode` although their configuration says `return_dict=False`."""


class ModelState:
    """Saved state of a model: attributes, buffers and submodules of its modules, and its configuration.

    The state is saved at creation, without copying any values: `restore` undoes assignments, not changes in place. The
    random state is saved and restored by each `restore`.
    """

    def __init__(self, model: nn.Module) -> None:
        states = [state for module in model.modules() for state in (vars(module), module._buffers, module._modules)]
        self.current = states + [vars(config) for config in _configs(model)]
        self.saved = [dict(state) for state in self.current]
        devices = {parameter.device for parameter in model.parameters() if parameter.device.type == "cuda"}
        self.generators = [torch.default_generator, *(torch.cuda.default_generators[d.index] for d in devices)]

    @contextmanager
    def restore(self) -> Iterator[None]:
        """Run the block with a fixed random seed; after it, restore the saved state and the random state."""
        random_states = [generator.get_state() for generator in self.generators]
        try:
            for generator in self.generators:
                generator.manual_seed(0)
            yield
        finally:
            for generator, state in zip(self.generators, random_states, strict=True):
                generator.set_state(state)
            for current, saved in zip(self.current, self.saved, strict=True):
                if len(current) != len(saved) or not all(map(is_, current.values(), saved.values())):
                    if list(current) != list(saved):  # do not clear it needlessly: other threads may be reading it
                        current.clear()
                    current.update(saved)


@contextmanager
def frozen_eval_mode(model: nn.Module) -> Iterator[None]:
    """Within the block, put the model in eval mode and freeze its parameters; restore everything afterwards.

    Other threads that enter such a block with the same model wait for the end of this one.

    Also within the block:

    - Autograd is enabled, even inside the caller's `torch.no_grad` or `torch.inference_mode`.
    - Autocast is off, even inside the caller's `torch.autocast`, on the CPU and on the model's devices.
    - A model without a pad token gets the id `UNUSED_PAD_ID`: decoders without a pad token refuse batches, even of
      texts of equal length.
    - A model that needs it (see `return_names`) returns names even if its configuration says `return_dict=False`.
    - Modules compiled in place run uncompiled, because compiled code may skip hooks.
    - cuDNN is off for recurrent layers, and TF32 is off for convolutions; see `_exact_cudnn`.
    - The random numbers are those of a fixed seed.
    """
    with lock_of(model):
        modules = list(model.modules())
        trainable = [
            (module, name)
            for module in modules
            for name, parameter in module._parameters.items()
            if parameter is not None and parameter.requires_grad
        ]
        state = ModelState(model)
        try:
            with (
                torch.inference_mode(False),
                torch.enable_grad(),
                _without_autocast(model),
                _restored_random_numbers(state.generators),
                state.restore(),
                _exact_cudnn(modules),
            ):
                if any(module.training for module in modules):
                    model.eval()
                for module, name in trainable:
                    module.get_parameter(name).requires_grad_(False)
                for config in _configs(model):
                    if getattr(config, "pad_token_id", 0) is None:
                        config.pad_token_id = UNUSED_PAD_ID
                    if model in _NAMING:
                        config.return_dict = True
                for module in modules:
                    if module._compiled_call_impl is not None:
                        module._compiled_call_impl = None
                yield
        finally:
            for module, name in trainable:
                module.get_parameter(name).requires_grad_(True)


def return_names(model: nn.Module) -> bool:
    """Let a model of transformers return names in this and all later blocks of `frozen_eval_mode`.

    Returns:
        Whether this changes the model: whether its configuration says `return_dict=False`.
    """
    unnamed = [c for c in _configs(model) if not c.return_dict] if isinstance(model, PreTrainedModel) else []
    if unnamed:
        _NAMING.add(model)
    for config in unnamed:
        config.return_dict = True
    return bool(unnamed)


@contextmanager
def _without_autocast(model: nn.Module) -> Iterator[None]:
    """Within the block, compute in the dtypes of the tensors on the CPU and on the model's devices."""
    devices = {"cpu", *(parameter.device.type for parameter in model.parameters())} - {"meta"}
    with ExitStack() as stack:
        for device in devices:
            stack.enter_context(torch.autocast(device, enabled=False))
        yield


@contextmanager
def _restored_random_numbers(generators: Sequence[torch.Generator]) -> Iterator[None]:
    """Restore the random state after the block, or, if other threads are in such a block, after the last of them."""
    with ExitStack() as stack:
        for generator in generators:
            stack.enter_context(random_state(generator).set())
        yield


@contextmanager
def _exact_cudnn(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Within the block, disable cuDNN for models with recurrent layers, and TF32 for models with convolutions.

    cuDNN refuses the backward pass of recurrent layers in eval mode. TF32 rounds the inputs of convolutions to 10 bits,
    and the model's results would differ from those of its shortcut (see `hf_gradexplain.perturb`).
    """
    recurrent = any(isinstance(module, nn.RNNBase) for module in modules)
    convolving = any(isinstance(module, _ConvNd) for module in modules)
    with WITHOUT_CUDNN.set() if recurrent else nullcontext(), WITHOUT_TF32.set() if convolving else nullcontext():
        yield


def device_of(model: nn.Module) -> torch.device:
    """Return the device for the model's inputs: the device of its first parameter that is not on the meta device."""
    devices = [parameter.device for parameter in model.parameters() if parameter.device.type != "meta"]
    return devices[0] if devices else torch.device("cpu")


def dtype_of(model: nn.Module) -> torch.dtype:
    """Return the dtype of most of the model's parameters, in which it computes; float32 if it has none."""
    sizes: Counter[torch.dtype] = Counter()
    for parameter in model.parameters():
        sizes[parameter.dtype] += parameter.numel() if parameter.is_floating_point() else 0
    return max(sizes, key=lambda dtype: sizes[dtype], default=torch.float32)


def _configs(model: nn.Module) -> list[Any]:
    """Return the model's configuration and, if its text part has its own configuration, also this one."""
    config: Any = getattr(model, "config", None)
    if not hasattr(config, "__dict__"):
        return []
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return [config] if text is config else [config, text]

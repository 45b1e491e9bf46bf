"""A comparable snapshot of everything in the user's objects that a call must not change."""

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
)


def snapshot(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        **{f"module {name}": module_state(module) for name, module in model.named_modules()},
        **{f"parameter {name}": parameter_state(parameter) for name, parameter in model.named_parameters()},
        **{f"buffer {name}": buffer.tolist() for name, buffer in model.named_buffers()},
        "config": model.config.to_dict(),
        "tokenizer": tokenizer.backend_tokenizer.to_str(),
        "tokenizer settings": {name: value for name, value in vars(tokenizer).items() if name != "_tokenizer"},
        "modes": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.backends.cudnn.enabled),
        "random numbers": (random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()),  # noqa: NPY002
        "threads and types": (torch.get_num_threads(), torch.get_default_dtype()),
    }


def module_state(module: nn.Module) -> tuple[Any, ...]:
    hooks = tuple(tuple(getattr(module, kind)) for kind in HOOKS)
    return module.training, hooks, "forward" in vars(module)


def parameter_state(parameter: nn.Parameter) -> tuple[Any, ...]:
    def bits(x: Tensor | None) -> Any:
        return None if x is None else x.tolist()

    return parameter.requires_grad, bits(parameter.grad), bits(parameter), parameter.data_ptr()

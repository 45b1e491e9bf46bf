"""Settings of the whole process that a forward pass changes and restores, even while other threads run models."""

import sys
from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import Any

import torch

from hf_gradexplain.threads import ProcessSetting, Restore, nothing


def _set_options(options: Iterable[tuple[Any, str, Any]]) -> Restore:
    """Set attributes, given with their values, one after the other; return the function that restores them."""
    saved = []
    for backend, name, value in options:
        saved.append((backend, name, getattr(backend, name)))
        setattr(backend, name, value)

    def restore() -> None:
        for backend, name, value in reversed(saved):
            setattr(backend, name, value)

    return restore


def _tf32_options() -> Iterator[tuple[Any, str, Any]]:
    """Yield the options that disable TF32 for convolutions, and whose values can be restored.

    An option that was never set follows the more general option, and once it is set it cannot be unset. The most
    general option is therefore set first. More specific options are set only if they have not followed it.
    """
    cudnn: Any = torch.backends.cudnn
    if not hasattr(cudnn, "conv"):  # before PyTorch 2.9
        yield cudnn, "allow_tf32", False
    elif cudnn.conv.fp32_precision == "tf32":
        for backend in (torch.backends, cudnn, cudnn.conv):
            if backend.fp32_precision != "ieee":
                yield backend, "fp32_precision", "ieee"


@cache
def random_state(generator: torch.Generator) -> ProcessSetting:
    """Return the setting that restores the state of one of PyTorch's own generators of random numbers."""
    return ProcessSetting(lambda: partial(generator.set_state, generator.get_state()))


def _force_eager() -> Restore:
    if "torch._dynamo" not in sys.modules:  # nothing is compiled; its import takes seconds
        return nothing
    stance = torch.compiler.set_stance("force_eager")
    return lambda: stance.__exit__(None, None, None)


WITHOUT_CUDNN = ProcessSetting(lambda: _set_options([(torch.backends.cudnn, "enabled", False)]))
"""No layer runs by cuDNN."""

WITHOUT_TF32 = ProcessSetting(lambda: _set_options(_tf32_options()))
"""No convolution rounds its inputs to TF32."""

WITHOUT_ONEDNN = ProcessSetting(lambda: _set_options([(torch.backends.mkldnn, "enabled", False)]))
"""No layer runs as one operation of oneDNN."""

UNCOMPILED = ProcessSetting(_force_eager)
"""Functions that were compiled by `torch.compile` run uncompiled."""

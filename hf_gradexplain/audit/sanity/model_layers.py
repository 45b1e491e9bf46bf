"""Find the layers of a model in the order in which it uses them, and run it with other parameters."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hf_gradexplain.classifier.outputs import run_model
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.threads import lock_of


@dataclass(frozen=True)
class Layer:
    """Parameters of a model that are randomised together.

    Attributes:
        name: The name of the module with these parameters, or of the only parameter.
        parameters: The names of the parameters.
    """

    name: str
    parameters: tuple[str, ...]


def layers_of(model: nn.Module, inputs: Mapping[str, Tensor]) -> tuple[Layer, ...]:
    """Return the layers of a model from its output to its embeddings, within `frozen_eval_mode`.

    Layers are the outermost modules that are entries of a `ModuleList` or contain no `ModuleList`. For example, a
    transformer has one layer for its head, one per block, and one for its embeddings. Layers are ordered by the moment
    when a forward pass first uses one of their parameters, the latest first. A parameter that the pass does not use
    belongs to the layer of its module; if the pass uses nothing of that layer, the parameter belongs to the last layer.

    Args:
        model: Any module.
        inputs: The inputs of a text.

    Raises:
        GradexplainError: The forward pass uses no parameter directly, because all are offloaded or quantised.
    """
    known = {name for name, _ in model.named_parameters()}
    used = {name: when for when, name in enumerate(_in_order_of_use(model, inputs))}
    if not used:
        raise GradexplainError(
            f"{type(model).__name__} uses none of its parameters directly: load it without offloading and quantisation"
        )
    groups = {name: [x for x in names if x in known] for name, names in _groups(model, known)}
    first_use = {group: min((used[x] for x in names if x in used), default=-1) for group, names in groups.items()}
    *upper, last = sorted((group for group in groups if first_use[group] >= 0), key=lambda group: -first_use[group])
    unused = [name for group, names in groups.items() if first_use[group] < 0 for name in names]
    return (*(Layer(group, tuple(groups[group])) for group in upper), Layer(last, (*groups[last], *unused)))


def _groups(module: nn.Module, known: Set[str], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the parameters of each layer in a module, in the order of their definition.

    Args:
        module: The module to divide into layers.
        known: The names of the model's parameters. A tied parameter has several names, of which only one is known.
        prefix: The module's name.
    """
    for name, _ in module.named_parameters(prefix, recurse=False):
        yield name, [name]
    for name, child in module.named_children():
        name = f"{prefix}.{name}" if prefix else name
        names = [x for x, _ in child.named_parameters(name)]
        has_list = any(type(x) is nn.ModuleList for x in child.modules())
        if type(module) is nn.ModuleList or not (has_list or known <= set(names)):
            yield name, names
        else:
            yield from _groups(child, known, name)


class _UsedParameters(TorchDispatchMode):
    """Within the block, note which parameters operations read, in the order of their first use."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        parameters = sorted((p.data_ptr(), p.nbytes, name) for name, p in model.named_parameters())
        self.starts = [start for start, _, _ in parameters]
        self.ends = [start + size for start, size, _ in parameters]
        self.names = [name for _, _, name in parameters]
        self.used: dict[str, None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation."""
        for x in tree_leaves((args, kwargs)):
            if isinstance(x, Tensor):
                i = bisect_right(self.starts, x.data_ptr()) - 1
                if i >= 0 and x.data_ptr() < self.ends[i]:
                    self.used[self.names[i]] = None
        return func(*args, **(kwargs or {}))


def _in_order_of_use(model: nn.Module, inputs: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the parameters that a forward pass reads, in the order of their first use.

    Parameters are recognised by their place in memory, so that views of a parameter count. Hooks on the modules would
    miss a recurrent layer whose weights are used without calling the module.
    """
    with torch.no_grad(), _UsedParameters(model) as recorder:
        run_model(model, inputs)
    return list(recorder.used)


@contextmanager
def replaced_parameters(model: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """Give some parameters of a model other values within the block, and restore the model's own parameters afterwards.

    The model's own tensors are replaced, never written to. Tied parameters stay tied. Other threads that explain with
    this model wait for the end of the block.

    Args:
        model: Any module.
        values: The new values by the name of the parameter.
    """
    with lock_of(model):
        others = {id(model.get_parameter(name)): nn.Parameter(value, False) for name, value in values.items()}
        places = [
            (module, name, parameter)
            for module in model.modules()
            for name, parameter in module._parameters.items()
            if parameter is not None and id(parameter) in others
        ]
        try:
            for module, name, parameter in places:
                setattr(module, name, others[id(parameter)])  # a recurrent layer also keeps a list of its weights
            yield
        finally:
            for module, name, parameter in places:
                setattr(module, name, parameter)


def permuted(model: nn.Module, names: Sequence[str], seed: int) -> dict[str, Tensor]:
    """Return parameters with their entries in random order, by name.

    A permutation keeps the distribution of the entries, and thus the scale of all activations. It also needs no
    initialisation function, which custom modules may lack.

    Raises:
        GradexplainError: A parameter is quantised.
    """
    return {name: _permute(name, model.get_parameter(name), seed) for name in names}


def _permute(name: str, parameter: nn.Parameter, seed: int) -> Tensor:
    if type(parameter) is not nn.Parameter or not parameter.is_floating_point() or parameter.is_meta:
        raise GradexplainError(
            f"the parameter {name} is quantised or offloaded: load the model without quantisation and offloading"
        )
    order = np.random.default_rng((seed, *name.encode())).permutation(parameter.numel())
    values = parameter.detach().flatten()
    return values[torch.from_numpy(order).to(values.device)].view(parameter.shape)

"""Record what the operations of a forward pass read and return, for the nodes of its autograd graph."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Recorded = Mapping[Node, Tensor]
"""The inputs of operations whose nodes do not save them."""

_INPUT_NOT_SAVED = ("exp", "sigmoid", "tanh")
"""Operations whose nodes save only their output, from which a saturated input cannot be computed."""


class _Recorder(TorchDispatchMode):
    """Within the block, intercept every operation of this thread, and find the node of its result.

    A result has its node when the next operation begins, and keeps it until it is changed in place.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[Any, Any] | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation."""
        self._find_node()
        name, kwargs = func.overloadpacket.__name__, kwargs or {}
        read = self.read(name, args, kwargs)
        result = func(*args, **kwargs)
        if read is not None and torch.is_grad_enabled():
            self._last = read, _tensors_behind(args[:1]) if name.endswith("_") else result
        return result

    def __exit__(self, *exception: Any) -> None:
        """Leave the block."""
        super().__exit__(*exception)
        self._find_node()

    def read(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what to remember of an operation's arguments; None to ignore it."""
        raise NotImplementedError

    def store(self, node: Node, read: Any, output: Tensor) -> None:
        """Store what was remembered of an operation, and its first output."""
        raise NotImplementedError

    def _find_node(self) -> None:
        if self._last is not None:
            (read, result), self._last = self._last, None
            output = next((x for x in _tensors(result) if x.grad_fn is not None), None)
            if output is not None:
                self.store(output.grad_fn, read, output)  # type: ignore[arg-type]


class RecordInputs(_Recorder):
    """Within the block, record the inputs of the operations whose nodes do not save them.

    Attributes:
        inputs: The input of each of these operations.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[Node, Tensor] = {}
        self._nodes_of_storage: dict[int, list[Node]] = {}

    def read(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
        """Return the input; a copy if this operation changes it in place.

        Inputs recorded earlier are copied before this operation changes them.
        """
        if name.endswith("_"):
            for changed in _tensors(args):
                for node in self._nodes_of_storage.pop(_storage(changed), ()):
                    self.inputs[node] = self.inputs[node].clone()
        if name.rstrip("_") not in _INPUT_NOT_SAVED:
            return None
        x: Tensor = args[0].detach()
        return x.clone() if name.endswith("_") else x

    def store(self, node: Node, read: Tensor, output: Tensor) -> None:
        """Store the input."""
        self.inputs[node] = read
        self._nodes_of_storage.setdefault(_storage(read), []).append(node)


@dataclass(frozen=True, eq=False)
class Operation:
    """An operation of a forward pass.

    If it changes a view in place, the changed input, `output` and the node belong to the base tensor of the view.

    Attributes:
        name: Its name, which ends with `_` if it changes its first argument in place.
        arguments: Its positional arguments, not copied.
        inputs: Copies of its arguments that require gradients, in order.
        output: A copy of its first output.
    """

    name: str
    arguments: tuple[Any, ...]
    inputs: tuple[Tensor, ...]
    output: Tensor


class RecordAll(_Recorder):
    """Within the block, record all operations that autograd follows.

    Attributes:
        operations: Each operation, by its node.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: dict[Node, Operation] = {}

    @property
    def inputs(self) -> Recorded:
        """The inputs of the operations whose nodes do not save them."""
        followed = self.operations.items()
        return {
            node: operation.inputs[0] for node, operation in followed if operation.name.rstrip("_") in _INPUT_NOT_SAVED
        }

    def read(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[Tensor], Operation]:
        """Return the operation without its output."""
        in_place, others = (args[:1], args[1:]) if name.endswith("_") else ((), args)
        tensors = [*_tensors_behind(in_place), *_tensors((others, kwargs))]
        return partial(Operation, name, args, tuple(x.detach().clone() for x in tensors if x.requires_grad))

    def store(self, node: Node, read: Callable[[Tensor], Operation], output: Tensor) -> None:
        """Store the operation."""
        self.operations[node] = read(output.detach().clone())


def _tensors(tree: Any) -> list[Tensor]:
    return [x for x in tree_leaves(tree) if isinstance(x, Tensor)]


def _tensors_behind(tree: Any) -> list[Tensor]:
    """Return the tensors, and in place of each view the tensor that it is a view of."""
    return [x._base if x._is_view() else x for x in _tensors(tree)]  # type: ignore[misc]


def _storage(x: Tensor) -> int:
    return x.untyped_storage().data_ptr()

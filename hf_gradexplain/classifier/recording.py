"""Record what the operations of a forward pass read and return, for the nodes of its autograd graph.

An operation and its node share a sequence number, which PyTorch counts up for every new node.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

Recorded = Mapping[int, Tensor]
"""The inputs of operations whose nodes do not save them, by the sequence numbers of the nodes."""

_INPUT_NOT_SAVED = ("exp", "sigmoid", "tanh")
"""Operations whose nodes save only their output, from which a saturated input cannot be computed."""


class RecordInputs(TorchDispatchMode):
    """Within the block, record the inputs of the operations whose nodes do not save them.

    Attributes:
        inputs: The input of each of these operations, by the sequence number of its node.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[int, Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and record its input."""
        name = func.overloadpacket.__name__
        if name.rstrip("_") in _INPUT_NOT_SAVED and args[0].requires_grad:
            in_place = name.endswith("_")
            self.inputs.setdefault(_newest_number(), args[0].detach().clone() if in_place else args[0].detach())
        return func(*args, **(kwargs or {}))


class RecordAll(RecordInputs):
    """Within the block, record the arguments and the outputs of all operations that autograd follows.

    Attributes:
        arguments: The positional arguments of each operation, by the sequence number of its node.
        outputs: Copies of its outputs, by the same number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.arguments: dict[int, tuple[Any, ...]] = {}
        self.outputs: dict[int, list[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and record its arguments and outputs."""
        number, new = (
            _newest_number(),
            any(isinstance(x, Tensor) and x.requires_grad for x in tree_iter((args, kwargs))),
        )
        result = super().__torch_dispatch__(func, types, args, kwargs)
        if new and number not in self.outputs:
            outputs = result if isinstance(result, tuple | list) else (result,)
            self.arguments[number] = args
            self.outputs[number] = [x.detach().clone() if isinstance(x, Tensor) else x for x in outputs]
            if func.overloadpacket.__name__.endswith("_") and args[0]._is_view():
                # A change in place of a view gets a second node, that of the tensor it is a view of.
                self.outputs[number + 1] = [args[0]._base.detach().clone()]
        return result


def number_of(node: Node) -> int:
    """Return the sequence number of a node."""
    return node._sequence_nr()  # type: ignore[attr-defined, no-any-return]


def _newest_number() -> int:
    """Return the sequence number of the newest node of this thread."""
    return torch.autograd._get_sequence_nr() - 1  # type: ignore[attr-defined, no-any-return]

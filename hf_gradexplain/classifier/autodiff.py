"""Derivatives of what a model computes, where its own backward pass computes something else.

A custom `torch.autograd.Function` may bring any backward pass: a straight-through estimate, a smoothed surrogate, one
that only works in training. Its forward pass, run under autograd like any other code, gives the derivative.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

CustomFunction = type[Function]


def custom_functions(output: Tensor) -> frozenset[CustomFunction]:
    """The custom autograd functions in the graph behind a tensor."""
    seen, found = set(), set()
    nodes = [output.grad_fn]
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        nodes += [earlier for earlier, _ in node.next_functions]
        found |= {cls} if (cls := getattr(node, "_forward_cls", None)) else set()
    return frozenset(found)


@contextmanager
def follow_forward(functions: Iterable[CustomFunction]) -> Iterator[None]:
    """Within the block, autograd follows the forward passes of these functions and ignores their backward passes.

    It follows them through `torch.no_grad` too, which such functions and the layers they call use to keep autograd
    out. Without functions the block does nothing.
    """
    functions = tuple(functions)
    own = [(cls, vars(cls).get("apply")) for cls in functions]
    enter, leave = torch.no_grad.__enter__, torch.no_grad.__exit__
    try:
        for cls in functions:
            cls.apply = _plain_call(cls)  # type: ignore[method-assign]
        if functions and torch.is_grad_enabled():
            torch.no_grad.__enter__ = torch.no_grad.__exit__ = lambda *_: None  # type: ignore[assignment,method-assign]
        yield
    finally:
        torch.no_grad.__enter__, torch.no_grad.__exit__ = enter, leave  # type: ignore[method-assign]
        for cls, apply in own:
            if apply is None:
                del cls.apply
            else:
                cls.apply = apply  # type: ignore[method-assign]


class _Context:
    """What a forward pass is given to note things for its backward pass in, which nobody will read."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: None


def _plain_call(cls: CustomFunction) -> Any:
    """The forward pass of a custom function as an ordinary function."""
    if cls.setup_context is not Function.setup_context:
        return staticmethod(cls.forward)
    return staticmethod(lambda *args: cls.forward(_Context(), *args))

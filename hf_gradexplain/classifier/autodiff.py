"""Derivatives of custom autograd functions, computed from their forward passes.

A custom `torch.autograd.Function` may define any backward pass: a straight-through estimate, a smoothed surrogate, or
one that works only in training. Its forward pass, run under autograd like any other code, gives the true derivative.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

CustomFunction = type[Function]


def custom_functions(output: Tensor) -> frozenset[CustomFunction]:
    """Return the custom autograd functions in the graph of a tensor."""
    seen, functions = set(), set()
    nodes = [output.grad_fn]
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        nodes += [earlier for earlier, _ in node.next_functions]
        functions |= {cls} if (cls := getattr(node, "_forward_cls", None)) else set()
    return frozenset(functions)


@contextmanager
def follow_forward(functions: Iterable[CustomFunction]) -> Iterator[None]:
    """Within the block, differentiate the forward passes of these functions and ignore their backward passes.

    `torch.no_grad` has no effect within the block, because such functions, and the layers that they call, use it to
    disable autograd. Without functions the block changes nothing.
    """
    functions = tuple(functions)
    saved = [(cls, vars(cls).get("apply")) for cls in functions]
    enter, leave = torch.no_grad.__enter__, torch.no_grad.__exit__
    try:
        for cls in functions:
            cls.apply = _plain_call(cls)  # type: ignore[method-assign]
        if functions and torch.is_grad_enabled():
            torch.no_grad.__enter__ = torch.no_grad.__exit__ = lambda *_: None  # type: ignore[assignment,method-assign]
        yield
    finally:
        torch.no_grad.__enter__, torch.no_grad.__exit__ = enter, leave  # type: ignore[method-assign]
        for cls, apply in saved:
            if apply is None:
                del cls.apply
            else:
                cls.apply = apply  # type: ignore[method-assign]


class _Context:
    """A dummy autograd context: ignores everything that is saved on it."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: None


def _plain_call(cls: CustomFunction) -> Any:
    """Return the forward pass of a custom function as an ordinary function."""
    if cls.setup_context is not Function.setup_context:
        return staticmethod(cls.forward)
    return staticmethod(lambda *args: cls.forward(_Context(), *args))

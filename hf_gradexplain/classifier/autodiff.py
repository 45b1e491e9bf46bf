"""Derivatives of custom autograd functions, computed from their forward passes.

A custom `torch.autograd.Function` may define any backward pass: a straight-through estimate, a smoothed surrogate, or
one that works only in training. Its forward pass, run under autograd like any other code, gives the true derivative.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor
from torch.autograd import Function

from hf_gradexplain.threads import ProcessSetting, Restore

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


class _OfThread(threading.local):
    """What `follow_forward` does in the current thread.

    Attributes:
        followed: The functions whose forward passes are differentiated.
        ignores_no_grad: Whether `torch.no_grad` has no effect.
    """

    followed: frozenset[CustomFunction] = frozenset()
    ignores_no_grad = False


_OF_THREAD = _OfThread()


@contextmanager
def follow_forward(functions: Iterable[CustomFunction]) -> Iterator[None]:
    """Within the block, differentiate the forward passes of these functions and ignore their backward passes.

    `torch.no_grad` has no effect within the block, because such functions, and the layers that they call, use it to
    disable autograd. Other threads compute as without the block. Without functions the block changes nothing.
    """
    functions = frozenset(functions)
    if not functions:
        yield
        return
    before = _OF_THREAD.followed, _OF_THREAD.ignores_no_grad
    with ExitStack() as settings:
        for setting in (_NO_GRAD, *map(_setting_of, functions)):
            settings.enter_context(setting.set())
        try:
            _OF_THREAD.followed |= functions
            _OF_THREAD.ignores_no_grad |= torch.is_grad_enabled()
            yield
        finally:
            _OF_THREAD.followed, _OF_THREAD.ignores_no_grad = before


def _replace_no_grad() -> Restore:
    """Replace `torch.no_grad.__enter__` by a method that does nothing in threads that ignore it."""
    own = torch.no_grad.__enter__

    def enter(block: torch.no_grad) -> None:
        if _OF_THREAD.ignores_no_grad:
            block.prev = torch.is_grad_enabled()  # the end of the block sets this value
        else:
            own(block)

    torch.no_grad.__enter__ = enter  # type: ignore[method-assign]
    return lambda: setattr(torch.no_grad, "__enter__", own)


_NO_GRAD = ProcessSetting(_replace_no_grad)
"""`torch.no_grad` has no effect in threads that ignore it."""

_SETTINGS: WeakValueDictionary[CustomFunction, ProcessSetting] = WeakValueDictionary()
"""For each followed function, the setting that replaces its `apply`; kept while a block uses it."""

_LOCK = threading.Lock()


def _setting_of(function: CustomFunction) -> ProcessSetting:
    with _LOCK:
        setting = _SETTINGS.get(function) or ProcessSetting(lambda: _replace_apply(function))
        _SETTINGS[function] = setting
    return setting


def _replace_apply(function: CustomFunction) -> Restore:
    """Replace `apply` of a function; return the function that restores it."""
    own = vars(function).get("apply")
    function.apply = _Apply(function, own)  # type: ignore[assignment]
    return lambda: delattr(function, "apply") if own is None else setattr(function, "apply", own)


@dataclass(frozen=True)
class _Apply:
    """The attribute `apply` of a function: its forward pass in threads that follow it, the original in all others.

    Attributes:
        function: The function.
        own: The original attribute; None if it is inherited.
    """

    function: CustomFunction
    own: Any

    def __get__(self, instance: Function | None, function: CustomFunction) -> Callable[..., Any]:
        if function in _OF_THREAD.followed:
            return _forward_of(function)
        if self.own is not None:
            bind = getattr(type(self.own), "__get__", None)
            return bind(self.own, instance, function) if bind else self.own
        inherited: Any = super(self.function, function)
        return inherited.apply


class _Context:
    """A dummy autograd context: ignores everything that is saved on it."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: None


def _forward_of(function: CustomFunction) -> Callable[..., Any]:
    """Return the forward pass of a custom function as an ordinary function."""
    if function.setup_context is not Function.setup_context:
        return function.forward
    return partial(function.forward, _Context())

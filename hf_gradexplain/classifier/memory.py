"""How many tokens a model has memory for, learnt where memory runs out."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import nn

Result = TypeVar("Result")

_LIMITS: WeakKeyDictionary[nn.Module, dict[bool, int]] = WeakKeyDictionary()
"""Per model, without and with a graph for a backward pass: the most tokens that it is given at a time."""


def token_limit(model: nn.Module, asked: int, *, graph: bool) -> int:
    """The token budget of one pass: what was asked for, or less where that was seen to be too much.

    Args:
        model: The model.
        asked: The budget that was asked for.
        graph: Whether the pass keeps what a backward pass needs.
    """
    return min(asked, _LIMITS.get(model, {}).get(graph, asked))


def lower_limit(model: nn.Module, tried: int, *, graph: bool) -> None:
    """Note that memory ran out at `tried` tokens: from here on the model is given half of them."""
    _LIMITS.setdefault(model, {})[graph] = max(1, tried // 2)


def run_halving_on_oom(
    batches: Sequence[list[int]],
    tokens: Callable[[list[int]], int],
    run: Callable[[list[int]], Result],
    model: nn.Module,
    *,
    graph: bool,
) -> Iterator[tuple[list[int], Result]]:
    """Run batches one after the other, and those that memory does not hold in halves.

    Args:
        batches: What to run, in this order; the halves of a batch come in its place.
        tokens: The number of tokens of a batch.
        run: Gives the result of a batch.
        model: The model that runs; what was learnt about its memory stays with it.
        graph: Whether its passes keep what a backward pass needs.

    Raises:
        MemoryError: Or the device's own error, if a single text does not fit.
    """
    todo = list(reversed(batches))
    while todo:
        batch = todo.pop()
        size, half = tokens(batch), len(batch) // 2
        if half and size > token_limit(model, size, graph=graph):
            todo += [batch[half:], batch[:half]]
            continue
        try:
            result = run(batch)
        except (MemoryError, RuntimeError) as error:
            if not half or not ran_out(error):
                raise
            lower_limit(model, size, graph=graph)
            todo.append(batch)
            continue
        yield batch, result


def run_in_chunks(
    model: nn.Module, n: int, length: int, asked: int, run: Callable[[slice], Result], *, graph: bool
) -> Iterator[tuple[slice, Result]]:
    """Run `n` copies of a text in turn, as many at a time as the budget allows, and fewer where memory runs out.

    Args:
        model: The model that runs; what was learnt about its memory stays with it.
        n: The number of copies.
        length: The tokens of one of them.
        asked: The token budget.
        run: Gives the result of some of the copies.
        graph: Whether the passes keep what a backward pass needs.

    Raises:
        MemoryError: Or the device's own error, if a single copy does not fit.
    """
    start = 0
    while start < n:
        at_once = max(1, token_limit(model, asked, graph=graph) // length)
        at = slice(start, min(start + at_once, n))
        ran = at.stop - at.start
        try:
            result = run(at)
        except (MemoryError, RuntimeError) as error:
            if ran == 1 or not ran_out(error):
                raise
            lower_limit(model, ran * length, graph=graph)
            continue
        yield at, result
        start = at.stop


def ran_out(error: BaseException) -> bool:
    """Whether memory ran out; the CPU's allocator and some libraries have no error class of their own for that."""
    signs = "DefaultCPUAllocator", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)

"""Errors of models, and token budgets that shrink after out-of-memory errors."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import nn

Result = TypeVar("Result")

FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors that models raise for inputs that they do not support; running out of memory raises one of them, too."""

_PADDING = 1 / 16
"""Copies of different lengths share a pass if its padding is at most this share of the token budget.

One more pass costs about as much as padding of this size: on a CPU, 40 to 60 of the 1,024 tokens of the budget.
"""

_LIMITS: WeakKeyDictionary[nn.Module, dict[bool, int]] = WeakKeyDictionary()
"""Per model, and per kind of forward pass (with or without an autograd graph): the learned token budget."""


def token_limit(model: nn.Module, requested: int, *, graph: bool) -> int:
    """Return the token budget of one forward pass: the requested one, or less after an out-of-memory error.

    Args:
        model: The model.
        requested: The requested budget.
        graph: Whether the forward pass keeps its autograd graph.
    """
    return min(requested, _LIMITS.get(model, {}).get(graph, requested))


def lower_limit(model: nn.Module, tried: int, *, graph: bool) -> None:
    """Set the budget of the model to half of `tried`, the number of tokens at which it ran out of memory."""
    _LIMITS.setdefault(model, {})[graph] = max(1, tried // 2)


def run_halving_on_oom(
    batches: Sequence[list[int]],
    tokens: Callable[[list[int]], int],
    run: Callable[[list[int]], Result],
    model: nn.Module,
    *,
    graph: bool,
) -> Iterator[tuple[list[int], Result]]:
    """Run batches in order, and split a batch in halves when memory runs out.

    Args:
        batches: The batches; the halves of a batch take its place in the order.
        tokens: Returns the number of tokens of a batch.
        run: Returns the result of a batch.
        model: The model that runs; its learned budget also applies to later calls.
        graph: Whether the forward passes keep their autograd graph.

    Yields:
        Each batch or part of a batch, with its result.

    Raises:
        MemoryError: A single text does not fit. Some devices raise an error of their own instead.
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
            if not half or not is_out_of_memory(error):
                raise
            lower_limit(model, size, graph=graph)
            todo.append(batch)
            continue
        yield batch, result


def run_in_chunks(
    model: nn.Module, lengths: Sequence[int], batch_tokens: int, run: Callable[[slice], Result], *, graph: bool
) -> Iterator[tuple[slice, Result]]:
    """Run copies of texts in chunks that fit the token budget, and in smaller ones when memory runs out.

    A chunk is padded to its longest copy. Copies of different lengths share a chunk only if its padding costs less than
    one more chunk would.

    Args:
        model: The model that runs; its learned budget also applies to later calls.
        lengths: The number of tokens of each copy, in ascending order.
        batch_tokens: The token budget.
        run: Returns the result of a chunk of the copies.
        graph: Whether the forward passes keep their autograd graph.

    Yields:
        Each chunk, as a slice of the copies, with its result.

    Raises:
        MemoryError: A single copy does not fit. Some devices raise an error of their own instead.
    """
    start = 0
    while start < len(lengths):
        chunk = _next_chunk(lengths, start, token_limit(model, batch_tokens, graph=graph))
        size = chunk.stop - chunk.start
        try:
            result = run(chunk)
        except (MemoryError, RuntimeError) as error:
            if size == 1 or not is_out_of_memory(error):
                raise
            lower_limit(model, size * lengths[chunk.stop - 1], graph=graph)
            continue
        yield chunk, result
        start = chunk.stop


def _next_chunk(lengths: Sequence[int], start: int, tokens: int) -> slice:
    """Return the largest chunk from `start` within a token budget, see `run_in_chunks`; at least one copy."""
    stop, padding = start + 1, 0
    while stop < len(lengths) and (stop + 1 - start) * lengths[stop] <= tokens:
        padding += (stop - start) * (lengths[stop] - lengths[stop - 1])
        if padding > _PADDING * tokens:
            break
        stop += 1
    return slice(start, stop)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means out of memory; the CPU allocator and some libraries raise a plain RuntimeError."""
    signs = "DefaultCPUAllocator", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)

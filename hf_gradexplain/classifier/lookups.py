"""Where a model looks words up, and the only hooks of the package.

Which layers those are is discovered, not looked up by name: change one word, run the model again, and see which
lookups answer differently and at which position. That finds the encoder's and the decoder's lookup (the latter
shifted by one), time-major outputs, and hashed tables, and leaves out positions and segment ids that happen to go
through the word table.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.state import ModelState
from hf_gradexplain.errors import GradexplainError

Edit = Callable[[int, Tensor, slice], Tensor]
"""`(table, vectors (B, t, D), tokens) -> (B, t, D)`: `tokens` says which `t` of the `T` tokens the vectors are of."""


@dataclass(frozen=True)
class Lookup:
    """One call of one layer that turns the text's token ids into vectors.

    Attributes:
        module: The layer's name in the model.
        call: Which of the layer's calls in a forward pass, from 0.
        shift: Token `t` stands at output position `t + shift`.
        time_major: Whether the output is `(T, B, D)` rather than `(B, T, D)`.
        table: Lookups that return the same vector for the same token share a table, and so a gradient.
    """

    module: str
    call: int
    shift: int
    time_major: bool
    table: int = 0

    def words(self, output: Any, length: int) -> tuple[Tensor, slice, slice]:
        """The layer's output as `(B, T', D)`, the tokens that it holds, and their positions in it."""
        vectors = _vectors(output)
        vectors = vectors.transpose(0, 1) if self.time_major else vectors
        first, last = max(0, -self.shift), min(length, vectors.shape[1] - self.shift)
        return vectors, slice(first, last), slice(first + self.shift, last + self.shift)

    def edited(self, output: Any, edit: Edit, length: int) -> Any:
        """The layer's output with the words' vectors edited and everything else as it was."""
        vectors, tokens, at = self.words(output, length)
        new = edit(self.table, vectors[:, at], tokens)
        if new.shape[1] != vectors.shape[1]:
            new = torch.cat([vectors[:, : at.start], new, vectors[:, at.stop :]], dim=1)
        new = new.transpose(0, 1) if self.time_major else new
        return (new, *output[1:]) if isinstance(output, tuple) else new


@contextmanager
def edit_lookups(model: nn.Module, lookups: Sequence[Lookup], edit: Edit, length: int) -> Iterator[None]:
    """Within the block, every forward pass of texts of `length` tokens sees edited word vectors.

    Raises:
        RuntimeError: At the end of the block, if a lookup was not met in the last forward pass.
    """
    calls: Counter[str] = Counter()
    by_place = {(lookup.module, lookup.call): lookup for lookup in lookups}

    def hook_of(name: str) -> Callable[..., Any]:
        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            lookup = by_place.get((name, calls[name]))
            calls[name] += 1
            return output if lookup is None else lookup.edited(output, edit, length)

        return hook

    names = dict.fromkeys(lookup.module for lookup in lookups)
    handles = [model.register_forward_pre_hook(lambda *_: calls.clear())]
    try:
        handles += [model.get_submodule(name).register_forward_hook(hook_of(name)) for name in names]
        yield
        missed = [place for place in by_place if calls[place[0]] <= place[1]]
    finally:
        for handle in handles:
            handle.remove()
    if missed:
        raise RuntimeError(f"the model no longer looks words up at {missed}: make a new Explainer for it")


def find_lookups(
    model: nn.Module, inputs: Mapping[str, Tensor], changes: Sequence[tuple[int, int]]
) -> tuple[Lookup, ...]:
    """Discover where `model` looks its words up.

    Args:
        model: Any module that reads `input_ids` and returns `.logits`, in eval mode.
        inputs: One text, each `(1, T)`, with `T` of at least 4.
        changes: `(position, other id)`, at least two: ordinary tokens of the text and what to put in their place.

    Returns:
        The lookups in the order in which the model makes them.

    Raises:
        GradexplainError: If none is found, or if those found do not carry the whole influence of a word.
    """
    if inputs["input_ids"].shape[1] < 4 or len(changes) < 2:
        raise GradexplainError("the probe needs at least 4 tokens and 2 changes: give a longer probe text")
    plain, _ = _run(model, inputs)
    runs = [_run(model, _changed(inputs, change)) for change in changes]
    found = []
    for place, vectors in plain.items():
        moves = {_moved(vectors, run[0].get(place), at) for run, (at, _) in zip(runs, changes, strict=True)}
        if len(moves) == 1 and (move := moves.pop()) is not None:
            found.append(Lookup(*place, shift=move[0], time_major=move[1]))
    if not found:
        raise GradexplainError(
            f"{type(model).__name__} looks words up in no layer that a forward hook can see: it cannot be explained"
        )
    for level, layers in enumerate(_outwards(found)):
        lookups = _number_tables(layers, plain, inputs["input_ids"].shape[1])
        if level and not _same_wherever_it_stands(model, inputs, lookups, (changes[0][0], changes[1][0])):
            break
        if _are_complete(model, inputs, lookups, runs[0]):
            return lookups
    raise GradexplainError(
        f"{type(model).__name__} reads words past the layers {sorted({x.module for x in next(_outwards(found))})}: "
        "it cannot be explained through its word vectors"
    )


_Outputs = dict[tuple[str, int], Tensor]


def _vectors(output: Any) -> Tensor:
    return output[0] if isinstance(output, tuple) else output


def _changed(inputs: Mapping[str, Tensor], change: tuple[int, int]) -> dict[str, Tensor]:
    ids = inputs["input_ids"].clone()
    ids[0, change[0]] = change[1]
    return {**inputs, "input_ids": ids}


@torch.no_grad()
def _run(model: nn.Module, inputs: Mapping[str, Tensor]) -> tuple[_Outputs, Tensor]:
    """What every layer that reads nothing but integers returned, call by call, and the logits."""
    outputs: _Outputs = {}
    calls: Counter[str] = Counter()

    def hook_of(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            read = [x.is_floating_point() for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
            vectors = _vectors(output)
            if read and not any(read) and isinstance(vectors, Tensor) and vectors.ndim == 3:
                outputs[name, calls[name]] = vectors.clone()
            calls[name] += 1

        return hook

    handles = []
    try:
        for name, module in model.named_modules():
            handles.append(module.register_forward_hook(hook_of(name), with_kwargs=True))
        with ModelState(model).restore():
            logits = model(**inputs).logits
    finally:
        for handle in handles:
            handle.remove()
    return outputs, logits


def _moved(before: Tensor, after: Tensor | None, token: int) -> tuple[int, bool] | None:
    """`(shift, time_major)` if changing `token` changed exactly one position of a lookup, else None."""
    if after is None or before.shape != after.shape or 1 not in before.shape[:2]:
        return None
    time_major = before.shape[0] != 1
    positions = (before != after).any(-1).flatten().nonzero()
    return (int(positions) - token, time_major) if len(positions) == 1 else None


def _outwards(found: Sequence[Lookup]) -> Iterator[list[Lookup]]:
    """The innermost of the layers found, then those around them: an adapter adds to what the layer in it returns."""
    names = {lookup.module for lookup in found}
    around = {name: [x for x in names if f"{name}.".startswith(f"{x}.")] for name in names}
    innermost = names - {x for name, chain in around.items() for x in chain if x != name}
    chains = [sorted(around[name], key=len, reverse=True) for name in innermost]
    for level in range(max(map(len, chains))):
        chosen = {chain[min(level, len(chain) - 1)] for chain in chains}
        yield [lookup for lookup in found if lookup.module in chosen]


def _number_tables(lookups: Sequence[Lookup], outputs: _Outputs, length: int) -> tuple[Lookup, ...]:
    """Give lookups that return the same vectors for the tokens they share the same table number."""
    numbered: list[Lookup] = []
    for lookup in lookups:
        same = (x.table for x in numbered if _same_vectors(x, lookup, outputs, length))
        table = next(same, len({x.table for x in numbered}))
        numbered.append(replace(lookup, table=table))
    return tuple(numbered)


def _same_vectors(a: Lookup, b: Lookup, outputs: _Outputs, length: int) -> bool:
    (x, held, at_x), (y, also, at_y) = (z.words(outputs[z.module, z.call], length) for z in (a, b))
    first, last = max(held.start, also.start), min(held.stop, also.stop)
    shared_x = x[:, first + at_x.start - held.start : last + at_x.start - held.start]
    shared_y = y[:, first + at_y.start - also.start : last + at_y.start - also.start]
    return torch.equal(shared_x, shared_y)


def _are_complete(
    model: nn.Module, inputs: Mapping[str, Tensor], lookups: Sequence[Lookup], changed: tuple[_Outputs, Tensor]
) -> bool:
    """Whether giving the lookups the changed word's vectors gives the changed text's logits."""
    length, outputs = inputs["input_ids"].shape[1], iter(lookups)

    def put(table: int, vectors: Tensor, tokens: slice) -> Tensor:
        lookup = next(outputs)
        words, _, at = lookup.words(changed[0][lookup.module, lookup.call], length)
        return words[:, at]

    with torch.no_grad(), ModelState(model).restore(), edit_lookups(model, lookups, put, length):
        logits = model(**inputs).logits
    tolerance = min(0.05, 1e3 * torch.finfo(logits.dtype).eps) * (1 + changed[1].abs().max())
    return bool((logits - changed[1]).abs().max() <= tolerance)


def _same_wherever_it_stands(
    model: nn.Module, inputs: Mapping[str, Tensor], lookups: Sequence[Lookup], places: tuple[int, int]
) -> bool:
    """Whether a word at both places gets one vector: if not, the layer adds more than the word, its position say."""
    there, length = int(inputs["input_ids"][0, places[0]]), inputs["input_ids"].shape[1]
    outputs, _ = _run(model, _changed(inputs, (places[1], there)))
    for lookup in lookups:
        vectors, _, _ = lookup.words(outputs[lookup.module, lookup.call], length)
        first, second = (vectors[0, place + lookup.shift] for place in places)
        if not torch.allclose(first, second, rtol=1e-3, atol=1e-3 * float(first.abs().max())):
            return False
    return True

"""Find and edit a model's embedding lookups; no other module registers hooks on the model.

The lookups are discovered by experiment, not by the names of layers: change one word, run the model again, and compare
which layers return something else, and at which position. This finds the lookups of encoder and decoder (the latter
shifted by one), time-major outputs and hashed tables. It leaves out positions and segment ids that some models push
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
"""A function `(table, vectors, tokens)` that returns new vectors `(B, t, D)`.

`table` is the number of the embedding table. `vectors` `(B, t, D)` are the vectors of the `t` tokens that the slice
`tokens` takes from the `T` tokens of the texts.
"""


@dataclass(frozen=True)
class Lookup:
    """One call of one layer that turns the token ids of a text into vectors.

    Attributes:
        module: The layer's name in the model.
        call: The number of the call among the layer's calls in a forward pass, from 0.
        shift: Token `t` has output position `t + shift`.
        time_major: Whether the output is `(T, B, D)` rather than `(B, T, D)`.
        table: Number of the embedding table. Lookups that return the same vector for the same token share a table,
            and therefore a gradient.
    """

    module: str
    call: int
    shift: int
    time_major: bool
    table: int = 0

    def align(self, output: Any, length: int) -> tuple[Tensor, slice, slice]:
        """Return the layer's output as `(B, T', D)`, the tokens that it holds, and their positions in it."""
        vectors = _vectors(output)
        vectors = vectors.transpose(0, 1) if self.time_major else vectors
        first, last = max(0, -self.shift), min(length, vectors.shape[1] - self.shift)
        return vectors, slice(first, last), slice(first + self.shift, last + self.shift)

    def apply_edit(self, output: Any, edit: Edit, length: int) -> Any:
        """Return the layer's output with edited word vectors; everything else stays as it is."""
        vectors, tokens, positions = self.align(output, length)
        new = edit(self.table, vectors[:, positions], tokens)
        if new.shape[1] != vectors.shape[1]:
            new = torch.cat([vectors[:, : positions.start], new, vectors[:, positions.stop :]], dim=1)
        new = new.transpose(0, 1) if self.time_major else new
        return (new, *output[1:]) if isinstance(output, tuple) else new


@contextmanager
def edit_lookups(model: nn.Module, lookups: Sequence[Lookup], edit: Edit, length: int) -> Iterator[None]:
    """Within the block, edit the word vectors in every forward pass over texts of `length` tokens.

    Raises:
        RuntimeError: The last forward pass in the block did not make one of the lookups.
    """
    calls: Counter[str] = Counter()
    by_call = {(lookup.module, lookup.call): lookup for lookup in lookups}

    def hook_of(name: str) -> Callable[..., Any]:
        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            lookup = by_call.get((name, calls[name]))
            calls[name] += 1
            return output if lookup is None else lookup.apply_edit(output, edit, length)

        return hook

    names = dict.fromkeys(lookup.module for lookup in lookups)
    handles = [model.register_forward_pre_hook(lambda *_: calls.clear())]
    try:
        handles += [model.get_submodule(name).register_forward_hook(hook_of(name)) for name in names]
        yield
        missed = [key for key in by_call if calls[key[0]] <= key[1]]
    finally:
        for handle in handles:
            handle.remove()
    if missed:
        raise RuntimeError(f"the model no longer calls the embedding lookups {missed}: create a new Explainer for it")


def find_lookups(
    model: nn.Module, inputs: Mapping[str, Tensor], changes: Sequence[tuple[int, int]]
) -> tuple[Lookup, ...]:
    """Find the embedding lookups of a model.

    Args:
        model: Any module that takes `input_ids` and returns `.logits`, in eval mode.
        inputs: One text, each `(1, T)`, with `T` of at least 4.
        changes: At least two pairs `(position, other id)`: ordinary tokens of the text, and their replacements.

    Returns:
        The lookups in the order in which the model makes them.

    Raises:
        GradexplainError: No lookup is found, or a word influences the logits in other ways than through the lookups.
    """
    if inputs["input_ids"].shape[1] < 4 or len(changes) < 2:
        raise GradexplainError(
            "finding the embedding lookups needs at least 4 tokens and 2 changes: give a longer text"
        )
    plain, _ = _run(model, inputs)
    runs = [_run(model, _changed(inputs, change)) for change in changes]
    candidates = []
    for key, vectors in plain.items():
        layouts = {_layout(vectors, run[0].get(key), token) for run, (token, _) in zip(runs, changes, strict=True)}
        if len(layouts) == 1 and (layout := layouts.pop()) is not None:
            candidates.append(Lookup(*key, shift=layout[0], time_major=layout[1]))
    if not candidates:
        raise GradexplainError(
            f"{type(model).__name__} looks words up in no layer that a forward hook can see: it cannot be explained"
        )
    for level, layers in enumerate(_from_inside_out(candidates)):
        lookups = _number_tables(layers, plain, inputs["input_ids"].shape[1])
        if level and not _depends_on_word_only(model, inputs, lookups, (changes[0][0], changes[1][0])):
            break
        if _are_complete(model, inputs, lookups, runs[0]):
            return lookups
    raise GradexplainError(
        f"{type(model).__name__} reads words outside of the layers "
        f"{sorted({x.module for x in next(_from_inside_out(candidates))})}: it cannot be explained by its word vectors"
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
    """Return the outputs of every call of a layer whose inputs are integers, and the logits."""
    outputs: _Outputs = {}
    calls: Counter[str] = Counter()

    def hook_of(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            floats = [x.is_floating_point() for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
            vectors = _vectors(output)
            if floats and not any(floats) and isinstance(vectors, Tensor) and vectors.ndim == 3:
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


def _layout(before: Tensor, after: Tensor | None, token: int) -> tuple[int, bool] | None:
    """Return `(shift, time_major)` of a lookup if changing `token` changed exactly one of its positions, else None."""
    if after is None or before.shape != after.shape or 1 not in before.shape[:2]:
        return None
    time_major = before.shape[0] != 1
    positions = (before != after).any(-1).flatten().nonzero()
    return (int(positions) - token, time_major) if len(positions) == 1 else None


def _from_inside_out(candidates: Sequence[Lookup]) -> Iterator[list[Lookup]]:
    """Yield the lookups of the innermost layers, then those of the layers around them.

    An adapter, for example, is a layer that adds to the output of the layer inside it.
    """
    names = {lookup.module for lookup in candidates}
    around = {name: [x for x in names if f"{name}.".startswith(f"{x}.")] for name in names}
    innermost = names - {x for name, chain in around.items() for x in chain if x != name}
    chains = [sorted(around[name], key=len, reverse=True) for name in innermost]
    for level in range(max(map(len, chains))):
        chosen = {chain[min(level, len(chain) - 1)] for chain in chains}
        yield [lookup for lookup in candidates if lookup.module in chosen]


def _number_tables(lookups: Sequence[Lookup], outputs: _Outputs, length: int) -> tuple[Lookup, ...]:
    """Number the tables: lookups that return the same vectors for their common tokens get the same number."""
    numbered: list[Lookup] = []
    for lookup in lookups:
        same = (x.table for x in numbered if _same_vectors(x, lookup, outputs, length))
        table = next(same, len({x.table for x in numbered}))
        numbered.append(replace(lookup, table=table))
    return tuple(numbered)


def _same_vectors(a: Lookup, b: Lookup, outputs: _Outputs, length: int) -> bool:
    (x, tokens_x, at_x), (y, tokens_y, at_y) = (z.align(outputs[z.module, z.call], length) for z in (a, b))
    first, last = max(tokens_x.start, tokens_y.start), min(tokens_x.stop, tokens_y.stop)
    shared_x = x[:, first + at_x.start - tokens_x.start : last + at_x.start - tokens_x.start]
    shared_y = y[:, first + at_y.start - tokens_y.start : last + at_y.start - tokens_y.start]
    return torch.equal(shared_x, shared_y)


def _are_complete(
    model: nn.Module, inputs: Mapping[str, Tensor], lookups: Sequence[Lookup], changed: tuple[_Outputs, Tensor]
) -> bool:
    """Return whether the changed word's vectors, put into the original text, give the logits of the changed text."""
    length, remaining = inputs["input_ids"].shape[1], iter(lookups)

    def edit(table: int, vectors: Tensor, tokens: slice) -> Tensor:
        lookup = next(remaining)
        changed_vectors, _, positions = lookup.align(changed[0][lookup.module, lookup.call], length)
        return changed_vectors[:, positions]

    with torch.no_grad(), ModelState(model).restore(), edit_lookups(model, lookups, edit, length):
        logits = model(**inputs).logits
    tolerance = min(0.05, 1e3 * torch.finfo(logits.dtype).eps) * (1 + changed[1].abs().max())
    return bool((logits - changed[1]).abs().max() <= tolerance)


def _depends_on_word_only(
    model: nn.Module, inputs: Mapping[str, Tensor], lookups: Sequence[Lookup], positions: tuple[int, int]
) -> bool:
    """Return whether a word has the same vector at both positions; a layer that adds the position, say, differs."""
    word, length = int(inputs["input_ids"][0, positions[0]]), inputs["input_ids"].shape[1]
    outputs, _ = _run(model, _changed(inputs, (positions[1], word)))
    for lookup in lookups:
        vectors, _, _ = lookup.align(outputs[lookup.module, lookup.call], length)
        first, second = (vectors[0, position + lookup.shift] for position in positions)
        if not torch.allclose(first, second, rtol=1e-3, atol=1e-3 * float(first.abs().max())):
            return False
    return True

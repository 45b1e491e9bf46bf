"""Find and edit a model's embedding lookups, and record inputs of its layers.

No other module registers hooks on the model.

The lookups are discovered by experiment, not by the names of layers: change one word, run the model again, and find out
which layers return something else, and at which position. This finds the lookups of encoders and of decoders (which are
shifted by one position), time-major outputs and hashed tables. Positions and segment ids that some models also look up
in the word table are left out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from hf_gradexplain.classifier.lookups import Edit, Lookup, WordLookup, vectors_of
from hf_gradexplain.classifier.outputs import run_model
from hf_gradexplain.classifier.state import ModelState
from hf_gradexplain.errors import GradexplainError


class OtherPlacesError(RuntimeError):
    """A forward pass looked up words at other places than expected."""


@contextmanager
def edit_lookups(model: nn.Module, lookups: Sequence[WordLookup], edit: Edit, ids: Tensor) -> Iterator[None]:
    """Within the block, edit the word vectors in every forward pass over texts with the token ids `ids` `(B, T)`.

    Raises:
        OtherPlacesError: In a forward pass in the block, a lookup got other ids than expected, or the last forward pass
            called a layer more or fewer times than expected.
    """
    calls: Counter[str] = Counter()
    by_call = {(lookup.module, lookup.call): lookup for lookup in lookups}
    n_calls = {lookup.module: lookup.n_calls for lookup in lookups}

    def hook_of(name: str) -> Callable[..., Any]:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
            lookup = by_call.get((name, calls[name]))
            calls[name] += 1
            if lookup is None:
                return output
            if not lookup.holds(_ids_given(args, kwargs), ids):
                raise OtherPlacesError(f"the model now looks up words at other places in {name}: {_CREATE_ANEW}")
            return lookup.apply_edit(output, edit, ids)

        return hook

    handles = [model.register_forward_pre_hook(lambda *_: calls.clear())]
    try:
        for name in n_calls:
            handles.append(model.get_submodule(name).register_forward_hook(hook_of(name), with_kwargs=True))
        yield
        changed = [name for name, n in n_calls.items() if calls[name] != n]
    finally:
        for handle in handles:
            handle.remove()
    if changed:
        raise OtherPlacesError(
            f"the model no longer calls the embedding lookups {changed} as often as before: {_CREATE_ANEW}"
        )


_CREATE_ANEW = "create a new Explainer for it"


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
    plain, _ = run_recorded(model, inputs)
    runs = [run_recorded(model, change_token(inputs, change)) for change in changes]
    n_calls = Counter(name for name, _ in plain)
    candidates = []
    for key, (given, vectors) in plain.items():
        others = [run[0][key].vectors if key in run[0] else None for run in runs]
        layouts = {_layout(vectors, other, token) for other, (token, _) in zip(others, changes, strict=True)}
        if len(layouts) == 1 and (layout := layouts.pop()) is not None:
            lookup = Lookup(*key, *layout, n_calls=n_calls[key[0]], given_ids=True)
            if lookup.holds(given, inputs["input_ids"]):
                candidates.append(lookup)
            elif not lookup.holds_some(given, inputs["input_ids"]):  # given hashes, for example
                candidates.append(replace(lookup, given_ids=False))
    if not candidates:
        raise GradexplainError(
            f"{type(model).__name__} looks up words in no layer that a forward hook can see: it cannot be explained"
        )
    for level, layers in enumerate(_from_inside_out(candidates)):
        lookups = _number_tables(layers, plain, inputs["input_ids"].shape[1])
        if level and not _depends_on_word_only(model, inputs, lookups, (changes[0][0], changes[1][0])):
            break
        if are_complete(model, inputs, lookups, runs[0]):
            return lookups
    raise GradexplainError(
        f"{type(model).__name__} reads words outside of the layers "
        f"{sorted({x.module for x in next(_from_inside_out(candidates))})}: it cannot be explained by its word vectors"
    )


class Recorded(NamedTuple):
    """What a layer is given and returns in one call: integers, and vectors."""

    given: Tensor
    vectors: Tensor


_Calls = dict[tuple[str, int], Recorded]
"""The calls of layers, by the layer's name and the number of the call."""


def _ids_given(args: Any, kwargs: Any) -> Tensor | None:
    """Return the first tensor that a layer is given, if it is one of integers."""
    first = next((x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)), None)
    return None if first is None or first.is_floating_point() else first


def change_token(inputs: Mapping[str, Tensor], change: tuple[int, int]) -> dict[str, Tensor]:
    """Return the inputs of one text with another token id, `(position, id)`."""
    ids = inputs["input_ids"].clone()
    ids[0, change[0]] = change[1]
    return {**inputs, "input_ids": ids}


@torch.no_grad()
def run_recorded(model: nn.Module, inputs: Mapping[str, Tensor]) -> tuple[_Calls, Tensor]:
    """Return all calls of layers that take integers and return vectors, and the logits of the model."""
    recorded: _Calls = {}
    calls: Counter[str] = Counter()

    def hook_of(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            given, vectors = _ids_given(args, kwargs), vectors_of(output)
            floats = any(x.is_floating_point() for x in (*args, *kwargs.values()) if isinstance(x, Tensor))
            if given is not None and not floats and isinstance(vectors, Tensor) and vectors.is_floating_point():
                recorded[name, calls[name]] = Recorded(given, vectors.clone())
            calls[name] += 1

        return hook

    handles = []
    try:
        for name, module in model.named_modules():
            if name:
                handles.append(module.register_forward_hook(hook_of(name), with_kwargs=True))
        with ModelState(model).restore():
            logits = run_model(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    return recorded, logits


@contextmanager
def record_linear_inputs(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Within the block, record what each linear layer reads in the last forward pass, by its name."""
    recorded: dict[str, Tensor] = {}

    def hook_of(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            recorded[name] = args[0].detach()

        return hook

    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear | Conv1D)}
    handles = [layer.register_forward_pre_hook(hook_of(name)) for name, layer in layers.items()]
    try:
        yield recorded
    finally:
        for handle in handles:
            handle.remove()


def _layout(before: Tensor, after: Tensor | None, token: int) -> tuple[int, bool] | None:
    """Return `(shift, time_major)` of a lookup if changing `token` changed exactly one of its positions, else None."""
    if after is None or before.ndim != 3 or before.shape != after.shape or 1 not in before.shape[:2]:
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


def _number_tables(lookups: Sequence[Lookup], calls: _Calls, length: int) -> tuple[Lookup, ...]:
    """Number the tables: lookups that return the same vectors for their common tokens get the same number."""
    numbered: list[Lookup] = []
    for lookup in lookups:
        same = (x.table for x in numbered if _same_vectors(x, lookup, calls, length))
        table = next(same, len({x.table for x in numbered}))
        numbered.append(replace(lookup, table=table))
    return tuple(numbered)


def _same_vectors(a: Lookup, b: Lookup, calls: _Calls, length: int) -> bool:
    (x, tokens_x, at_x), (y, tokens_y, at_y) = (z.align(calls[z.module, z.call].vectors, length) for z in (a, b))
    first, last = max(tokens_x.start, tokens_y.start), min(tokens_x.stop, tokens_y.stop)
    shared_x = x[:, first + at_x.start - tokens_x.start : last + at_x.start - tokens_x.start]
    shared_y = y[:, first + at_y.start - tokens_y.start : last + at_y.start - tokens_y.start]
    return torch.equal(shared_x, shared_y)


def are_complete(
    model: nn.Module, inputs: Mapping[str, Tensor], lookups: Sequence[Lookup], changed: tuple[_Calls, Tensor]
) -> bool:
    """Return whether the changed word's vectors, put into the original text, give the logits of the changed text."""
    ids, remaining = inputs["input_ids"], iter(lookups)

    def edit(table: int, vectors: Tensor, tokens: slice) -> Tensor:
        lookup = next(remaining)
        changed_vectors, _, positions = lookup.align(changed[0][lookup.module, lookup.call].vectors, ids.shape[1])
        return changed_vectors[:, positions]

    with torch.no_grad(), ModelState(model).restore(), edit_lookups(model, lookups, edit, ids):
        logits = run_model(model, inputs)
    return same_logits(logits, changed[1])


def same_logits(logits: Tensor, expected: Tensor) -> bool:
    """Return whether logits are equal up to rounding."""
    tolerance = min(0.05, 1e3 * torch.finfo(logits.dtype).eps) * (1 + expected.abs().max())
    return bool((logits - expected).abs().max() <= tolerance)


def _depends_on_word_only(
    model: nn.Module, inputs: Mapping[str, Tensor], lookups: Sequence[Lookup], positions: tuple[int, int]
) -> bool:
    """Return whether a word has the same vector at both positions; if a layer adds the position, it has not."""
    word, length = int(inputs["input_ids"][0, positions[0]]), inputs["input_ids"].shape[1]
    calls, _ = run_recorded(model, change_token(inputs, (positions[1], word)))
    for lookup in lookups:
        vectors, _, _ = lookup.align(calls[lookup.module, lookup.call].vectors, length)
        first, second = (vectors[0, position + lookup.shift] for position in positions)
        if not torch.allclose(first, second, rtol=1e-3, atol=1e-3 * float(first.abs().max())):
            return False
    return True

"""Find where a model looks up each token of a batch that it rearranges.

Some models read a long text differently from a short one: they drop its middle, pad it to a block, or cut it into
chunks that they read one after the other or as rows of a batch. What they do is found by experiment. Each token has a
number, and in each forward pass its id is replaced by an id that stands for one digit of this number. The ids that a
layer gets in all passes therefore show which token each of them comes from. With `k` different ids, `log_k n` passes
are enough to distinguish `n` tokens.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.embedding_lookups import Recorded, edit_lookups, run_recorded, same_logits
from hf_gradexplain.classifier.lookups import Edit, WordLookup, vectors_of
from hf_gradexplain.classifier.memory import FAILURES, is_out_of_memory
from hf_gradexplain.classifier.outputs import run_model
from hf_gradexplain.classifier.state import ModelState
from hf_gradexplain.errors import GradexplainError


@dataclass(frozen=True)
class Vocabulary:
    """The token ids with which experiments are made.

    Attributes:
        ordinary: Some ids of ordinary tokens, at least two, in ascending order.
        special: The ids of special tokens, without the unknown token.
    """

    ordinary: tuple[int, ...]
    special: frozenset[int]


@dataclass(frozen=True, eq=False)
class Places:
    """One call of a layer that looks up words, and where in it each token of one batch is.

    Attributes:
        module: The layer's name in the model.
        call: The number of the call among the layer's calls in a forward pass, from 0.
        table: The number of the embedding table.
        n_calls: The number of calls of the layer in a forward pass.
        places: `(n,)` places among the ids that the layer is given, flattened. A token may have several, or none.
        tokens: `(n,)` the token at each place, numbered over the texts `(B, T)`, flattened.
    """

    module: str
    call: int
    table: int
    n_calls: int
    places: Tensor
    tokens: Tensor

    def holds(self, given: Tensor | None, ids: Tensor) -> bool:
        """Return whether the layer is given the ids `(B, T)` of the texts at these places."""
        if given is None or (len(self.places) and int(self.places[-1]) >= given.numel()):
            return False
        expected = ids.flatten()[self.tokens]
        return torch.equal(given.flatten()[self.places.to(given.device)], expected.to(given))

    def apply_edit(self, output: Any, edit: Edit, ids: Tensor) -> Any:
        """Return the layer's output with edited word vectors; everything else stays as it is."""
        vectors = vectors_of(output)
        places, tokens = self.places.to(vectors.device), self.tokens.to(vectors.device)
        found = vectors.reshape(-1, vectors.shape[-1])
        in_order = found.new_zeros(ids.numel(), found.shape[1])
        in_order[tokens] = found[places].detach()
        edited = edit(self.table, in_order.view(*ids.shape, -1), slice(0, ids.shape[1])).flatten(0, 1)
        new = found.index_put((places,), edited[tokens]).view_as(vectors)
        return (new, *output[1:]) if isinstance(output, tuple) else new


_Run = tuple[dict[tuple[str, int], Recorded], Tensor]


def find_places(
    model: nn.Module, inputs: Mapping[str, Tensor], vocabulary: Vocabulary, tables: Mapping[str, int] | None = None
) -> tuple[Places, ...]:
    """Find where a model looks up each token of these texts.

    Args:
        model: The model, in eval mode.
        inputs: The texts, each `(B, T)`.
        vocabulary: Ids to replace tokens with.
        tables: The layers that look up words, and the number of the table of each. None to find the layers as well.

    Raises:
        GradexplainError: The places cannot be found, or words influence the logits in other ways as well.
    """
    plain, _ = run_recorded(model, inputs)
    for replaced in _replaceable(inputs, vocabulary):
        runs = _run_coded(model, inputs, replaced, vocabulary)
        places = _decode(plain, [calls for calls, _ in runs], inputs["input_ids"], replaced, vocabulary)
        if tables is None:
            places = _number_tables(_innermost(places), plain)
        else:
            places = [replace(x, table=tables[x.module]) for x in places if x.module in tables]
        if places and _are_complete(model, inputs, places, runs[0]):
            return tuple(places)
    name, length = type(model).__name__, inputs["input_ids"].shape[1]
    raise GradexplainError(
        f"{name} reads texts of {length} tokens differently from short ones, and the places of their words cannot be "
        "found: set tokenizer.model_max_length to a length at which it reads texts unchanged"
    )


def _replaceable(inputs: Mapping[str, Tensor], vocabulary: Vocabulary) -> Iterator[Tensor]:
    """Yield the tokens to replace by codes: all but padding; then, also without special tokens.

    Some models look for special tokens in a text.
    """
    ids = inputs["input_ids"].flatten()
    attended = inputs.get("attention_mask", torch.ones_like(ids)).flatten() != 0
    special = torch.isin(ids, torch.tensor(sorted(vocabulary.special), device=ids.device, dtype=ids.dtype))
    for chosen in (attended, attended & ~special):
        if chosen.any():
            yield chosen.nonzero()[:, 0]


def _run_coded(model: nn.Module, inputs: Mapping[str, Tensor], replaced: Tensor, vocabulary: Vocabulary) -> list[_Run]:
    """Return a run per digit of the tokens' numbers, and one with the first digit changed; empty if the model fails."""
    code = torch.tensor(vocabulary.ordinary, device=replaced.device)
    number, k = torch.arange(len(replaced), device=replaced.device), len(code)
    n_digits = next(d for d in count(1) if k**d >= len(replaced))
    digits = [number // k**d % k for d in range(n_digits)]
    runs = []
    for digit in (*digits, (digits[0] + 1) % k):
        ids = inputs["input_ids"].clone()
        ids.view(-1)[replaced] = code[digit].to(ids)
        try:
            runs.append(run_recorded(model, {**inputs, "input_ids": ids}))
        except FAILURES as error:
            if is_out_of_memory(error):
                raise
            return []
    return runs


def _decode(
    plain: Mapping[tuple[str, int], Recorded],
    runs: Sequence[Mapping[tuple[str, int], Recorded]],
    ids: Tensor,
    replaced: Tensor,
    vocabulary: Vocabulary,
) -> list[Places]:
    """Return the places of the tokens in each call; calls are left out if their places depend on the tokens."""
    n_calls = Counter(name for name, _ in plain)
    decoded = []
    for (name, call), (given, vectors) in plain.items():
        others = [run[name, call].given for run in runs if (name, call) in run]
        same_shape = all(other.shape == given.shape for other in others) and vectors.shape[:-1] == given.shape
        if not runs or len(others) < len(runs) or not same_shape:
            continue
        number = _numbers(torch.stack(others).flatten(1), vocabulary).to(replaced.device)
        places = ((number >= 0) & (number < len(replaced))).nonzero()[:, 0]
        found = Places(name, call, 0, n_calls[name], places, replaced[number[places]])
        if found.holds(given, ids):
            decoded.append(found)
    return decoded


def _innermost(places: Sequence[Places]) -> list[Places]:
    """Return the places in layers that hold tokens and have no such layer inside them."""
    names = {x.module for x in places if len(x.places)}
    outer = {name for name in names if any(other.startswith(f"{name}.") for other in names)}
    return [x for x in places if x.module in names - outer]


def _number_tables(places: Sequence[Places], calls: Mapping[tuple[str, int], Recorded]) -> list[Places]:
    """Number the tables: layers that return the same vectors for their common tokens get the same number."""
    numbered: list[Places] = []
    table_of: dict[str, int] = {}
    vectors_of_table: list[dict[int, Tensor]] = []
    for x in places:
        vectors = calls[x.module, x.call].vectors.flatten(0, -2)[x.places.to(calls[x.module, x.call].vectors.device)]
        of_token = dict(zip(x.tokens.tolist(), vectors, strict=True))
        if x.module not in table_of:
            same = (
                table
                for table, known in enumerate(vectors_of_table)
                if all(torch.equal(known[t], of_token[t]) for t in known.keys() & of_token.keys())
            )
            table_of[x.module] = next(same, len(vectors_of_table))
        if table_of[x.module] == len(vectors_of_table):
            vectors_of_table.append({})
        vectors_of_table[table_of[x.module]] |= of_token
        numbered.append(replace(x, table=table_of[x.module]))
    return numbered


def _numbers(given: Tensor, vocabulary: Vocabulary) -> Tensor:
    """Return the numbers of the tokens whose codes `(runs, n)` a layer was given: `(n,)`, -1 where it is no code."""
    code = torch.tensor(vocabulary.ordinary, device=given.device)
    digits = torch.searchsorted(code, given.long()).clamp(max=len(code) - 1)
    is_code = (code[digits] == given).all(0) & (digits[-1] == (digits[0] + 1) % len(code))
    weights = len(code) ** torch.arange(len(given) - 1, device=given.device).unsqueeze(1)
    return torch.where(is_code, (digits[:-1] * weights).sum(0), -1)


def _are_complete(model: nn.Module, inputs: Mapping[str, Tensor], lookups: Sequence[WordLookup], coded: _Run) -> bool:
    """Return whether the vectors of a coded text, put into the original text, give the logits of the coded text."""
    ids, remaining = inputs["input_ids"], iter(lookups)

    def edit(table: int, vectors: Tensor, tokens: slice) -> Tensor:
        places = next(remaining)
        assert isinstance(places, Places)
        found = coded[0][places.module, places.call].vectors
        new = vectors.new_zeros(ids.numel(), vectors.shape[-1])
        new[places.tokens.to(new.device)] = found.reshape(-1, found.shape[-1])[places.places.to(found.device)]
        return new.view_as(vectors)

    with torch.no_grad(), ModelState(model).restore(), edit_lookups(model, lookups, edit, ids):
        logits = run_model(model, inputs)
    return same_logits(logits, coded[1])

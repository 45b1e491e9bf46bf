"""A model opened for reading: its word lookups, what is explained of it, and one way to run it."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.autodiff import CustomFunction, follow_forward
from hf_gradexplain.classifier.lookups import Edit, Lookup, edit_lookups
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import State, dtype_of, left_as_found
from hf_gradexplain.text.data import NOBODY, Batch


@dataclass(frozen=True, eq=False)
class WordVectors:
    """The word vectors `(B, T, D)` of one table as the model met them, and the zero that was added to them."""

    embedding: Tensor
    delta: Tensor


@dataclass(frozen=True, eq=False)
class Reading:
    """One forward pass over a batch.

    Attributes:
        batch: What was read, with the predicted class where that is the target.
        logits: `(B, C)`, part of a graph that reaches the `delta`s if one was asked for.
        words: One entry per table; empty without a graph.
    """

    batch: Batch
    logits: Tensor
    words: tuple[WordVectors, ...] = ()

    def without_graph(self) -> "Reading":
        """The same numbers; what a backward pass would need is let go."""
        return Reading(self.batch, self.logits.detach())


@dataclass(frozen=True, eq=False)
class Classifier:
    """What evidence is drawn from.

    Attributes:
        model: The sequence classifier; use it within `left_as_found`.
        lookups: Where it looks words up.
        objective: The function of its logits that is explained.
        batch_tokens: The most tokens in one forward pass, padding included; a longer text goes alone.
        baseline: What stands in for a masked word: one vector `(D,)` per table, in the order of their numbers.
            None for zero.
        follow: Custom autograd functions whose forward pass is differentiated in place of their own backward pass.
        no_gradient: Why its gradients cannot be used, or None if they can.
        mixed_precision: Whether matrix products run in bfloat16.
        compiled: What is called in place of some of its layers, see `hf_gradexplain.probing.compiled`.
    """

    model: nn.Module
    lookups: tuple[Lookup, ...]
    objective: Objective
    batch_tokens: int
    baseline: tuple[Tensor, ...] | None = None
    follow: frozenset[CustomFunction] = frozenset()
    no_gradient: str | None = None
    mixed_precision: bool = False
    compiled: Mapping[nn.Module, Callable[..., Any]] = field(default_factory=dict)

    def logits(self, inputs: Mapping[str, Tensor], edit: Edit | None = None) -> Tensor:
        """Run the model on `(B, T)` inputs, with edited word vectors if asked: `(B, C)`.

        Every pass starts from the same state and the same random numbers: some models hash at random even in eval
        mode, and some switch to another kind of attention at the first short text and stay there.
        """
        length = inputs["input_ids"].shape[1]
        editing = nullcontext() if edit is None else edit_lookups(self.model, self.lookups, edit, length)
        mixed = torch.autocast(inputs["input_ids"].device.type, torch.bfloat16, enabled=self.mixed_precision)
        with self._state.put_back(), editing, mixed:
            for layer, call in self.compiled.items():
                layer._compiled_call_impl = call
            return self.model(**inputs).logits

    @cached_property
    def precision(self) -> str:
        """What the model computes in, as it is told to people."""
        return "bfloat16 (mixed)" if self.mixed_precision else str(dtype_of(self.model)).removeprefix("torch.")

    @cached_property
    def _state(self) -> State:
        return State(self.model)

    @torch.no_grad()
    def masked_logits(self, inputs: Mapping[str, Tensor], masked: Tensor) -> Tensor:
        """Run the model with the vectors of the `masked` tokens `(B, T)` set to the baseline: `(B, C)`."""

        def mask(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            put = vectors.new_zeros(()) if self.baseline is None else self.baseline[table].to(vectors.device)
            return torch.where(masked[:, tokens].unsqueeze(2).to(vectors.device), put, vectors)

        return self.logits(inputs, mask)

    @torch.no_grad()
    def word_vectors(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """The vectors `(B, T, D)` of each table, zero where it holds none, without running the rest of the model."""
        tables = {lookup.table for lookup in self.lookups}
        ids, found = inputs["input_ids"], {}

        def note(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            if table not in found:
                found[table] = _at_tokens(vectors, tokens, ids)
            if len(found) == len(tables):
                raise _Enough
            return vectors

        with suppress(_Enough):
            self.logits(inputs, note)
        return tuple(found[table] for table in sorted(found))

    def read(self, batch: Batch, *, graph: bool, move: Edit | None = None) -> Reading:
        """One forward pass, with a graph that reaches the word vectors if asked, and these moved before if asked."""
        words: dict[int, WordVectors] = {}

        def attach(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            vectors = vectors if move is None else move(table, vectors, tokens)
            if table not in words:
                embedding = _at_tokens(vectors, tokens, batch.inputs["input_ids"])
                words[table] = WordVectors(embedding, torch.zeros_like(embedding, requires_grad=True))
            return vectors + words[table].delta[:, tokens].to(vectors.device)

        with torch.set_grad_enabled(graph), follow_forward(self.follow if graph else ()):
            logits = self.logits(batch.inputs, attach if graph else move).to(batch.target.device)
        target = torch.where(batch.target == NOBODY, self.objective.predicted(logits), batch.target)
        return Reading(batch.with_target(target), logits, tuple(words[table] for table in sorted(words)))


class _Enough(Exception):
    """Ends a forward pass of which no more is needed."""


def _at_tokens(vectors: Tensor, tokens: slice, ids: Tensor) -> Tensor:
    """Vectors of some tokens `(B, t, D)` among zeros for the others: `(B, T, D)`, where the ids `(B, T)` are."""
    out = torch.zeros(*ids.shape, vectors.shape[2], dtype=vectors.dtype, device=ids.device)
    out[:, tokens] = vectors.detach().to(ids.device)
    return out


__all__ = ["Classifier", "Reading", "WordVectors", "left_as_found"]

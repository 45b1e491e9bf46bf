"""A model and its embedding lookups: run it, change its word vectors, and differentiate it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.autodiff import CustomFunction, follow_forward
from hf_gradexplain.classifier.embedding_lookups import OtherPlacesError, edit_lookups
from hf_gradexplain.classifier.lookups import Edit, Lookup, WordLookup
from hf_gradexplain.classifier.outputs import run_model
from hf_gradexplain.classifier.process_settings import UNCOMPILED, WITHOUT_ONEDNN
from hf_gradexplain.classifier.recording import Recorded, RecordInputs
from hf_gradexplain.classifier.state import ModelState, dtype_of
from hf_gradexplain.classifier.token_places import Places, Vocabulary, find_places
from hf_gradexplain.errors import GradexplainError

MOST_PLACES = 64
"""The largest number of shapes and paddings of batches for which the places of their tokens are kept."""


@dataclass(frozen=True, eq=False)
class EmbeddingOutput:
    """The word vectors of one table in a forward pass.

    Attributes:
        embedding: `(S, T, D)` word vectors, detached; zero for tokens that the table does not hold.
        delta: `(S, T, D)` zeros that were added to the word vectors, so that both have the same gradient.
    """

    embedding: Tensor
    delta: Tensor


@dataclass(frozen=True, eq=False)
class Differentiable:
    """One run of the model on some sequences, with an autograd graph that reaches their word vectors.

    Attributes:
        logits: `(S, C)`, part of the graph.
        words: One entry per embedding table.
        recorded: Inputs of operations whose nodes do not save them; empty unless the model records them.
    """

    logits: Tensor
    words: tuple[EmbeddingOutput, ...]
    recorded: Recorded


@dataclass(frozen=True, eq=False)
class HookedModel:
    """A model whose word vectors can be changed and differentiated.

    Attributes:
        model: The sequence classifier; use it within `frozen_eval_mode`.
        lookups: The calls of layers that look up word vectors.
        baseline: What replaces a masked word: one vector `(D,)` per embedding table, in the order of the tables'
            numbers. None for zero.
        followed_functions: Custom autograd functions whose forward pass is differentiated instead of running their
            own backward pass, see `hf_gradexplain.classifier.autodiff`.
        mixed_precision: Whether matrix products run in bfloat16.
        for_propagation: Whether relevance propagation reads the autograd graphs, which must then consist of elementary
            operations.
        records_inputs: Whether forward passes with a graph record inputs that the graph does not hold, see
            `RecordInputs`.
        compiled: Compiled replacements of some of its layers, see `hf_gradexplain.probing.compiled`.
        vocabulary: Token ids used to find the lookups in batches that the model reads differently from the sample text;
            None to refuse such batches.
        places: The lookups found in the last such batches, up to `MOST_PLACES`, by their shape and padding.
    """

    model: nn.Module
    lookups: tuple[Lookup, ...]
    baseline: tuple[Tensor, ...] | None = field(default=None, kw_only=True)
    followed_functions: frozenset[CustomFunction] = field(default=frozenset(), kw_only=True)
    mixed_precision: bool = field(default=False, kw_only=True)
    for_propagation: bool = field(default=False, kw_only=True)
    records_inputs: bool = field(default=False, kw_only=True)
    compiled: Mapping[nn.Module, Callable[..., Any]] = field(default_factory=dict, kw_only=True)
    vocabulary: Vocabulary | None = field(default=None, kw_only=True)
    places: dict[Any, tuple[Places, ...]] = field(default_factory=dict, kw_only=True)

    def differentiable(self, inputs: Mapping[str, Tensor], edit: Edit | None = None) -> Differentiable:
        """Run the model on `(S, T)` inputs with an autograd graph that reaches the word vectors.

        Args:
            inputs: The inputs.
            edit: Changes the word vectors first; None leaves them as they are.
        """
        words: dict[int, EmbeddingOutput] = {}
        ids = inputs["input_ids"]

        def add_delta(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            vectors = vectors if edit is None else edit(table, vectors, tokens)
            if table not in words:
                embedding = vectors.new_zeros(*ids.shape, vectors.shape[2], device=ids.device)
                words[table] = EmbeddingOutput(embedding, torch.zeros_like(embedding, requires_grad=True))
            _fill_in(words[table].embedding, vectors, tokens)
            return vectors + words[table].delta[:, tokens].to(vectors.device)

        def anew(lookups: Sequence[WordLookup]) -> Edit:
            words.clear()
            return add_delta

        recorder = RecordInputs() if self.records_inputs else None
        with (
            torch.enable_grad(),
            follow_forward(self.followed_functions),
            self._in_elementary_operations(),
            recorder or nullcontext(),
        ):
            logits = self._run(inputs, anew)
        outputs = tuple(words[table] for table in sorted(words))
        return Differentiable(logits.to(ids.device), outputs, recorder.inputs if recorder else {})

    def logits(self, inputs: Mapping[str, Tensor], edit: Edit | None = None) -> Tensor:
        """Run the model on `(S, T)` inputs and return its logits `(S, C)`.

        Every pass starts from the same state and the same random numbers: some models hash at random even in eval
        mode, and some switch to another kind of attention at the first short text and keep it.
        """
        return self._run(inputs, None if edit is None else lambda lookups: edit)

    def _run(self, inputs: Mapping[str, Tensor], edit_of: Callable[[Sequence[WordLookup]], Edit] | None) -> Tensor:
        """Run the model; if it looks up words at other places than expected, find these places and run it again.

        Args:
            inputs: The inputs, each `(S, T)`.
            edit_of: Returns the edit for a run with these lookups; None to leave the word vectors as they are.
        """
        if edit_of is None:
            return self._run_once(inputs)
        lookups = self.lookups_in(inputs)
        try:
            return self._run_once(inputs, lookups, edit_of(lookups))
        except OtherPlacesError as error:
            if self.vocabulary is None:
                raise GradexplainError(str(error)) from error
        tables = {lookup.module: lookup.table for lookup in self.lookups}
        places = find_places(self.model, inputs, self.vocabulary, tables)
        if len(self.places) >= MOST_PLACES:
            del self.places[next(iter(self.places))]  # the oldest
        self.places[_layout(inputs)] = places
        return self._run_once(inputs, places, edit_of(places))

    def _run_once(
        self, inputs: Mapping[str, Tensor], lookups: Sequence[WordLookup] = (), edit: Edit | None = None
    ) -> Tensor:
        ids = inputs["input_ids"]
        editing = nullcontext() if edit is None else edit_lookups(self.model, lookups, edit, ids)
        mixed = torch.autocast(ids.device.type, torch.bfloat16, enabled=self.mixed_precision)
        with self._state.restore(), editing, mixed:
            for layer, call in self.compiled.items():
                layer._compiled_call_impl = call
            return run_model(self.model, inputs)

    def lookups_in(self, inputs: Mapping[str, Tensor]) -> Sequence[WordLookup]:
        """Return where the model is expected to look up words in a batch."""
        return self.places.get(_layout(inputs), self.lookups) if self.places else self.lookups

    @torch.no_grad()
    def masked_logits(self, inputs: Mapping[str, Tensor], masked: Tensor) -> Tensor:
        """Run the model with the vectors of the `masked` tokens `(S, T)` set to the baseline: `(S, C)`."""
        return self.logits(inputs, self.mask(masked))

    def mask(self, masked: Tensor) -> Edit:
        """Return the edit that sets the vectors of the `masked` tokens `(S, T)` to the baseline."""

        def mask(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            baseline = vectors.new_zeros(()) if self.baseline is None else self.baseline[table].to(vectors.device)
            return torch.where(masked[:, tokens].unsqueeze(2).to(vectors.device), baseline, vectors)

        return mask

    @torch.no_grad()
    def word_vectors(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the word vectors `(S, T, D)` of each table without running the rest of the model.

        They are zero for tokens that the table does not hold.
        """
        ids, vectors_of = inputs["input_ids"], dict[int, Tensor]()

        def edit_of(lookups: Sequence[WordLookup]) -> Edit:
            vectors_of.clear()
            # The first lookup in a table holds all tokens, unless the model rearranges them.
            tables = [x.table for x in lookups]
            n_missing = Counter(set(tables) if lookups is self.lookups else tables)

            def record(table: int, vectors: Tensor, tokens: slice) -> Tensor:
                if table not in vectors_of:
                    vectors_of[table] = vectors.new_zeros(*ids.shape, vectors.shape[2], device=ids.device)
                _fill_in(vectors_of[table], vectors, tokens)
                n_missing[table] -= 1
                if all(n <= 0 for n in n_missing.values()):
                    raise _StopForward
                return vectors

            return record

        with suppress(_StopForward):
            self._run(inputs, edit_of)
        return tuple(vectors_of[table] for table in sorted(vectors_of))

    @contextmanager
    def _in_elementary_operations(self) -> Iterator[None]:
        """Within the block, run no fused recurrent layers and no compiled functions if propagation cannot read them."""
        if not self.for_propagation:
            yield
            return
        recurrent = any(isinstance(module, nn.RNNBase) for module in self.model.modules())
        with WITHOUT_ONEDNN.set() if recurrent else nullcontext(), UNCOMPILED.set():
            yield

    @property
    def lookup_layers(self) -> tuple[nn.Module, ...]:
        """The layers that look up words."""
        return tuple(self.model.get_submodule(name) for name in dict.fromkeys(x.module for x in self.lookups))

    @cached_property
    def precision(self) -> str:
        """Return the compute dtype, for display."""
        return "bfloat16 (mixed)" if self.mixed_precision else str(dtype_of(self.model)).removeprefix("torch.")

    @cached_property
    def _state(self) -> ModelState:
        return ModelState(self.model)


class _StopForward(Exception):
    """Raised to stop a forward pass early."""


def _fill_in(texts: Tensor, vectors: Tensor, tokens: slice) -> None:
    """Write the vectors `(S, t, D)` of some tokens into `texts` `(S, T, D)`, in place, where these are zero."""
    before = texts[:, tokens]
    texts[:, tokens] = torch.where(before.any(-1, keepdim=True), before, vectors.detach().to(texts.device))


def _layout(inputs: Mapping[str, Tensor]) -> tuple[Any, ...]:
    """Return what the places of a batch's tokens depend on: its shape and its padding."""
    mask = inputs.get("attention_mask")
    return tuple(inputs["input_ids"].shape), None if mask is None else mask.cpu().numpy().tobytes()

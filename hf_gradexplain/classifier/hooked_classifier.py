"""A model, its embedding lookups and its objective, with one function that runs it."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from hf_gradexplain.classifier.autodiff import CustomFunction, follow_forward
from hf_gradexplain.classifier.embedding_lookups import Edit, Lookup, edit_lookups
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.recording import Recorded, RecordInputs
from hf_gradexplain.classifier.state import ModelState, dtype_of
from hf_gradexplain.text.data import PREDICTED, Batch


@dataclass(frozen=True, eq=False)
class EmbeddingOutput:
    """The word vectors of one table in a forward pass.

    Attributes:
        embedding: `(B, T, D)` word vectors, detached; zero for tokens that the table does not hold.
        delta: `(B, T, D)` zeros that were added to them; the gradient with respect to it is that of the word vectors.
    """

    embedding: Tensor
    delta: Tensor


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """One forward pass over a batch.

    Its methods are the only place where logits become the number that is explained. Each text gets one number, which
    depends on this text alone; change these methods to explain a number that depends on several texts of the batch.

    Attributes:
        classifier: The classifier that ran.
        batch: The inputs; its `target` holds the predicted class where that was asked for.
        logits: `(B, C)`, part of an autograd graph that reaches the `delta`s if one was asked for.
        words: One entry per embedding table; empty without a graph.
        recorded: Inputs of operations whose nodes do not save them; empty unless the classifier records them.
        keep_graph: Whether the graph is needed again after the next backward pass.
    """

    classifier: "HookedClassifier"
    batch: Batch
    logits: Tensor
    words: tuple[EmbeddingOutput, ...] = ()
    recorded: Recorded = field(default_factory=dict)
    keep_graph: bool = False

    def loss(self, logits: Tensor | None = None) -> Tensor:
        """Return the loss of each text: `(B,)`.

        Args:
            logits: `(..., B, K, C)` logits of `K` variants of each text, to get their losses `(..., B, K)` instead.
        """
        if logits is None:
            return self.classifier.objective.loss(self.logits, self.batch.target)
        return self.classifier.objective.loss(logits, self._target_of(logits))

    def slope(self) -> Tensor:
        """Return the derivative of the summed losses with respect to the logits: `(B, C)`."""
        return self.classifier.objective.slope(self.logits, self.batch.target)

    def target_probability(self, logits: Tensor) -> Tensor:
        """Return the target's probability in `K` variants of each text: `(..., B, K, C)` to `(..., B, K)`."""
        target = self._target_of(logits).unsqueeze(-1)
        return self.classifier.objective.probability(logits).gather(-1, target).squeeze(-1)

    def without_graph(self) -> "ForwardPass":
        """Return the same numbers without the autograd graph."""
        return ForwardPass(self.classifier, self.batch, self.logits.detach())

    def _target_of(self, logits: Tensor) -> Tensor:
        return self.batch.target.unsqueeze(1).expand(logits.shape[:-1])


@dataclass(frozen=True, eq=False)
class HookedClassifier:
    """The model as attribution methods see it.

    Attributes:
        model: The sequence classifier; use it within `frozen_eval_mode`.
        lookups: The calls of layers that look word vectors up.
        objective: The function of the logits that is explained.
        batch_tokens: Largest number of tokens in one forward pass, padding included; a longer text runs alone.
        baseline: What replaces a masked word: one vector `(D,)` per table, in the order of their numbers.
            None for zero.
        gradient_baseline: The same for methods that multiply ordinary gradients by the word vector minus the baseline.
        followed_functions: Custom autograd functions whose forward pass is differentiated instead of running their
            own backward pass, see `hf_gradexplain.classifier.autodiff`.
        no_gradient_reason: Why its gradients cannot be used; None if they can.
        mixed_precision: Whether matrix products run in bfloat16.
        for_propagation: Whether relevance propagation reads the autograd graphs, which must then consist of elementary
            operations.
        records_inputs: Whether forward passes with a graph record inputs that the graph does not hold, see
            `RecordInputs`.
        compiled: Compiled replacements of some of its layers, see `hf_gradexplain.probing.compiled`.
    """

    model: nn.Module
    lookups: tuple[Lookup, ...]
    objective: Objective
    batch_tokens: int
    baseline: tuple[Tensor, ...] | None = None
    gradient_baseline: tuple[Tensor, ...] | None = None
    followed_functions: frozenset[CustomFunction] = frozenset()
    no_gradient_reason: str | None = None
    mixed_precision: bool = False
    for_propagation: bool = False
    records_inputs: bool = False
    compiled: Mapping[nn.Module, Callable[..., Any]] = field(default_factory=dict)

    def forward(self, batch: Batch, *, graph: bool, edit: Edit | None = None) -> ForwardPass:
        """Run the model on a batch.

        Args:
            batch: The inputs.
            graph: Whether to keep an autograd graph that reaches the word vectors.
            edit: Changes the word vectors first; None leaves them as they are.
        """
        words: dict[int, EmbeddingOutput] = {}

        def add_delta(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            vectors = vectors if edit is None else edit(table, vectors, tokens)
            if table not in words:
                embedding = _scatter_tokens(vectors, tokens, batch.inputs["input_ids"])
                words[table] = EmbeddingOutput(embedding, torch.zeros_like(embedding, requires_grad=True))
            return vectors + words[table].delta[:, tokens].to(vectors.device)

        recorder = RecordInputs() if graph and self.records_inputs else None
        with (
            torch.set_grad_enabled(graph),
            follow_forward(self.followed_functions if graph else ()),
            self._in_elementary_operations(graph),
            recorder or nullcontext(),
        ):
            logits = self.logits(batch.inputs, add_delta if graph else edit).to(batch.target.device)
        target = torch.where(batch.target == PREDICTED, self.objective.predicted(logits), batch.target)
        outputs = tuple(words[table] for table in sorted(words))
        recorded = recorder.inputs if recorder else {}
        return ForwardPass(self, replace(batch, target=target), logits, outputs, recorded)

    def logits(self, inputs: Mapping[str, Tensor], edit: Edit | None = None) -> Tensor:
        """Run the model on `(B, T)` inputs and return its logits `(B, C)`.

        Every pass starts from the same state and the same random numbers: some models hash at random even in eval
        mode, and some switch to another kind of attention at the first short text and stay there.
        """
        length = inputs["input_ids"].shape[1]
        editing = nullcontext() if edit is None else edit_lookups(self.model, self.lookups, edit, length)
        mixed = torch.autocast(inputs["input_ids"].device.type, torch.bfloat16, enabled=self.mixed_precision)
        with self._state.restore(), editing, mixed:
            for layer, call in self.compiled.items():
                layer._compiled_call_impl = call
            return self.model(**inputs).logits

    @torch.no_grad()
    def masked_logits(self, inputs: Mapping[str, Tensor], masked: Tensor) -> Tensor:
        """Run the model with the vectors of the `masked` tokens `(B, T)` set to the baseline: `(B, C)`."""

        def mask(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            baseline = vectors.new_zeros(()) if self.baseline is None else self.baseline[table].to(vectors.device)
            return torch.where(masked[:, tokens].unsqueeze(2).to(vectors.device), baseline, vectors)

        return self.logits(inputs, mask)

    @torch.no_grad()
    def word_vectors(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the word vectors `(B, T, D)` of each table without running the rest of the model.

        They are zero for tokens that the table does not hold.
        """
        tables = {lookup.table for lookup in self.lookups}
        ids, vectors_of = inputs["input_ids"], {}

        def record(table: int, vectors: Tensor, tokens: slice) -> Tensor:
            if table not in vectors_of:
                vectors_of[table] = _scatter_tokens(vectors, tokens, ids)
            if len(vectors_of) == len(tables):
                raise _StopForward
            return vectors

        with suppress(_StopForward):
            self.logits(inputs, record)
        return tuple(vectors_of[table] for table in sorted(vectors_of))

    @contextmanager
    def _in_elementary_operations(self, graph: bool) -> Iterator[None]:
        """Within the block, no recurrent layer runs as one operation of oneDNN and no function compiled, if needed."""
        if not (graph and self.for_propagation):
            yield
            return
        backend: Any = torch.backends.mkldnn
        enabled, recurrent = backend.enabled, any(isinstance(module, nn.RNNBase) for module in self.model.modules())
        try:
            backend.enabled = enabled and not recurrent
            with torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext():
                yield
        finally:
            backend.enabled = enabled

    @property
    def lookup_layers(self) -> tuple[nn.Module, ...]:
        """The layers that look words up."""
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


def _scatter_tokens(vectors: Tensor, tokens: slice, ids: Tensor) -> Tensor:
    """Scatter the vectors `(B, t, D)` of some tokens into zeros `(B, T, D)`, on the device of the ids `(B, T)`."""
    out = torch.zeros(*ids.shape, vectors.shape[2], dtype=vectors.dtype, device=ids.device)
    out[:, tokens] = vectors.detach().to(ids.device)
    return out

"""The classifier that attribution methods work with: a model, the objective, and its forward passes."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from torch import Tensor

from hf_gradexplain.classifier.combine import Combine
from hf_gradexplain.classifier.copies import Copies, Deletion
from hf_gradexplain.classifier.hooked_model import Differentiable, EmbeddingOutput, HookedModel
from hf_gradexplain.classifier.key_values import KeyValues
from hf_gradexplain.classifier.lookups import Draw, Edit
from hf_gradexplain.classifier.memory import is_out_of_memory, lower_limit, run_in_chunks, token_limit
from hf_gradexplain.classifier.objective import Objective, widest, with_classes
from hf_gradexplain.classifier.recording import Recorded
from hf_gradexplain.text.data import Batch
from hf_gradexplain.text.sequences import Sequences

Result = TypeVar("Result")

EditOf = Callable[[Tensor, slice], Edit]
"""A function `(sequences, columns)` that returns the edit of a run of these sequences, cut to these columns."""


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """One forward pass over a batch.

    The explained number, one per text, is computed from the logits by the methods of this class only.

    Attributes:
        classifier: The classifier that ran.
        batch: The inputs. Its `target` holds the predicted class if the predicted class is explained.
        logits: `(B, C)` the logits of the texts. If a graph was asked for, they are part of an autograd graph that
            reaches the `delta` of each of `words`.
        sequence_logits: `(S, C')` the logits of the sequences, equal to `logits` if every text is one sequence.
        held: The runs with their graphs: one run, or several if the sequences cannot share a pass. Empty without a
            graph. Also empty if all sequences together do not fit into the token budget; they then run once more, see
            `each_run`.
        keep_graph: Whether the graph is needed again after the next backward pass.
        edit_of: How the word vectors were changed; None if they were not.
        key_values: The keys and values of the texts; None if they are not kept.
    """

    classifier: "HookedClassifier"
    batch: Batch
    logits: Tensor
    sequence_logits: Tensor
    held: tuple[tuple[Tensor, slice, Differentiable], ...] = ()
    keep_graph: bool = False
    edit_of: EditOf | None = None
    key_values: KeyValues | None = None

    @property
    def words(self) -> tuple[EmbeddingOutput, ...]:
        """The word vectors of the first run, one entry per embedding table; empty without a graph."""
        return self.held[0][2].words if self.held else ()

    @property
    def recorded(self) -> Recorded:
        """The recorded inputs of operations in the first run that do not save them; empty if none are recorded."""
        return self.held[0][2].recorded if self.held else {}

    def loss(self, logits: Tensor | None = None) -> Tensor:
        """Return the loss of each text: `(B,)`.

        Args:
            logits: `(..., B, K, C)` logits of `K` variants of each text, to get their losses `(..., B, K)` instead.
        """
        if logits is None:
            return self.classifier.objective.loss(self.logits, self.batch.target, self.batch.against)
        return self.classifier.objective.loss(logits, *self._classes_of(logits))

    def slope(self) -> Tensor:
        """Return the derivative of the summed losses with respect to the logits of the sequences: `(S, C')`."""
        slope = self.classifier.objective.slope(self.logits, self.batch.target, self.batch.against)
        if self.batch.sequences is None:
            return slope
        with torch.enable_grad():
            logits = self.sequence_logits.detach().to(slope.dtype).requires_grad_()
            combined = self.classifier.combined(logits, self.batch.sequences)
            return torch.autograd.grad(combined, logits, slope)[0]

    def target_probability(self, logits: Tensor, texts: slice = slice(None)) -> Tensor:
        """Return the target's probability in `K` variants of each text: `(..., B, K, C)` to `(..., B, K)`.

        Under a contrast, see `Objective.target_probability`.

        Args:
            logits: The logits of the variants.
            texts: The texts of the batch to which the variants belong.
        """
        return self.classifier.objective.target_probability(logits, *self._classes_of(logits, texts))

    def without_graph(self) -> "ForwardPass":
        """Return the forward pass without the autograd graph and without keys and values."""
        logits, sequence_logits = self.logits.detach(), self.sequence_logits.detach()
        return replace(self, logits=logits, sequence_logits=sequence_logits, held=(), key_values=None)

    def only(self, text: int) -> "ForwardPass":
        """Return the forward pass over one text of the batch, without a graph."""
        logits, batch = self.sequence_logits.detach(), self.batch.only(text)
        of_sequences = logits[self.batch.sequences_of(batch.target.new_tensor([text]))]
        combined = self.classifier.combined(of_sequences, batch.sequences)
        return ForwardPass(self.classifier, batch, combined, of_sequences)

    def each_run(self, work: Callable[[Tensor, slice, Differentiable], Result]) -> list[Result]:
        """Apply a function to runs of the model with a graph, which together hold all sequences; return its results.

        Args:
            work: A function of the sequences `(s,)` of a run, the columns that the run is cut to, and the run.
        """
        if self.held:
            return [work(*each) for each in self.held]

        def run(rows: Tensor) -> Result:
            return work(rows, *self.classifier.run_some(self.batch, rows, self.edit_of))

        return [result for _, result in self.classifier.in_passes(self.batch, run, graph=True)]

    def _classes_of(self, logits: Tensor, texts: slice = slice(None)) -> tuple[Tensor, Tensor | None]:
        """The target and the class that it is compared with, for each variant."""
        target, against = self.batch.target, self.batch.against
        others = None if against is None else against[texts].unsqueeze(1).expand(logits.shape[:-1])
        return target[texts].unsqueeze(1).expand(logits.shape[:-1]), others


@dataclass(frozen=True, eq=False)
class HookedClassifier(HookedModel):
    """The classifier that attribution methods work with: a model with its embedding lookups and its objective.

    Attributes:
        objective: The function of the logits that is explained.
        batch_tokens: Largest number of tokens in one forward pass, padding included; a longer text runs alone.
        gradient_baseline: Like `baseline`, for methods that multiply ordinary gradients by the word vector minus the
            baseline.
        no_gradient_reason: Why the gradients of the model cannot be used; None if they can.
        shares_prefixes: Whether copies of a text may share the keys and values of their first tokens, see
            `hf_gradexplain.perturb.shared_prefix`.
        combine: How the logits of a text's sequences become those of the text; None if every text is one sequence.
        padded_up_to: The length up to which sequences of different lengths may share a pass.
        deletion: How the tokens of removed units are cut out of masked copies; None to set their word vectors to the
            baseline.
        draw_baseline: Draws a baseline for each token, for methods that use random ones; None if no method does.
    """

    objective: Objective
    batch_tokens: int
    gradient_baseline: tuple[Tensor, ...] | None = field(default=None, kw_only=True)
    no_gradient_reason: str | None = field(default=None, kw_only=True)
    shares_prefixes: bool = field(default=False, kw_only=True)
    combine: Combine | None = field(default=None, kw_only=True)
    padded_up_to: int = field(default=0, kw_only=True)
    deletion: Deletion | None = field(default=None, kw_only=True)
    draw_baseline: Draw | None = field(default=None, kw_only=True)

    def forward(self, batch: Batch, *, graph: bool, edit_of: EditOf | None = None) -> ForwardPass:
        """Run the model on a batch.

        Args:
            batch: The inputs.
            graph: Whether to keep an autograd graph that reaches the word vectors. If the sequences together do not fit
                into the token budget, no graph is kept, and `ForwardPass.each_run` runs them once more.
            edit_of: Returns the edits that change the word vectors first; None leaves them unchanged.
        """
        held = self._held(batch, edit_of) if graph else ()
        if held:
            parts = [(rows, run.logits) for rows, _, run in held]
        else:
            parts = list(self.in_passes(batch, lambda rows: self._logits_of(batch, rows, edit_of), graph=False))
        if len(parts) == 1 and batch.sequences is None:
            logits = parts[0][1]
        else:
            order, logits_of = zip(*parts, strict=True)
            logits = torch.cat(logits_of)[torch.cat(order).argsort()]
        combined = self.combined(logits, batch.sequences)
        batch = with_classes(batch, combined, self.objective)
        return ForwardPass(self, batch, combined, logits, held, edit_of=edit_of)

    def _held(self, batch: Batch, edit_of: EditOf | None) -> tuple[tuple[Tensor, slice, Differentiable], ...]:
        """Run all sequences with graphs, and keep the graphs; empty if they do not fit into memory together."""
        size = int(batch.lengths.sum())
        if batch.sequences is not None and size > token_limit(self.model, self.batch_tokens, graph=True):
            return ()
        try:
            runs = self.in_passes(batch, lambda rows: self.run_some(batch, rows, edit_of), graph=True)
            return tuple((rows, *each) for rows, each in runs)
        except (MemoryError, RuntimeError) as error:
            if batch.sequences is None or not is_out_of_memory(error):
                raise
            lower_limit(self.model, size, graph=True)
            return ()

    def run_some(self, batch: Batch, rows: Tensor, edit_of: EditOf | None) -> tuple[slice, Differentiable]:
        """Run some sequences `(s,)` with a graph; return the columns that they are cut to, and the run."""
        columns, inputs, edit = cut(batch, rows, edit_of)
        return columns, self.differentiable(inputs, edit)

    def combined(self, logits: Tensor, sequences: Sequences | None) -> Tensor:
        """Return the logits of the texts, given the logits of their sequences: `(S, C')` to `(B, C)`.

        They are combined in float64 (float32 on mps), because float16 would lose a word's effect on one of many
        windows.
        """
        if sequences is None or self.combine is None:
            return logits
        return self.combine(sequences.by_text(logits.to(widest(logits.device))), sequences.real)

    def in_passes(
        self, batch: Batch, run: Callable[[Tensor], Result], *, graph: bool, copies: Copies | None = None
    ) -> Iterator[tuple[Tensor, Result]]:
        """Run sequences, or copies of them, in passes within the token budget.

        Sequences of different kinds never share a pass, and neither do sequences of different lengths if one is longer
        than `padded_up_to`. If each text is one sequence, the batch is one pass, because its texts were chosen to fit.

        Args:
            batch: The batch.
            run: A function that returns the result of some copies, given their numbers `(n,)`.
            graph: Whether the passes keep their autograd graph.
            copies: The copies; None for every sequence once.

        Yields:
            The numbers `(n,)` of the copies in a pass, and their result.
        """
        everything = torch.arange(len(batch.lengths), device=batch.lengths.device)
        if copies is None and batch.sequences is None:
            yield everything, run(everything)
            return
        copies = copies or Copies.of(batch, everything)
        for group in self._sharing(copies):
            rows = group[copies.lengths[group].argsort(stable=True)]

            def run_some(chunk: slice, rows: Tensor = rows) -> tuple[Tensor, Result]:
                return rows[chunk], run(rows[chunk])

            some = copies.lengths[rows].tolist()
            for _, result in run_in_chunks(self.model, some, self.batch_tokens, run_some, graph=graph):
                yield result

    def _sharing(self, copies: Copies) -> list[Tensor]:
        """Return the numbers of the copies that may share passes, group by group."""
        device = copies.lengths.device
        if copies.kinds is None:
            return [torch.arange(len(copies.lengths), device=device)]
        groups: dict[tuple[Hashable, int], list[int]] = {}
        for copy, (kind, length) in enumerate(zip(copies.kinds, copies.lengths.tolist(), strict=True)):
            groups.setdefault((kind, length if length > self.padded_up_to else 0), []).append(copy)
        return [torch.tensor(group, device=device) for group in groups.values()]

    @torch.no_grad()
    def _logits_of(self, batch: Batch, rows: Tensor, edit_of: EditOf | None) -> Tensor:
        _, inputs, edit = cut(batch, rows, edit_of)
        return self.logits(inputs, edit).to(batch.target.device)


def cut(batch: Batch, rows: Tensor, edit_of: EditOf | None) -> tuple[slice, Mapping[str, Tensor], Edit | None]:
    """Return the columns that hold some sequences `(s,)`, their inputs, and their edit."""
    if batch.sequences is None:  # they run as they are
        columns = slice(0, batch.inputs["input_ids"].shape[1])
        return columns, batch.inputs, None if edit_of is None else edit_of(rows, columns)
    columns = batch.columns(int(batch.lengths[rows].max()))
    inputs = {name: x[:, columns][rows] for name, x in batch.inputs.items()}
    return columns, inputs, None if edit_of is None else edit_of(rows, columns)

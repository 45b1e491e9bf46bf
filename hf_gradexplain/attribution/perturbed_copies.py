"""Gradients of perturbed copies of texts, computed in passes within the token budget."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeVar

import torch
from torch import Tensor

from hf_gradexplain.attribution.gradients import concatenated, gradients_of, propagated_gradients
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.lookups import Draw, Edit
from hf_gradexplain.classifier.memory import run_in_chunks
from hf_gradexplain.text.data import Gradients
from hf_gradexplain.text.unit_index import Units

Result = TypeVar("Result")

CopyEdit = Callable[[Tensor, Tensor, slice], Edit]
"""A function `(rows, sequences, columns)` that returns the edit of some sequences of copies.

`rows` `(s,)` are the copies that the sequences belong to, and `sequences` `(s,)` the sequences of the batch that they
repeat. `columns` are the token positions that the model runs on; the other positions are padding.
"""

VectorsOf = Callable[[int, Tensor, Tensor], Tensor]
"""A function `(table, rows, sequences)` that returns vectors of an embedding table, `(s, T, D)` or `(s, T, 1)`."""


@dataclass(frozen=True, eq=False)
class CopyGradients:
    """The gradients of some copies.

    Attributes:
        copies: The copies.
        units: Their units; each copy counts as one text.
        rows: `(s,)` the copy that each of their sequences belongs to.
        sequences: `(s,)` the sequence of the batch that each of them repeats.
        columns: The columns of the batch that were run.
        grad: `(s, t, D)` the gradients, in at least float32.
    """

    copies: slice
    units: Units
    rows: Tensor
    sequences: Tensor
    columns: slice
    grad: Tensor


class PerturbedCopies:
    """Perturbed copies of the texts of a batch: `N` in all, the copies of one text next to each other.

    Args:
        forward: A forward pass over the texts.
        n: The number of copies of each text. With `each_unit`, the number of copies for each unit of a text.
        texts: The texts that are copied; all by default.
        each_unit: Whether only one unit is perturbed in each copy; by default all units are.
        first: The number of the first copy.

    Attributes:
        n: The number of copies of each text, or of each unit.
        text_of: `(N,)` the text of each copy, the shortest text first.
        number: `(N,)` number of each copy, from `first` to `first + n - 1`.
        lengths: The number of tokens of each copy, padding included.
    """

    def __init__(
        self, forward: ForwardPass, n: int, texts: Tensor | None = None, *, each_unit: bool = False, first: int = 0
    ) -> None:
        self.classifier, self.batch, self.n = forward.classifier, forward.batch, n
        units, device = forward.batch.units, forward.logits.device
        chosen = torch.arange(len(forward.logits), device=device) if texts is None else texts
        lengths, order = forward.batch.padded_lengths[chosen].sort(stable=True)
        counts = n * units.count[chosen[order]] if each_unit else torch.full_like(order, n)
        self.text_of, self.lengths = chosen[order].repeat_interleave(counts), lengths.repeat_interleave(counts).tolist()
        place = torch.arange(len(self.text_of), device=device) - (counts.cumsum(0) - counts).repeat_interleave(counts)
        self.number = first + place % n
        self._unit = place.div(n, rounding_mode="floor") if each_unit else None
        self._drawn: dict[tuple[int, int], Tensor] = {}

    @cached_property
    def tables(self) -> tuple[Tensor, ...]:
        """The word vectors of the texts, `(S, T, D)` per embedding table."""
        return self.classifier.word_vectors(self.batch.inputs)

    def perturbed(self, rows: Tensor, sequences: Tensor) -> Tensor:
        """Return which tokens of some sequences of copies are perturbed: `(s, T)` bool."""
        units = self.batch.units
        unit_of = units.unit_of[sequences]
        return unit_of < units.size if self._unit is None else unit_of == self._unit[rows].unsqueeze(1)

    def values(self, by_number: Sequence[float]) -> Tensor:
        """Return `by_number[k]` for each copy with the number `k`: `(N,)`, on the CPU."""
        return torch.tensor(by_number, dtype=torch.float64)[self.number.cpu()]

    def on_the_line(self, position: Tensor, start_of: VectorsOf) -> CopyEdit:
        """Return edits that move each word vector `e` to `b + position (e - b)`, on the line from its baseline `b`.

        Args:
            position: `(N,)` the point of each copy, on the CPU.
            start_of: Returns the baselines.
        """

        def edit_of(rows: Tensor, sequences: Tensor, columns: slice) -> Edit:
            point, perturbed = position[rows.cpu()][:, None, None], self.perturbed(rows, sequences)[:, columns]

            def interpolate(table: int, vectors: Tensor, tokens: slice) -> Tensor:
                start = start_of(table, rows, sequences)[:, columns][:, tokens].to(vectors)
                moved = start + point.to(vectors) * (vectors - start)
                return torch.where(perturbed[:, tokens].unsqueeze(2).to(vectors.device), moved, vectors)

            return interpolate

        return edit_of

    def constant(self, vectors: tuple[Tensor, ...] | None) -> VectorsOf:
        """Return a `VectorsOf` with the same vector for every token.

        Args:
            vectors: One vector `(D,)` per embedding table; None for zero.
        """
        length = self.batch.inputs["input_ids"].shape[1]
        return lambda table, rows, sequences: (vectors[table] if vectors else torch.zeros(1)).expand(
            len(rows), length, -1
        )

    def drawn(self, draw: Draw) -> VectorsOf:
        """Return a `VectorsOf` that draws once for each copy and table; zero for tokens that are in no unit."""
        batch, tables = self.batch, self.tables

        def vectors_of(table: int, rows: Tensor, sequences: Tensor) -> Tensor:
            found = torch.zeros_like(tables[table][sequences])
            for row in sorted(set(rows.tolist())):
                text = int(self.text_of[row])
                own, chosen = batch.sequences_of(self.text_of[row : row + 1]), (rows == row).nonzero()[:, 0]
                if (row, table) not in self._drawn:  # the sequences of a copy may run in several passes
                    vectors, in_unit = tables[table][own], batch.units.unit_of[own] < batch.units.size
                    rng = partial(batch.documents[text].rng, batch.seed)
                    self._drawn[row, table] = torch.zeros_like(vectors)
                    self._drawn[row, table][in_unit] = draw(rng, int(self.number[row]), table, vectors[in_unit])
                found[chosen] = self._drawn[row, table][sequences[chosen] - own[0]]
            return found

        return vectors_of

    def gradients(self, edit_of: CopyEdit, rules: str | None = None) -> Iterator[CopyGradients]:
        """Run the copies; yield their gradients in parts, in the order of the copies.

        Args:
            edit_of: Returns the edits.
            rules: Name of the rule set that the gradients follow; None for ordinary gradients.
        """
        units = self.batch.units

        def run(chunk: slice) -> CopyGradients:
            forward, rows, sequences, widest = self._forward(chunk, edit_of, graph=True)
            grad = (gradients_of(forward) if rules is None else propagated_gradients(forward, rules)).grad
            own = replace(
                units,
                unit_of=units.unit_of[sequences, widest],
                row_of=units.row_of[sequences, widest],
                unit_of_row=units.unit_of_row[self.text_of[chunk]],
                count=units.count[self.text_of[chunk]],
                text_of=None if units.text_of is None else rows - chunk.start,
            )
            return CopyGradients(chunk, own, rows, sequences, widest, grad)

        return self._in_chunks(run, graph=True)

    def forward_passes(self, edit_of: CopyEdit) -> Iterator[ForwardPass]:
        """Run the copies without graphs; yield the forward passes, in the order of the copies."""
        return self._in_chunks(lambda chunk: self._forward(chunk, edit_of, graph=False)[0], graph=False)

    def _in_chunks(self, run: Callable[[slice], Result], *, graph: bool) -> Iterator[Result]:
        classifier = self.classifier
        chunks = run_in_chunks(classifier.model, self.lengths, classifier.batch_tokens, run, graph=graph)
        return (result for _, result in chunks)

    def _forward(self, chunk: slice, edit_of: CopyEdit, *, graph: bool) -> tuple[ForwardPass, Tensor, Tensor, slice]:
        """Run some copies; return the forward pass, and `rows`, `sequences` and `columns` as in `CopyGradients`."""
        copies, copy_of, sequences = self.batch.take(self.text_of[chunk])
        rows, widest = copy_of + chunk.start, self.batch.columns(int(copies.lengths.max()))
        self._drawn = {key: x for key, x in self._drawn.items() if chunk.start <= key[0] < chunk.stop}

        def edit_some(some: Tensor, columns: slice) -> Edit:
            within = range(self.batch.units.unit_of.shape[1])[widest][columns]
            return edit_of(rows[some], sequences[some], slice(within.start, within.stop))

        return self.classifier.forward(copies, graph=graph, edit_of=edit_some), rows, sequences, widest

    def average(
        self, parts: Iterable[CopyGradients], weights: Tensor, baseline: tuple[Tensor, ...] | None
    ) -> Gradients:
        """Return the word vectors of the texts, and the weighted sum of the gradients of the perturbed tokens.

        Args:
            parts: The gradients of the copies.
            weights: `(N,)` weight of each copy, on the CPU.
            baseline: The baseline that belongs to the gradients, one vector per table; None for zero.
        """
        vectors = torch.cat(self.tables, -1)
        total = vectors.new_zeros(vectors.shape, dtype=torch.promote_types(vectors.dtype, torch.float32))
        for part in parts:
            perturbed = self.perturbed(part.rows, part.sequences)[:, part.columns].unsqueeze(2)
            weighted = part.grad * weights[part.rows.cpu()].to(part.grad)[:, None, None]
            total = total.to(torch.promote_types(total.dtype, weighted.dtype))
            total[:, part.columns].index_add_(0, part.sequences, weighted.where(perturbed, 0).to(total.dtype))
        return Gradients(vectors, total, concatenated(baseline))

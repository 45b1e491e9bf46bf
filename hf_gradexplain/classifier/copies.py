"""Copies of the sequences of a batch, and how the tokens of removed units are cut out of them."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hf_gradexplain.text.data import Batch

Removed = Callable[[Tensor], Tensor]
"""A function that returns the removed units of some copies, `(n, U)` bool, given the numbers `(n,)` of the copies."""

_HELD = 2**24
"""The largest number of values that are held at a time to count the tokens of copies."""


@dataclass(frozen=True, eq=False)
class Copies:
    """`N` copies of sequences: what decides which of them may share a forward pass.

    Attributes:
        lengths: `(N,)` the number of tokens of each copy.
        kinds: The kind of each copy. Copies of different kinds never share a pass; copies of different lengths do not
            share one if padding is not safe. None if any two copies may share a pass, because the batch was planned so.
    """

    lengths: Tensor
    kinds: Sequence[Hashable] | None

    @classmethod
    def of(cls, batch: Batch, sequences: Tensor) -> "Copies":
        """Return whole copies of these sequences `(N,)`."""
        kinds = None if batch.sequences is None else kinds_of(batch, sequences)
        return cls(batch.lengths[sequences], kinds)


def kinds_of(batch: Batch, sequences: Tensor) -> list[tuple[int, ...]]:
    """Return the kinds of these sequences `(N,)`; if every text is one sequence, all of a batch have the same kind."""
    if batch.sequences is None:
        return [()] * len(sequences)
    return [batch.sequences.kinds[s] for s in sequences.tolist()]


@dataclass(frozen=True, eq=False)
class Deletion:
    """How the tokens of removed units are cut out of a sequence.

    All other tokens stay, in their order, including special tokens and other tokens that belong to no unit. Every input
    of the model is cut in the same way, and no text is tokenized again. If no token stays, the copy is encoded like an
    empty text: as one token that the attention mask hides.

    Attributes:
        filler: The id of the token of an empty text.
        padding: The value of each input at padding, by name; 0 for others.
        left: Whether padding stands on the left.
        fixed_length: Whether a copy is padded to the length of its text, because the model reads all texts padded to
            one length.
        special: The ids of special tokens. Copies that differ in the number of one of these tokens never share a pass:
            some models refuse such batches. Copies can differ, because a unit of a text may contain special tokens.
    """

    filler: int
    padding: Mapping[str, int]
    left: bool
    fixed_length: bool
    special: tuple[int, ...]

    def copies(self, batch: Batch, sequences: Tensor, removed: Removed) -> Copies:
        """Return the lengths and kinds of copies of these sequences `(N,)` without the removed units."""
        units, ids = batch.units, batch.inputs["input_ids"]
        inside = ids[units.unit_of < units.size]
        present = inside[torch.isin(inside, inside.new_tensor(self.special))].unique().tolist()
        counted = torch.stack([torch.ones_like(ids), *((ids == i).long() for i in present)], 2)
        lost = _removed_tokens(batch, counted, sequences, removed)
        lengths = batch.lengths[sequences]
        if not self.fixed_length:
            lengths = (lengths - lost[:, 0]).clamp(min=1)
        kinds = zip(kinds_of(batch, sequences), map(tuple, lost[:, 1:].tolist()), strict=True)
        return Copies(lengths, list(kinds))

    def inputs(self, batch: Batch, sequences: Tensor, deleted: Tensor) -> dict[str, Tensor]:
        """Return the inputs of some copies, padded to the longest.

        Args:
            batch: The batch.
            sequences: `(n,)` the sequence that each copy repeats.
            deleted: `(n, T)` bool, the tokens that are cut out.
        """
        stays = staying(batch, sequences, deleted)
        counts = stays.sum(1)
        size = int((batch.lengths[sequences] if self.fixed_length else counts.clamp(min=1)).max())
        place = torch.arange(size, device=deleted.device).expand(len(deleted), size)
        place = place - (size - counts.unsqueeze(1) if self.left else 0)
        real = (place >= 0) & (place < counts.unsqueeze(1))
        source = (~stays).long().argsort(dim=1, stable=True).gather(1, place.clamp(0, deleted.shape[1] - 1))
        cut = {
            name: x[sequences].gather(1, source).where(real, self.padding.get(name, 0))
            for name, x in batch.inputs.items()
        }
        for name, x in cut.items() if not self.fixed_length else ():
            x[counts == 0, -1 if self.left else 0] = self.filler if name == "input_ids" else 0
        return cut


def staying(batch: Batch, sequences: Tensor, deleted: Tensor) -> Tensor:
    """Return the tokens that stay if some are deleted from these sequences `(n,)`: `(n, T)` bool, False at padding."""
    lengths = batch.lengths[sequences].unsqueeze(1)
    column = torch.arange(deleted.shape[1], device=deleted.device).expand_as(deleted)
    column = column - (deleted.shape[1] - lengths if batch.padded_left else 0)
    return (column >= 0) & (column < lengths) & ~deleted


def _removed_tokens(batch: Batch, counted: Tensor, sequences: Tensor, removed: Removed) -> Tensor:
    """Return how many tokens of each of `W` kinds copies of these sequences `(N,)` lose: `(N, W)`.

    `counted` `(S, T, W)` says of which kinds each token is.
    """
    units, kinds = batch.units, counted.shape[2]
    of_unit = counted.new_zeros(len(counted), units.size + 1, kinds)
    of_unit = of_unit.scatter_add_(1, units.unit_of.unsqueeze(2).expand_as(counted), counted)[:, : units.size]
    together = max(1, _HELD // max(units.size * kinds, 1))
    parts = torch.arange(len(sequences), device=sequences.device).split(together)
    return torch.cat([(of_unit[sequences[rows]] * removed(rows).unsqueeze(2)).sum(1) for rows in parts])

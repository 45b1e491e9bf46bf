"""The records that flow through the package: `Document`, `Batch`, `Units`, `Gradients`.

Axes, here and everywhere: `B` texts, `S` sequences, `T` tokens, `U` units, `R` rows (distinct pieces of a unit),
`D` dims, `C` classes, `K` masks.

A model reads *sequences* of tokens. Most texts are one sequence each; then `S` is `B`. A long document may be several
windows, a question about two answers one sequence per answer. A unit of such a text may stand in several sequences.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hf_gradexplain.text.sequences import Sequences
from hf_gradexplain.text.unit import Occurrences, Unit

NO_UNIT = -1
"""Unit number and row number of tokens that belong to no unit: special tokens and padding."""

PREDICTED = -1
"""Placeholder in `Batch.target` for the predicted class, until the model has run."""

RUNNER_UP = -1
"""Placeholder in `Batch.against` for the highest-scored class other than the target, until the model has run."""

REST = -2
"""Stands in `Batch.against` for all classes other than the target together."""


@dataclass(frozen=True, eq=False)
class Document:
    """One encoded text.

    Attributes:
        text: The text that `Unit.spans` and `truncated_at` index into. A text pair is joined by a newline, and so are
            the contents of a conversation.
        occurrences: Where its `U` units occur.
        inputs: The model inputs: `input_ids`, `attention_mask`, ..., each `(T,)`.
        unit_of: `(T,)` unit number of each token, or `NO_UNIT`.
        row_of: `(T,)` row number of each token, or `NO_UNIT`. Tokens of one unit with the same id share a row.
        unit_of_row: `(R,)` unit number of each row.
        truncated_at: Offset of the first character that truncation removes, or None.
        pair_start: Offset where the second text of a pair begins, or None.
        sequence_of: `(T,)` the number of each token's sequence, ascending, if the text is read as several sequences,
            one after the other; None for one.
        unread: Of a conversation, the parts that the model does not read, as `(start, end)` character offsets: what
            the chat template drops, and what truncation removes.
    """

    text: str
    occurrences: Occurrences
    inputs: Mapping[str, np.ndarray]
    unit_of: np.ndarray
    row_of: np.ndarray
    unit_of_row: np.ndarray
    truncated_at: int | None = None
    pair_start: int | None = None
    sequence_of: np.ndarray | None = None
    unread: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.unit_of)

    @cached_property
    def sequences(self) -> tuple[slice, ...]:
        """The tokens of each sequence."""
        if self.sequence_of is None:
            return (slice(0, len(self)),)
        starts = np.flatnonzero(np.diff(self.sequence_of, prepend=-1)).tolist()
        return tuple(map(slice, starts, [*starts[1:], len(self)]))

    @property
    def n_units(self) -> int:
        """The number of units, `U`."""
        return self.occurrences.n_units

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The units, in the order of their first occurrence. They are objects, made when they are first asked for."""
        return self.occurrences.units()

    def rng(self, seed: int, purpose: str) -> np.random.Generator:
        """Return a random generator that depends only on the seed, the purpose and the input ids.

        A document gets the same random numbers alone, in any batch and on any number of processes.
        """
        content = repr((seed, purpose, tuple(self.inputs["input_ids"].tolist()))).encode()
        return np.random.default_rng(np.frombuffer(hashlib.sha256(content).digest(), dtype=np.uint32))


@dataclass(frozen=True, eq=False)
class Units:
    """Token-to-unit index of a batch of `B` texts, read as `S` sequences of up to `T` tokens, with up to `U` units.

    Attributes:
        unit_of: `(S, T)` unit of each token; `U` for special tokens and padding, which belong to no unit.
        row_of: `(S, T)` row of each token; `R` for tokens that belong to no unit.
        unit_of_row: `(B, R)` unit of each row; `U` where a text has fewer rows.
        count: `(B,)` number of units of each text.
        size: `U`, the largest number of units.
        text_of: `(S,)` text of each sequence; None if every text is one sequence.
    """

    unit_of: Tensor
    row_of: Tensor
    unit_of_row: Tensor
    count: Tensor
    size: int
    text_of: Tensor | None = None

    def sum(self, x: Tensor) -> Tensor:
        """Sum token values over the tokens of each unit: `(S, T)` to `(B, U)`, or `(S, T, D)` to `(B, U, D)`."""
        index = self.unit_of.view(*self.unit_of.shape, *[1] * (x.ndim - 2)).expand_as(x)
        sums = x.new_zeros(len(x), self.size + 1, *x.shape[2:]).scatter_add(1, index, x)[:, : self.size]
        if self.text_of is None:
            return sums
        return sums.new_zeros(len(self.count), *sums.shape[1:]).index_add_(0, self.text_of, sums)

    def sum_rows(self, x: Tensor) -> Tensor:
        """Sum `(S, T, D)` token vectors over the occurrences of each row: `(B, R, D)`.

        This is the gradient with respect to the embedding-table rows that a unit uses.
        """
        texts, rows = len(self.count), self.unit_of_row.shape[1] + 1
        text_of = torch.arange(texts, device=x.device) if self.text_of is None else self.text_of
        index = self.row_of + rows * text_of.unsqueeze(1)
        out = x.new_zeros(texts * rows, x.shape[2]).index_add_(0, index.flatten(), x.flatten(0, 1))
        return out.view(texts, rows, -1)[:, :-1]

    def over_rows(self, x: Tensor, reduce: Literal["sum", "amax"]) -> Tensor:
        """Reduce `(B, R)` non-negative row values over the rows of each unit: `(B, U)`."""
        units = x.new_zeros(len(x), self.size + 1)
        return units.scatter_reduce(1, self.unit_of_row, x, reduce)[:, : self.size]

    def tokens(self, chosen: Tensor, of: Tensor) -> Tensor:
        """Return the tokens of chosen units: `(N, T)` bool.

        Args:
            chosen: `(N, U)` bool, the units of each of `N` choices.
            of: `(N,)` the sequence of each choice.
        """
        no_unit = chosen.new_zeros(len(chosen), 1)
        return torch.cat([chosen, no_unit], 1).gather(1, self.unit_of[of])

    @cached_property
    def real(self) -> Tensor:
        """`(B, U)` bool: True where a unit exists, False where a text has fewer units."""
        return torch.arange(self.size, device=self.count.device) < self.count.unsqueeze(1)


@dataclass(frozen=True, eq=False)
class Batch:
    """`B` documents, read as `S` sequences, as tensors on the model's device.

    Attributes:
        documents: The documents themselves.
        inputs: The model inputs, each `(S, T)`.
        lengths: `(S,)` the number of tokens of each sequence.
        units: The units of the documents.
        target: `(B,)` class to explain; `PREDICTED` (-1) stands for the predicted class.
        seed: The seed of every random draw for these documents.
        padded_left: Whether the shorter sequences are padded on the left.
        sequences: The sequences of each document; None if every document is one sequence.
        against: `(B,)` class to compare the target with, `RUNNER_UP` (-1) or `REST` (-2); None if the target alone is
            explained.
    """

    documents: tuple[Document, ...]
    inputs: Mapping[str, Tensor]
    lengths: Tensor
    units: Units
    target: Tensor
    seed: int = 0
    padded_left: bool = False
    sequences: Sequences | None = None
    against: Tensor | None = None

    def columns(self, length: int) -> slice:
        """Return the columns of `(S, T)` tensors that hold all sequences of up to `length` tokens."""
        size = self.units.unit_of.shape[1]
        return slice(size - length, size) if self.padded_left else slice(length)

    def take(self, texts: Tensor) -> tuple["Batch", Tensor, Tensor]:
        """Return copies of some texts: their batch, without documents, and what each of its `S'` sequences is.

        Args:
            texts: `(N,)` the texts to copy.

        Returns:
            The batch of the copies, whose units are those of this batch; `(S',)` the copy that each of its sequences
            belongs to; and `(S',)` the sequence of this batch that it repeats.
        """
        copies = torch.arange(len(texts), device=texts.device)
        if self.sequences is None:
            copy_of, repeated, sequences = copies, texts, None
        else:
            numbers = self.sequences.numbers[texts]
            real = numbers < len(self.sequences.text_of)
            copy_of, repeated = copies.unsqueeze(1).expand_as(numbers)[real], numbers[real]
            sequences = Sequences.of(copy_of, [self.sequences.kinds[s] for s in repeated.tolist()])
        longest = self.columns(int(self.lengths[repeated].max()))
        inputs = {name: x[:, longest][repeated] for name, x in self.inputs.items()}
        batch = replace(
            self,
            documents=(),
            inputs=inputs,
            lengths=self.lengths[repeated],
            target=self.target[texts],
            sequences=sequences,
            against=None if self.against is None else self.against[texts],
        )
        return batch, copy_of, repeated


@dataclass(frozen=True, eq=False)
class Gradients:
    """The result of one backward pass: word vectors `e` and their gradients.

    If a model has several embedding tables, `D` runs over all of them, one after the other.

    Attributes:
        embedding: `(S, T, D)` the word vectors `e`.
        grad: `(S, T, D)` the gradients `dl_y/de`.
        baseline: `(D,)` the vector that replaces a removed word; None for zero.
        rise: `(B,)` the rise of the loss when all units are replaced by the baseline, if the scores of `signed_gi` are
            to add up to it; None if nothing is known about their sum.
    """

    embedding: Tensor
    grad: Tensor
    baseline: Tensor | None = None
    rise: Tensor | None = None

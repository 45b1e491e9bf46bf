"""The records that flow through the package: `Document`, `Batch`, `Units`, `Gradients`.

Axes, here and everywhere: `B` texts, `T` tokens, `U` units, `R` rows (distinct pieces of a unit), `D` dims,
`C` classes, `K` masks.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

NO_UNIT = -1
"""Unit number and row number of tokens that belong to no unit: special tokens and padding."""

PREDICTED = -1
"""Placeholder in `Batch.target` for the predicted class, until the model has run."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the text that gets one score.

    Attributes:
        text: Its surface form.
        spans: Every place where it occurs, as `(start, end)` character offsets.
    """

    text: str
    spans: tuple[tuple[int, int], ...]


def scores_in_text(units: Sequence[Unit], scores: np.ndarray) -> np.ndarray:
    """Return the score of each unit as the text shows it: `(..., U)` to `(..., U)`.

    A byte-level tokenizer can split a character into several tokens. Only the first one has a place in the text, so it
    gets the sum of their scores; the others keep their own.

    >>> units = [Unit("電", ((0, 1),)), Unit("電", ((1, 1),)), Unit("!", ((1, 2),))]
    >>> scores_in_text(units, np.array([0.5, -0.25, 1.0])).tolist()
    [0.25, -0.25, 1.0]
    """
    shown, first = np.array(scores, dtype=float), 0
    for u, unit in enumerate(units):
        (start, end), character = unit.spans[0], units[first]
        if u and start == end == character.spans[0][1] and unit.text == character.text:
            shown[..., first] += shown[..., u]
        else:
            first = u
    return shown


@dataclass(frozen=True, eq=False)
class Occurrences:
    """The occurrences of a text's units, `N` in all, in the order of the text.

    Attributes:
        text: The text.
        unit_of: `(N,)` the unit of each occurrence. Units are numbered in the order of their first one.
        spans: `(N, 2)` character offsets.
        surfaces: By unit, how it is shown if its first occurrence has no characters.
        n_units: `U`, the number of units.
    """

    text: str
    unit_of: np.ndarray
    spans: np.ndarray
    surfaces: Mapping[int, str]
    n_units: int

    def units(self) -> tuple[Unit, ...]:
        """Return the units."""
        spans: list[list[tuple[int, int]]] = [[] for _ in range(self.n_units)]
        for u, (start, end) in zip(self.unit_of.tolist(), self.spans.tolist(), strict=True):
            spans[u].append((start, end))
        names = (self.text[slice(*places[0])] or self.surfaces[u] for u, places in enumerate(spans))
        return tuple(Unit(name, tuple(places)) for name, places in zip(names, spans, strict=True))


@dataclass(frozen=True, eq=False)
class Document:
    """One encoded text.

    Attributes:
        text: The text that `Unit.spans` and `truncated_at` index into. A text pair is joined by a newline.
        occurrences: Where its `U` units occur.
        inputs: The model inputs: `input_ids`, `attention_mask`, ..., each `(T,)`.
        unit_of: `(T,)` unit number of each token, or `NO_UNIT`.
        row_of: `(T,)` row number of each token, or `NO_UNIT`. Tokens of one unit with the same id share a row.
        unit_of_row: `(R,)` unit number of each row.
        truncated_at: Offset of the first character that truncation removes, or None.
        pair_start: Offset where the second text of a pair begins, or None.
    """

    text: str
    occurrences: Occurrences
    inputs: Mapping[str, np.ndarray]
    unit_of: np.ndarray
    row_of: np.ndarray
    unit_of_row: np.ndarray
    truncated_at: int | None = None
    pair_start: int | None = None

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.unit_of)

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
    """Token-to-unit index of a batch of `B` texts of up to `T` tokens and `U` units.

    Attributes:
        unit_of: `(B, T)` unit of each token; `U` for special tokens and padding, which belong to no unit.
        row_of: `(B, T)` row of each token; `R` for tokens that belong to no unit.
        unit_of_row: `(B, R)` unit of each row; `U` where a text has fewer rows.
        count: `(B,)` number of units of each text.
        size: `U`, the largest number of units.
    """

    unit_of: Tensor
    row_of: Tensor
    unit_of_row: Tensor
    count: Tensor
    size: int

    def sum(self, x: Tensor) -> Tensor:
        """Sum token values over the tokens of each unit: `(B, T)` to `(B, U)`, or `(B, T, D)` to `(B, U, D)`."""
        index = self.unit_of.view(*self.unit_of.shape, *[1] * (x.ndim - 2)).expand_as(x)
        return x.new_zeros(len(x), self.size + 1, *x.shape[2:]).scatter_add(1, index, x)[:, : self.size]

    def sum_rows(self, x: Tensor) -> Tensor:
        """Sum `(B, T, D)` token vectors over the occurrences of each row: `(B, R, D)`.

        This is the gradient with respect to the embedding-table rows that a unit uses.
        """
        texts, rows = len(x), self.unit_of_row.shape[1] + 1
        index = self.row_of + rows * torch.arange(texts, device=x.device).unsqueeze(1)
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
            of: `(N,)` the text of each choice.
        """
        no_unit = chosen.new_zeros(len(chosen), 1)
        return torch.cat([chosen, no_unit], 1).gather(1, self.unit_of[of])

    @cached_property
    def real(self) -> Tensor:
        """`(B, U)` bool: True where a unit exists, False where a text has fewer units."""
        return torch.arange(self.size, device=self.count.device) < self.count.unsqueeze(1)


@dataclass(frozen=True, eq=False)
class Batch:
    """`B` documents as tensors on the model's device.

    Attributes:
        documents: The documents themselves.
        inputs: The model inputs, each `(B, T)`.
        units: The units of the documents.
        target: `(B,)` class to explain; `PREDICTED` (-1) stands for the predicted class.
        seed: The seed of every random draw for these documents.
        padded_left: Whether the shorter documents are padded on the left.
    """

    documents: tuple[Document, ...]
    inputs: Mapping[str, Tensor]
    units: Units
    target: Tensor
    seed: int = 0
    padded_left: bool = False

    @cached_property
    def lengths(self) -> Tensor:
        """The number of tokens of each document: `(B,)`."""
        return torch.tensor([len(document) for document in self.documents], device=self.target.device)

    def columns(self, length: int) -> slice:
        """Return the columns of `(B, T)` tensors that hold all documents of up to `length` tokens."""
        size = self.units.unit_of.shape[1]
        return slice(size - length, size) if self.padded_left else slice(length)


@dataclass(frozen=True, eq=False)
class Gradients:
    """The result of one backward pass: word vectors `e` and their gradients.

    If a model has several embedding tables, `D` runs over all of them, one after the other.

    Attributes:
        embedding: `(B, T, D)` the word vectors `e`.
        grad: `(B, T, D)` the gradients `dl_y/de`.
        baseline: `(D,)` the vector that replaces a removed word; None for zero.
        rise: `(B,)` the rise of the loss when all units are replaced by the baseline, if the scores of `signed_gi` are
            to add up to it; None if nothing is known about their sum.
    """

    embedding: Tensor
    grad: Tensor
    baseline: Tensor | None = None
    rise: Tensor | None = None

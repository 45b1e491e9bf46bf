"""The records that flow through the package: `Document`, `Batch`, `Units`, `Gradients`.

Axes, here and everywhere: `B` texts, `T` tokens, `U` units, `R` rows (distinct pieces of a unit), `D` dims,
`C` classes, `K` masks.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

NO_UNIT = -1
"""Unit and row number of tokens that belong to no unit: special tokens and padding."""

PREDICTED = -1
"""Target that stands for the predicted class until the model has run."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What gets one score: its surface form and every place where it stands, as `(start, end)` offsets."""

    text: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Document:
    """One encoded text.

    Attributes:
        text: What `Unit.spans` and `truncated_at` index into. A text pair is joined by a newline.
        units: `U` units, in the order of their first occurrence.
        inputs: What the model reads: `input_ids`, `attention_mask`, ..., each of length `T`.
        unit_of: `(T,)` unit number of each token, or `NO_UNIT`.
        row_of: `(T,)` row number of each token: tokens of one unit with the same id share a row. Or `NO_UNIT`.
        unit_of_row: `(R,)` unit number of each row.
        truncated_at: Offset of the first character that the model does not read, or None.
        pair_start: Offset where the second text of a pair begins, or None.
    """

    text: str
    units: tuple[Unit, ...]
    inputs: Mapping[str, tuple[int, ...]]
    unit_of: np.ndarray
    row_of: np.ndarray
    unit_of_row: np.ndarray
    truncated_at: int | None = None
    pair_start: int | None = None

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self.unit_of)

    def rng(self, seed: int, purpose: str) -> np.random.Generator:
        """A random generator that depends on nothing but the seed, the purpose and what the model reads.

        So a document gets the same random numbers alone, in any batch and on any number of processes.
        """
        content = repr((seed, purpose, self.inputs["input_ids"])).encode()
        return np.random.default_rng(np.frombuffer(hashlib.sha256(content).digest(), dtype=np.uint32))


@dataclass(frozen=True, eq=False)
class Units:
    """Which token belongs to which unit, for a batch of `B` texts of up to `T` tokens and `U` units.

    Attributes:
        unit_of: `(B, T)` unit of each token; `U` ("nobody") for special tokens and padding.
        row_of: `(B, T)` row of each token; `R` for nobody.
        unit_of_row: `(B, R)` unit of each row; `U` where a text has fewer rows.
        count: `(B,)` number of units of each text.
        size: `U`.
    """

    unit_of: Tensor
    row_of: Tensor
    unit_of_row: Tensor
    count: Tensor
    size: int

    def sum(self, x: Tensor) -> Tensor:
        """Sum `(B, T)` token values over the tokens of each unit: `(B, U)`."""
        return x.new_zeros(len(x), self.size + 1).scatter_add(1, self.unit_of, x)[:, : self.size]

    def sum_rows(self, x: Tensor) -> Tensor:
        """Sum `(B, T, D)` token vectors over the occurrences of each row: `(B, R, D)`.

        This is the gradient with respect to the embedding-table rows that a unit uses.
        """
        texts, rows = len(x), self.unit_of_row.shape[1] + 1
        place = self.row_of + rows * torch.arange(texts, device=x.device).unsqueeze(1)
        out = x.new_zeros(texts * rows, x.shape[2]).index_add_(0, place.flatten(), x.flatten(0, 1))
        return out.view(texts, rows, -1)[:, :-1]

    def over_rows(self, x: Tensor, reduce: Literal["sum", "amax"]) -> Tensor:
        """Reduce `(B, R)` non-negative row values over the rows of each unit: `(B, U)`."""
        units = x.new_zeros(len(x), self.size + 1)
        return units.scatter_reduce(1, self.unit_of_row, x, reduce)[:, : self.size]

    def tokens(self, chosen: Tensor, of: Tensor) -> Tensor:
        """The tokens of the chosen units: `(N, U)` bool, `N` choices for texts `of` `(N,)`, gives `(N, T)` bool."""
        nobody = chosen.new_zeros(len(chosen), 1)
        return torch.cat([chosen, nobody], 1).gather(1, self.unit_of[of])

    @cached_property
    def real(self) -> Tensor:
        """`(B, U)` bool: True where a unit exists, False where a text has fewer units."""
        return torch.arange(self.size, device=self.count.device) < self.count.unsqueeze(1)


@dataclass(frozen=True, eq=False)
class Batch:
    """`B` documents as tensors on the model's device.

    Attributes:
        documents: The documents themselves.
        inputs: What the model reads, each `(B, T)`.
        units: Their units.
        target: `(B,)` class to explain; `PREDICTED` (-1) asks for the predicted one.
        seed: What every random draw for these documents starts from.
    """

    documents: tuple[Document, ...]
    inputs: Mapping[str, Tensor]
    units: Units
    target: Tensor
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Gradients:
    """The evidence of one backward pass: the word vectors `e` and `dl_y/de`, both `(B, T, D)`.

    Where a model looks words up in several tables, `D` runs over all of them, one after the other. The `baseline`
    `(D,)` is what stands in for a word that is taken away, None for zero.
    """

    embedding: Tensor
    grad: Tensor
    baseline: Tensor | None = None

"""The index that says which tokens of a batch belong to which units, and sums over the tokens of units."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Units:
    """Token-to-unit index of a batch of `B` texts, read as `S` sequences of up to `T` tokens, with up to `U` units.

    Attributes:
        unit_of: `(S, T)` unit of each token; `U` for tokens that belong to no unit, see `NO_UNIT`.
        row_of: `(S, T)` row of each token; `R` for tokens that belong to no unit.
        unit_of_row: `(B, R)` unit of each row; `U` past the last row of a text.
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

        For gradients, the sum is the gradient with respect to the embedding-table rows that a unit uses.
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

    def largest(self, x: Tensor) -> Tensor:
        """Return the largest of the values of each text's sequences, at least 0: `(S,)` to `(B,)`."""
        if self.text_of is None:
            return x
        return x.new_zeros(len(self.count)).scatter_reduce(0, self.text_of, x, "amax")

    def by_sequence(self, x: Tensor) -> Tensor:
        """Return the values `(B, ...)` of texts for each of their sequences: `(S, ...)`."""
        return x if self.text_of is None else x[self.text_of]

    def tokens(self, chosen: Tensor, of: Tensor) -> Tensor:
        """Return the tokens of chosen units: `(N, T)` bool.

        Args:
            chosen: `(N, U)` bool, the units of each of `N` choices.
            of: `(N,)` the sequence of each choice.
        """
        no_unit = chosen.new_zeros(len(chosen), 1)
        return torch.cat([chosen, no_unit], 1).gather(1, self.unit_of[of])

    def only(self, text: int, sequences: Tensor, columns: slice) -> "Units":
        """Return the units of one text, given its sequences and the columns that hold them."""
        size = int(self.count[text])
        rows = int((self.unit_of_row[text] < self.size).sum())
        return Units(
            unit_of=self.unit_of[sequences][:, columns].clamp(max=size),
            row_of=self.row_of[sequences][:, columns].clamp(max=rows),
            unit_of_row=self.unit_of_row[text : text + 1, :rows],
            count=self.count[text : text + 1],
            size=size,
            text_of=None if self.text_of is None else torch.zeros_like(sequences),
        )

    @cached_property
    def real(self) -> Tensor:
        """`(B, U)` bool: True for units of a text, False past the last unit."""
        return torch.arange(self.size, device=self.count.device) < self.count.unsqueeze(1)

"""Curves of many documents, of different lengths, as one long array."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class RaggedArray:
    """`n` rows of different lengths, one after the other; no row is empty.

    Attributes:
        values: `(N,)` the values of all rows.
        lengths: `(n,)` the length of each row.
    """

    values: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Sequence[float] | np.ndarray]) -> "RaggedArray":
        """Concatenate rows."""
        values = np.concatenate([np.asarray(row, dtype=np.float64) for row in rows]) if rows else np.zeros(0)
        return cls(values, np.array([len(row) for row in rows], dtype=np.int64))

    def rows(self) -> list[np.ndarray]:
        """Return the rows as a list."""
        return np.split(self.values, self.starts[1:]) if len(self.lengths) else []

    @cached_property
    def starts(self) -> np.ndarray:
        """`(n,)` the index in `values` of the first value of each row."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def first(self) -> np.ndarray:
        """`(n,)` the first value of each row."""
        return self.values[self.starts]

    @property
    def last(self) -> np.ndarray:
        """`(n,)` the last value of each row."""
        return self.values[self.starts + self.lengths - 1]

    @cached_property
    def index_in_row(self) -> np.ndarray:
        """`(N,)` the index of each value in its row, from 0."""
        return np.arange(len(self.values)) - self.repeat_per_row(self.starts)

    def repeat_per_row(self, per_row: np.ndarray) -> np.ndarray:
        """Repeat one number per row for every value of the row: `(n,)` to `(N,)`."""
        return np.repeat(per_row, self.lengths)

    def backwards(self) -> "RaggedArray":
        """Return every row in reversed order."""
        ends = self.repeat_per_row(self.starts + self.lengths - 1)
        return RaggedArray(self.values[ends - self.index_in_row], self.lengths)

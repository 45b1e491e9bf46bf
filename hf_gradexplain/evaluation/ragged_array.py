"""Curves of many documents, of different lengths, as one long array."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class RaggedArray:
    """`n` rows of different lengths, none of them empty, one after the other.

    Attributes:
        values: `(N,)` the rows' values.
        lengths: `(n,)` how many belong to each row.
    """

    values: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Sequence[float] | np.ndarray]) -> "RaggedArray":
        """Put rows together."""
        values = np.concatenate([np.asarray(row, dtype=np.float64) for row in rows]) if rows else np.zeros(0)
        return cls(values, np.array([len(row) for row in rows], dtype=np.int64))

    def rows(self) -> list[np.ndarray]:
        """The rows themselves."""
        return np.split(self.values, self.starts[1:]) if len(self.lengths) else []

    @cached_property
    def starts(self) -> np.ndarray:
        """`(n,)` where each row begins."""
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
        """`(N,)` where in its row each value stands, from 0."""
        return np.arange(len(self.values)) - self.repeat_per_row(self.starts)

    def repeat_per_row(self, per_row: np.ndarray) -> np.ndarray:
        """Give every value what its row has: `(n,)` to `(N,)`."""
        return np.repeat(per_row, self.lengths)

    def backwards(self) -> "RaggedArray":
        """Every row read from its end."""
        return RaggedArray(
            self.values[self.repeat_per_row(self.starts + self.lengths - 1) - self.index_in_row], self.lengths
        )

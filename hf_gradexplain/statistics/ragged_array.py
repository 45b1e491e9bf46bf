"""Numbers of many documents, of different lengths, as one long array."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class RaggedArray:
    """`n` rows of different lengths, one after the other; no row is empty.

    Attributes:
        values: `(..., N)` the values of all rows, along the last axis: `(N,)` for one value per position, `(M, N)` for
            the values of `M` methods.
        lengths: `(n,)` the length of each row.
    """

    values: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Sequence[float] | np.ndarray]) -> "RaggedArray":
        """Concatenate rows."""
        values = np.concatenate([np.asarray(row, dtype=np.float64) for row in rows]) if rows else np.zeros(0)
        return cls(values, np.array([len(row) for row in rows], dtype=np.int64))

    @classmethod
    def from_padded(cls, padded: np.ndarray, lengths: np.ndarray) -> "RaggedArray":
        """Take the first `lengths` values of each row of `(..., n, L)`; a row of length 0 is left out."""
        return cls(padded[..., _real(lengths, padded.shape[-1])], lengths[lengths > 0])

    def rows(self) -> list[np.ndarray]:
        """Return the rows as a list."""
        return np.split(self.values, self.starts[1:], axis=-1) if len(self.lengths) else []

    @cached_property
    def starts(self) -> np.ndarray:
        """`(n,)` the index in `values` of the first value of each row."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def first(self) -> np.ndarray:
        """`(..., n)` the first value of each row."""
        return self.values[..., self.starts]

    @property
    def last(self) -> np.ndarray:
        """`(..., n)` the last value of each row."""
        return self.values[..., self.starts + self.lengths - 1]

    @cached_property
    def index_in_row(self) -> np.ndarray:
        """`(N,)` the index of each value in its row, from 0."""
        return np.arange(self.values.shape[-1]) - self.repeat_per_row(self.starts)

    def repeat_per_row(self, per_row: np.ndarray) -> np.ndarray:
        """Repeat one number per row for every value of the row: `(..., n)` to `(..., N)`."""
        return np.repeat(per_row, self.lengths, axis=-1)

    def with_values(self, values: np.ndarray) -> "RaggedArray":
        """Return other values `(..., N)` in rows of the same lengths."""
        return RaggedArray(values, self.lengths)

    def backwards(self) -> "RaggedArray":
        """Return every row in reversed order."""
        ends = self.repeat_per_row(self.starts + self.lengths - 1)
        return self.with_values(self.values[..., ends - self.index_in_row])

    def argsort(self) -> np.ndarray:
        """Return the indices in `values` that sort every row, `(..., N)`; equal values keep their order."""
        real = _real(self.lengths, self.lengths.max(initial=0))
        padded = np.full((*self.values.shape[:-1], *real.shape), np.inf)
        padded[..., real] = self.values
        return np.argsort(padded, axis=-1, kind="stable")[..., real] + self.repeat_per_row(self.starts)

    def sums(self) -> np.ndarray:
        """Return the sum of every row, `(..., n)`; other rows do not influence how a sum is rounded."""
        return self._by_row(lambda row: np.add.reduce(row, axis=-1), self.values)

    def dot(self, other: "RaggedArray") -> np.ndarray:
        """Return the inner product of every row with the same row of the other array, `(..., n)`; see `sums`."""
        return self._by_row(np.vecdot, self.values, other.values)

    def _by_row(self, function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
        ends = zip(self.starts, self.starts + self.lengths, strict=True)
        return np.stack([function(*(x[..., start:end] for x in arrays)) for start, end in ends], axis=-1)


def _real(lengths: np.ndarray, longest: int) -> np.ndarray:
    """Return where rows that are padded to the longest have values: `(n, L)` bool."""
    return np.arange(longest) < lengths[:, None]

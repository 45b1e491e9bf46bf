"""A text in pieces for display: units, what lies between them, and what the model did not read."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hf_gradexplain.viz.sanitize import visible

OUTSIDE, UNREAD = -1, -2
"""They replace the number of the unit for pieces that belong to no unit, and for pieces that the model did not read."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """A text in pieces; iterating over it yields each piece as `(text, owner)`.

    Attributes:
        text: The text.
        ends: `(P,)` the offset where each piece ends, in order; the first one begins at 0.
        owners: `(P,)` the number of the unit that each piece belongs to, or `OUTSIDE`, or `UNREAD`.
    """

    text: str
    ends: np.ndarray
    owners: np.ndarray

    @classmethod
    def join(cls, pieces: Iterable[tuple[str, int]]) -> "Pieces":
        """Return the text that these pieces make."""
        texts, owners = zip(*pieces, strict=True) if (pieces := list(pieces)) else ((), ())
        return cls("".join(texts), np.cumsum([len(text) for text in texts], dtype=int), np.array(owners, dtype=int))

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for (start, end), owner in zip(pairwise([0, *self.ends.tolist()]), self.owners.tolist(), strict=True):
            yield self.text[start:end], owner

    def visible(self) -> "Pieces":
        """Return the pieces with visible characters in place of those that control a display."""
        if visible(self.text) == self.text:
            return self
        return Pieces.join((visible(text), owner) for text, owner in self)

    def lengths(self) -> np.ndarray:
        """Return the length of each piece in UTF-16 code units, as JavaScript counts: `(P,)`.

        >>> Pieces.join([("a", 0), (" ", -1), ("😀", 1)]).lengths().tolist()
        [1, 1, 2]
        """
        ends = self.ends
        if not self.text.isascii():
            characters = np.frombuffer(self.text.encode("utf-32-le", "surrogatepass"), np.uint32)
            ends = np.concatenate([[0], np.cumsum(1 + (characters > 0xFFFF))])[ends]
        return np.diff(ends, prepend=0)


def split_text(text: str, spans: np.ndarray, units: np.ndarray, unread: Sequence[tuple[int, int]]) -> Pieces:
    """Return a text in pieces: the units, the parts between them, and the parts that the model did not read.

    Where occurrences overlap, the later one is cut; where one overlaps what the model did not read, it ends there.

    Args:
        text: The text.
        spans: `(N, 2)` the character offsets of each occurrence of a unit, in any order.
        units: `(N,)` the number of its unit.
        unread: The parts that the model did not read, as character offsets.

    >>> list(split_text("a bc d", np.array([[0, 1], [2, 4]]), np.array([0, 1]), [(4, 6)]))
    [('a', 0), (' ', -1), ('bc', 1), (' d', -2)]
    """
    spans = np.concatenate([spans, np.array(unread, dtype=int).reshape(-1, 2)])
    owners = np.concatenate([units, np.full(len(unread), UNREAD)])
    order = np.lexsort([owners, spans[:, 1], spans[:, 0]])
    order = order[spans[order, 0] < spans[order, 1]]
    spans, owners = spans[order], owners[order]
    before = np.concatenate([[0], spans[:-1, 1]])
    if (spans[:, 0] < before).any() or (spans[-1:, 1] > len(text)).any():
        spans, owners = _without_overlaps(spans, owners, unread, len(text))
        before = np.concatenate([[0], spans[:-1, 1]])
    parts = np.stack([np.full(len(owners), OUTSIDE), owners], axis=1).ravel()
    shown = np.stack([spans[:, 0] > before, np.ones(len(owners), dtype=bool)], axis=1).ravel()
    rest = [len(text)] if len(text) > spans[-1:, 1].sum() else []
    ends = np.concatenate([spans.ravel()[shown], np.array(rest, dtype=int)])
    return Pieces(text, ends, np.concatenate([parts[shown], np.full(len(rest), OUTSIDE)]))


def _without_overlaps(
    spans: np.ndarray, owners: np.ndarray, unread: Sequence[tuple[int, int]], length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return spans in order and their owners, each cut where the one before ends and where the model did not read."""
    kept, kept_owners, end = list[tuple[int, int]](), list[int](), 0
    for (first, last), owner in zip(spans.tolist(), owners.tolist(), strict=True):
        first, last = max(first, end), min(last, length)
        if owner != UNREAD:
            last = min([last, *(start for start, stop in unread if first <= start < stop)])
        if first < last:
            kept.append((first, last))
            kept_owners.append(owner)
            end = last
    return np.array(kept, dtype=int).reshape(-1, 2), np.array(kept_owners, dtype=int)


def mark_pieces(pieces: Pieces, marks: Sequence[tuple[int, int]]) -> tuple[Pieces, list[bool]]:
    """Return the pieces of a text, and for each piece whether it is marked.

    A unit is marked if it shares a character with a mark. A piece between units is cut at the ends of marks.

    Args:
        pieces: The pieces of the text.
        marks: The marked parts of the text, as character offsets.

    >>> pieces, marked = mark_pieces(Pieces.join([("good", 0), (" - ", -1), ("film", 1)]), [(2, 5)])
    >>> list(pieces), marked
    ([('good', 0), (' ', -1), ('- ', -1), ('film', 1)], [True, True, False, False])
    """
    borders = sorted({border for mark in marks for border in mark})
    ends, owners, marked = list[int](), list[int](), list[bool]()
    for (start, end), owner in zip(pairwise([0, *pieces.ends.tolist()]), pieces.owners.tolist(), strict=True):
        cuts = [] if owner >= 0 else [border for border in borders if start < border < end]
        for first, last in pairwise([start, *cuts, end]):
            ends.append(last)
            owners.append(owner)
            marked.append(any(a < last and first < b for a, b in marks))
    return Pieces(pieces.text, np.array(ends, dtype=int), np.array(owners, dtype=int)), marked

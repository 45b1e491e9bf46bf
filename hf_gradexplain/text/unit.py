"""Units of a text, where they occur, the messages of a conversation, and the windows of a long document."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation.

    Attributes:
        role: Who wrote the message, such as `user`.
        start: The character offset where its content begins in the text.
        end: The character offset where its content ends.
    """

    role: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a long document; in a pair, a window of its second text.

    Attributes:
        start: The character offset where it begins in the text.
        end: The offset where it ends.
        tokens: The number of tokens that the model reads for this window, including special tokens and the first text
            of a pair.
    """

    start: int
    end: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the text that gets one score.

    Attributes:
        text: Its surface form.
        spans: Every place where it occurs, as `(start, end)` character offsets.
        message: The number of the message (from 0) where the unit first occurs; in an explanation by `Ranking.why`, the
            number of the query or document. None for other texts.
        role: The role of this message, query or document.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    message: int | None = None
    role: str | None = None


def make_units(
    texts: Sequence[str], spans: Sequence[tuple[tuple[int, int], ...]], messages: Sequence[Message] = ()
) -> list[Unit]:
    """Return units, given their surface forms and places, and the messages of a conversation."""
    if not messages:
        return list(map(Unit, texts, spans))
    starts = [message.start for message in messages]
    numbers = [bisect_right(starts, places[0][0]) - 1 for places in spans]
    return [Unit(*unit, messages[unit[2]].role) for unit in zip(texts, spans, numbers, strict=True)]


@dataclass(frozen=True, eq=False)
class UnitPlaces:
    """The texts of a document's units and where these occur, as arrays: no object for each unit.

    Attributes:
        texts: `(U,)` surface forms.
        counts: `(U,)` how often each unit occurs.
        spans: `(N, 2)` the character offsets of all occurrences, unit by unit.
        messages: The messages, if the text is a conversation.
    """

    texts: Sequence[str]
    counts: np.ndarray
    spans: np.ndarray
    messages: tuple[Message, ...] = ()

    @classmethod
    def of(cls, units: Sequence[Unit]) -> "UnitPlaces":
        """Return the places of units."""
        spans = np.array([span for unit in units for span in unit.spans], dtype=np.int64).reshape(-1, 2)
        return cls([unit.text for unit in units], np.array([len(unit.spans) for unit in units], dtype=np.int64), spans)

    def owners(self) -> np.ndarray:
        """Return the unit of each occurrence: `(N,)`."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def firsts(self) -> np.ndarray:
        """Return the offsets of the first occurrence of each unit: `(U, 2)`."""
        return self.spans[np.cumsum(self.counts) - self.counts]

    def units(self) -> tuple[Unit, ...]:
        """Return the units."""
        places, ends = list(map(tuple, self.spans.tolist())), np.cumsum([0, *self.counts.tolist()]).tolist()
        return tuple(make_units(self.texts, [tuple(places[a:b]) for a, b in pairwise(ends)], self.messages))


def scores_in_text(units: Sequence[Unit] | UnitPlaces, scores: np.ndarray) -> np.ndarray:
    """Return the score of each unit as it is displayed in the text: `(..., U)` to `(..., U)`.

    A byte-level tokenizer can split a character into several tokens. Only the first one has a place in the text, so it
    gets the sum of their scores; the other tokens keep their own scores.

    >>> units = [Unit("電", ((0, 1),)), Unit("電", ((1, 1),)), Unit("!", ((1, 2),))]
    >>> scores_in_text(units, np.array([0.5, -0.25, 1.0])).tolist()
    [0.25, -0.25, 1.0]
    """
    places = units if isinstance(units, UnitPlaces) else UnitPlaces.of(units)
    shown, spans, first = np.array(scores, dtype=float), places.firsts(), 0
    if not (spans[:, 0] == spans[:, 1]).any():
        return shown
    for u, (start, end) in enumerate(spans.tolist()):
        if u and start == end == spans[first, 1] and places.texts[u] == places.texts[first]:
            shown[..., first] += shown[..., u]
        else:
            first = u
    return shown


@dataclass(frozen=True, eq=False)
class Occurrences:
    """The occurrences of a text's units, `N` in all, in the order of the text.

    Attributes:
        text: The text.
        unit_of: `(N,)` the unit of each occurrence. Units are numbered in the order of their first occurrence.
        spans: `(N, 2)` the character offsets of each occurrence.
        surfaces: How a unit is shown whose first occurrence has no characters, by its number.
        n_units: `U`, the number of units.
        messages: The messages, if the text is a conversation.
    """

    text: str
    unit_of: np.ndarray
    spans: np.ndarray
    surfaces: Mapping[int, str]
    n_units: int
    messages: tuple[Message, ...] = ()

    def places(self) -> UnitPlaces:
        """Return the texts and the places of the units."""
        order = np.argsort(self.unit_of, kind="stable")
        counts, spans = np.bincount(self.unit_of, minlength=self.n_units), self.spans[order]
        firsts = spans[np.cumsum(counts) - counts].tolist()
        texts = [self.text[start:end] or self.surfaces[u] for u, (start, end) in enumerate(firsts)]
        return UnitPlaces(texts, counts, spans, self.messages)

    def units(self) -> tuple[Unit, ...]:
        """Return the units."""
        return self.places().units()

"""One document of several sequences, each of which was encoded as a document of its own."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from hf_gradexplain.text.data import NO_UNIT, Document
from hf_gradexplain.text.texts import SEPARATOR
from hf_gradexplain.text.unit import Message, Occurrences

Place = tuple[int, bool, int]
"""Where a unit begins, whether it has characters, and its number among units with the same start and kind."""


class Piece(NamedTuple):
    """A part of a sequence that is also a part of the whole text.

    Attributes:
        start: Where the part begins in the sequence's own text.
        end: Where it ends in the sequence's own text.
        at: Where it begins in the whole text.
    """

    start: int
    end: int
    at: int


class _Unit(NamedTuple):
    """A unit at a place, as it is in the sequence where it is longest.

    Attributes:
        length: The number of characters of the unit.
        kind: A value that is equal for all units that become one.
        surface: How the unit is shown if it has no characters.
    """

    length: int
    kind: Hashable
    surface: str


def join(
    text: str, documents: Sequence[Document], pieces: Sequence[Sequence[Piece]], types: bool, unknown: int | None
) -> Document:
    """Return one document for a text that is read as several sequences, given a document for each sequence.

    Units that begin at the same place of the text become one unit, even if truncation has removed the end of one of
    them. Units outside of the pieces, such as the words of a template, are left out.

    Args:
        text: The whole text, to which the spans of the result refer.
        documents: The sequences, each of whose units occurs once.
        pieces: The pieces of each sequence.
        types: Whether words of equal tokens are one unit, wherever they stand.
        unknown: The id of the unknown token.
    """
    places = [_places(document.occurrences.spans, own) for document, own in zip(documents, pieces, strict=True)]
    longest: dict[Place, _Unit] = {}
    for document, at in zip(documents, places, strict=True):
        kinds, lengths = _types(document, unknown) if types else at, np.diff(document.occurrences.spans)[:, 0].tolist()
        for u, (place, kind, length) in enumerate(zip(at, kinds, lengths, strict=True)):
            if place is not None and (place not in longest or length > longest[place].length):
                longest[place] = _Unit(length, kind, document.occurrences.surfaces.get(u, ""))
    order = sorted(longest)
    numbers: dict[Hashable, int] = {}
    unit_at = {place: numbers.setdefault(longest[place].kind, len(numbers)) for place in order}
    spans = np.array([(place[0], place[0] + longest[place].length) for place in order], dtype=int).reshape(-1, 2)
    new = [np.array([*(NO_UNIT if place is None else unit_at[place] for place in at), NO_UNIT]) for at in places]
    unit_of = np.concatenate([units[document.unit_of] for units, document in zip(new, documents, strict=True)])
    inputs = _inputs(documents)
    row_of, unit_of_row = rows(unit_of, inputs["input_ids"])
    named = {unit_at[place]: longest[place].surface for place in reversed(order) if longest[place].surface}
    return Document(
        text=text,
        occurrences=Occurrences(text, np.array([*unit_at.values()], dtype=int), spans, named, len(numbers)),
        inputs=inputs,
        unit_of=unit_of,
        row_of=row_of,
        unit_of_row=unit_of_row,
        sequence_of=_sequence_of(documents),
    )


def side_by_side(documents: Sequence[Document]) -> Document:
    """Return one document with these documents as its sequences, and keep all of their units apart.

    The text of the result is their texts, joined by newlines. The same word in two documents is two units, even if
    `unit` is `word_type`. The result does not say which characters were truncated or unread.
    """
    parts = [document.occurrences for document in documents]
    starts = list(accumulate((len(document.text) + len(SEPARATOR) for document in documents[:-1]), initial=0))
    firsts = list(accumulate((part.n_units for part in parts[:-1]), initial=0))
    row_firsts = list(accumulate((len(document.unit_of_row) for document in documents[:-1]), initial=0))
    text = SEPARATOR.join(document.text for document in documents)
    messages = [
        replace(message, start=message.start + start, end=message.end + start)
        for part, start in zip(parts, starts, strict=True)
        for message in part.messages
    ]
    return Document(
        text=text,
        occurrences=Occurrences(
            text,
            _shifted([part.unit_of for part in parts], firsts),
            np.concatenate([part.spans + start for part, start in zip(parts, starts, strict=True)]),
            {u + first: s for part, first in zip(parts, firsts, strict=True) for u, s in part.surfaces.items()},
            sum(part.n_units for part in parts),
            tuple(messages) if all(part.messages for part in parts) else (),
        ),
        inputs=_inputs(documents),
        unit_of=_shifted([document.unit_of for document in documents], firsts),
        row_of=_shifted([document.row_of for document in documents], row_firsts),
        unit_of_row=_shifted([document.unit_of_row for document in documents], firsts),
        sequence_of=_sequence_of(documents),
    )


def _shifted(numbers: Sequence[np.ndarray], firsts: Sequence[int]) -> np.ndarray:
    """Return the numbers of units or rows of several documents, those of each raised by its entry of `firsts`."""
    return np.concatenate([np.where(x == NO_UNIT, x, x + first) for x, first in zip(numbers, firsts, strict=True)])


def _inputs(documents: Sequence[Document]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([document.inputs[name] for document in documents]) for name in documents[0].inputs}


def _sequence_of(documents: Sequence[Document]) -> np.ndarray:
    return np.repeat(np.arange(len(documents)), list(map(len, documents)))


def rows(unit_of: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the row `(T,)` of each token, and the unit `(R,)` of each row.

    Tokens of the same unit with the same id share a row.
    """
    row_of, inside = np.full(len(ids), NO_UNIT), unit_of != NO_UNIT
    pairs, numbers = np.unique(np.stack([unit_of[inside], ids[inside]], 1), axis=0, return_inverse=True)
    row_of[inside] = numbers.reshape(-1)
    return row_of, pairs[:, 0]


def _places(spans: np.ndarray, pieces: Sequence[Piece]) -> list[Place | None]:
    """Return where each unit stands in the whole text; None outside of the pieces.

    Several tokens without characters of their own may begin at the same offset; a number tells them apart.
    """
    places: list[Place | None] = []
    counts = Counter[tuple[int, bool]]()
    for start, end in spans.tolist():
        piece = next((piece for piece in pieces if piece.start <= start and end <= piece.end), None)
        if piece is None:
            places.append(None)
            continue
        place = start - piece.start + piece.at, start < end
        places.append((*place, counts[place]))
        counts[place] += 1
    return places


def _types(document: Document, unknown: int | None) -> list[Hashable]:
    """Return what makes words equal: their tokens, and their characters if a token stands for many words."""
    ids: list[list[int]] = [[] for _ in range(document.n_units)]
    for unit, token in zip(document.unit_of.tolist(), document.inputs["input_ids"].tolist(), strict=True):
        if unit != NO_UNIT:
            ids[unit].append(token)
    spans = document.occurrences.spans.tolist()
    named = zip(ids, spans, strict=True)
    return [(*of, document.text[slice(*span)] if unknown in of else None) for of, span in named]


def unread_of(document: Document, parts: Sequence[Message]) -> tuple[tuple[int, int], ...]:
    """Return what is not read of truncated parts: visible characters before their first or behind their last unit."""
    unread, spans = [], document.occurrences.spans
    for part in parts:
        inside = spans[(part.start <= spans[:, 0]) & (spans[:, 1] <= part.end)]
        first, last = (int(inside[:, 0].min()), int(inside[:, 1].max())) if len(inside) else (part.end, part.end)
        for start, end in ((part.start, first), (last, part.end)):
            text = document.text[start:end]
            if visible := text.strip():
                start += text.index(visible)
                unread.append((start, start + len(visible)))
    return tuple(unread)

"""Units of texts, from the places of their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hf_gradexplain.text.alignment import NO_WORD, Span, Tokens
from hf_gradexplain.text.characters import LETTER, SPACELESS
from hf_gradexplain.text.data import NO_UNIT


@dataclass(frozen=True, eq=False)
class Grouped:
    """The units of several texts, as arrays over tokens, words and rows. Units, words and rows are numbered per text.

    Attributes:
        unit_of: `(T,)` the unit of each token, or `NO_UNIT`.
        row_of: `(T,)` the row of each token, or `NO_UNIT`. Tokens of one unit with the same id share a row.
        unit_of_row: `(R,)` the unit of each row; `text_of_row` `(R,)` has its text.
        unit_of_word: `(W,)` the unit of each word; `text_of_word` `(W,)` has its text. If a unit occurs several times,
            each occurrence counts as a word.
        spans: `(W, 2)` the span of each word, as offsets in its text.
        n_units: `(B,)` the number of units of each text.
        surfaces: How units are shown whose first word has no characters, by text and unit.
    """

    unit_of: np.ndarray
    row_of: np.ndarray
    unit_of_row: np.ndarray
    text_of_row: np.ndarray
    unit_of_word: np.ndarray
    text_of_word: np.ndarray
    spans: np.ndarray
    n_units: np.ndarray
    surfaces: dict[int, dict[int, str]]


def group(tokens: Tokens, unit: str, unknown: int | None, spans: Sequence[Sequence[Span]] | None = None) -> Grouped:
    """Return the units of texts, in the order of their first occurrence.

    Args:
        tokens: The tokens.
        unit: What a unit is.
        unknown: The id of the unknown token.
        spans: The spans of the units of each text, in ascending order and without overlap; None if a unit is a token, a
            word or a word type. Tokens outside of the spans belong to no unit.
    """
    ordinary = np.flatnonzero(tokens.words != NO_WORD)
    firsts = _word_starts(tokens, ordinary, by_token=unit == "token")
    if spans is not None:
        span_of = _spans_of(tokens, ordinary, firsts, spans)
        ordinary, span_of = ordinary[span_of != NO_UNIT], span_of[span_of != NO_UNIT]
        firsts = np.flatnonzero(np.diff(span_of, prepend=NO_UNIT))
    text_of, ids = tokens.text_of[ordinary], tokens.ids[ordinary]
    sizes = np.diff(firsts, append=len(ordinary))
    starts, ends = tokens.starts[ordinary[firsts]], tokens.ends[ordinary[firsts + sizes - 1]]
    starts, ends = tokens.characters.strip(starts, ends)
    text_of_word = text_of[firsts]
    kinds = np.arange(len(firsts))
    if unit == "word_type":
        kinds = _word_types(tokens.characters.text, ids, firsts, np.stack([starts, ends], 1), unknown)
    unit_of_word, first_of_unit = number(kinds, text_of_word)
    unit_of_token = np.repeat(unit_of_word, sizes)
    row_of_token, first_of_row = number(unit_of_token * (ids.max(initial=0) + 1) + ids, text_of)
    unit_of, row_of = np.full((2, len(tokens.ids)), NO_UNIT)
    unit_of[ordinary], row_of[ordinary] = unit_of_token, row_of_token
    surfaces: dict[int, dict[int, str]] = {}
    for w in np.flatnonzero(first_of_unit & (starts == ends)).tolist():
        surfaces.setdefault(int(text_of_word[w]), {})[int(unit_of_word[w])] = tokens.surface(int(ordinary[firsts[w]]))
    return Grouped(
        unit_of,
        row_of,
        unit_of_token[first_of_row],
        text_of[first_of_row],
        unit_of_word,
        text_of_word,
        np.stack([starts, ends], 1) - tokens.characters.starts[text_of_word, None],
        np.bincount(text_of_word[first_of_unit], minlength=len(tokens.characters.starts)),
        surfaces,
    )


def number(keys: np.ndarray, text_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the different keys of each text, in the order of their first occurrence.

    Args:
        keys: `(N,)` numbers from 0.
        text_of: `(N,)` the text of each key, ascending.

    Returns:
        `(N,)` the number of each key; `(N,)` whether it is the first with this number.

    >>> number(np.array([7, 5, 7, 7, 9]), np.array([0, 0, 0, 1, 1]))[0].tolist()
    [0, 1, 0, 0, 1]
    """
    _, firsts, kinds = np.unique(text_of * (keys.max(initial=0) + 1) + keys, return_index=True, return_inverse=True)
    first_of = firsts[kinds]
    is_first = first_of == np.arange(len(keys))
    numbers = np.cumsum(is_first)[first_of] - 1
    return numbers - numbers[text_of.searchsorted(np.arange(text_of.max(initial=-1) + 1))][text_of], is_first


def _spans_of(tokens: Tokens, ordinary: np.ndarray, firsts: np.ndarray, spans: Sequence[Sequence[Span]]) -> np.ndarray:
    """Return the number of the span to which each ordinary token belongs, counted over all texts, or `NO_UNIT`.

    A token belongs to the span that holds its first character other than white space. A token without such a character
    belongs to the span of the token before it in the same word; at the beginning of a word, to that of the next token.
    """
    starts, ends = tokens.starts[ordinary], tokens.ends[ordinary]
    places, numbers = tokens.characters.strip(starts, ends)[0], np.arange(len(ordinary))
    visible = ~tokens.characters.are_blank(starts, ends)
    sizes = np.diff(firsts, append=len(ordinary))
    word_start, word_end = np.repeat(firsts, sizes), np.repeat(firsts + sizes, sizes)
    before = np.maximum.accumulate(np.where(visible, numbers, -1))
    after = np.minimum.accumulate(np.where(visible, numbers, len(ordinary))[::-1])[::-1]
    places = places[np.where(before >= word_start, before, np.where(after < word_end, after, numbers))]
    borders = np.array([span for of_text in spans for span in of_text], np.int64).reshape(-1, 2)
    borders += np.repeat(tokens.characters.starts, list(map(len, spans)))[:, None]
    span_of = np.searchsorted(borders[:, 0], places, "right") - 1
    return np.where(places < np.append(borders[:, 1], -1)[span_of], span_of, NO_UNIT)


def _word_starts(tokens: Tokens, ordinary: np.ndarray, *, by_token: bool) -> np.ndarray:
    """Return at which of the ordinary tokens words begin; every token is a word if `by_token`.

    A token that is only white space belongs to the next word, or to the last word at the end of the text.
    """
    if by_token:
        return np.arange(len(ordinary))
    is_first = np.diff(tokens.text_of[ordinary], prepend=-1) != 0
    is_first |= np.diff(tokens.parts[ordinary], prepend=-1) != 0
    words = np.flatnonzero(is_first | _may_begin(tokens, ordinary))

    def spans() -> tuple[np.ndarray, np.ndarray]:
        lasts = words + np.diff(words, append=len(ordinary)) - 1
        return tokens.starts[ordinary[words]], tokens.ends[ordinary[lasts]]

    starts, ends = spans()
    goes_on = tokens.characters.are_blank(np.roll(ends, 1), ends)
    is_first, is_word = np.append(is_first[words], True), np.ones(len(words) + 1, bool)
    for w in np.flatnonzero(tokens.characters.are_blank(starts, ends)).tolist():
        if is_word[w] or goes_on[w]:  # otherwise it has joined a blank before it, and characters without a token
            is_word[w + 1] = is_first[w + 1]
    words, is_first = words[is_word[:-1]], is_first[is_word]
    return words[is_first[:-1] | ~is_first[1:] | ~tokens.characters.are_blank(*spans())]


def _may_begin(tokens: Tokens, ordinary: np.ndarray) -> np.ndarray:
    """Return whether each ordinary token begins a word if another one stands before it in its text.

    A token begins a word where the tokenizer begins one, and after white space. It also does next to a character of a
    script without spaces, unless the tokenizer itself finds the words of such scripts. It never begins a word inside a
    character, or between two letters or digits of a script with spaces: some tokenizers count every digit or character
    as a word.
    """
    characters, start = tokens.characters, tokens.starts[ordinary]
    end, word = np.roll(tokens.ends[ordinary], 1), tokens.words[ordinary]
    adds = start < tokens.ends[ordinary]
    after_blank = adds & (characters.blanks[start + 1] > characters.blanks[end - 1])
    begins = word != np.roll(word, 1)
    if not tokens.segmented:
        spaceless = characters.have(SPACELESS, start) | characters.have(SPACELESS, end - 1)
        inside = (start == end) & characters.have(LETTER, start - 1) & characters.have(LETTER, start)
        has_text_before = end > characters.starts[tokens.text_of[ordinary]]
        begins = (adds & spaceless & has_text_before) | (begins & ~inside)
    return (tokens.reads[ordinary, 0] >= start) & (after_blank | begins)


def _word_types(text: str, ids: np.ndarray, firsts: np.ndarray, spans: np.ndarray, unknown: int | None) -> np.ndarray:
    """Return a number for each word, equal for words with the same ids (and characters, if an id is the unknown one).

    Args:
        text: What the spans refer to.
        ids: `(T,)` the ids of ordinary tokens.
        firsts: `(W,)` the position of each word's first token.
        spans: `(W, 2)`.
        unknown: The id of the unknown token.
    """
    kinds, lasts = ids[firsts], np.append(firsts[1:], len(ids))[: len(firsts)]
    words = np.flatnonzero((lasts - firsts > 1) | (kinds == (-1 if unknown is None else unknown)))
    numbers: dict[object, int] = {}
    above = int(ids.max(initial=0)) + 1
    rows = zip(words.tolist(), firsts[words].tolist(), lasts[words].tolist(), spans[words].tolist(), strict=True)
    for w, first, last, (start, end) in rows:
        of_word = tuple(ids[first:last].tolist())
        key = of_word, text[start:end] if unknown in of_word else None
        kinds[w] = above + numbers.setdefault(key, len(numbers))
    return kinds

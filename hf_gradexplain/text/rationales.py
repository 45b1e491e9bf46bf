"""Rationales: the parts of a text that people marked as the reasons for its label."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options.values import as_list
from hf_gradexplain.text.texts import Text, whole_text

Rationale = tuple[tuple[int, int], ...]
"""Spans `(start, end)` of a text: offsets of characters, in ascending order, without overlap."""

_SPANS = "give a list of spans [start, end], offsets of characters"
_MASK = "give a list with a 0 or 1 for each of its words"


def read_rationales(values: Any, texts: Sequence[Text], *, single: bool = False) -> list[Rationale]:
    """Return the rationale of each text from its spans, see `read_spans`.

    Args:
        values: The spans of each text.
        texts: The texts.
        single: Whether `values` are the spans of the only text, not a list of spans per text.

    Raises:
        GradexplainError: The number of lists is not the number of texts, or a rationale cannot be read.
    """
    rationales = [values] if single else as_list(values, "rationales must be a list of lists of spans", "rationale")
    if len(rationales) != len(texts):
        raise GradexplainError(
            f"{len(texts)} texts need {len(texts)} rationales, but got {len(rationales)}: give a list of spans per "
            "text, and an empty list for a text where nothing is marked"
        )
    pairs = enumerate(zip(rationales, texts, strict=True))
    return [read_spans(value, text, f"text {number}") for number, (value, text) in pairs]


def read_spans(value: Any, text: Text, where: str) -> Rationale:
    """Return the rationale of a text from spans as a dataset has them.

    A span is `[start, end]` or `{"start": ..., "end": ...}`: the characters from `start` up to, but without, `end`. In
    a pair or a conversation, offsets refer to its parts joined by newlines. A list of lists of spans has the spans of
    several annotators: a character belongs to the rationale if at least half of them marked it. Spans that overlap are
    joined. None stands for a text without a rationale.

    Args:
        value: The spans: a list, its JSON, or a mapping with `start` and `end` (two lists, or two numbers for a span).
        text: The text.
        where: What the rationale belongs to, for messages, such as `row 3`.

    Raises:
        GradexplainError: A span is not a pair of whole numbers, is empty or is not inside the text.

    >>> read_spans([[10, 18], [2, 12]], "A thoughtful, gripping film.", "row 0")
    ((2, 18),)
    >>> read_spans([[[0, 4], [9, 13]], [[0, 4]], [[5, 8]]], "Dull and slow.", "row 0")
    ((0, 4),)
    """
    length, annotations = len(whole_text(text)), _annotations(_listed(value, where, _SPANS), _is_span_list)
    return _vote([[_span(span, length, where) for span in spans] for spans in annotations], length)


def read_mask(value: Any, text: Text, where: str) -> Rationale:
    """Return the rationale of a text from a list with a 1 for each word that belongs to it, and a 0 for all others.

    Words are what `text.split()` returns: the parts between white space. Words that follow one another become one span.
    A list of lists has the masks of several annotators: a word belongs to the rationale if at least half of them marked
    it. None and an empty list stand for a text without a rationale.

    Args:
        value: The mask: a list of 0 and 1, or its JSON.
        text: The text.
        where: What the mask belongs to, for messages, such as `row 3`.

    Raises:
        GradexplainError: The mask holds something else, or has another length than `text.split()`.

    >>> read_mask([0, 1, 1, 0], "A thoughtful, gripping film.", "row 0")
    ((2, 22),)
    """
    whole = whole_text(text)
    words = [match.span() for match in re.finditer(r"\S+", whole)]
    masks = _annotations(_listed(value, where, _MASK), _is_list)
    if not any(masks):
        return ()
    votes = np.sum([_checked(mask, len(words), where) for mask in masks], axis=0)
    return tuple((words[first][0], words[end - 1][1]) for first, end in runs(2 * votes >= len(masks)))


def _listed(value: Any, where: str, fix: str) -> list[Any]:
    """Return a value as a list; a mapping of starts and ends as a list of pairs."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise GradexplainError(f"the rationale of {where} is the string {value[:40]!r}: {fix}") from None
    if isinstance(value, Mapping) and {"start", "end"} <= value.keys():
        value = _pairs(value["start"], value["end"], where)
    if value is not None and (isinstance(value, Mapping | str) or not isinstance(value, Iterable)):
        raise GradexplainError(f"the rationale of {where} is of type {type(value).__name__}: {fix}")
    return [] if value is None else list(value)


def _pairs(starts: Any, ends: Any, where: str) -> list[tuple[Any, Any]]:
    """Return pairs of two lists; of a single start and end, one pair."""
    if not (_is_list(starts) or _is_list(ends)):
        return [(starts, ends)]
    if not (_is_list(starts) and _is_list(ends)) or len(starts) != len(ends):
        raise GradexplainError(
            f"start and end of the rationale of {where} are not two lists of the same length: {_SPANS}"
        )
    return list(zip(starts, ends, strict=True))


def _annotations(values: list[Any], is_annotation: Callable[[Any], bool]) -> list[list[Any]]:
    """Return the entries of each annotator; a list whose entries are no annotations is that of a single annotator."""
    return list(map(list, values)) if all(map(is_annotation, values)) else [values]


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _is_span_list(value: Any) -> bool:
    """Return whether this is a list of spans, and not a span itself."""
    return _is_list(value) and (len(value) == 0 or isinstance(value[0], Mapping) or _is_list(value[0]))


def _span(value: Any, length: int, where: str) -> tuple[int, int]:
    try:
        start, end = (value["start"], value["end"]) if isinstance(value, Mapping) else value
        span = int(start), int(end)
        whole = span == (start, end)
    except (TypeError, ValueError, LookupError):
        whole = False
    if not whole:
        raise GradexplainError(f"the rationale of {where} has {value!r}, which is no span: {_SPANS}")
    if not 0 <= span[0] < span[1] <= length:
        raise GradexplainError(
            f"the rationale of {where} has the span {list(span)}, but its text has {length} characters: give spans "
            f"with 0 <= start < end <= {length}"
        )
    return span


def _checked(mask: list[Any], words: int, where: str) -> list[int]:
    """Return a mask after checking that it has a 0 or 1 for each word."""
    if wrong := [entry for entry in mask if entry not in (0, 1)]:
        raise GradexplainError(
            f"the mask of {where} has {wrong[0]!r}, which is neither 0 nor 1: {_MASK}, or spans in rationale_column"
        )
    if len(mask) != words:
        raise GradexplainError(
            f"the mask of {where} has {len(mask)} numbers, but its text has {words} words between white space "
            "(text.split()): give one 0 or 1 for each, or spans of characters in rationale_column"
        )
    return list(map(int, mask))


def _vote(annotations: Sequence[list[tuple[int, int]]], length: int) -> Rationale:
    """Return the spans that at least half of the annotators marked; a single annotator's spans may touch."""
    joined = list(map(_join, annotations))
    if len(joined) <= 1:
        return tuple(*joined)
    votes = np.zeros(length + 1, dtype=int)
    for spans in joined:
        for start, end in spans:
            votes[start] += 1
            votes[end] -= 1
    return tuple(runs(2 * np.cumsum(votes)[:length] >= len(joined)))


def runs(chosen: np.ndarray) -> list[tuple[int, int]]:
    """Return the ranges of entries that follow one another and are true.

    >>> runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(chosen.astype(int), prepend=0, append=0)).reshape(-1, 2)
    return [(start, end) for start, end in edges.tolist()]


def _join(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans in ascending order, with those that share characters joined."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined

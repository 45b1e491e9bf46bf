"""Units that the user gives: the spans of each text, or a function that returns them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from operator import index
from typing import Any

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import CUSTOM, Options
from hf_gradexplain.text.alignment import Span
from hf_gradexplain.text.texts import SEPARATOR, DividedText, Text, WholeText, text_parts, undivided

Spans = Iterable[Sequence[int]]
"""The units of a text, as pairs `(start, end)` of character offsets."""

GivenUnits = Spans | Iterable[Spans] | Callable[[str], Spans]
"""The spans of one text, a list of the spans of each text, or a function from a text to its spans."""


def with_units(
    texts: Sequence[Text], options: Options, units: GivenUnits | None, *, single: bool
) -> tuple[Sequence[Text], Options]:
    """Return the texts with the spans of their units, and the options with the unit `custom`.

    Args:
        texts: Texts, text pairs and conversations.
        options: How to explain.
        units: The spans; None to return texts and options as they are.
        single: Whether `units` are the spans of the only text, not a list of spans per text.

    Raises:
        GradexplainError: The options have a unit as well, the number of lists is not the number of texts, or a span
            cannot be used, see `divide`.
    """
    if units is None:
        return texts, options
    _check_no_unit(options)
    pairs = enumerate(_pairs(texts, units, single))
    return [divide(undivided(text), spans, i) for i, (text, spans) in pairs], replace(options, unit=CUSTOM)  # type: ignore[arg-type]


def units_of_both(units: Any) -> list[Any]:
    """Return the units of two sides, such as chosen and rejected texts; a function, or None, applies to both.

    Raises:
        GradexplainError: `units` are not the units of two sides.
    """
    if units is None or callable(units):
        return [units, units]
    both = list(units) if isinstance(units, Iterable) else []
    if len(both) != 2 or any(side is None for side in both):
        raise GradexplainError(
            "units must be given for two sides: give units=(spans of chosen, spans of rejected), or a function from "
            "a text to its spans"
        )
    return both


def with_function(what: str, options: Options, units: Any) -> Options:
    """Return options with the unit `custom` if there is a function from a text to its spans; else, do not change them.

    Args:
        what: The call that is made, for errors.
        options: How to explain.
        units: The function; None for none.

    Raises:
        GradexplainError: `units` is not a function, or the options have a unit as well.
    """
    if units is None:
        return options
    if not callable(units):
        raise GradexplainError(
            f"{what} takes units as a function from a text (the query or a document) to its spans, not "
            f"{type(units).__name__}: give units=FUNCTION"
        )
    _check_no_unit(options)
    return replace(options, unit=CUSTOM)  # type: ignore[arg-type]


def divide_pair(first: str, second: str, function: Callable[[str], Spans] | None, number: int) -> Text:
    """Return a text pair with the spans that a function gives for each text; without a function, the plain pair."""
    if function is None:
        return first, second
    read = text_parts((first, second))
    parts = [divide(text, function, number).spans for text in read]
    shift = len(read[0]) + len(SEPARATOR)
    return DividedText((first, second), (*parts[0], *((start + shift, end + shift) for start, end in parts[1])))


def divide(text: WholeText, spans: Any, number: int) -> DividedText:
    """Return a text with the spans of its units, sorted.

    Args:
        text: The text, pair or conversation.
        spans: Pairs `(start, end)` of offsets in the text; for a pair or a conversation, in its parts joined by
            newlines. Or a function that returns these pairs for this string.
        number: The number of the text, for messages.

    Raises:
        GradexplainError: A span is not a pair of whole numbers, is empty, ends outside of the text, overlaps another
            span, or crosses the end of a text of a pair or of a message.
    """
    parts = text_parts(text)
    whole = SEPARATOR.join(parts)
    borders = list(accumulate(len(part) + len(SEPARATOR) for part in parts))[:-1]
    given = spans(whole) if callable(spans) else spans
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise GradexplainError(
            f"units of text {number} must be a list of spans (start, end), not {type(given).__name__}: give one list "
            "per text, or a function that returns the list of a text"
        )
    checked = sorted(_span(span, number) for span in given)
    before = (0, 0)
    for span in checked:
        if problem := _problem(span, before, borders, len(whole)):
            raise GradexplainError(f"span {span} of text {number} {problem}")
        before = span
    return DividedText(text, tuple(checked))


def _check_no_unit(options: Options) -> None:
    if options.unit != Options.unit:
        raise GradexplainError(f"give either unit={options.unit!r} or units=[...], but not both")


def _pairs(texts: Sequence[Text], units: Any, single: bool) -> Iterator[tuple[Text, Any]]:
    if single or callable(units):
        return ((text, units) for text in texts)
    lists = list(units) if isinstance(units, Iterable) else [units]
    if len(lists) != len(texts):
        raise GradexplainError(
            f"{len(texts)} texts need {len(texts)} lists of spans in units, but got {len(lists)}: give one list per "
            "text, or a function that returns the list of a text"
        )
    return zip(texts, lists, strict=True)


def _span(span: Any, number: int) -> Span:
    try:
        start, end = (index(offset) for offset in span)
    except (TypeError, ValueError):
        raise GradexplainError(
            f"span {span!r} of text {number} must be two whole numbers (start, end), offsets of characters"
        ) from None
    return start, end


def _problem(span: Span, before: Span, borders: Sequence[int], length: int) -> str:
    """Return what is wrong with a span, given the span before it; empty if nothing is wrong."""
    start, end = span
    if start >= end:
        return "is empty: its end must be larger than its start"
    if start < 0 or end > length:
        return f"is outside of the text: give offsets from 0 to {length}, its length"
    if start < before[1]:
        return f"overlaps the span {before}: give spans that share no character"
    crossed = [border - 1 for border in borders if start < border <= end]
    return f"crosses the end of a text or message at {crossed[0]}: give a span on either side" if crossed else ""

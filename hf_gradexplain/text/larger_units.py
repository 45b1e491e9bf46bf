"""Units that are larger than words: sentences, clauses, and spans that come with a text."""

from collections.abc import Callable, Iterator, Sequence

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import CUSTOM
from hf_gradexplain.text.alignment import Span
from hf_gradexplain.text.sentences import clauses, sentences
from hf_gradexplain.text.texts import SEPARATOR, DividedText, Text

DIVIDERS: dict[str, Callable[[str], list[Span]]] = {"sentence": sentences, "clause": clauses}
"""The functions that divide a text into units, by the name of the unit."""


def larger_units(unit: str, parts: Sequence[Sequence[str]], texts: Sequence[Text]) -> list[list[Span]] | None:
    """Return the spans of the units of each text, as offsets in its parts joined by `SEPARATOR`.

    Args:
        unit: What a unit is.
        parts: The parts of each text: one, the two of a pair, or the contents of a conversation. Each part is divided
            on its own.
        texts: The texts, as `DividedText` if `unit` is `custom`.

    Returns:
        The spans, in ascending order; None if a unit is a word or a token.

    Raises:
        GradexplainError: `unit` is `custom`, but a text has no spans.
    """
    if unit == CUSTOM:
        return [_read(text, len(SEPARATOR.join(read))) for text, read in zip(texts, parts, strict=True)]
    divide = DIVIDERS.get(unit)
    return None if divide is None else [list(_divided(read, divide)) for read in parts]


def _read(text: Text, length: int) -> list[Span]:
    """Return the spans within the first `length` characters of a text; a span that extends beyond is cut."""
    if not isinstance(text, DividedText):
        raise GradexplainError("unit='custom' needs the spans of the units: leave it out, and give units=[...]")
    return [(start, min(end, length)) for start, end in text.spans if start < length]


def _divided(parts: Sequence[str], divide: Callable[[str], list[Span]]) -> Iterator[Span]:
    before = 0
    for part in parts:
        yield from ((before + start, before + end) for start, end in divide(part))
        before += len(part) + len(SEPARATOR)

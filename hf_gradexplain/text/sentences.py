"""Sentences and clauses of a text."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import regex
from py3langid import classify
from sentencex import get_sentence_boundaries

from hf_gradexplain.text.alignment import Span

_WINDOW = 10_000
"""The number of characters that are split together: in Chinese, the splitter takes time quadratic in their number."""

_CLOSING = r"""(?:[\p{Pe}\p{Pf}]|["'](?=[\s\p{P}]|$))*"""

_CLAUSE_END = regex.compile(
    rf"(?V1)(?:[,;:!?]|\.\.+){_CLOSING}(?=\s)"
    rf"|[[\p{{Terminal_Punctuation}}…]--[\x00-\x7f]]+(?<!\d.(?=\d)){_CLOSING}"
)
"""Punctuation after which a clause ends. ASCII marks count only if white space follows. Full stops are left to the
splitter of sentences."""

_WORD = regex.compile(r"[^\p{P}\s]")


def sentences(text: str) -> list[Span]:
    r"""Return the sentences of a text, without the white space around them, as offsets.

    The rules are those of the language that the text seems to be in. A line break ends a sentence only if an empty line
    follows.

    >>> [text[a:b] for text in ["Dr. Lee paid $3.50. (Why?)\n\nIt was   fun"] for a, b in sentences(text)]
    ['Dr. Lee paid $3.50.', '(Why?)', 'It was   fun']
    """
    return _between(text, _sentence_ends(text))


def clauses(text: str) -> list[Span]:
    """Return the parts of sentences between punctuation, without the white space around them, as offsets.

    A mark such as a comma, a colon or an ellipsis ends a clause. The mark belongs to the clause, and so do closing
    quotes and brackets after it. Marks inside numbers and words, such as 3.5 or U.S., do not end a clause.

    >>> [text[a:b] for text in ["No, e.g. 1,000 films: dull. “Why?”, she asked"] for a, b in clauses(text)]
    ['No,', 'e.g. 1,000 films:', 'dull.', '“Why?”,', 'she asked']
    """
    ends = {match.end() for match in _CLAUSE_END.finditer(text)}
    return _between(text, sorted(ends.union(_sentence_ends(text))))


def _between(text: str, ends: Iterable[int]) -> list[Span]:
    """Return the parts of a text between offsets, without the white space around them.

    A part that is only punctuation joins the one before it; at the beginning of the text, the one after it.
    """
    parts: list[Span] = []
    for start, end in pairwise([0, *ends, len(text)]):
        first, last = start + len(part := text[start:end]) - len(part.lstrip()), start + len(part.rstrip())
        if first >= last:
            continue
        if parts and not (_WORD.search(part) and _WORD.search(text, *parts[-1])):
            parts[-1] = parts[-1][0], last
        else:
            parts.append((first, last))
    return parts


def _sentence_ends(text: str) -> Iterator[int]:
    """Yield where sentences end.

    The text is split part by part. The last sentence of a part may be incomplete: the next part begins with it.
    """
    language, _ = classify(text[:_WINDOW])
    start, size = 0, _WINDOW
    while start < len(text):
        ends = [start + found["end_index"] for found in get_sentence_boundaries(language, text[start : start + size])]
        if start + size >= len(text):
            yield from ends
            return
        if len(ends) == 1:
            size *= 2
            continue
        yield from ends[:-1]
        start, size = ends[-2], _WINDOW

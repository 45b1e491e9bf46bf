"""Align the characters of tokens with the characters of a text."""

import re
from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Sequence
from difflib import Match, SequenceMatcher
from itertools import groupby
from unicodedata import normalize

import regex

from hf_gradexplain.text.alignment import Span
from hf_gradexplain.text.scripts import is_inside_word

UNKNOWN = "\ufffd"
"""The surface of a token whose characters are unknown."""

Group = tuple[str, int]
"""Characters, and the number of tokens that stand for them together."""

_CHUNK = re.compile(r"\S+")
_GRAPHEME = regex.compile(r"(?!\s)\X")
_WINDOW = 1024
"""The number of elements that are compared at once: the time of a comparison grows with its square."""


def align(groups: Iterable[Group], text: str, words: Sequence[Span], *, cut: bool = False) -> list[Span]:
    """Return the characters of each token. The characters of all tokens are aligned with those of the text as a whole.

    For this, tokens and text are normalised. Tokens that match no character of the text, such as unknown tokens, get
    the words that are left over between their neighbours. Tokens that share characters have the same span.

    Args:
        groups: The surface forms of the tokens.
        text: The text.
        words: The words of the text.
        cut: Whether the text may go on after the last token; if True, the last token does not get the rest of its word.
    """
    groups = list(groups)
    tokens = [(c, g) for g, (surface, _) in enumerate(groups) for c in _normalised(surface)]
    blanks = any(c == " " for c, _ in tokens)
    places = [(c, k) for k, character in enumerate(text) for c in _normalised(character) if blanks or c != " "]
    spans: list[Span | None] = [None if surface.strip() else (-1, -1) for surface, _ in groups]
    for i, j, size in matching_blocks("".join(c for c, _ in tokens), "".join(c for c, _ in places)):
        for (_, g), (_, k) in zip(tokens[i : i + size], places[j : j + size], strict=True):
            a, b = spans[g] or (-1, -1)
            if a < 0:
                spans[g] = k, k + 1
            elif not any(map(str.isspace, text[b:k])) or text[b:k].isspace():
                spans[g] = a, k + 1
    placed = _widen(_fill_gaps(spans, text, words), text, cut=cut)
    return [span for span, (_, size) in zip(placed, groups, strict=True) for _ in range(size)]


def _normalised(text: str) -> Iterator[str]:
    """Yield the characters that are compared: decomposed, without case, one kind of blank."""
    for character in text:
        for c in character if character.isascii() else normalize("NFKD", character):
            yield from " " if c.isspace() else c.casefold()


def matching_blocks(a: Sequence[Hashable], b: Sequence[Hashable]) -> Iterator[tuple[int, int, int]]:
    """Yield `(i, j, size)` with `a[i : i + size] == b[j : j + size]`, ascending, window by window."""
    i = j = 0
    while i < len(a) and j < len(b):
        size = 0
        while i + size < len(a) and j + size < len(b) and a[i + size] == b[j + size]:
            size += 1
        if size:
            yield i, j, size
            i, j = i + size, j + size
            continue
        at_end = i + _WINDOW >= len(a) and j + _WINDOW >= len(b)
        matcher = SequenceMatcher(None, a[i : i + _WINDOW], b[j : j + _WINDOW], autojunk=False)
        reach = _WINDOW if at_end else _WINDOW * 3 // 4
        blocks = [block for block in matcher.get_matching_blocks() if block.size and max(block.a, block.b) < reach]
        yield from ((i + block.a, j + block.b, block.size) for block in blocks)
        if at_end:
            return
        last = blocks[-1] if blocks else Match(_WINDOW // 2, _WINDOW // 2, 0)
        i, j = i + last.a + last.size, j + last.b + last.size


def _fill_gaps(spans: Sequence[Span | None], text: str, words: Sequence[Span]) -> list[Span]:
    """Return the spans. A token without a place (None) gets the text between its neighbours.

    `(-1, -1)` stands for a blank without a place; it becomes an empty span.
    """
    out: list[Span] = []
    end = 0
    next_start = _next_starts(spans, len(text))
    for unplaced, run in groupby(range(len(spans)), key=lambda t: spans[t] is None):
        positions = list(run)
        if unplaced:
            out += _share(text, words, (end, next_start[positions[-1]]), len(positions))
        else:
            out += [span if (span := spans[t]) and span[0] >= 0 else (-1, -1) for t in positions]
        for t in positions:
            out[t] = out[t] if out[t][0] >= 0 else (end, end)
            end = max(end, out[t][1])
    return out


def _next_starts(spans: Sequence[Span | None], start: int) -> list[int]:
    """Return the start of the next span with characters after each token; `start` after the last one."""
    out = []
    for span in reversed(spans):
        out.append(start)
        start = span[0] if span and span[0] < span[1] else start
    return out[::-1]


def _share(text: str, words: Sequence[Span], gap: Span, n: int) -> list[Span]:
    """Return spans for `n` tokens in a part of the text: a word, character or byte each, if there are `n` of them.

    Otherwise each token gets one blank-separated word, and the tokens that remain share the last word.
    """
    chunks = [match.span() for match in _CHUNK.finditer(text, *gap)] or [(gap[0], gap[0])]
    if len(chunks) != n:
        characters = [match.span() for match in _GRAPHEME.finditer(text, *gap)]
        of_bytes = [(k, k + 1) for k in range(*gap) if not text[k].isspace() for _ in text[k].encode()]
        for parts in (within(words, *gap), characters, of_bytes):
            if len(parts) == n:
                return list(parts)
    return [chunks[min(k, len(chunks) - 1)] for k in range(n)]


def _widen(spans: Sequence[Span], text: str, *, cut: bool) -> list[Span]:
    """Return the spans, extended by the letters, digits and marks of their words that no token covers."""
    out, end = list(spans), 0
    for t, ((a, b), following) in enumerate(zip(spans, _next_starts(spans, len(text)), strict=True)):
        if a < b:
            while a > end and is_inside_word(text, a):
                a -= 1
            while b < following and is_inside_word(text, b) and not (cut and following == len(text)):
                b += 1
            out[t] = a, b
            end = max(end, b)
    return out


def within(words: Sequence[Span], start: int, end: int) -> Sequence[Span]:
    """Return the words that begin in a part of the text."""
    return words[bisect_left(words, (start, start)) : bisect_left(words, (end, end))]

"""Places of the tokens of tokenizers written in Python, which report no offsets."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from difflib import Match, SequenceMatcher
from itertools import groupby
from typing import Any
from unicodedata import normalize

import regex
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.text.alignment import BLANK, Span, Tokens, settle
from hf_gradexplain.text.scripts import is_inside_word

_WORD = regex.compile(r"[\p{L}\p{N}\p{M}_]+|\S")
_CHUNK = regex.compile(r"\S+")
_CHUNK_WITH_BLANKS = regex.compile(r"\s*\S+|\s+$")
_GRAPHEME = regex.compile(r"(?!\s)\X")
_MOST_BYTES = 8
_WINDOW = 1024
"""Characters that are compared at once: the time of a comparison grows with their square."""

_UNKNOWN = "\ufffd"
"""The surface of a token whose characters are unknown."""

_Chunk = tuple[Span, list[int]]
"""A part of the text and the ids of its tokens."""

_Group = tuple[str, int]
"""Characters, and the number of tokens that they are written with."""


def from_alignment(
    tokenizer: PreTrainedTokenizerBase,
    ids: Sequence[int],
    special: Sequence[int],
    texts: Sequence[str],
    starts: Sequence[int],
    *,
    truncated: bool,
) -> Tokens:
    """Return the tokens of a tokenizer without offsets.

    The tokenizer's own words (of a Japanese morphological analyser), or else the words between blanks, are tokenized
    alone. If the ids of all of them, joined, are those of the text, each token's word is known. Otherwise the
    characters of all tokens are aligned with those of the text.

    A word is a run of letters, digits and marks, any other single character, or a word of the tokenizer's own.

    Args:
        tokenizer: A tokenizer written in Python.
        ids: `(T,)` the token ids of the texts.
        special: `(T,)` 1 for special tokens.
        texts: The text, or both texts of a pair.
        starts: Offset at which each of them begins in the joined text.
        truncated: Whether tokens may be missing because of truncation.
    """
    found: list[Span | None] = [None] * len(ids)
    words: list[object | None] = [None] * len(ids)
    offsets = []
    for positions, text, start in zip(_ordinary_positions(special, len(texts)), texts, starts, strict=True):
        text_ids = [ids[t] for t in positions]
        if truncated and tokenizer.truncation_side == "left":
            text_ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        own = _own_words(tokenizer, text)
        ranges = [span for span, _ in own] or [match.span() for match in _WORD.finditer(text)]
        spans = _locate(tokenizer, text_ids, text, own, ranges)[len(text_ids) - len(positions) :]
        for t, (a, b), word in zip(positions, spans, _words_of(spans, ranges), strict=True):
            found[t], words[t] = (a + start, b + start), (start, word)
        first, last = (spans[0][0], spans[-1][1]) if spans else (0, 0)
        if truncated and (text[:first] + text[last:]).strip():
            offsets.append(start + (0 if text[:first].strip() else last))
    pieces, segmented = tokenizer.convert_ids_to_tokens(list(ids)), _segmenter(tokenizer) is not None
    return Tokens(ids, pieces, *settle("\n".join(texts), found), words, min(offsets, default=None), segmented)


def _ordinary_positions(special: Sequence[int], n_texts: int) -> list[list[int]]:
    """Return the positions of each text's ordinary tokens; the first special token between them separates a pair."""
    ordinary = [t for t, flag in enumerate(special) if not flag]
    if n_texts == 1:
        return [ordinary]
    split = next((i for i in range(1, len(ordinary)) if ordinary[i] > ordinary[i - 1] + 1), len(ordinary))
    return [ordinary[:split], ordinary[split:]]


def _words_of(spans: Sequence[Span], words: Sequence[Span]) -> Iterator[int]:
    """Yield the offset of each token's word; a token without characters belongs to the word before it."""
    begins = {k: a for a, b in words for k in range(a, b)}
    word = 0
    for a, b in spans:
        if a < b:
            word = next((begins[k] for k in range(a, b) if k in begins), a)
        yield word


def _segmenter(tokenizer: PreTrainedTokenizerBase) -> Any:
    """Return what finds the tokenizer's words in scripts without spaces, or None."""
    kind = getattr(tokenizer, "word_tokenizer_type", None)
    return tokenizer.word_tokenizer if kind not in (None, "basic") else None


def _own_words(tokenizer: Any, text: str) -> list[_Chunk]:
    """Return the words that a morphological analyser finds in the text; none if the tokenizer has no such analyser."""
    segmenter = _segmenter(tokenizer)
    if segmenter is None:
        return []
    words = segmenter.tokenize(text, never_split=tokenizer.all_special_tokens)
    pieces = [tokenizer.subword_tokenizer.tokenize(word) if tokenizer.do_subword_tokenize else [word] for word in words]
    spans = _align([(word, 1) for word in words], text, ())
    return [(span, tokenizer.convert_tokens_to_ids(each)) for span, each in zip(spans, pieces, strict=True)]


def _locate(
    tokenizer: PreTrainedTokenizerBase, ids: list[int], text: str, own: list[_Chunk], words: Sequence[Span]
) -> list[Span]:
    """Return the characters of each token."""
    for chunks in (own, _alone(tokenizer, text, _CHUNK), _alone(tokenizer, text, _CHUNK_WITH_BLANKS)):
        if (exact := _cut(chunks, ids)) is not None:
            return list(_inside_chunks(tokenizer, exact, text, words))
    return _align(_surfaces(tokenizer, ids), text, words)


def _alone(tokenizer: Any, text: str, pattern: Any) -> Iterator[_Chunk]:
    """Yield the matches of a pattern, each tokenized alone."""
    known: dict[str, list[int]] = {}
    for match in pattern.finditer(text):
        chunk = match[0]
        if chunk not in known:
            known[chunk] = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(chunk))
        yield match.span(), known[chunk]


def _cut(chunks: Iterable[_Chunk], ids: list[int]) -> list[_Chunk] | None:
    """Return the chunks that make up `ids`, the last one cut to fit; None if their ids, joined, are others."""
    exact: list[_Chunk] = []
    size = 0
    for span, part in chunks:
        part = part[: len(ids) - size]
        if ids[size : size + len(part)] != part:
            return None
        exact.append((span, part))
        size += len(part)
        if size == len(ids):
            break
    return exact if size == len(ids) else None


def _inside_chunks(
    tokenizer: PreTrainedTokenizerBase, chunks: list[_Chunk], text: str, words: Sequence[Span]
) -> Iterator[Span]:
    """Yield the characters of each token of each chunk."""
    known: dict[object, list[Span]] = {}
    for (a, b), part in chunks:
        inside = [(i - a, j - a) for i, j in _within(words, a, b)]
        key = text[a:b], tuple(part), tuple(inside)
        if key not in known:
            known[key] = _align(_surfaces(tokenizer, part), text[a:b], inside)
        yield from [(i + a, j + a) for i, j in known[key]]


def _within(words: Sequence[Span], start: int, end: int) -> Sequence[Span]:
    """Return the words that begin in a part of the text."""
    return words[bisect_left(words, (start, start)) : bisect_left(words, (end, end))]


def _surfaces(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> Iterator[_Group]:
    """Yield the characters of each token, or of several that decode only together, such as the bytes of a character.

    A token that is only a blank has no characters.
    """
    t = 0
    while t < len(ids):
        surface, size = _UNKNOWN, 1
        longest = 0 if ids[t] == tokenizer.unk_token_id else min(_MOST_BYTES, len(ids) - t)
        for n in range(1, longest + 1):
            decoded = str(tokenizer.decode(list(ids[t : t + n]), clean_up_tokenization_spaces=False))
            if (decoded and _UNKNOWN not in decoded) or not tokenizer.convert_ids_to_tokens(ids[t]).strip(BLANK):
                surface, size = _without_marks(decoded), n
                break
        yield surface, size
        t += size


def _without_marks(surface: str) -> str:
    """Return a token's characters without the marks that say whether it begins or ends a word."""
    stripped = surface.strip().strip("▁").removesuffix("</w>")
    if len(stripped) > 2:
        stripped = stripped.removeprefix("##").removesuffix("@@")
    return stripped or surface


def _align(groups: Iterable[_Group], text: str, words: Sequence[Span]) -> list[Span]:
    """Return the characters of each token. The characters of all tokens are aligned with those of the text as a whole.

    Both are normalised. Tokens without a character in the text, such as unknown tokens, get the words that are left
    over between their neighbours. Tokens that share their characters have the same span.

    Args:
        groups: The surface forms of the tokens.
        text: The text.
        words: The words of the text.
    """
    groups = list(groups)
    tokens = [(c, g) for g, (surface, _) in enumerate(groups) for c in _normalised(surface)]
    places = [(c, k) for k, character in enumerate(text) for c in _normalised(character)]
    spans: list[Span | None] = [None if surface.strip() else (-1, -1) for surface, _ in groups]
    for i, j, size in _matching_blocks("".join(c for c, _ in tokens), "".join(c for c, _ in places)):
        for (_, g), (_, k) in zip(tokens[i : i + size], places[j : j + size], strict=True):
            a, b = spans[g] or (-1, -1)
            if a < 0:
                spans[g] = k, k + 1
            elif not any(map(str.isspace, text[b:k])):
                spans[g] = a, k + 1
    placed = _widen(_fill_gaps(spans, text, words), text)
    return [span for span, (_, size) in zip(placed, groups, strict=True) for _ in range(size)]


def _normalised(text: str) -> Iterator[str]:
    """Yield the characters that are compared: decomposed, without case, one kind of blank."""
    for character in text:
        for c in character if character.isascii() else normalize("NFKD", character):
            yield from " " if c.isspace() else c.casefold()


def _matching_blocks(a: str, b: str) -> Iterator[tuple[int, int, int]]:
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
    """Return the spans, with the text between their neighbours for tokens without a place: None.

    `(-1, -1)` is a blank without a place; it becomes an empty span.
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
    """Return spans for `n` tokens in a part of the text: one word, or one character, for each if their numbers agree.

    Otherwise the tokens get one blank-separated word each, and those that remain share the last.
    """
    chunks = [match.span() for match in _CHUNK.finditer(text, *gap)] or [(gap[0], gap[0])]
    if len(chunks) != n:
        inside = list(_within(words, *gap))
        characters = [match.span() for match in _GRAPHEME.finditer(text, *gap)]
        for parts in (inside, characters):
            if len(parts) == n:
                return parts
    return [chunks[min(k, len(chunks) - 1)] for k in range(n)]


def _widen(spans: Sequence[Span], text: str) -> list[Span]:
    """Return the spans with the letters, digits and marks of their words that no token covers."""
    out, end = list(spans), 0
    for t, ((a, b), following) in enumerate(zip(spans, _next_starts(spans, len(text)), strict=True)):
        if a < b:
            while a > end and is_inside_word(text, a):
                a -= 1
            while b < following and is_inside_word(text, b):
                b += 1
            out[t] = a, b
            end = max(end, b)
    return out

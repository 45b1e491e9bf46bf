"""Character spans of tokens in the text that the user wrote."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unicodedata import combining, east_asian_width

from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

Span = tuple[int, int]

_WORDS = re.compile(r"\w+|[^\w\s]")
_REST = re.compile(r"\s*(\S*)")
_BLANK = re.compile(r"\s*")
_LOOK_AHEAD = 32
_MOST_BYTES = 8


@dataclass(frozen=True)
class Tokens:
    """The tokens of one text, or of a pair joined into one.

    Attributes:
        ids: `(T,)`.
        pieces: `(T,)` the tokens as the tokenizer writes them.
        spans: `(T,)` `(start, end)` in characters of the text: ascending, without overlap, and empty for a token that
            adds no character, such as the later bytes of a character.
        words: `(T,)` an identifier of the word that the tokenizer assigns to each token; None for special tokens.
        truncated_at: Offset of the first character that truncation removes, or None.
    """

    ids: Sequence[int]
    pieces: Sequence[str]
    spans: Sequence[Span]
    words: Sequence[object | None]
    truncated_at: int | None

    def group_words(self, text: str, *, by_token: bool) -> list[list[int]]:
        """Return the positions of the ordinary tokens of each word.

        A token that is only white space belongs to the next word, or to the last word at the end of the text.

        Args:
            text: The text that the spans refer to.
            by_token: Whether each token is a group of its own.
        """
        words: list[list[int]] = []
        start, blank = 0, False
        for t, name in enumerate(self.words):
            if name is None:
                continue
            if not words or by_token or (not blank and self._begins_word(text, words[-1][-1], t)):
                words.append([])
                start, blank = self.spans[t][0], True
            words[-1].append(t)
            blank = blank and not text[start : self.spans[t][1]].strip()
        if len(words) > 1 and not by_token and blank:
            last = words.pop()
            words[-1] += last
        return words

    def _begins_word(self, text: str, before: int, t: int) -> bool:
        """Return whether token `t`, which follows token `before`, begins a word.

        It does where the tokenizer begins a word, and after white space. It does not between two letters or digits,
        unless their script has no spaces: some tokenizers count every digit or character as a word.
        """
        (_, end), (a, b) = self.spans[before], self.spans[t]
        if a == end and _is_inside_word(text[a - 1 : a + 1]):
            return False
        return self.words[t] != self.words[before] or (a < b and any(map(str.isspace, text[end : a + 1])))


def from_encoding(encoding: Encoding, starts: Sequence[int]) -> Tokens:
    """Return the tokens of a fast tokenizer, which reports their offsets.

    Overlapping spans, such as those of the bytes of one character, are clamped.

    Args:
        encoding: The encoding of one text or pair.
        starts: Offset at which each of its sequences begins in the joined text.
    """
    spans: list[Span] = []
    end = 0
    sequences = encoding.sequence_ids
    for (a, b), sequence in zip(encoding.offsets, sequences, strict=True):
        shift = starts[sequence or 0]
        spans.append((max(a + shift, end), max(b + shift, end)))
        end = spans[-1][1] if sequence is not None else end
    words = [
        None if special else (sequence, word)
        for special, sequence, word in zip(encoding.special_tokens_mask, sequences, encoding.word_ids, strict=True)
    ]
    return Tokens(encoding.ids, encoding.tokens, spans, words, _truncation_offset(encoding, starts))


def _is_inside_word(pair: str) -> bool:
    """Return whether two characters are letters, digits or their marks, in a script that separates words by spaces."""
    return len(pair) == 2 and all(c.isalnum() or combining(c) for c in pair) and not any(map(_is_wide, pair))


def _is_wide(character: str) -> bool:
    return east_asian_width(character) in "WF"


def _truncation_offset(encoding: Encoding, starts: Sequence[int]) -> int | None:
    """Return where truncation cuts the first truncated sequence; if it removes the beginning, where that begins."""
    if not encoding.overflowing:
        return None
    remaining, everything = _extents([encoding]), _extents([encoding, *encoding.overflowing])
    for sequence, (first, last) in sorted(everything.items()):
        start, end = remaining.get(sequence, (0, 0))
        if start > first or end < last:
            return starts[sequence] + (first if start > first else end)
    return None


def _extents(encodings: Sequence[Encoding]) -> dict[int, Span]:
    """Return the span of each sequence that these encodings cover."""
    extents: dict[int, Span] = {}
    for part in encodings:
        for (a, b), sequence in zip(part.offsets, part.sequence_ids, strict=True):
            if sequence is not None:
                start, end = extents.get(sequence, (a, b))
                extents[sequence] = min(a, start), max(b, end)
    return extents


def from_alignment(
    tokenizer: PreTrainedTokenizerBase,
    ids: Sequence[int],
    special: Sequence[int],
    texts: Sequence[str],
    starts: Sequence[int],
    *,
    truncated: bool,
) -> Tokens:
    """Return the tokens of a tokenizer without offsets, located by what they decode to.

    A word is a run of letters and digits, or any other single character.

    Args:
        tokenizer: A tokenizer written in Python.
        ids: `(T,)` the token ids of the texts.
        special: `(T,)` 1 for special tokens.
        texts: The text, or both texts of a pair.
        starts: Offset at which each of them begins in the joined text.
        truncated: Whether tokens may be missing because of truncation.
    """
    spans: list[Span] = [(0, 0)] * len(ids)
    words: list[object | None] = [None] * len(ids)
    offsets = []
    for positions, text, start in zip(_ordinary_positions(special, len(texts)), texts, starts, strict=True):
        text_ids = [ids[t] for t in positions]
        if truncated and tokenizer.truncation_side == "left":
            text_ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        text_spans = _align(text_ids, text, tokenizer)[len(text_ids) - len(positions) :]
        for t, (a, b), word in zip(positions, text_spans, _words_of(text_spans, text), strict=True):
            spans[t], words[t] = (a + start, b + start), (start, word)
        first, last = (text_spans[0][0], text_spans[-1][1]) if text_spans else (0, 0)
        if truncated and (text[:first] + text[last:]).strip():
            offsets.append(start + (0 if text[:first].strip() else last))
    return Tokens(ids, tokenizer.convert_ids_to_tokens(list(ids)), spans, words, min(offsets, default=None))


def _words_of(spans: Sequence[Span], text: str) -> Iterator[int]:
    """Yield the offset of each token's word; a token without characters belongs to the word before it."""
    begins = {k: match.start() for match in _WORDS.finditer(text) for k in range(*match.span())}
    word = 0
    for a, b in spans:
        if a < b:
            word = next((begins[k] for k in range(a, b) if k in begins), a)
        yield word


def _ordinary_positions(special: Sequence[int], n_texts: int) -> list[list[int]]:
    """Return the positions of each text's ordinary tokens; the first special token between them separates a pair."""
    ordinary = [t for t, flag in enumerate(special) if not flag]
    if n_texts == 1:
        return [ordinary]
    split = next((i for i in range(1, len(ordinary)) if ordinary[i] > ordinary[i - 1] + 1), len(ordinary))
    return [ordinary[:split], ordinary[split:]]


def _align(ids: Sequence[int], text: str, tokenizer: PreTrainedTokenizerBase) -> list[Span]:
    """Return the span of each token in the text.

    Tokens that decode only together, such as the bytes of a character, share one span, which goes to the first.
    Tokens that decode to nothing in the text, such as unknown tokens, get the characters that other tokens leave over.
    """
    spans: list[Span] = []
    for t in range(len(ids)):
        end, waiting = spans[-1][1] if spans else 0, t + 1 - len(spans)
        for size in range(min(waiting, _MOST_BYTES), 0, -1):
            surface = str(tokenizer.decode(list(ids[t + 1 - size : t + 1]), clean_up_tokenization_spaces=False))
            span = _find_surface(surface, text, end)
            if span is not None:
                spans += _share(strip_span(text, end, span[0]), waiting - size) + _share(span, size)
                break
    end = spans[-1][1] if spans else 0
    left_over = _REST.match(text, end).span(1)  # type: ignore[union-attr]
    return spans + _share(left_over, len(ids) - len(spans))


def _find_surface(surface: str, text: str, start: int) -> Span | None:
    """Return the next span of a token's surface form, or None.

    It begins at `start` or after white space; one of more than two characters, up to `_LOOK_AHEAD` characters later.
    """
    if surface.isspace():
        return (start, start + 1) if text[start : start + 1].isspace() else None
    surface = surface.strip()
    if not surface:
        return None
    here = _BLANK.match(text, start).end()  # type: ignore[union-attr]
    reach = here + len(surface) + (_LOOK_AHEAD if len(surface) > 2 else 0)
    window = text[here:reach]
    at = window.find(surface)
    if at < 0 and len(window.lower()) == len(window):
        at = window.lower().find(surface.lower())
    return None if at < 0 else (here + at, here + at + len(surface))


def strip_span(text: str, start: int, end: int) -> Span:
    """Return a span without the white space at its ends; one of white space only stays as it is."""
    covered = text[start:end]
    if covered and not (covered[0].isspace() or covered[-1].isspace()):
        return start, end
    return (end - len(covered.lstrip()), start + len(covered.rstrip())) if covered.strip() else (start, end)


def _share(span: Span, n: int) -> list[Span]:
    """Return the spans of `n` tokens that share one: it goes to the first, and the others are empty."""
    return [span, *[(span[1], span[1])] * (n - 1)] if n else []

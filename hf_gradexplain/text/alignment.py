"""Character spans of tokens in the text that the user wrote."""

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Encoding

from hf_gradexplain.text.scripts import inside_graphemes, is_inside_word, is_spaceless

Span = tuple[int, int]

BLANK = "▁Ġ "
"""How tokenizers write a space."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of one text, or of a pair joined into one.

    Attributes:
        ids: `(T,)`.
        pieces: `(T,)` the tokens as the tokenizer writes them.
        spans: `(T,)` `(start, end)` in characters of the text: ascending, without overlap, and empty for a token that
            adds no character, such as the later bytes of a character. A character with its combining marks belongs to
            the first of its tokens.
        reads: `(T,)` the characters that each token covers, wholly or, for byte tokens, in part; also those that belong
            to a token before it.
        words: `(T,)` an identifier of the word that the tokenizer assigns to each token; None for special tokens.
        truncated_at: Offset of the first character that truncation removes, or None.
        segmented: Whether `words` come from a tokenizer that segments scripts without spaces, such as MeCab.
    """

    ids: Sequence[int]
    pieces: Sequence[str]
    spans: Sequence[Span]
    reads: Sequence[Span]
    words: Sequence[object | None]
    truncated_at: int | None
    segmented: bool = False

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

    def surface(self, text: str, t: int) -> str:
        """Return how token `t` is shown: the characters that it is a part of, or its piece if there are none."""
        return text[slice(*self.spans[t])] or text[slice(*self.reads[t])] or self.pieces[t]

    def _begins_word(self, text: str, before: int, t: int) -> bool:
        """Return whether token `t`, which follows token `before`, begins a word.

        It does where the tokenizer begins a word, after white space, and next to a character of a script without
        spaces, unless the tokenizer finds the words of these. It does not inside a character, nor between two letters
        or digits of a script with spaces: some tokenizers count every digit or character as a word.
        """
        (_, end), (a, b) = self.spans[before], self.spans[t]
        if self.reads[t][0] < a:
            return False
        if a < b and any(map(str.isspace, text[max(end - 1, 0) : a + 1])):
            return True
        if self.segmented:
            return self.words[t] != self.words[before]
        if a < b and end > 0 and (is_spaceless(text[a]) or is_spaceless(text[end - 1])):
            return True
        if a == end and is_inside_word(text, a):
            return False
        return self.words[t] != self.words[before]


def from_encoding(encoding: Encoding, text: str, starts: Sequence[int]) -> Tokens:
    """Return the tokens of a fast tokenizer, which reports their offsets.

    Args:
        encoding: The encoding of one text or pair.
        text: The text, or the joined text of the pair.
        starts: Offset at which each of its sequences begins in `text`.
    """
    sequences, special = encoding.sequence_ids, encoding.special_tokens_mask
    found = [
        None if sequence is None else (a + starts[sequence], b + starts[sequence])
        for (a, b), sequence in zip(encoding.offsets, sequences, strict=True)
    ]
    spans, reads = settle(text, _without_prefixes(found, encoding.tokens))
    words = [
        None if is_special else (sequence, word)
        for is_special, sequence, word in zip(special, sequences, encoding.word_ids, strict=True)
    ]
    truncated_at = _truncation_offset(encoding, starts)
    return Tokens(encoding.ids, encoding.tokens, spans, reads, words, _after_grapheme(text, truncated_at))


def _without_prefixes(found: Sequence[Span | None], pieces: Sequence[str]) -> list[Span | None]:
    """Return the spans, empty for a space that the tokenizer puts before a word: it reports the word's first letter."""
    out, following = list(found), None
    for t in reversed(range(len(found))):
        span = found[t]
        if span and following and following[0] < span[1] and not pieces[t].strip(BLANK):
            out[t] = span[0], span[0]
        following = span
    return out


def settle(text: str, found: Sequence[Span | None]) -> tuple[list[Span], list[Span]]:
    """Return the spans and the reads of tokens; see `Tokens`.

    Args:
        text: The text.
        found: The characters that each token covers, wholly or, for byte tokens, in part; None for special tokens.
    """
    inside = inside_graphemes(text)
    spans: list[Span] = []
    reads: list[Span] = []
    end = 0
    for a, b in [span or (0, 0) for span in found]:
        if a < b:
            while a in inside:
                a -= 1
            while b in inside:
                b += 1
        spans.append((max(a, end), max(b, end)))
        reads.append((a, b) if a < b else spans[-1])
        end = spans[-1][1]
    return spans, reads


def _after_grapheme(text: str, offset: int | None) -> int | None:
    """Return the end of the grapheme that holds an offset, or the offset if it is at the border of two."""
    inside = inside_graphemes(text) if offset else ()
    while offset in inside:
        offset += 1  # type: ignore[operator]
    return offset


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


def strip_span(text: str, start: int, end: int) -> Span:
    """Return a span without the white space at its ends; one of white space only stays as it is."""
    covered = text[start:end]
    if covered and not (covered[0].isspace() or covered[-1].isspace()):
        return start, end
    return (end - len(covered.lstrip()), start + len(covered.rstrip())) if covered.strip() else (start, end)

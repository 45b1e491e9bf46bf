"""Where tokens stand in the text that the user wrote."""

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
        spans: `(T,)` where they stand, in characters of the text: rising, never overlapping, empty for a token that
            adds no character, such as the later bytes of one.
        words: `(T,)` the word that the tokenizer put each in; None for special tokens.
        cut: Offset of the first character that was not read, or None.
    """

    ids: Sequence[int]
    pieces: Sequence[str]
    spans: Sequence[Span]
    words: Sequence[object | None]
    cut: int | None

    def grouped(self, text: str, *, by_token: bool) -> list[list[int]]:
        """The ordinary tokens of each word; one that is only white space goes with the word after it, or the last."""
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
        """Whether token `t`, after `before`, begins a word: where the tokenizer says so, and after white space.

        Not between two letters or digits, unless they are of a script without spaces: some tokenizers count every
        digit or character as a word.
        """
        (_, end), (a, b) = self.spans[before], self.spans[t]
        if a == end and _runs_on(text[a - 1 : a + 1]):
            return False
        return self.words[t] != self.words[before] or (a < b and any(map(str.isspace, text[end : a + 1])))


def from_encoding(encoding: Encoding, starts: Sequence[int]) -> Tokens:
    """The tokens as a fast tokenizer places them; `starts` is where each of its sequences begins in the text.

    Spans that overlap, as those of bytes do, are clamped.
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
    return Tokens(encoding.ids, encoding.tokens, spans, words, _cut(encoding, starts))


def _runs_on(two: str) -> bool:
    """Whether two characters are letters, digits or their marks, of a script that puts spaces between words."""
    return len(two) == 2 and all(c.isalnum() or combining(c) for c in two) and not any(map(_is_wide, two))


def _is_wide(character: str) -> bool:
    return east_asian_width(character) in "WF"


def _cut(encoding: Encoding, starts: Sequence[int]) -> int | None:
    """Where the first sequence that was truncated stops being read, or its start if its beginning was not read."""
    if not encoding.overflowing:
        return None
    read, everything = _extents([encoding]), _extents([encoding, *encoding.overflowing])
    for sequence, (first, last) in sorted(everything.items()):
        start, end = read.get(sequence, (0, 0))
        if start > first or end < last:
            return starts[sequence] + (first if start > first else end)
    return None


def _extents(encodings: Sequence[Encoding]) -> dict[int, Span]:
    """The first and the last character of each sequence that these encodings cover."""
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
    """The tokens of a tokenizer that does not say where they stand, found by what they decode to.

    Words are runs of letters and digits, and single other characters.

    Args:
        tokenizer: A tokenizer written in Python.
        ids: `(T,)` what it made of the texts.
        special: `(T,)` 1 for special tokens.
        texts: The text, or the two of a pair.
        starts: Where each of them begins in the joined text.
        truncated: Whether it may have left tokens out.
    """
    spans: list[Span] = [(0, 0)] * len(ids)
    words: list[object | None] = [None] * len(ids)
    cuts = []
    for run, text, start in zip(_runs(special, len(texts)), texts, starts, strict=True):
        read = [ids[t] for t in run]
        if truncated and tokenizer.truncation_side == "left":
            read = tokenizer(text, add_special_tokens=False)["input_ids"]
        found = _align(read, text, tokenizer)[len(read) - len(run) :]
        for t, (a, b), word in zip(run, found, _words_of(found, text), strict=True):
            spans[t], words[t] = (a + start, b + start), (start, word)
        first, last = (found[0][0], found[-1][1]) if found else (0, 0)
        if truncated and (text[:first] + text[last:]).strip():
            cuts.append(start + (0 if text[:first].strip() else last))
    return Tokens(ids, tokenizer.convert_ids_to_tokens(list(ids)), spans, words, min(cuts, default=None))


def _words_of(spans: Sequence[Span], text: str) -> Iterator[int]:
    """Where the word of each token begins; a token without characters is of the word before it."""
    begins = {k: match.start() for match in _WORDS.finditer(text) for k in range(*match.span())}
    word = 0
    for a, b in spans:
        if a < b:
            word = next((begins[k] for k in range(a, b) if k in begins), a)
        yield word


def _runs(special: Sequence[int], n_texts: int) -> list[list[int]]:
    """The ordinary tokens of each text: what stands before the first special token between ordinary ones, and after."""
    ordinary = [t for t, flag in enumerate(special) if not flag]
    if n_texts == 1:
        return [ordinary]
    split = next((i for i in range(1, len(ordinary)) if ordinary[i] > ordinary[i - 1] + 1), len(ordinary))
    return [ordinary[:split], ordinary[split:]]


def _align(ids: Sequence[int], text: str, tokenizer: PreTrainedTokenizerBase) -> list[Span]:
    """Where each token stands in the text.

    Tokens that mean something only together, such as the bytes of a character, stand where their first one does.
    Those that decode to nothing that the text holds, such as unknown ones, take what the others leave.
    """
    spans: list[Span] = []
    for t in range(len(ids)):
        end, waiting = spans[-1][1] if spans else 0, t + 1 - len(spans)
        for size in range(min(waiting, _MOST_BYTES), 0, -1):
            surface = str(tokenizer.decode(list(ids[t + 1 - size : t + 1]), clean_up_tokenization_spaces=False))
            place = _find(surface, text, end)
            if place is not None:
                spans += _shared(trimmed(text, end, place[0]), waiting - size) + _shared(place, size)
                break
    end = spans[-1][1] if spans else 0
    left_over = _REST.match(text, end).span(1)  # type: ignore[union-attr]
    return spans + _shared(left_over, len(ids) - len(spans))


def _find(surface: str, text: str, start: int) -> Span | None:
    """The next place of a token's surface: right there or after white space, and a long one a little further on."""
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


def trimmed(text: str, start: int, end: int) -> Span:
    """A span without the white space at its ends, unless there is nothing else."""
    covered = text[start:end]
    if covered and not (covered[0].isspace() or covered[-1].isspace()):
        return start, end
    return (end - len(covered.lstrip()), start + len(covered.rstrip())) if covered.strip() else (start, end)


def _shared(span: Span, n: int) -> list[Span]:
    """`n` tokens that share one span: it goes to the first."""
    return [span, *[(span[1], span[1])] * (n - 1)] if n else []

"""Places of tokens in the texts that the user wrote."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, Self

import numpy as np
from tokenizers import Encoding

from hf_gradexplain.text.characters import BLANK, Characters

Span = tuple[int, int]

BLANKS = "▁Ġ "
"""How tokenizers write a space."""

NO_WORD = -1
"""The word number of special tokens."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """The `T` tokens of several texts, one text after the other. The two texts of a pair are joined and count as one.

    Offsets refer to `characters.text`.

    Attributes:
        characters: The characters of the texts.
        text_of: `(T,)` the number of the text of each token.
        ids: `(T,)` the token ids.
        starts: `(T,)` the offset where each token begins; `ends` `(T,)` has the offset where it ends. These spans are
            ascending and do not overlap. A token that adds no character, such as the later bytes of a character, has an
            empty span. A character with its combining marks belongs to the first of its tokens.
        reads: `(T, 2)` the span of all characters that each token covers, also if a character belongs to an earlier
            token: several byte tokens may each cover a part of one character.
        words: `(T,)` a number for each word that the tokenizer finds; `NO_WORD` for special tokens.
        pieces: Returns the tokens of a text, given its number, as the tokenizer writes them.
        cuts: `(B,)` the offsets in each text of the first character that truncation removes: one for each truncated
            sequence. A single text is one sequence, a pair two.
        segmented: Whether `words` come from a tokenizer that segments scripts without spaces, such as MeCab.
        parts: `(T,)` the number of the part of its text that a token is in. The two texts of a pair are parts. In a
            conversation, each message is a part, or several if special tokens divide it. Other texts have one part. A
            word never extends over two parts.
    """

    characters: Characters
    text_of: np.ndarray
    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    reads: np.ndarray
    words: np.ndarray
    pieces: Callable[[int], Sequence[str]]
    cuts: Sequence[tuple[int, ...]]
    segmented: bool
    parts: np.ndarray

    @classmethod
    def settle(
        cls,
        characters: Characters,
        text_of: np.ndarray,
        ids: np.ndarray,
        spans: np.ndarray,
        words: np.ndarray,
        pieces: Callable[[int], Sequence[str]],
        cuts: Sequence[tuple[int, ...]],
        *,
        segmented: bool = False,
        parts: np.ndarray | None = None,
    ) -> Self:
        """Return the tokens, given the characters that each covers: `spans` `(T, 2)`, offsets in each text."""
        spans = spans + characters.starts[text_of, None]
        covers = spans[:, 0] < spans[:, 1]
        spans[covers] = np.stack(characters.widen(*spans[covers].T), 1)
        ends = np.maximum.accumulate(spans[:, 1])  # the characters of a text lie behind those of the texts before it
        starts = spans[:, 0].copy()
        np.maximum(starts[1:], ends[:-1], out=starts[1:])
        reads = np.where(covers[:, None], spans, np.stack([starts, ends], 1))
        parts = np.zeros_like(text_of) if parts is None else parts
        return cls(characters, text_of, ids, starts, ends, reads, words, pieces, cuts, segmented, parts)

    def unread(self, text: int, ends: Sequence[int]) -> tuple[Span, ...]:
        """Return the spans of a text that truncation removes, without empty ones.

        A span reaches from a cut to the next token with characters or, if none follows, to the end of the sequence.

        Args:
            text: The number of the text.
            ends: Offsets in the text where its sequences end, ascending.
        """
        tokens = slice(*self.text_of.searchsorted([text, text + 1]))
        starts = self.starts[tokens][self.starts[tokens] < self.ends[tokens]] - self.characters.starts[text]
        cuts = self.cuts[text]
        limits = [int(starts[starts >= at].min(initial=min(end for end in ends if at <= end))) for at in cuts]
        return tuple(span for span in zip(cuts, limits, strict=True) if span[0] < span[1])

    def surface(self, t: int) -> str:
        """Return how token `t`, which adds no character, is shown: the characters that it covers, or its piece."""
        text = int(self.text_of[t])
        first = int(self.text_of.searchsorted(text))
        return self.characters.text[slice(*self.reads[t])] or self.pieces(text)[t - first]


@dataclass(frozen=True, eq=False)
class Places:
    """Where the tokens of one text are.

    Attributes:
        spans: `(T,)` the characters that each token covers, wholly or, for byte tokens, in part; None for special
            tokens.
        words: `(T,)` an identifier of the word of each token; None for special tokens.
        cuts: Offsets of the first character that truncation removes, one for each truncated sequence.
    """

    spans: Sequence[Span | None]
    words: Sequence[object | None]
    cuts: tuple[int, ...]


def flat(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the numbers of several lists, one after the other."""
    return np.fromiter(chain.from_iterable(rows), np.int64, sum(map(len, rows)))


def from_encodings(
    encodings: Sequence[Encoding],
    characters: Characters,
    ids: np.ndarray,
    special: np.ndarray,
    seconds: np.ndarray,
    located: Sequence[Places] | None = None,
) -> Tokens:
    """Return the tokens of a fast tokenizer, which reports their offsets.

    Args:
        encodings: The encodings of `B` texts or pairs.
        characters: The characters of the texts.
        ids: `(T,)` the token ids.
        special: `(T,)` 1 for special tokens.
        seconds: `(B,)` offset at which the second text of each pair begins; 0 for single texts.
        located: Where the tokens are, if the reported offsets are wrong.
    """
    n = len(ids)
    text_of = np.repeat(np.arange(len(encodings)), list(map(len, encodings)))
    # One list at a time: together they would be many objects. None becomes NaN.
    sequences = np.fromiter(chain.from_iterable(e.sequence_ids for e in encodings), float, n)
    numbers = np.fromiter(chain.from_iterable(e.word_ids for e in encodings), float, n)
    reported: Iterable[Any] = (e.offsets for e in encodings) if located is None else (e.spans for e in located)
    offsets = chain.from_iterable(chain.from_iterable(reported))
    spans = np.fromiter(offsets, np.int64, 2 * n).reshape(n, 2)
    in_text, pieces = ~np.isnan(sequences), cache(lambda i: encodings[i].tokens)
    parts = (sequences == 1).astype(np.int64)
    words = 2 * (np.nan_to_num(numbers, nan=-1).astype(np.int64) + 1) + parts
    spans[~in_text] = 0
    spans += (parts * seconds[text_of])[:, None]
    follows = in_text[:-1] & in_text[1:] & (text_of[:-1] == text_of[1:])
    _restore_letters(spans, follows, text_of, pieces, characters)
    _cut_prefixes(spans, follows, text_of, pieces)
    words[special > 0] = NO_WORD
    if located is None:
        inside = [_cuts(e, (0, second)) for e, second in zip(encodings, seconds.tolist(), strict=True)]
    else:
        inside = [each.cuts for each in located]
    cuts = [tuple(at and characters.grapheme_end(i, at) for at in of_text) for i, of_text in enumerate(inside)]
    return Tokens.settle(characters, text_of, ids, spans, words, pieces, cuts, parts=parts)


def from_places(
    places: Sequence[Places],
    characters: Characters,
    ids: np.ndarray,
    seconds: np.ndarray,
    pieces: Callable[[int], Sequence[str]],
    *,
    segmented: bool,
) -> Tokens:
    """Return the tokens of a tokenizer without offsets, given their places in each of `B` texts.

    Args:
        places: The places.
        characters: The characters of the texts.
        ids: `(T,)` the token ids.
        seconds: `(B,)` offset at which the second text of each pair begins; 0 for single texts.
        pieces: Returns the tokens of a text, given its number, as the tokenizer writes them.
        segmented: Whether the tokenizer segments scripts without spaces.
    """
    text_of = np.repeat(np.arange(len(places)), [len(each.spans) for each in places])
    numbers: dict[object, int] = {None: NO_WORD}
    words = flat([[numbers.setdefault(word, len(numbers)) for word in each.words] for each in places])
    spans = flat([[offset for span in each.spans for offset in span or (0, 0)] for each in places]).reshape(-1, 2)
    cuts = [each.cuts for each in places]
    parts = (spans[:, 0] >= seconds[text_of]).astype(np.int64)
    return Tokens.settle(characters, text_of, ids, spans, words, pieces, cuts, segmented=segmented, parts=parts)


def _restore_letters(
    spans: np.ndarray,
    follows: np.ndarray,
    text_of: np.ndarray,
    pieces: Callable[[int], Sequence[str]],
    characters: Characters,
) -> None:
    """Give words behind added tokens, such as `[UNK]film`, their first letter.

    A byte-level tokenizer puts a space before such a word. With `trim_offsets`, it takes this space for a character of
    the text, and reports a span that begins one character too late.
    """
    gap = characters.starts[text_of[1:]] + spans[1:, 0] - 1
    one = follows & (spans[1:, 0] - spans[:-1, 1] == 1)
    late = np.flatnonzero(one)[~characters.have(BLANK, gap[one])] + 1
    for t, i, first in zip(
        late.tolist(), text_of[late].tolist(), text_of.searchsorted(text_of[late]).tolist(), strict=True
    ):
        spans[t, 0] -= pieces(i)[t - first].startswith("Ġ")


def _cut_prefixes(
    spans: np.ndarray, follows: np.ndarray, text_of: np.ndarray, pieces: Callable[[int], Sequence[str]]
) -> None:
    """Empty the span of each space that the tokenizer puts before a word.

    The tokenizer reports the span of the word's first letter for such a space. A space inside a character keeps its
    span: some characters, such as U+FDFA, are read as several words.
    """
    overlapping = np.flatnonzero(follows & (spans[1:, 0] < spans[:-1, 1]))
    firsts = text_of.searchsorted(text_of[overlapping])
    for t, i, first in zip(overlapping.tolist(), text_of[overlapping].tolist(), firsts.tolist(), strict=True):
        inside = t > first and spans[t - 1, 1] > spans[t, 0]
        if not inside and not pieces(i)[t - first].strip(BLANKS):
            spans[t, 1] = spans[t, 0]


def _cuts(encoding: Encoding, starts: Sequence[int]) -> tuple[int, ...]:
    """Return the offset of the first character that truncation removes from each truncated sequence."""
    if not (overflowing := encoding.overflowing):
        return ()
    cuts = []
    remaining, everything = _extents([encoding]), _extents([encoding, *overflowing])
    for sequence, (first, last) in sorted(everything.items()):
        start, end = remaining.get(sequence, (0, 0))
        if start > first or end < last:
            cuts.append(starts[sequence] + (first if start > first else end))
    return tuple(cuts)


def _extents(encodings: Sequence[Encoding]) -> dict[int, Span]:
    """Return the span of each sequence that these encodings cover."""
    extents: dict[int, Span] = {}
    for part in encodings:
        for (a, b), sequence in zip(part.offsets, part.sequence_ids, strict=True):
            if sequence is not None:
                start, end = extents.get(sequence, (a, b))
                extents[sequence] = min(a, start), max(b, end)
    return extents

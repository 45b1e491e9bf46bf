"""Places of the tokens of tokenizers written in Python, which report no offsets."""

import re
from collections.abc import Iterable, Iterator, Sequence
from html import unescape
from itertools import groupby, islice
from typing import Any

import regex
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.text.alignment import BLANKS, Places, Span
from hf_gradexplain.text.character_alignment import UNKNOWN, Group, align, matching_blocks, within
from hf_gradexplain.text.ordinary_tokens import ids_of, ordinary_positions

WORD = regex.compile(r"[\p{L}\p{N}\p{M}_]+|\S")
"""A run of letters, digits and marks, or any other single character."""

_CHUNK = re.compile(r"\S+")
_CHUNK_WITH_BLANKS = re.compile(r"\s*\S+|\s+$")
_ENTITY = re.compile(r"&\w+;")
_MOST_BYTES = 8

_Chunk = tuple[Span, list[int]]
"""A part of the text and the ids of its tokens."""


def from_alignment(
    tokenizer: PreTrainedTokenizerBase,
    ids: Sequence[int],
    special: Sequence[int],
    texts: Sequence[str],
    starts: Sequence[int],
    truncation_side: str | None,
    truncation: str = "longest_first",
) -> Places:
    """Return the places of the tokens of a tokenizer without offsets.

    The words that a Japanese morphological analyser of the tokenizer finds, or else the words between blanks, are
    tokenized one by one. If their ids, joined, are the ids of the text, the word of each token is known. Otherwise the
    characters of all tokens are aligned with those of the text.

    The words of the result are those that the tokenizer itself finds, or else runs of letters, digits and marks and all
    other single characters.

    Args:
        tokenizer: A tokenizer written in Python.
        ids: `(T,)` the token ids of the texts.
        special: `(T,)` 1 for special tokens.
        texts: The text, or both texts of a pair.
        starts: Offset at which each text begins in the joined text.
        truncation_side: The side where tokens may be missing because of truncation; None for neither.
        truncation: How pairs are truncated: `longest_first` or `only_first`.
    """
    found: list[Span | None] = [None] * len(ids)
    words: list[object | None] = [None] * len(ids)
    cuts, ordinary = [], ordinary_positions(tokenizer, ids, special, texts, truncation)
    for positions, text, start in zip(ordinary, texts, starts, strict=True):
        text_ids, is_cut = _all_ids(tokenizer, [ids[t] for t in positions], text, truncation_side)
        own = _own_words(tokenizer, text)
        ranges = [span for span, _ in own] or [match.span() for match in WORD.finditer(text)]
        at_end = is_cut and truncation_side == "right"
        spans = locate(tokenizer, text_ids, text, own, ranges, at_end)[len(text_ids) - len(positions) :]
        for t, (a, b), word in zip(positions, spans, _words_of(spans, ranges), strict=True):
            found[t], words[t] = (a + start, b + start), (start, word)
        if is_cut:
            cuts.append(start + (spans[-1][1] if spans and at_end else 0))
    return Places(found, words, tuple(cuts))


def from_template(
    tokenizer: Any, ids: Sequence[int], padding: Sequence[int], text: str, truncation_side: str | None
) -> Places:
    """Return the places of the tokens of what a chat template writes.

    Args:
        tokenizer: A tokenizer written in Python.
        ids: `(T,)` the token ids.
        padding: `(T,)` 1 for padding.
        text: What the chat template writes.
        truncation_side: The side where tokens may be missing because of truncation; None for neither.
    """
    positions = [t for t, flag in enumerate(padding) if not flag]
    all_ids, is_cut = _all_ids(tokenizer, [ids[t] for t in positions], text, truncation_side)
    at_end = is_cut and truncation_side == "right"
    found: list[Span | None] = [None] * len(ids)
    words: list[object | None] = [None] * len(ids)
    spans = []
    chunks = list(_between_added(tokenizer, all_ids, text, cut=at_end))[len(all_ids) - len(positions) :]
    for t, (span, word) in zip(positions, chunks, strict=True):
        found[t], words[t] = span, word
        spans.append(span)
    return Places(found, words, (spans[-1][1] if spans and at_end else 0,) if is_cut else ())


def _all_ids(tokenizer: Any, kept: list[int], text: str, truncation_side: str | None) -> tuple[list[int], bool]:
    """Return the ids from which the tokens of a text are located, and whether truncation removes some.

    If it removes the first tokens of the text, these are the ids of the whole text, otherwise those that are kept.
    """
    if truncation_side is None:
        return kept, False
    whole = ids_of(tokenizer, text)
    is_cut = len(whole) > len(kept)
    return (whole if is_cut and truncation_side == "left" else kept), is_cut


def _between_added(tokenizer: Any, ids: list[int], text: str, *, cut: bool) -> Iterator[tuple[Span, int]]:
    """Yield the characters and the word of each token of a text that holds added tokens, such as `<|im_end|>`.

    The text is cut at these tokens, and the tokens of each part between them are located on their own. Some added
    tokens include the white space around them.
    """
    added = {i: token for i, token in tokenizer.added_tokens_decoder.items() if i != tokenizer.unk_token_id}
    written = {token.content for token in added.values()}
    runs = groupby(tokenizer.tokens_trie.split(text), key=written.__contains__)
    parts = [part for is_added, run in runs for part in (run if is_added else ["".join(run)])]
    start, first, takes_blanks = 0, 0, False
    for part in parts:
        if part in written and first < len(ids):
            yield (start, start + len(part)), start
            takes_blanks, first = added[ids[first]].rstrip, first + 1
        elif part not in written:
            last = next((t for t in range(first, len(ids)) if ids[t] in added), len(ids))
            skipped = len(part) - len(part.lstrip()) if takes_blanks else 0
            read = part[skipped:].rstrip() if last < len(ids) and added[ids[last]].lstrip else part[skipped:]
            places = [match.span() for match in WORD.finditer(read)]
            inner = locate(tokenizer, ids[first:last], read, [], places, cut and last == len(ids))
            offset = start + skipped
            for (a, b), word in zip(inner, _words_of(inner, places), strict=True):
                yield (a + offset, b + offset), word + offset
            first, takes_blanks = last, False
        start += len(part)


def _words_of(spans: Sequence[Span], words: Sequence[Span]) -> Iterator[int]:
    """Yield the offset of each token's word.

    A token without characters belongs to the word before it, or to the next one if it follows white space.
    """
    begins = {k: a for a, b in words for k in range(a, b)}
    word = end = 0
    for a, b in spans:
        if a < b or a > end:
            word = next((begins[k] for k in range(a, max(b, a + 1)) if k in begins), a)
        yield word
        end = b


def segmenter_of(tokenizer: PreTrainedTokenizerBase) -> Any:
    """Return the tokenizer's component that finds words in scripts without spaces, or None."""
    kind = getattr(tokenizer, "word_tokenizer_type", None)
    return tokenizer.word_tokenizer if kind not in (None, "basic") else None


def _own_words(tokenizer: Any, text: str) -> list[_Chunk]:
    """Return the words that a morphological analyser finds in the text; none if the tokenizer has no such analyser."""
    segmenter = segmenter_of(tokenizer)
    if segmenter is None:
        return []
    words = segmenter.tokenize(text, never_split=tokenizer.all_special_tokens)
    pieces = [tokenizer.subword_tokenizer.tokenize(word) if tokenizer.do_subword_tokenize else [word] for word in words]
    spans = align([(word, 1) for word in words], text, ())
    return [(span, tokenizer.convert_tokens_to_ids(each)) for span, each in zip(spans, pieces, strict=True)]


def locate(
    tokenizer: PreTrainedTokenizerBase, ids: list[int], text: str, own: list[_Chunk], words: Sequence[Span], cut: bool
) -> list[Span]:
    """Return the characters of each token of a text.

    Args:
        tokenizer: The tokenizer.
        ids: The ids of the tokens.
        text: The text.
        own: The words that the tokenizer finds, with the ids of their tokens; empty if it finds none.
        words: The spans of the words.
        cut: Whether the text may go on after the last token.
    """
    for chunks in (own, _alone(tokenizer, text, _CHUNK), _alone(tokenizer, text, _CHUNK_WITH_BLANKS)):
        if (exact := _cut(chunks, ids)) is not None:
            return list(_inside_chunks(tokenizer, exact, text, words, cut))
    chunks = own or list(islice(_alone(tokenizer, text, _CHUNK), len(ids)))
    return list(_inside_chunks(tokenizer, _with_gaps(chunks, ids, len(text)), text, words, cut))


def _alone(tokenizer: Any, text: str, pattern: Any) -> Iterator[_Chunk]:
    """Yield the matches of a pattern, each with the ids that it gets when it is tokenized alone."""
    known: dict[str, list[int]] = {}
    for match in pattern.finditer(text):
        chunk = match[0]
        if chunk not in known:
            known[chunk] = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(chunk))
        yield match.span(), known[chunk]


def _cut(chunks: Iterable[_Chunk], ids: list[int]) -> list[_Chunk] | None:
    """Return the chunks that make up `ids`, the last one cut to fit; None if the joined ids of the chunks differ."""
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


def _with_gaps(chunks: list[_Chunk], ids: list[int], length: int) -> list[_Chunk]:
    """Return the chunks whose ids are found in `ids`, in the order of the text, with the text and ids between them."""
    place: dict[int, int] = {}
    for i, j, size in matching_blocks([i for _, part in chunks for i in part], ids):
        place.update(zip(range(i, i + size), range(j, j + size), strict=True))
    out: list[_Chunk] = []
    first = start = done = 0
    for (a, b), part in chunks:
        where = [place.get(k) for k in range(first, first + len(part))]
        first += len(part)
        if where and where[0] is not None and where == list(range(where[0], where[0] + len(part))):
            out += [((start, a), ids[done : where[0]]), ((a, b), part)]
            start, done = b, where[0] + len(part)
    return [chunk for chunk in [*out, ((start, length), ids[done:])] if chunk[1]]


def _inside_chunks(
    tokenizer: PreTrainedTokenizerBase, chunks: list[_Chunk], text: str, words: Sequence[Span], cut: bool
) -> Iterator[Span]:
    """Yield the characters of each token of each chunk."""
    known: dict[object, list[Span]] = {}
    for number, ((a, b), part) in enumerate(chunks, 1):
        inside = [(i - a, j - a) for i, j in within(words, a, b)]
        is_cut = cut and number == len(chunks)
        key = text[a:b], tuple(part), tuple(inside), is_cut
        if key not in known:
            known[key] = align(_surfaces(tokenizer, part, text[a:b]), text[a:b], inside, cut=is_cut)
        yield from [(i + a, j + a) for i, j in known[key]]


def _surfaces(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], text: str) -> Iterator[Group]:
    """Yield the characters of each token, or of several that decode only together, such as the bytes of a character.

    A token that is only a blank has no characters. Some tokenizers write `&apos;` for an apostrophe in the text.
    """
    groups = list(_decoded(tokenizer, ids))
    t = 0
    while t < len(groups):
        longest = _MOST_BYTES if groups[t][0].startswith("&") else 0
        starts = ("".join(surface for surface, _ in groups[t : t + n]) for n in range(1, longest))
        n, name = next(
            ((n, name) for n, name in enumerate(starts, 1) if _ENTITY.fullmatch(name) and name not in text),
            (1, groups[t][0]),
        )
        yield name if name in text else unescape(name), sum(size for _, size in groups[t : t + n])
        t += n


def _decoded(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> Iterator[Group]:
    """Yield the characters of tokens; a token that is only a blank has none."""
    t = 0
    while t < len(ids):
        surface, size = UNKNOWN, 1
        longest = 0 if ids[t] == tokenizer.unk_token_id else min(_MOST_BYTES, len(ids) - t)
        for n in range(1, longest + 1):
            decoded = str(tokenizer.decode(list(ids[t : t + n]), clean_up_tokenization_spaces=False))
            if (decoded and UNKNOWN not in decoded) or not str(tokenizer.convert_ids_to_tokens(ids[t])).strip(BLANKS):
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

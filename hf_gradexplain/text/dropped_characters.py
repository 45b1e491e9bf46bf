"""Places of tokens for fast tokenizers that drop characters: after a dropped one, the offsets they report are wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

from tokenizers import Encoding, Tokenizer, models
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.text.alignment import BLANKS, Places, Span
from hf_gradexplain.text.python_tokenizers import WORD

_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, 0xD800, 0x400), *range(0xE000, 0x110000, 0x400)]))
"""Characters whose UTF-8 has every byte that UTF-8 can have."""

_DROPPED = "\ue000dropped"
"""The token that stands for all characters that have no token."""

_AFFIXES = ("continuing_subword_prefix", "end_of_word_suffix")

_Letter = tuple[str, Span]
"""A token of one letter or byte, and its place."""


def drops_characters(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether a fast tokenizer has no token for some characters or bytes, and drops them.

    A BPE model without an unknown token drops them, and reports the offsets of later tokens as if they had not been
    there. For example, in the text "ïthe film", if there is no token for "ï", the token `the` gets the offsets of "ït".
    A tokenizer with tokens for all bytes of UTF-8 knows all characters. Some byte-level tokenizers have tokens only for
    the bytes of the texts that they were trained on.
    """
    backend = tokenizer.backend_tokenizer
    model = backend.model
    if not isinstance(model, models.BPE) or model.unk_token is not None:
        return False
    sample = backend.normalizer.normalize_str(_SAMPLE) if backend.normalizer else _SAMPLE
    parts = backend.pre_tokenizer.pre_tokenize_str(sample) if backend.pre_tokenizer else [(sample, (0, 0))]
    return not all(_knows(model, letter) for letter in {letter for part, _ in parts for letter in part})


def _knows(model: models.BPE, letter: str) -> bool:
    """Return whether a model has a token for a letter, or for its bytes, at every position in a word."""
    prefix, suffix = model.continuing_subword_prefix or "", model.end_of_word_suffix or ""
    for form in {start + letter + end for start in ("", prefix) for end in ("", suffix)}:
        in_bytes = [f"<0x{byte:02X}>" for byte in form.encode()] if model.byte_fallback else [form]
        if model.token_to_id(form) is None and None in map(model.token_to_id, in_bytes):
            return False
    return True


@dataclass(frozen=True, eq=False)
class LetterReader:
    """Finds the places of tokens by reading texts letter by letter.

    The tokenizer's model joins the letters of a word, without those that it drops. So each token consists of the next
    letters that are not dropped, and its place reaches from the first to the last of these letters. The places of the
    letters are correct, because a tokenizer without merges and with an unknown token reports them. A dropped character
    counts as part of the letter, or the mark of a space, before it; at the beginning of a word, of the letter after it.

    Attributes:
        backend: The tokenizer.
        letters: The same tokenizer, but without merges and with an unknown token.
        vocabulary: The tokens of the model.
    """

    backend: Tokenizer
    letters: Tokenizer
    vocabulary: frozenset[str]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> Self:
        """Return the reader of a tokenizer whose model is a BPE model without an unknown token."""
        backend = tokenizer.backend_tokenizer
        vocabulary, model = frozenset(backend.get_vocab(with_added_tokens=False)), backend.model
        tokens = sorted({*vocabulary, *"".join(vocabulary), _DROPPED})
        affixes = {name: getattr(model, name) for name in _AFFIXES if getattr(model, name)}
        ids = {token: i for i, token in enumerate(tokens)}
        letters = Tokenizer(models.BPE(ids, [], unk_token=_DROPPED, byte_fallback=model.byte_fallback, **affixes))
        if backend.normalizer:
            letters.normalizer = backend.normalizer
        if backend.pre_tokenizer:
            letters.pre_tokenizer = backend.pre_tokenizer
        for added in backend.get_added_tokens_decoder().values():
            (letters.add_special_tokens if added.special else letters.add_tokens)([added])
        return cls(backend, letters, vocabulary)

    def places(self, encoding: Encoding, texts: tuple[str, ...], second: int, side: str) -> Places:
        """Return the places of the tokens of a text or a pair.

        Args:
            encoding: What the tokenizer returned.
            texts: The text, or both texts of a pair.
            second: Offset at which the second text begins in the joined text. The places are offsets in each text.
            side: The side where the texts may be truncated.
        """
        spans: list[Span | None] = list(encoding.offsets)
        cuts = []
        for number, (text, start) in enumerate(zip(texts, (0, second), strict=False)):
            positions = [t for t, sequence in enumerate(encoding.sequence_ids) if sequence == number]
            kept = _with_dropped(list(self._kept(text)), text)
            from_left = bool(encoding.overflowing) and side == "left"
            found = self._join([encoding.tokens[t] for t in positions], kept, from_left=from_left)
            if found is None:
                continue
            places, used = found
            for t, span in zip(positions, places, strict=True):
                spans[t] = span
            if used < len(kept):
                cuts.append(start + (kept[0][1][0] if from_left else max((end for _, end in places), default=0)))
        return Places(spans, encoding.word_ids, tuple(cuts))

    def _kept(self, text: str) -> Iterator[_Letter]:
        """Yield the letters of a text that the tokenizer does not drop, and added tokens as a whole."""
        self.letters.encode_special_tokens = self.backend.encode_special_tokens
        encoding = self.letters.encode(text, add_special_tokens=False)
        added = {token.content for token in self.letters.get_added_tokens_decoder().values()}
        of_word = zip(encoding.word_ids, encoding.tokens, encoding.offsets, strict=True)
        for _, group in groupby(of_word, lambda letter: letter[0]):
            word = [(token, span) for _, token, span in group]
            as_one = self.backend.model.ignore_merges and "".join(token for token, _ in word) in self.vocabulary
            yield from (each for each in word if as_one or each[0] in self.vocabulary or each[0] in added)

    def _join(
        self, tokens: Sequence[str], letters: Sequence[_Letter], *, from_left: bool
    ) -> tuple[list[Span], int] | None:
        """Return the place of each token and the number of letters used; None if the letters do not give the tokens.

        Args:
            tokens: The tokens of a text, which may be truncated.
            letters: The letters of the whole text.
            from_left: Whether tokens are missing on the left, and not on the right.
        """
        prefix = self.backend.model.continuing_subword_prefix or ""
        order = slice(None, None, -1 if from_left else 1)
        letters, used, spans = letters[order], 0, []
        for token in tokens[order]:
            first, joined = used, ""
            while len(joined) < len(token) and used < len(letters):
                letter = letters[used][0]
                if joined:
                    joined = letter + joined.removeprefix(prefix) if from_left else joined + letter.removeprefix(prefix)
                else:
                    joined = letter
                used += 1
            if joined != token:
                return None
            places = [span for _, span in letters[first:used]]
            spans.append((min(a for a, _ in places), max(b for _, b in places)))
        return spans[order], used


def _with_dropped(letters: Sequence[_Letter], text: str) -> list[_Letter]:
    """Return the letters, with spans that also cover the dropped characters of their words."""
    spans = [span for _, span in letters]
    covered = {k for a, b in spans for k in range(a, b)}
    starting: dict[int, list[int]] = {}
    ending: dict[int, list[int]] = {}
    for i, (a, b) in enumerate(spans):
        if a < b:  # several bytes have the same character
            starting.setdefault(a, []).append(i)
            ending.setdefault(b, []).append(i)
    for word in WORD.finditer(text):
        for k in range(*word.span()):
            before = ending.get(k, [])
            if k not in covered and before and (k > word.start() or not letters[before[-1]][0].strip(BLANKS)):
                for i in before:
                    spans[i] = spans[i][0], k + 1
                ending[k + 1] = before
                covered.add(k)
        first = next((k for k in range(*word.span()) if k in covered), word.start())
        if first > word.start():
            for i in starting.get(first, []):
                spans[i] = word.start(), spans[i][1]
    return [(token, span) for (token, _), span in zip(letters, spans, strict=True)]

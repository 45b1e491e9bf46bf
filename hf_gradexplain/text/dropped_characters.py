"""Places of the tokens of fast tokenizers that drop characters: the offsets that they report are wrong behind these."""

from collections.abc import Iterator, Sequence
from typing import Any

from tokenizers import Encoding, models
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.text.alignment import BLANKS, Places, Span
from hf_gradexplain.text.python_tokenizers import WORD, locate

_RARE = ("\ua66e", "\U00010380", "\u9f98")
"""Letters that few vocabularies hold: a Cyrillic, an Ugaritic and a Chinese one."""


def drops_characters(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether a fast tokenizer has no token for characters that it does not know.

    A BPE model without an unknown token drops them, and counts the characters behind them as if they had not been
    there: of "ïthe film" without a token for "ï", the token `the` reports the offsets of "ït". A tokenizer with tokens
    for all bytes knows all characters.
    """
    model = tokenizer.backend_tokenizer.model
    if not isinstance(model, models.BPE) or model.unk_token is not None:
        return False
    encodings = [tokenizer.backend_tokenizer.encode(letter, add_special_tokens=False) for letter in _RARE]
    return not all(any(token.strip(BLANKS) for token in _ordinary(encoding)) for encoding in encodings)


def places_of(tokenizer: Any, encoding: Encoding, texts: tuple[str, ...], second: int, side: str) -> Places:
    """Return the places of the tokens of a text or a pair, found as for a tokenizer that reports no offsets.

    Args:
        tokenizer: The tokenizer.
        encoding: What it returned.
        texts: The text, or both texts of a pair.
        second: Offset at which the second text begins in the joined text. Places are offsets in each text.
        side: The side where the texts may be truncated.
    """
    spans: list[Span | None] = list(encoding.offsets)
    truncated_at = None
    for number, (text, start) in enumerate(zip(texts, (0, second), strict=False)):
        positions = [t for t, sequence in enumerate(encoding.sequence_ids) if sequence == number]
        ids = [encoding.ids[t] for t in positions]
        if not encoding.overflowing:
            kept = found = _spans(tokenizer, ids, [encoding.offsets[t] for t in positions], text)
        else:
            whole = tokenizer(text, add_special_tokens=False, verbose=False).encodings[0]
            found = _spans(tokenizer, whole.ids, whole.offsets, text)
            first = len(found) - len(ids) if side == "left" else 0
            kept = found[first : first + len(ids)]
            if whole.ids[first : first + len(ids)] != ids:  # it tokenizes at random
                continue
        for t, span in zip(positions, kept, strict=True):
            spans[t] = span
        if truncated_at is None and len(kept) < len(found):
            truncated_at = start + (found[0][0] if side == "left" else max((end for _, end in kept), default=0))
    return Places(spans, encoding.word_ids, truncated_at)


def _spans(tokenizer: Any, ids: Sequence[int], offsets: Sequence[Span], text: str) -> list[Span]:
    """Return the characters of each token of a whole text.

    Args:
        tokenizer: The tokenizer.
        ids: The ids of the tokens.
        offsets: The offsets that it reports, which are right for added tokens.
        text: The text.
    """
    borders = [t for t, token in enumerate(ids) if token in tokenizer.added_tokens_decoder]
    spans: list[Span] = []
    for t in [*borders, len(ids)]:
        start, end = spans[-1][1] if spans else 0, offsets[t][0] if t < len(ids) else len(text)
        part, inside = text[start:end], list(ids[len(spans) : t])
        words = [match.span() for match in WORD.finditer(part)]
        located = locate(tokenizer, inside, part, [], words, cut=False)
        filled = _with_blanks(located, tokenizer.convert_ids_to_tokens(inside), part)
        spans += [(a + start, b + start) for a, b in filled]
        spans += offsets[t : t + 1]
    return spans


def _with_blanks(spans: Sequence[Span], tokens: Sequence[str], text: str) -> Iterator[Span]:
    """Yield the spans; a token that is only a blank, and has no characters yet, gets the blank behind the last one."""
    end = 0
    for (a, b), token in zip(spans, tokens, strict=True):
        if a == b and not token.strip(BLANKS) and text[end : end + 1].isspace():
            a, b = end, end + 1
        yield a, b
        end = max(end, b)


def _ordinary(encoding: Encoding) -> list[str]:
    """Return the tokens that are neither special tokens nor padding."""
    return [token for token, special in zip(encoding.tokens, encoding.special_tokens_mask, strict=True) if not special]

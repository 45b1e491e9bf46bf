"""Tell the tokens of texts from those that a tokenizer written in Python adds, also if texts are truncated."""

from collections.abc import Sequence
from typing import Any

from hf_gradexplain.text.tokenize import without_overflow_note


def cut_side(tokenizer: Any, ids: Sequence[int], limit: int | None, side: str, *, pair: bool) -> str | None:
    """Return the side where tokens may be missing because of truncation; None for neither.

    Args:
        tokenizer: A tokenizer written in Python.
        ids: The token ids of a text or a pair.
        limit: The number of tokens where texts are truncated; None for no limit.
        side: The side where texts are truncated.
        pair: Whether the ids are those of a pair.
    """
    if limit is None:
        return None
    # The tokenizer leaves room for all tokens that it may add, but does not add all of them to all texts.
    return side if len(ids) >= limit - tokenizer.num_special_tokens_to_add(pair=pair) else None


def ids_of(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of a text's own tokens, without truncation."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def ordinary_positions(
    tokenizer: Any, ids: Sequence[int], special: Sequence[int], texts: Sequence[str], truncation: str
) -> list[list[int]]:
    """Return the positions of each text's own tokens; the first other token between them separates a pair.

    Args:
        tokenizer: A tokenizer written in Python.
        ids: `(T,)` the token ids of the texts.
        special: 1 for special tokens, as the tokenizer says.
        texts: The text, or both texts of a pair.
        truncation: How pairs are truncated: `longest_first` or `only_first`.
    """
    ordinary = [t for t, flag in enumerate(_without_left_out(tokenizer, ids, special)) if not flag]
    if len(texts) == 1:
        return [ordinary]
    split = next((i for i in range(1, len(ordinary)) if ordinary[i] > ordinary[i - 1] + 1), None)
    if split is None:
        split = _length_of_first(tokenizer, texts, len(ordinary), truncation)
    return [ordinary[:split], ordinary[split:]]


def _without_left_out(tokenizer: Any, ids: Sequence[int], special: Sequence[int]) -> list[int]:
    """Return the flags of the special tokens that are there: `(T,)`.

    Some tokenizers, such as that of ByT5, add no end token to a text that ends with one, but flag it nevertheless.
    """
    left_out, flags = len(special) - len(ids), list[int]()
    for flag in special:
        if left_out and flag and flags and ids[len(flags) - 1] == tokenizer.eos_token_id:
            left_out -= 1
        else:
            flags.append(flag)
    return flags


def _length_of_first(tokenizer: Any, texts: Sequence[str], length: int, truncation: str) -> int:
    """Return how many of the `length` tokens of a pair without a separator belong to the first text."""
    parts = [ids_of(tokenizer, text) for text in texts]
    remove = sum(map(len, parts)) - length
    with without_overflow_note():
        return len(tokenizer.truncate_sequences(*parts, remove, truncation_strategy=truncation)[0])

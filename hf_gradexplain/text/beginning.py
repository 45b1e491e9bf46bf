"""The beginning of a long text, for tokenizers that certainly give it the same tokens as in the whole text."""

import json
from typing import Any

from transformers import PreTrainedTokenizerBase

CHARACTERS = 24
"""The number of characters that are read for each token: the tokens of few texts are longer on average."""

_NORMALIZERS = {"BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "StripAccents"}
"""Normalizers that change a character independently of all characters on the other side of a space."""

_PRE_TOKENIZERS = {"BertPreTokenizer", "ByteLevel", "Whitespace", "WhitespaceSplit"}
"""Pre-tokenizers that begin a new word at a space after a letter, whatever follows it."""


def divides_at_spaces(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether the parts of a tokenizer show that tokens before a space never depend on the text after it."""
    if not tokenizer.is_fast:
        return False
    record = json.loads(tokenizer.backend_tokenizer.to_str())
    normalizers, pre_tokenizers = _parts(record["normalizer"]), _parts(record["pre_tokenizer"])
    return (
        all(part["type"] in _NORMALIZERS for part in normalizers)
        and any(part["type"] in _PRE_TOKENIZERS and part.get("use_regex", True) for part in pre_tokenizers[:1])
        and all(part["type"] in _PRE_TOKENIZERS for part in pre_tokenizers)
        and not record["model"].get("dropout")
        and not any(token["lstrip"] or token["rstrip"] or " " in token["content"] for token in record["added_tokens"])
    )


def beginning(text: str, tokens: int) -> str:
    """Return the beginning of a text, up to a space after an ASCII letter or digit, or the whole text if it is short.

    >>> len(beginning("good film " * 1000, 10)), beginning("a good film", 10)
    (239, 'a good film')
    """
    if len(text) <= CHARACTERS * tokens:
        return text
    start, space, _ = text[: CHARACTERS * tokens].rpartition(" ")
    return start if space and start[-1:].isascii() and start[-1:].isalnum() else text


def _parts(component: Any) -> list[dict[str, Any]]:
    """Return the parts of a component of a tokenizer, which may be a sequence or missing."""
    if component is None:
        return []
    parts = component.get("normalizers") or component.get("pretokenizers") or [component]
    return parts if parts == [component] else [inner for part in parts for inner in _parts(part)]

"""Limits of a model: the length of its inputs, the size of its vocabulary, and its pad token."""

from collections.abc import Collection
from typing import Any

from torch import nn
from transformers import PreTrainedTokenizerBase

_NO_LIMIT = 10**9


def length_limit(
    tokenizer: PreTrainedTokenizerBase, model: nn.Module, word_tables: Collection[nn.Module] = ()
) -> int | None:
    """Return the largest number of tokens of a text, special tokens included; None for no limit.

    It is the smaller of the tokenizer's `model_max_length` and the number of position embeddings. If the table of
    position embeddings has a `padding_idx`, as in RoBERTa, only the rows after `padding_idx` count.

    Args:
        tokenizer: The tokenizer.
        model: The model.
        word_tables: The layers of the model that look up words. Their sizes alone do not distinguish them from tables
            of positions, because a vocabulary may have as many words as there are positions.
    """
    limits = [int(tokenizer.model_max_length)] if tokenizer.model_max_length < _NO_LIMIT else []
    positions = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        words = {id(module) for table in word_tables for module in table.modules()}
        tables = [m for m in model.modules() if isinstance(m, nn.Embedding) and id(m) not in words]
        padding = [table.padding_idx for table in tables if len(table.weight) == positions]
        limits.append(positions - max((row + 1 for row in padding if row is not None), default=0))
    return min(limits, default=None)


def vocabulary_size(model: nn.Module) -> int | None:
    """Return the number of token ids that a model has vectors for.

    None if its configuration has no `vocab_size`, for example because the model hashes its ids.
    """
    config: Any = getattr(model, "config", None)
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return getattr(text, "vocab_size", None)


def pad_id(tokenizer: PreTrainedTokenizerBase, model: nn.Module) -> int | None:
    """Return the id of the pad token.

    None if the tokenizer has no pad token, or if the model has no vector for it because it was not resized.
    """
    size, token = vocabulary_size(model), tokenizer.pad_token_id
    return None if token is None or (size is not None and token >= size) else token

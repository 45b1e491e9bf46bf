"""Limits of a model: how long its inputs may be, which token ids it has vectors for, and what pads them."""

from typing import Any

from torch import nn
from transformers import PreTrainedTokenizerBase

_NO_LIMIT = 10**9


def length_limit(tokenizer: PreTrainedTokenizerBase, model: nn.Module) -> int | None:
    """The most tokens that a model reads, special tokens included: what the tokenizer says, and what positions allow.

    A table of positions with a padding row is used from the row after that on.
    """
    limits = [int(tokenizer.model_max_length)] if tokenizer.model_max_length < _NO_LIMIT else []
    positions = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
        unused = [table.padding_idx + 1 for table in tables if len(table.weight) == positions and table.padding_idx]
        limits.append(positions - max(unused, default=0))
    return min(limits, default=None)


def vocabulary_size(model: nn.Module) -> int | None:
    """How many token ids a model has vectors for; None where its configuration names no number, as for hashed ids."""
    config: Any = getattr(model, "config", None)
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return getattr(text, "vocab_size", None)


def pad_id(tokenizer: PreTrainedTokenizerBase, model: nn.Module) -> int | None:
    """What texts are padded with; None without a pad token, or where the model was not resized for it."""
    size, token = vocabulary_size(model), tokenizer.pad_token_id
    return None if token is None or (size is not None and token >= size) else token

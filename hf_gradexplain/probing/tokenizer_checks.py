"""Checks that a tokenizer and a model belong together, before the model runs, and that texts are divided into units."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
from torch import nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier.limits import vocabulary_size
from hf_gradexplain.errors import GradexplainError, warn
from hf_gradexplain.options import CUSTOM, UnitName
from hf_gradexplain.probing.gradient_checks import ordinary_ids, tokens_around
from hf_gradexplain.text.data import Document
from hf_gradexplain.text.encode import is_undivided


def check_tokenizer(tokenizer: PreTrainedTokenizerBase, model: nn.Module) -> None:
    """Check that a tokenizer has a usable length limit, and that its ordinary tokens have vectors in the model.

    Raises:
        GradexplainError: `model_max_length` is not a positive number, or the tokenizer is that of another model.
    """
    longest = tokenizer.model_max_length
    if isinstance(longest, bool) or not isinstance(longest, Real) or not float(longest) >= 1:
        raise GradexplainError(
            f"the tokenizer's model_max_length must be a positive number of tokens, but is {longest!r}: set "
            "tokenizer.model_max_length, or correct it in tokenizer_config.json"
        )
    size, ids = vocabulary_size(model), ordinary_ids(tokenizer)
    if size is not None and max(ids) >= size:
        raise GradexplainError(
            f"the tokenizer has {len(tokenizer):,} tokens, but {type(model).__name__} has vectors for {size:,}: load "
            "the model's own tokenizer"
        )


def check_room(tokenizer: PreTrainedTokenizerBase, limit: int | None) -> None:
    """Check that the length limit leaves room for a word.

    Raises:
        GradexplainError: It leaves no room.
    """
    special = tokens_around(tokenizer)
    if limit is not None and limit <= special:
        raise GradexplainError(
            f"the length limit of {limit} tokens leaves no room for a word between the {special} special tokens: set "
            "tokenizer.model_max_length to the number of tokens that the model reads"
        )


def check_token_ids(documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, model: nn.Module) -> None:
    """Check that the model has a vector for each token of these texts.

    Raises:
        GradexplainError: The model has no vector for a token, for example because the token was added to the tokenizer
            and the model was not resized.
    """
    size, ids = vocabulary_size(model), [document.inputs["input_ids"] for document in documents]
    if size is None or not ids or np.concatenate(ids).max() < size:
        return
    for number, of_text in enumerate(ids):
        if (largest := int(of_text.max())) >= size:
            raise GradexplainError(
                f"text {number} has the token {tokenizer.convert_ids_to_tokens(largest)!r} with the id {largest}, but "
                f"{type(model).__name__} has vectors for ids below {size}: call "
                "model.resize_token_embeddings(len(tokenizer)) and fine-tune the model, or load the model's own "
                "tokenizer"
            )


def warn_of_undivided(documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, unit: UnitName) -> None:
    """Warn if a text of many letters is one word or one token."""
    if unit not in ("sentence", "clause", CUSTOM) and any(map(is_undivided, documents)):
        action = "" if unit == "token" else "choose unit='token', or "
        warn(
            "a text of many letters has only one unit, so there is nothing to compare, because "
            f"{type(tokenizer).__name__} does not divide it: {action}a model whose tokenizer knows its language"
        )

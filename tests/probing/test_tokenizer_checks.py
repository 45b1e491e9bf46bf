"""Tokenizers that do not belong to a model, and texts that they do not divide."""

import re
import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.probing.tokenizer_checks import check_room, check_token_ids, check_tokenizer, warn_of_undivided
from tests.helpers.tiny import explainer, make


def documents(*texts, unit="word"):
    return explainer("bert").encode(list(texts), Options("loo", unit))


@pytest.mark.parametrize("limit", [0, -1, True, "512", None, float("nan")])
def test_a_limit_has_to_be_a_positive_number(limit):
    model, tokenizer = make("bert")
    check_tokenizer(tokenizer, model)
    tokenizer.model_max_length = limit
    with pytest.raises(GradexplainError, match=f"must be a positive number of tokens, but is {re.escape(repr(limit))}"):
        check_tokenizer(tokenizer, model)


def test_ordinary_tokens_have_vectors():
    _, tokenizer = make("bert")
    size = len(tokenizer)
    check_tokenizer(tokenizer, SimpleNamespace(config=SimpleNamespace(vocab_size=size)))
    check_tokenizer(tokenizer, SimpleNamespace(config=SimpleNamespace()))
    message = f"the tokenizer has {size} tokens, but SimpleNamespace has vectors for {size - 1}: load the model's own"
    with pytest.raises(GradexplainError, match=message):
        check_tokenizer(tokenizer, SimpleNamespace(config=SimpleNamespace(vocab_size=size - 1)))


def test_a_limit_leaves_room_for_a_word():
    _, tokenizer = make("bert")
    check_room(tokenizer, None)
    check_room(tokenizer, 3)
    with pytest.raises(GradexplainError, match="limit of 2 tokens leaves no room for a word between the 2 special"):
        check_room(tokenizer, 2)


def test_the_token_without_a_vector_is_named():
    model, tokenizer = make("bert")
    first, second = documents("the film", "bad")
    size = model.config.vocab_size
    check_token_ids([first, second], tokenizer, model)
    check_token_ids([], tokenizer, model)
    for unknown in (size, size + 7):
        changed = replace(second, inputs={"input_ids": np.array([2, unknown, 3])})
        message = f"text 1 has the token .* with the id {unknown}, but .* has vectors for ids below {size}: call"
        with pytest.raises(GradexplainError, match=message):
            check_token_ids([first, changed], tokenizer, model)


@pytest.mark.parametrize(
    ("unit", "action"),
    [("word", "choose unit='token', or a model whose tokenizer"), ("token", "not divide it: a model whose tokenizer")],
)
def test_a_text_that_is_one_unit_is_warned_of(unit, action):
    _, tokenizer = make("bert")
    long, short = documents("x" * 41, "x" * 40)
    with pytest.warns(
        UserWarning, match=f"so there is nothing to compare, because {type(tokenizer).__name__}.*{action}"
    ):
        warn_of_undivided([short, long], tokenizer, unit)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_undivided([short], tokenizer, unit)
        warn_of_undivided([long], tokenizer, "sentence")

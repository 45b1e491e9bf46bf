"""Tests of the limits of a model: length, vocabulary and pad token."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hf_gradexplain.classifier.limits import length_limit, pad_id, vocabulary_size
from tests.helpers.tiny import roberta
from tests.helpers.tokenizers_of_all_kinds import tokenizer_of


def test_the_length_limit_is_the_smaller_of_tokenizer_and_positions():
    model = nn.ModuleList([nn.Embedding(40, 2)])
    model.config = SimpleNamespace(max_position_embeddings=40)
    assert length_limit(tokenizer_of("word_piece", model_max_length=7), model) == 7
    assert length_limit(tokenizer_of("word_piece", model_max_length=50), model) == 40
    assert length_limit(tokenizer_of("word_piece"), model) == 40
    assert length_limit(tokenizer_of("word_piece"), nn.Linear(1, 1)) is None


@pytest.mark.parametrize("positions", [0, -1, None, "many"])
def test_a_configuration_may_have_no_number_of_positions(positions):
    model = nn.Linear(1, 1)
    model.config = SimpleNamespace(max_position_embeddings=positions)
    assert length_limit(tokenizer_of("word_piece"), model) is None
    assert length_limit(tokenizer_of("word_piece", model_max_length=100_000), model) == 100_000


def test_a_table_of_words_is_no_table_of_positions():
    """Only rows after the padding row count, unless the table looks up words or has another number of rows."""
    model = nn.ModuleList([nn.Embedding(42, 2, padding_idx=3), nn.Embedding(42, 2, padding_idx=1), nn.Embedding(41, 2)])
    model[2].padding_idx = 9
    model.config = SimpleNamespace(max_position_embeddings=42)
    assert length_limit(tokenizer_of("word_piece"), model) == 38
    assert length_limit(tokenizer_of("word_piece"), model, [model[0]]) == 40
    assert length_limit(tokenizer_of("word_piece"), model, [model[0], nn.Sequential(model[1])]) == 42


@pytest.mark.parametrize(("padding_row", "limit"), [(None, 42), (0, 41), (1, 40)])
def test_positions_count_from_the_row_after_the_padding_row(padding_row, limit):
    model = nn.ModuleList([nn.Embedding(42, 2, padding_idx=padding_row)])
    model.config = SimpleNamespace(max_position_embeddings=42)
    assert length_limit(tokenizer_of("word_piece"), model) == limit


@pytest.mark.parametrize("pad", [0, 1])
def test_a_roberta_reads_as_many_tokens_as_it_has_positions_after_the_padding_row(pad):
    model = roberta(vocab_size=30, pad_token_id=pad, max_position_embeddings=12).eval()
    limit = length_limit(tokenizer_of("word_piece"), model, [model.get_input_embeddings()])
    assert model(torch.full((1, limit), 7)).logits.shape == (1, 2)
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, limit + 1), 7))


def test_the_pad_token_counts_only_if_the_model_has_a_vector_for_it():
    model, text = nn.Linear(1, 1), SimpleNamespace(vocab_size=7)
    tokenizer = SimpleNamespace(pad_token_id=7)
    assert vocabulary_size(model) is None
    assert pad_id(tokenizer, model) == 7, "the model's vocabulary size is unknown"
    model.config = SimpleNamespace(get_text_config=lambda: text)
    assert vocabulary_size(model) == 7
    assert pad_id(tokenizer, model) is None
    text.vocab_size = 8
    assert pad_id(tokenizer, model) == 7
    assert pad_id(SimpleNamespace(pad_token_id=None), model) is None

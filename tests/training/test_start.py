"""The model and the tokenizer that a fine-tuning begins with."""

import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.training.arguments import TrainArguments
from hf_gradexplain.training.start import pretrained_model
from hf_gradexplain.training.task import Task
from tests.helpers.tiny import POSITIONS, make

TASK = Task("single_label_classification", ("no", "yes"))


def saved(folder, **tokens):
    """Save a GPT-2, which knows no padding token, and a tokenizer with some special tokens."""
    model, tokenizer = make("gpt2")
    for name, token in tokens.items():
        setattr(tokenizer, name, token)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


def begun(folder, **options):
    arguments = TrainArguments(dataset_name="any", output_dir="any", model_name_or_path=str(folder), **options)
    return pretrained_model(arguments, TASK)


@pytest.mark.parametrize(("tokens", "pad"), [({"eos_token": "b"}, "b"), ({"eos_token": "b", "pad_token": "c"}, "c")])
def test_texts_are_padded_with_the_padding_token_or_else_with_the_end_of_text(tokens, pad, tmp_path):
    before = saved(tmp_path, **tokens)
    model, tokenizer, sources = begun(tmp_path)
    assert tokenizer.pad_token == pad
    assert model.config.pad_token_id == tokenizer.pad_token_id == before.convert_tokens_to_ids(pad)
    assert list(model.config.id2label.values()) == ["no", "yes"]
    assert model.num_labels == 2
    assert sources["base model"].name == str(tmp_path)


def test_the_padding_token_of_the_configuration_stays(tmp_path):
    saved(tmp_path, eos_token="b")
    model, _ = make("gpt2")
    model.config.pad_token_id = 7
    model.config.save_pretrained(tmp_path)
    assert begun(tmp_path)[0].config.pad_token_id == 7


def test_a_text_is_at_most_as_long_as_the_model_reads(tmp_path):
    saved(tmp_path, eos_token="b")
    for length in (3, POSITIONS):
        assert begun(tmp_path, max_length=length)[1].model_max_length == length
    with pytest.raises(GradexplainError, match=f"reads at most {POSITIONS} tokens: give {POSITIONS} or less"):
        begun(tmp_path, max_length=POSITIONS + 1)


def test_max_length_has_room_for_a_word_between_the_special_tokens(tmp_path):
    for part in make("bert"):
        part.save_pretrained(tmp_path)
    message = f"max_length is 2, but '{tmp_path}' adds 2 special tokens to each text: give 3 or more"
    with pytest.raises(GradexplainError, match=f"^{message}$"):
        begun(tmp_path, max_length=2)
    assert begun(tmp_path, max_length=3)[1].model_max_length == 3

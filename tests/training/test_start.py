"""The model and the tokenizer that a fine-tuning begins with."""

import pytest
from datasets import Dataset
from transformers import (
    CanineConfig,
    CanineForSequenceClassification,
    Gemma3Config,
    Gemma3ForSequenceClassification,
)

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.training.arguments import TrainArguments
from hf_gradexplain.training.pairs import reward
from hf_gradexplain.training.start import pretrained_model, read_limit
from hf_gradexplain.training.task import Task, infer_task
from hf_gradexplain.training.train import fit
from tests.helpers.tiny import POSITIONS, byte_tokenizer, make, roberta

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
    with pytest.raises(GradexplainError, match=r"max_length is 3, but .* adds 3 special tokens to each pair: give 4"):
        begun(tmp_path, max_length=3, text_column="query,document")
    assert begun(tmp_path, max_length=4, text_column="query,document")[1].model_max_length == 4
    rewards = TrainArguments(
        dataset_name="any", output_dir="any", model_name_or_path=str(tmp_path), task="reward", max_length=3
    )
    assert pretrained_model(rewards, reward())[1].model_max_length == 3


def fitted(folder, **options):
    """Fine-tune a saved model on four texts; return the model, the tokenizer and the metrics."""
    rows = Dataset.from_dict({"text": ["good film", "a bad film with music"] * 2, "label": [0, 1] * 2})
    task, given = infer_task(rows), {"num_train_epochs": 1, **options}
    arguments = TrainArguments(dataset_name="any", output_dir="any", model_name_or_path=str(folder), **given)
    model, tokenizer, _ = pretrained_model(arguments, task)
    return model, tokenizer, fit(model, tokenizer, task, rows, rows, arguments)


@pytest.mark.parametrize(("pad", "expected"), [(None, 1), (5, 5)])
def test_a_model_whose_text_part_has_the_padding_token_is_fine_tuned(pad, expected, tmp_path):
    """A Gemma 3 reads texts and images; the configuration of the whole model has no `pad_token_id`."""
    tokenizer = byte_tokenizer(around=True)
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    text = {"vocab_size": len(tokenizer), "num_key_value_heads": 1, "head_dim": 8, "pad_token_id": pad, **sizes}
    vision = {"image_size": 16, "patch_size": 8, **sizes}
    tokens = {"image_token_index": 5, "boi_token_index": 6, "eoi_token_index": 7, "mm_tokens_per_image": 4}
    config = Gemma3Config(text_config=text, vision_config=vision, **tokens)
    Gemma3ForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    config = begun(tmp_path)[0].config
    assert config.text_config.pad_token_id == expected
    assert not hasattr(config, "pad_token_id")
    assert 0 <= fitted(tmp_path)[2]["accuracy"] <= 1


@pytest.mark.parametrize("options", [{}, {"max_length": 10}])
def test_a_model_without_a_table_of_word_vectors_is_fine_tuned(options, tmp_path):
    """CANINE hashes the ids of its tokens."""
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    hashes = {"num_hash_buckets": 32, "num_hash_functions": 2, "upsampling_kernel_size": 2, "downsampling_rate": 2}
    config = CanineConfig(max_position_embeddings=POSITIONS, local_transformer_stride=4, **sizes, **hashes)
    CanineForSequenceClassification(config).save_pretrained(tmp_path)
    byte_tokenizer(around=True).save_pretrained(tmp_path)
    model, tokenizer, metrics = fitted(tmp_path, **options)
    assert read_limit(tokenizer, model) == options.get("max_length", POSITIONS)
    assert 0 <= metrics["accuracy"] <= 1


def test_a_word_table_with_as_many_rows_as_positions_does_not_shorten_texts():
    """The row of the padding token does not count among the positions, but this is no table of positions."""
    tokenizer = byte_tokenizer(around=True)
    tokenizer.model_max_length = 10**9
    size = len(tokenizer)
    model = roberta(vocab_size=size, pad_token_id=1, max_position_embeddings=size)
    assert read_limit(tokenizer, model) == size - 2
    model.roberta.embeddings.position_embeddings.padding_idx = None
    assert read_limit(tokenizer, model) == size


def test_a_tokenizer_that_cannot_pad_is_refused(tmp_path):
    saved(tmp_path)
    with pytest.raises(GradexplainError) as caught:
        begun(tmp_path)
    assert str(caught.value) == (
        f"the tokenizer of '{tmp_path}' has neither a padding token nor an end-of-text token, which texts of a batch "
        "need: add a pad_token to its tokenizer_config.json"
    )


def test_a_corrupt_model_is_refused_before_the_training(tmp_path):
    saved(tmp_path, eos_token="b")
    model, _ = make("gpt2")
    model.transformer.wpe.weight.data[0, 0] = float("nan")
    model.save_pretrained(tmp_path)
    with pytest.raises(
        GradexplainError, match=r"^weight 'transformer.wpe.weight' is not finite: the checkpoint is corr"
    ):
        begun(tmp_path)

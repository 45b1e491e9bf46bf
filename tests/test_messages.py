"""What strangers' files hold never reaches the terminal raw, and no invalid input ends in a raw traceback."""

import json
import re

import numpy as np
import pytest
import torch

from hf_gradexplain.cli import main
from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.explain import run_explanation
from hf_gradexplain.commands.parsing import exit_on_error
from hf_gradexplain.commands.recipe_arguments import (
    EvaluateRecipeArguments,
    ExplainRecipeArguments,
    TrainRecipeArguments,
)
from hf_gradexplain.commands.train import run_training
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanation
from tests.helpers.tiny import explainer, make


def save(folder, change=None):
    """Save a tiny BERT to a folder, after `change(model, tokenizer)`."""
    model, tokenizer = make("bert", dtype=torch.float32)
    if change is not None:
        change(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def edit(folder, file, **values):
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def said(capsys, *arguments):
    """Return the message of a command that fails."""
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 1
    return capsys.readouterr().err.splitlines()[-1]


def refused(model, tokenizer, text="bad film"):
    """Return the message of an explanation that is refused."""
    with pytest.raises(GradexplainError) as error:
        Explainer(model, tokenizer)(text)
    assert "\n" not in str(error.value)
    return str(error.value)


HOSTILE = "\u001b]0;owned\u0007 \u202e \u009b31m"


CONTROLS = {"\x1b", "\x07", "\u202e", "\x9b"}


@pytest.mark.parametrize("key", ["model_type", "hidden_act"])
def test_text_of_a_configuration_reaches_the_terminal_without_control_characters(key, tmp_path):
    edit(save(tmp_path), "config.json", **{key: HOSTILE})
    with pytest.raises(GradexplainError, match="0;owned") as error:
        Explainer.from_pretrained(str(tmp_path))
    assert not CONTROLS & set(str(error.value))


def test_errors_are_printed_without_control_characters(capsys):
    assert main(["explain", HOSTILE, "bad"]) == 1
    with pytest.raises(SystemExit):
        main(["explain", "model", "bad", f"--{HOSTILE}"])
    assert not CONTROLS & set(capsys.readouterr().err)
    with pytest.raises(SystemExit, match="error: ␛]0;owned"), exit_on_error():
        raise GradexplainError(HOSTILE)


def test_json_of_a_hostile_text_is_safe_to_print(tmp_path, capsys):
    save(tmp_path / "model")
    text = f"bad {HOSTILE} film"
    capsys.readouterr()
    assert main(["explain", str(tmp_path / "model"), text, "--format", "json"]) == 0
    printed = capsys.readouterr().out
    arguments = {"model_name_or_path": str(tmp_path / "model"), "texts": (text,), "output_dir": str(tmp_path / "out")}
    run_explanation(ExplainRecipeArguments(**arguments))
    for record in (printed, (tmp_path / "out" / "explanations.jsonl").read_text()):
        assert not CONTROLS & set(record)
        assert json.loads(record)["text"] == text


def test_weights_of_another_shape_are_counted_and_one_is_shown(tmp_path, capsys):
    edit(save(tmp_path), "config.json", intermediate_size=16)
    message = said(capsys, "explain", tmp_path, "bad")
    assert re.search(
        r"6 weights have another shape than config\.json asks for, such as 'bert\.enc.*': \(12,\) ", message
    )
    assert message.endswith("instead of (16,); correct config.json, or name another checkpoint")


def test_a_sentence_never_ends_in_a_colon(tmp_path, capsys):
    edit(save(tmp_path), "config.json", hidden_size="8")
    assert said(capsys, "explain", tmp_path, "bad").endswith("'hidden_size' expected int, got str (value: '8')")


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", b"\x00" * 7])
def test_a_damaged_file_of_weights_is_an_error_of_one_sentence(content, tmp_path, capsys):
    (save(tmp_path) / "model.safetensors").write_bytes(content)
    message = said(capsys, "explain", tmp_path, "bad film")
    assert re.fullmatch(
        r"hf-gradexplain: cannot load .*: a \.safetensors file is damaged \(.*header.*\): download it again, with git "
        "lfs pull if it is an LFS pointer",
        message,
    )


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json", "adapter_config.json"])
def test_json_nested_a_million_deep_is_refused(file, tmp_path, capsys):
    (save(tmp_path) / file).write_text("[" * 10**6 + "]" * 10**6)
    assert "RecursionError" not in said(capsys, "explain", tmp_path, "bad")


def zero(model, tokenizer):
    for parameter in model.parameters():
        parameter.data.zero_()


def zero_words(model, tokenizer):
    model.get_input_embeddings().weight.data.zero_()


@pytest.mark.parametrize("change", [zero, zero_words])
def test_weights_that_are_all_zero_are_called_so(change):
    model, tokenizer = make("bert")
    change(model, tokenizer)
    expected = "the word vectors of BertForSequenceClassification are all zero: its checkpoint is empty or corrupt; "
    assert refused(model, tokenizer) == expected + "load another one"


def test_the_tokenizer_of_another_model_is_called_so():
    message = refused(make("bert")[0], make("gpt2")[1])
    expected = (
        "the tokenizer has 290 tokens, but BertForSequenceClassification has vectors for 48: load the model's own"
    )
    assert message.startswith(expected)


@pytest.mark.parametrize("add", ["add_tokens", "add_special_tokens"])
def test_an_added_token_without_a_vector_is_named_where_a_text_has_it(add):
    model, tokenizer = make("bert")
    tokenizer.add_tokens(["wow"], special_tokens=add == "add_special_tokens")
    message = refused(model, tokenizer, ["bad film", "a wow film"])
    assert message.startswith(
        "text 1 has the token 'wow' with the id 48, but BertForSequenceClassification has vectors"
    )
    assert "call model.resize_token_embeddings(len(tokenizer)) and fine-tune the model" in message
    assert Explainer(model, tokenizer)("bad film").units
    model.resize_token_embeddings(len(tokenizer))
    assert Explainer(model, tokenizer)("a wow film").units


@pytest.mark.parametrize("value", [0, -5, "x", float("nan"), True, [512]])
def test_a_length_limit_that_is_none_is_named(value, tmp_path):
    model, tokenizer = make("bert")
    tokenizer.model_max_length = value
    message = refused(model, tokenizer)
    assert message.startswith(
        f"the tokenizer's model_max_length must be a positive number of tokens, but is {value!r}: "
    )


@pytest.mark.parametrize("value", [20, 20.0, np.int64(20), np.float32(20)])
def test_a_length_limit_is_any_kind_of_number(value):
    model, tokenizer = make("bert")
    tokenizer.model_max_length = value
    explain = Explainer(model, tokenizer)
    assert explain.profile.max_length == 20
    assert explain("bad film " * 20).truncated_at


@pytest.mark.parametrize("value", [1, 2, 1.5])
def test_a_length_limit_without_room_for_a_word_is_named(value):
    model, tokenizer = make("bert")
    tokenizer.model_max_length = value
    message = refused(model, tokenizer)
    assert message.startswith(
        f"the length limit of {int(value)} tokens leaves no room for a word between the 2 special"
    )


def change_tokenizer(folder, change):
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_an_unknown_token_that_is_not_in_the_vocabulary_is_an_error_of_one_sentence(tmp_path, capsys):
    change_tokenizer(save(tmp_path), lambda content: content["model"].update(unk_token="<nope>"))
    message = said(capsys, "explain", tmp_path, "bad ☃ film")
    assert "the tokenizer fails on these texts (Exception: WordPiece error: Missing [UNK] token from" in message


def test_a_regular_expression_that_panics_is_an_error_of_one_sentence(tmp_path, capsys):
    split = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated", "invert": False}
    change_tokenizer(save(tmp_path), lambda content: content.update(pre_tokenizer=split))
    message = said(capsys, "explain", tmp_path, "bad " + "x" * 60 + "!")
    assert "the tokenizer fails on these texts (PanicException: Onig: Regex search error" in message


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save(tmp_path_factory.mktemp("saved"))


@pytest.mark.parametrize("name", ["file", "file/below", "a" * 300])
@pytest.mark.parametrize("recipe", ["explain", "evaluate", "train"])
def test_a_folder_that_cannot_be_made_is_an_error_of_one_sentence(recipe, name, saved, tmp_path):
    (tmp_path / "file").write_text("mine")
    output_dir = {"output_dir": str(tmp_path / name)}
    runs = {
        "explain": lambda: run_explanation(
            ExplainRecipeArguments(model_name_or_path=str(saved), texts=("bad",), **output_dir)
        ),
        "evaluate": lambda: run_evaluation(EvaluateRecipeArguments(**output_dir)),
        "train": lambda: run_training(TrainRecipeArguments(model_type="fasttext", dataset_name="none", **output_dir)),
    }
    with pytest.raises(GradexplainError, match=r"^cannot write to .* \(.*\): give another --output_dir$"):
        runs[recipe]()
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "file/a.html", "a" * 300])
def test_a_page_that_cannot_be_written_is_an_error_of_one_sentence(name, saved, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    message = said(capsys, "explain", saved, "bad", "--html", tmp_path / name)
    assert re.fullmatch(r"hf-gradexplain: cannot write to .* \(.*\): give another FILE with --html", message)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: {},
        lambda record: [],
        lambda record: None,
        lambda record: {**record, "units": 3},
        lambda record: {**record, "units": [{"text": "bad", "spans": [[0]]}]},
        lambda record: {**record, "scores": []},
        lambda record: {**record, "scores": {"loo": ["x"]}},
        lambda record: {**record, "self_check": {"loo": 3}},
        lambda record: {name: value for name, value in record.items() if name != "text"},
    ],
)
def test_a_record_that_is_not_that_of_an_explanation_is_an_error_of_one_sentence(change):
    record = explainer("fasttext")("bad film", "loo").to_dict()
    assert Explanation.from_dict(record).text == "bad film"
    with pytest.raises(GradexplainError, match=r"^the record is not that of an explanation \(.*\): give one that Expl"):
        Explanation.from_dict(change(record))

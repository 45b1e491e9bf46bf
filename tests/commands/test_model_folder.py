"""The folder of a trained model, with files of the user or of an earlier model in it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import AutoTokenizer

from hf_gradexplain.cards import Card
from hf_gradexplain.commands.model_folder import ALWAYS_WRITTEN, NOT_ALWAYS_WRITTEN, check_no_foreign_files, save_model
from hf_gradexplain.commands.train import STALE
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.loading.card_results import weights_sha256
from tests.helpers.tiny import make

CARD = Card.from_json(Path(__file__).parents[2].joinpath("model_cards/fasttext-imdb/card.json").read_text("utf-8"))
FILES = ["README.md", "card.json", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
USERS = ["README.md", "card.json", "config.json", "tokenizer_config.json", "model.safetensors", "tokenizer.json"]
USERS += ["model-00001-of-00002.safetensors", "model.safetensors.index.json", "added_tokens.json", "aopc.png"]
USERS += ["special_tokens_map.json", "chat_template.jinja", "additional_chat_templates/tools.jinja"]
USERS += [f"{part}_{kind}.py" for part in ("configuration", "modeling") for kind in ("fasttext", "textcnn", "bilstm")]


def save(folder, *, remote_code=False, **changes):
    """Save a FastText with a changed tokenizer; return the card and the names of the files."""
    model, tokenizer = make("fasttext")
    for name, value in changes.items():
        setattr(tokenizer, name, value)
    trained = SimpleNamespace(model=model, tokenizer=tokenizer)
    card = replace(CARD, faithfulness=None, weights_sha256=None)
    return save_model(trained, card, folder, remote_code=remote_code)


def written(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_model_and_its_card_are_saved_below_folders_that_do_not_exist_yet(tmp_path):
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        card, files = save(folder)
        assert files == FILES == written(folder)
        assert card.weights_sha256 == weights_sha256(Provenance(str(folder))) is not None
        assert Card.from_json((folder / "card.json").read_text("utf-8")).weights_sha256 == card.weights_sha256
        assert [path for path in folder.iterdir() if path.is_dir()] == []


def test_a_tokenizer_with_several_chat_templates_is_saved_twice(tmp_path):
    for template in ("one", "two"):
        _, files = save(tmp_path, chat_template={"default": template, "tools": f"{template} tools"})
        assert files == written(tmp_path)
        assert {*files} == {*FILES, "chat_template.jinja", "additional_chat_templates/tools.jinja"}
        loaded = AutoTokenizer.from_pretrained(tmp_path)
        assert loaded.chat_template == {"default": template, "tools": f"{template} tools"}


def test_nothing_of_an_earlier_model_is_left_but_the_files_of_the_user_are(tmp_path):
    save(tmp_path, chat_template={"default": "one", "tools": "two"}, remote_code=True)
    mine = ["notes.txt", "model-backup.safetensors", "modeling_mine.py", "weights.bin", "more/README.md"]
    for name in (*USERS, *mine):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_text("old")
    card, files = save(tmp_path)
    assert files == FILES
    assert written(tmp_path) == sorted([*FILES, *mine])
    assert AutoTokenizer.from_pretrained(tmp_path).chat_template is None
    assert card.weights_sha256 == weights_sha256(Provenance(str(tmp_path))) is not None


def test_a_push_replaces_the_same_files():
    assert {*NOT_ALWAYS_WRITTEN, "model*.safetensors*", "*.bin", "configuration_*.py", "modeling_*.py"} == {*STALE}


@pytest.mark.parametrize("name", USERS)
def test_a_file_that_would_be_overwritten_is_refused(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('{"versions": {"other": "1.0"}}')
    message = f"{tmp_path / name} is not from an earlier training and would be overwritten: give another --output_dir"
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        check_no_foreign_files(tmp_path)


def test_the_first_of_several_files_is_named(tmp_path):
    for number in (3, 5, 1, 4, 2):
        (tmp_path / f"model-{number:05d}-of-00005.safetensors").write_text("mine")
    with pytest.raises(GradexplainError, match=r"model-00001-of-00005\.safetensors is not from"):
        check_no_foreign_files(tmp_path)


@pytest.mark.parametrize("text", ["{}", "[1]", "no JSON", '{"versions": "hf_gradexplain"}'])
def test_a_card_of_somebody_else_does_not_make_the_folder_ours(text, tmp_path):
    (tmp_path / "card.json").write_text(text)
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(GradexplainError, match=r"README\.md is not from an earlier training"):
        check_no_foreign_files(tmp_path)


def test_other_files_and_the_files_of_an_earlier_training_are_accepted(tmp_path):
    check_no_foreign_files(tmp_path / "new")
    (tmp_path / "notes.txt").write_text("mine")
    check_no_foreign_files(tmp_path)
    for name in USERS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    (tmp_path / "card.json").write_text(json.dumps({"versions": {"hf_gradexplain": "0.1.0", "torch": "2.0"}}))
    check_no_foreign_files(tmp_path)


def test_all_names_are_tried():
    """Every pattern has an example in `USERS`."""
    assert len({*ALWAYS_WRITTEN, *NOT_ALWAYS_WRITTEN}) == len(USERS) == len(set(USERS))

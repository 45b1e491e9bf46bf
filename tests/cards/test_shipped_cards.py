"""The cards in `model_cards/` match their data and the shipped configurations."""

import os
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from runpy import run_module

import numpy as np
import pytest
from matplotlib.image import imread

from hf_gradexplain.cards import Card, faithfulness_figure, model_card, rewrite_card
from hf_gradexplain.cards.describe import settings_of
from hf_gradexplain.commands.parsing import parse_arguments
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments

ROOT = Path(__file__).parents[2]
CONFIGS = {path.stem.removeprefix("train_"): path for path in (ROOT / "recipes" / "configs").glob("train_*.yaml")}
CARDS = sorted(path.parent for path in (ROOT / "model_cards").glob("*/card.json"))
ROWS = {"fancyzhx/ag_news": (21_391, 7_600), "stanfordnlp/imdb": (25_000, 25_000)}
"""The number of training and of test texts in each dataset of the cards."""

all_cards = pytest.mark.parametrize("folder", CARDS, ids=lambda folder: folder.name)


def card_of(folder):
    return Card.from_json((folder / "card.json").read_text(encoding="utf-8"))


def config_of(folder):
    model_type, _, data = folder.name.partition("-")
    return CONFIGS[f"{data}_{model_type}"]


def test_there_is_a_card_for_every_configuration():
    shown = {
        path for name, path in CONFIGS.items() if not name.endswith("small_transformer")
    }  # see docs/leaderboard.md
    assert {config_of(folder) for folder in CARDS} == shown


@all_cards
def test_a_card_is_rendered_from_its_data(folder):
    card = card_of(folder)  # otherwise: python -m hf_gradexplain.cards model_cards/*/
    assert model_card(card) == (folder / "README.md").read_text(encoding="utf-8")
    assert card.to_json() == (folder / "card.json").read_text(encoding="utf-8")


def test_a_card_is_rendered_again_from_its_data(tmp_path):
    (tmp_path / "card.json").write_bytes((CARDS[0] / "card.json").read_bytes())
    rewrite_card(tmp_path)
    for name in ("README.md", "card.json"):
        assert (tmp_path / name).read_bytes() == (CARDS[0] / name).read_bytes()
    assert (tmp_path / "aopc.png").exists()


def test_the_command_renders_every_folder(tmp_path, monkeypatch):
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
        (folder / "card.json").write_bytes((CARDS[0] / "card.json").read_bytes())
    monkeypatch.setattr(sys, "argv", ["cards", *map(str, folders)])
    run_module("hf_gradexplain.cards.__main__", run_name="__main__")
    assert all((folder / "README.md").exists() for folder in folders)
    run_module("hf_gradexplain.cards.__main__", run_name="imported")


@all_cards
def test_its_figure_is_drawn_from_its_data(folder):
    card = card_of(folder)
    drawn, shipped = imread(BytesIO(faithfulness_figure(card.faithfulness, card.title))), imread(folder / "aopc.png")
    assert drawn.shape == shipped.shape
    assert np.abs(drawn - shipped).mean() < 1e-3


@all_cards
def test_it_was_trained_with_its_configuration(folder):
    arguments, card = parse_arguments(TrainRecipeArguments, [str(config_of(folder))]), card_of(folder)
    assert card.settings == settings_of(arguments)
    assert card.corpus.name == arguments.dataset_name
    train_rows, eval_rows = ROWS[card.corpus.name]
    assert card.corpus.train_rows == min(train_rows, arguments.max_train_samples or train_rows)
    assert card.corpus.eval_rows == min(eval_rows, arguments.max_eval_samples or eval_rows)
    assert [example.text for example in card.examples] == [arguments.example_text]
    assert card.faithfulness.n == arguments.faithfulness_samples
    measured = {row["method"] for row in card.faithfulness.methods}
    assert measured >= {"random", "loo", "signed_gi", "integrated_gradients"}


@all_cards
def test_it_holds_no_local_paths(folder):
    for name in ("README.md", "card.json"):
        assert not re.search(r"(?:^|[\s\"'(])/\w+/", (folder / name).read_text(encoding="utf-8"), flags=re.M)


@pytest.mark.slow
@pytest.mark.skipif("AG_NEWS" not in os.environ, reason="AG_NEWS names a folder with the rows of the card")
def test_training_again_gives_the_card(tmp_path):
    folder = ROOT / "model_cards" / "fasttext-ag_news"
    given = ["--dataset_name", os.environ["AG_NEWS"], "--dataset_source", "fancyzhx/ag_news", "--license", "apache-2.0"]
    command = [sys.executable, "recipes/train.py", config_of(folder), *given, "--output_dir", tmp_path / folder.name]
    subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=ROOT, check=True)
    again, shipped = card_of(tmp_path / folder.name), card_of(folder)
    assert again.corpus == shipped.corpus
    assert again.settings == shipped.settings
    assert again.metrics == pytest.approx(shipped.metrics, abs=0.003)
    for actual, expected in zip(again.faithfulness.methods, shipped.faithfulness.methods, strict=True):
        assert actual["short"] == pytest.approx(expected["short"], abs=0.01)
        assert actual["r"] == expected["r"] or actual["r"] == pytest.approx(expected["r"], abs=0.02)

"""A small world in which the code of the pages runs: a model, texts and a finished run under the names of the pages."""

import shutil

import pandas as pd
import pytest

from tests.helpers.tiny import make

MODELS = ("org/any-text-classifier", "org/your-model")
REVIEWS = ["A thoughtful, gripping film.", "Two dull hours.", "Not bad at all.", "The end is lovely.", "A bad, bad film."]
LABELS = ["POSITIVE", "NEGATIVE", "POSITIVE", "POSITIVE", "NEGATIVE"]


@pytest.fixture(scope="session")
def small_world(tmp_path_factory):
    """A folder in which the names of the pages are names of files and folders."""
    folder = tmp_path_factory.mktemp("world")
    model, tokenizer = make("bert")
    model = type(model)(type(model.config)(**{**model.config.to_dict(), "num_labels": 2})).eval()
    model.config.id2label, model.config.label2id = {0: "NEGATIVE", 1: "POSITIVE"}, {"NEGATIVE": 0, "POSITIVE": 1}
    for name in MODELS:
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    frame = pd.DataFrame({"text": REVIEWS, "label": LABELS})
    (folder / "org" / "your-data").mkdir()
    frame.to_csv(folder / "org" / "your-data" / "test.csv", index=False)
    frame.rename(columns={"text": "review", "label": "stars"}).to_csv(folder / "reviews.csv", index=False)
    (folder / "texts.txt").write_text("\n".join(REVIEWS) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def world(small_world, tmp_path, monkeypatch):
    """A copy of the small world, as the current folder."""
    folder = tmp_path / "world"
    shutil.copytree(small_world, folder)
    monkeypatch.chdir(folder)
    return folder

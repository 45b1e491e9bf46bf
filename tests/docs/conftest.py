"""A small world in which the code of the pages runs: a model, texts and a finished run under the names of the pages."""

import json
import shutil
import warnings

import pandas as pd
import pytest
import torch

from hf_gradexplain import Explainer
from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.run.evidence import evidence
from tests.helpers.chats import chat_classifier
from tests.helpers.nli import make_nli
from tests.helpers.tiny import make

MODELS = ("org/any-text-classifier", "org/your-model")
REVIEWS = [
    "A thoughtful, gripping film.",
    "Two dull hours.",
    "Not bad at all.",
    "The end is lovely.",
    "A bad, bad film.",
]
LABELS = ["POSITIVE", "NEGATIVE", "POSITIVE", "POSITIVE", "NEGATIVE"]


@pytest.fixture(scope="session")
def small_world(tmp_path_factory):
    """A folder in which the names of the pages are names of files and folders."""
    folder = tmp_path_factory.mktemp("world")
    model, tokenizer = make("bert")
    model = type(model)(
        type(model.config)(**{**model.config.to_dict(), "num_labels": 2, "max_position_embeddings": 256})
    ).eval()
    model.config.id2label, model.config.label2id = {0: "NEGATIVE", 1: "POSITIVE"}, {"NEGATIVE": 0, "POSITIVE": 1}
    for name in MODELS:
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    frame = pd.DataFrame({"text": REVIEWS, "label": LABELS})
    (folder / "org" / "your-data").mkdir()
    frame.to_csv(folder / "org" / "your-data" / "test.csv", index=False)
    frame.to_csv(folder / "org" / "your-data" / "train.csv", index=False)
    preferences = pd.DataFrame({"chosen": REVIEWS[::2], "rejected": REVIEWS[:3]})
    queries = pd.DataFrame({"query": ["film", "hours"] * 2, "document": REVIEWS[:4], "label": [1, 0, 0, 1]})
    for name, pairs in (("your-preferences", preferences), ("your-queries", queries)):
        (folder / "org" / name).mkdir()
        for split in ("train", "test"):
            pairs.to_csv(folder / "org" / name / f"{split}.csv", index=False)
    for name, kind, labels in (
        ("org/reward-model", "regression", ["reward"]),
        ("org/guard-model", "multi_label_classification", ["violence", "fraud", "insult"]),
    ):
        classifier, its_tokenizer = chat_classifier("llama", kind)
        classifier.config.id2label = dict(enumerate(labels))
        classifier.config.label2id = {label: i for i, label in enumerate(labels)}
        classifier.float().save_pretrained(folder / name)
        its_tokenizer.save_pretrained(folder / name)
    for part in make("bert", "regression", dtype=torch.float32):
        part.save_pretrained(folder / "org" / "reranker")
    for part in make_nli("bart"):
        part.save_pretrained(folder / "org" / "nli-model")
    chats = [[{"role": "user", "content": "film?"}, {"role": "assistant", "content": text}] for text in REVIEWS]
    (folder / "chats.jsonl").write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats))
    frame.rename(columns={"text": "review", "label": "stars"}).to_csv(folder / "reviews.csv", index=False)
    marked = [{"text": text, "label": label, "spans": [[2, 8]]} for text, label in zip(REVIEWS, LABELS, strict=True)]
    (folder / "marked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in marked))
    masks = [{**row, "rationales": [[1] * len(row["text"].split())]} for row in marked]
    (folder / "masks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in masks))
    lines = [json.dumps(explanation.to_dict()) for explanation in Explainer(model, tokenizer)(REVIEWS)]
    (folder / "explanations.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "report.txt").write_text(" ".join(REVIEWS * 5), encoding="utf-8")
    (folder / "texts.txt").write_text("\n".join(REVIEWS) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def world(small_world, tmp_path, monkeypatch):
    """A copy of the small world, as the current folder."""
    folder = tmp_path / "world"
    shutil.copytree(small_world, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def finished_run(small_world, tmp_path_factory):
    """The output folder of a run over the dataset of the small world."""
    folder = tmp_path_factory.mktemp("outputs") / "your-model"
    arguments = EvaluateRecipeArguments(
        model_name_or_path=str(small_world / "org" / "your-model"),
        dataset_name=str(small_world / "org" / "your-data"),
        methods=("signed_gi", "loo"),
        output_dir=str(folder),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_evaluation(arguments)
    return folder


@pytest.fixture
def outputs(world, finished_run):
    """The output folders that the pages name, in the current folder, and the evidence of a text in a file."""
    for name in ("your-model", "evaluate", "ag-news", "old", "new", "seed1", "seed2", "seed3", "again"):
        shutil.copytree(finished_run, world / "outputs" / name, dirs_exist_ok=True)
    (world / "evidence.json").write_text(evidence(finished_run, 3).to_json(), encoding="utf-8")

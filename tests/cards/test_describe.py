"""The content of a card from a training that did not take place."""

import importlib
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from hf_gradexplain.cards.describe import _corpus, _limits, _masking, describe, settings_of
from hf_gradexplain.cards.faithfulness import _columns, _methods, _plain
from hf_gradexplain.evaluation.agreement import CORRELATION_COLUMNS
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.models import FastTextConfig
from hf_gradexplain.run.fingerprints import texts_fingerprint
from hf_gradexplain.training.arguments import TrainArguments
from hf_gradexplain.training.masked import FULLY_MASKED

describe_module = importlib.import_module("hf_gradexplain.cards.describe")


def arguments(**more):
    given = {"dataset_name": "d", "output_dir": "o", "model_type": "fasttext"}
    return TrainArguments(**given | more)


FITTED = {
    "seed": "0",
    "num_train_epochs": "3.0",
    "per_device_train_batch_size": "32",
    "per_device_eval_batch_size": "64",
    "weight_decay": "0.0",
    "label_smoothing_factor": "0.0",
}


def test_the_settings_of_a_new_model():
    assert settings_of(arguments()) == {
        "vocabulary": "words seen at least 2 times, at most 30,000, lower-cased",
        "configuration": "the defaults",
        "word vectors": "none",
        "learning_rate": "0.001",
        **FITTED,
    }
    given = {"lowercase": False, "min_count": 1, "vocab_size": 1234, "config_overrides": "a=1", "word_vectors": "v.txt"}
    settings = settings_of(arguments(**given, learning_rate=0.5, max_length=7, masked_fine_tuning=True))
    assert settings["vocabulary"] == "words seen at least 1 times, at most 1,234"
    assert (settings["configuration"], settings["word vectors"]) == ("a=1", "v.txt")
    assert (settings["learning_rate"], settings["max_length"], settings["masked_fine_tuning"]) == ("0.5", "7", "True")


def test_the_settings_of_a_fine_tuned_model():
    assert settings_of(arguments(model_type=None, model_name_or_path="m")) == FITTED | {"learning_rate": "2e-05"}


def trained(kind="fasttext", problem_type="single_label_classification", n=1234):
    task = SimpleNamespace(problem_type=problem_type, metric_names=["mean_squared_error"])
    metrics = {f"{FULLY_MASKED}mean_squared_error": 0.123456}
    config = SimpleNamespace(model_type=kind)
    return SimpleNamespace(task=task, metrics=metrics, model=SimpleNamespace(config=config), train_rows=range(n))


@pytest.mark.parametrize(
    ("kind", "more", "problem_type", "words"),
    [
        ("fasttext", {}, "single_label_classification", ["not calibrated", "its vocabulary", "order of the words"]),
        (
            "textcnn",
            {"max_length": 1024},
            "regression",
            ["an interval", "vocabulary", "first 1,024 tokens"],
        ),
        ("bert", {"model_type": None, "model_name_or_path": "m"}, "regression", ["without an interval"]),
    ],
)
def test_the_limits(kind, more, problem_type, words):
    first, *limits = _limits(trained(kind, problem_type), arguments(**more))
    assert "1,234 rows" in first
    assert len(limits) == len(words)
    assert all(word in limit for word, limit in zip(words, limits, strict=True))


def test_how_words_were_masked():
    assert _masking(trained(), arguments()) == {}
    (said,) = _masking(trained(), arguments(masked_fine_tuning=True)).values()
    assert "by the baseline zero " in said
    assert said.endswith("its mean squared error is 0.1235")
    (said,) = _masking(trained(), arguments(masked_fine_tuning=True, masking_baseline="mean")).values()
    assert "by the baseline mean " in said


def test_numbers_have_six_decimals_and_undefined_ones_are_none():
    assert _plain([0.12345678, np.nan, None, 1]) == [0.123457, None, None, 1.0]
    table = pd.DataFrame({"method": ["a"], "k": [3], "aopc": [0.12345678]})
    assert _columns(table) == {"method": ["a"], "k": [3], "aopc": [0.123457]}


def test_a_row_per_method_at_two_numbers_of_units():
    rows = [(m, k, k / 100, k / 100 - 0.05, k / 100 + 0.05, 5) for m in ("z", "a") for k in (0, 9, 10, 20)]
    aopc = pd.DataFrame(rows, columns=["method", "k", "aopc", "ci_low", "ci_high", "n"])
    pearson = ("a", "pearson", 0.5, 0.4, 0.25, 4, 1, 0.3, 0.7, 0.2, 0.6, 0.2)
    kendall = ("z", "kendall", *pearson[2:])
    correlation = pd.DataFrame([pearson, kendall], columns=CORRELATION_COLUMNS)
    z, a = _methods(Tables(aopc, correlation))
    assert z == {
        "method": "z", "short": [0.1, 0.05, 0.15], "long": [0.2, 0.15, 0.25],
        "r": None, "significant": None, "undefined": None,
    }  # fmt: skip
    assert (a["method"], a["r"], a["significant"], a["undefined"]) == ("a", [0.5, 0.3, 0.7], 0.25, 1)


def test_metrics_are_rounded_to_six_decimals(monkeypatch):
    parts = {"_corpus": None, "_limits": [], "_masking": {}, "settings_of": {}}
    for name, value in parts.items():
        monkeypatch.setattr(describe_module, name, lambda *_, value=value: value)
    task = SimpleNamespace(kind="classification", names=("a", "b"), metric_names=["accuracy"])
    config = SimpleNamespace(model_type="fasttext")
    model = SimpleNamespace(config=config, num_parameters=lambda: 12)
    done = SimpleNamespace(task=task, model=model, provenances={}, metrics={"accuracy": 2 / 3, "loss": 1.0})
    card = describe(done, arguments(output_dir="some/folder"))
    assert card.metrics == {"accuracy": 0.666667}
    assert (card.title, card.parameters, card.classes) == ("folder", 12, ["a", "b"])
    assert (card.base, card.base_on_hub, card.base_commit, card.ours) == (None, False, None, False)
    assert describe(done, arguments(), repo_id="me/model").title == "model"


def test_a_card_is_named_after_the_folder_also_if_it_is_the_current_one(monkeypatch, tmp_path):
    parts = {"_corpus": None, "_limits": [], "_masking": {}, "settings_of": {}}
    for name, value in parts.items():
        monkeypatch.setattr(describe_module, name, lambda *_, value=value: value)
    (tmp_path / "my-model").mkdir()
    monkeypatch.chdir(tmp_path / "my-model")
    task = SimpleNamespace(kind="classification", names=(), metric_names=[])
    model = SimpleNamespace(config=FastTextConfig(), num_parameters=lambda: 12)
    base = {"base model": Provenance("me/base", "abc")}
    card = describe(SimpleNamespace(task=task, model=model, provenances=base, metrics={}), arguments(output_dir="."))
    assert (card.title, card.repo_id, card.ours, card.remote_code) == ("my-model", None, True, False)
    assert (card.base, card.base_on_hub, card.base_commit) == ("me/base", True, "abc")
    local = SimpleNamespace(task=task, model=model, provenances={"base model": Provenance("/x/base")}, metrics={})
    card = describe(local, arguments())
    assert (card.base_on_hub, card.base_commit) == (False, None)


@pytest.mark.parametrize(
    ("commit", "source", "name", "on_hub"),
    [("abc", None, "me/d", True), (None, None, "me/d", False), (None, "me/other", "me/other", True)],
)
def test_where_the_rows_come_from(commit, source, name, on_hub):
    rows = Dataset.from_dict({"id": range(3), "text": ["a", "b", "c"], "label": [0, 1, 0]})
    done = SimpleNamespace(provenances={"dataset": Provenance("me/d", commit)}, train_rows=rows)
    done.eval_rows = rows.select(range(2))
    corpus = _corpus(done, arguments(label_column="stars", train_split="a", eval_split="b"), source)
    assert (corpus.name, corpus.on_hub, corpus.commit) == (name, on_hub, commit)
    assert (corpus.train_split, corpus.train_rows, corpus.eval_split, corpus.eval_rows) == ("a", 3, "b", 2)
    assert (corpus.train_sha256, corpus.eval_sha256) == (texts_fingerprint(rows), texts_fingerprint(done.eval_rows))
    assert corpus.label_column == "stars"
    done.train_rows = rows.remove_columns("label")
    assert _corpus(done, arguments(label_column="stars"), source).label_column is None

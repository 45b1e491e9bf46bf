"""Fitting a model to every kind of labels, and the texts that it is measured on."""

import re

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from transformers import AutoModelForSequenceClassification, EvalPrediction

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.models import FastTextConfig, train_word_tokenizer
from hf_gradexplain.training.arguments import FitArguments, TrainArguments
from hf_gradexplain.training.task import Task, infer_task
from hf_gradexplain.training.train import _check_unseen, _metrics, _tokenize, _training_arguments, fit, train
from tests.helpers.tiny import make, roberta


def test_text_pairs_with_multi_label_and_regression_targets(tmp_path):
    texts = {"text": ["the film", "the film", "the book"], "text_pair": ["good", "bad", "bad"]}
    tokenizer = train_word_tokenizer(["film book good bad"], vocab_size=9)
    for feature, labels, metric in (
        (List(ClassLabel(names=["x", "y"])), [[0], [0, 1], []], "accuracy"),
        (Value("float32"), [0.1, 0.9, 0.3], "mse"),
    ):
        features = Features({"text": Value("string"), "text_pair": Value("string"), "label": feature})
        rows = Dataset.from_dict({**texts, "label": labels}, features)
        task = infer_task(rows)
        model = AutoModelForSequenceClassification.from_config(
            FastTextConfig(vocab_size=len(tokenizer), hidden_size=8, **task.config())
        )
        first = fit(model, tokenizer, task, rows, rows, FitArguments(learning_rate=1e-30, num_train_epochs=1))
        last = fit(model, tokenizer, task, rows, rows, FitArguments(learning_rate=0.1, num_train_epochs=30))
        assert not model.training
        assert last["mse"] < min(first["mse"], 0.01) if metric == "mse" else last["accuracy"] == 1.0


def test_long_texts_are_cut_to_the_positions_of_the_model():
    """A RoBERTa has two positions less than rows of its table."""
    rows = Dataset.from_dict({"text": ["film bad " * 20, "good"], "label": [0, 1]})
    tokenizer, task = train_word_tokenizer(["film book good bad"], vocab_size=9), infer_task(rows)
    model = roberta(vocab_size=len(tokenizer), pad_token_id=1, max_position_embeddings=12, **task.config())
    metrics = fit(model, tokenizer, task, rows, rows, FitArguments(num_train_epochs=1))
    assert 0 <= metrics["accuracy"] <= 1


def unseen(dataset_name, train_split, eval_split, train_ids, eval_ids):
    """Check two slices; return the message of the refusal, or None."""
    splits = {"train_split": train_split, "eval_split": eval_split}
    arguments = TrainArguments(dataset_name=str(dataset_name), output_dir="o", model_type="fasttext", **splits)
    try:
        _check_unseen(arguments, *(Dataset.from_dict({"id": list(ids)}) for ids in (train_ids, eval_ids)))
    except GradexplainError as error:
        return str(error)


def test_a_file_without_splits_is_not_trained_and_evaluated_on_the_same_rows(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text,label\n")
    assert unseen(path, "train", "test", range(3), (3, 4)) is None
    assert unseen(path, "train", "test", range(2000), range(500, 3000)) == (
        f"{path} has no splits: it is used for training and evaluation, and 1,500 of its rows for both: give slices "
        "that do not overlap, such as --train_split 'train[:90%]' --eval_split 'train[90%:]'"
    )


def test_two_slices_of_one_split_are_not_trained_and_evaluated_on_the_same_rows():
    assert unseen("me/data", "train", "test", range(3), range(3)) is None, "rows of two splits have the same numbers"
    assert unseen("me/data", "train[:90%]", "test[:90%]", range(3), range(3)) is None
    assert unseen("me/data", "all[:3]", "all[3:]", range(3), range(3, 5)) is None
    for train_split, eval_split in (("all", "all[:1]"), ("all[:50%]", "all"), ("all", "all")):
        assert unseen("me/data", train_split, eval_split, range(3), [2]) == (
            "split 'all' of me/data is used for training and evaluation, and 1 of its rows for both: give slices that "
            "do not overlap, such as --train_split 'all[:90%]' --eval_split 'all[90%:]'"
        )


def test_a_new_model_is_trained_with_these_settings(tmp_path):
    given = FitArguments(seed=3, num_train_epochs=1.5, weight_decay=0.25, label_smoothing_factor=0.125)
    settings = _training_arguments(given, str(tmp_path))
    assert settings.learning_rate == 1e-3
    assert _training_arguments(FitArguments(learning_rate=0.5), str(tmp_path)).learning_rate == 0.5
    for name in ("seed", "num_train_epochs", "weight_decay", "label_smoothing_factor"):
        assert getattr(settings, name) == getattr(given, name)
    assert (settings.per_device_train_batch_size, settings.per_device_eval_batch_size) == (32, 64)
    assert (settings.report_to, settings.save_strategy, settings.output_dir) == ([], "no", str(tmp_path))


@pytest.mark.parametrize(("max_length", "lengths"), [(None, [3, 8]), (4, [3, 4])])
def test_texts_are_truncated_if_a_length_is_given(max_length, lengths):
    rows = Dataset.from_dict({"text": ["bad", "the film is bad"], "label": [0, 1]})
    found = _tokenize(rows, make("bert")[1], infer_task(rows), max_length, None)
    assert list(map(len, found["input_ids"])) == lengths
    assert found["labels"][:] == [0, 1]
    assert "text" not in found.column_names


@pytest.mark.parametrize(("labels", "inputs"), [([0, 1], {}), ([0.5, 1.5], {}), ([0, 1], {"masked_fine_tuning": True})])
def test_a_training_that_diverged_is_not_a_result(labels, inputs):
    rows = Dataset.from_dict({"text": ["the film is bad", "a good film"] * 6, "label": labels * 6})
    task = infer_task(rows)
    tokenizer = train_word_tokenizer(rows["text"], vocab_size=50)
    config = FastTextConfig(vocab_size=len(tokenizer), hidden_size=4, **task.config())
    given = FitArguments(learning_rate=1e30, num_train_epochs=3, per_device_train_batch_size=2, **inputs)
    message = r"^the training diverged \(weight 'embedding\.weight' is not finite\): give a smaller learning_rate$"
    with pytest.raises(GradexplainError, match=message):
        fit(AutoModelForSequenceClassification.from_config(config), tokenizer, task, rows, rows, given)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_have_no_metrics(value):
    """After a single step, weights can be finite but so large that outputs are not."""
    task = Task("single_label_classification", ("a", "b"))
    outcome = EvalPrediction(predictions=np.array([[0.1, 0.2], [0.3, value]]), label_ids=np.array([1, 0]))
    message = "the training diverged (the outputs on the evaluation split are not finite): give a smaller learning_rate"
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        _metrics(task, outcome)
    outcome = EvalPrediction(predictions=np.array([[0.1, 0.2], [0.3, 1e30]]), label_ids=np.array([1, 0]))
    assert _metrics(task, outcome)["accuracy"] == 0.5


@pytest.mark.parametrize(
    ("task", "table", "smooths"),
    [
        ("classifier", {"text": ["good", "bad"], "label": [0, 1]}, True),
        ("classifier", {"text": ["good", "bad"], "label": [0.5, 1.5]}, False),
        ("classifier", {"text": ["good", "bad"], "label": [[0], [0, 1]]}, False),
        ("reward", {"chosen": ["good", "fine"], "rejected": ["bad", "poor"]}, True),
        ("reranker", {"query": ["good", "good"], "document": ["good", "bad"], "label": [1, 0]}, False),
    ],
)
def test_labels_are_smoothed_where_one_class_is_the_target(task, table, smooths, tmp_path):
    """With a factor of nearly 1, the target is nearly uniform, so that the weights grow less."""
    rows = Dataset.from_dict(table)
    if table.get("label") == [[0], [0, 1]]:
        rows = rows.cast_column("label", List(ClassLabel(names=["x", "y"])))
    for split in ("train", "test"):
        rows.to_parquet(tmp_path / f"{split}.parquet")
    names = {"dataset_name": str(tmp_path), "output_dir": "o", "model_type": "fasttext", "min_count": 1, "task": task}
    given = {**names, "config_overrides": "hidden_size=4", "num_train_epochs": 30, "learning_rate": 0.1}
    plain = train(TrainArguments(**given)).model
    smoothed = TrainArguments(**given, label_smoothing_factor=0.9)
    if smooths:
        sizes = [torch.linalg.vector_norm(model.classifier.weight) for model in (train(smoothed).model, plain)]
        assert sizes[0] < 0.7 * sizes[1]
        return
    with pytest.raises(GradexplainError) as caught:
        train(smoothed)
    assert str(caught.value) == (
        "label_smoothing_factor is for classifiers with one class per text, and for reward models; leave it out for "
        "regressions, for texts with several classes, and for rerankers"
    )

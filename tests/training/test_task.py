"""The task that labels define: head, targets and metrics."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.models import FastTextConfig
from hf_gradexplain.training.task import Task, infer_task

SINGLE, MULTI = "single_label_classification", "multi_label_classification"


def rows(feature, labels):
    return Dataset.from_dict({"label": labels}, Features({"label": feature}))


def test_named_classes():
    task = infer_task(rows(ClassLabel(names=["bad", "good"]), [0, 0]))
    assert task == Task(SINGLE, ("bad", "good"))
    config = FastTextConfig(**task.config())
    assert (config.problem_type, config.id2label, config.label2id) == (
        SINGLE,
        {0: "bad", 1: "good"},
        {"bad": 0, "good": 1},
    )
    assert task.targets([1, 0]) == [1, 0]


def test_numbered_classes_go_up_to_the_highest_in_any_split():
    task = infer_task(rows(Value("int64"), [0, 1]), rows(Value("int64"), [2, 0]))
    assert task == Task(SINGLE, ("LABEL_0", "LABEL_1", "LABEL_2"))


def test_multi_label_classes():
    task = infer_task(rows(List(ClassLabel(names=["a", "b", "c"])), [[0, 2], []]))
    assert task == Task(MULTI, ("a", "b", "c"))
    assert task.targets([[0, 2], [], [1]]) == [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_regression():
    task = infer_task(rows(Value("float32"), [0.5, 2]))
    assert task == Task("regression", ("LABEL_0",))
    assert FastTextConfig(**task.config()).num_labels == 1
    assert task.targets([1, 0.5]) == [1.0, 0.5]


@pytest.mark.parametrize(
    ("feature", "labels", "message"),
    [
        (Value("string"), ["a"], "labels must be class ids, .* but are Value"),
        (List(Value("int64")), [[0, 1]], "labels must be class ids, .* but are List"),
        (List(Value("float32")), [[0.0, 1.0]], "labels must be class ids, .* but are List"),
        (ClassLabel(names=["only"]), [0], "two or more classes, but the data has 1"),
        (Value("int64"), [0, 0], "two or more classes, but the data has 1"),
    ],
)
def test_other_labels_raise_an_error(feature, labels, message):
    with pytest.raises(GradexplainError, match=message):
        infer_task(rows(feature, labels))


def naive_macro_f1(predictions, targets, classes):
    """Over 0/1 matrices `(N, C)`."""
    scores = []
    for c in range(classes):
        hits = sum(p[c] and t[c] for p, t in zip(predictions, targets, strict=True))
        marked = sum(p[c] + t[c] for p, t in zip(predictions, targets, strict=True))
        scores.append(2 * hits / marked if marked else 0.0)
    return sum(scores) / classes


def test_metrics_of_classification():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)  # class 3 is predicted but is never a target
    metrics = Task(SINGLE, tuple("abcd")).metrics(logits, targets)
    predictions = logits.argmax(1)
    assert metrics["accuracy"] == sum(p == t for p, t in zip(predictions, targets, strict=True)) / 50
    assert metrics["macro_f1"] == pytest.approx(
        naive_macro_f1(np.eye(4)[predictions], np.eye(4)[targets], 4), rel=1e-12
    )


def test_a_class_without_texts_and_predictions_has_f1_zero():
    perfect = Task(SINGLE, ("a", "b")).metrics(np.array([[2.0, 0.0], [1.0, 0.0]]), np.array([0, 0]))
    assert perfect == {"accuracy": 1.0, "macro_f1": 0.5}


def test_metrics_of_multi_label_classification():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(50, 3)), rng.integers(0, 2, (50, 3)).astype(float)
    logits[0] = 0.0  # as probable as not: no label is predicted
    metrics = Task(MULTI, tuple("abc")).metrics(logits, targets)
    predictions = (logits > 0).astype(float)
    assert metrics["accuracy"] == sum((p == t).all() for p, t in zip(predictions, targets, strict=True)) / 50
    assert metrics["macro_f1"] == pytest.approx(naive_macro_f1(predictions, targets, 3), rel=1e-12)


def test_metrics_of_regression():
    task = Task("regression", ("LABEL_0",))
    assert task.metrics(np.array([[1.0], [3.0]]), np.array([0.0, 1.0])) == {"mse": 2.5}


@pytest.mark.parametrize("kind", [SINGLE, MULTI, "regression"])
def test_metrics_have_the_names_of_metric_names(kind):
    task = Task(kind, ("a", "b"))
    targets = {SINGLE: np.array([0]), MULTI: np.array([[0.0, 1.0]]), "regression": np.array([[0.5, 1.0]])}[kind]
    assert tuple(task.metrics(np.zeros((1, 2)), targets)) == task.metric_names

"""Tests of `target_ids`: the class to explain for each text."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from datasets import Dataset

from hf_gradexplain.classifier.targets import against_ids, class_id, class_ids, label_ids, target_ids
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.data import REST, RUNNER_UP

CLASS_NAMES = ("ham", "spam", "jam")


def test_without_labels_the_predicted_class_of_every_text_is_explained():
    assert target_ids("predicted", None, 2, CLASS_NAMES) == [None, None]


@pytest.mark.parametrize(
    "labels",
    [
        [2, 0],
        (2, 0),
        iter([2, 0]),
        [2.0, "ham"],
        ["jam", "ham"],
        (" Jam ", "HAM"),
        ["2", "0.0"],
        np.array([2, 0]),
        np.array([2.0, 0.0], dtype=np.float32),
        np.array(["jam", "ham"]),
        [np.array(2), np.array(0)],
        torch.tensor([2, 0]),
        [torch.tensor(2), torch.tensor([0])],
        pd.Series(["jam", "ham"], index=[7, 9]),
        pd.Series(["jam", "ham"], dtype="category"),
        pd.Series([2.0, 0.0]),
        pa.chunked_array([["jam"], ["ham"]]),
        pa.array([2, 0]),
        Dataset.from_dict({"label": ["jam", "ham"]})["label"],
        Dataset.from_dict({"label": [2, 0]}).with_format("torch")["label"],
    ],
    ids=lambda labels: f"{type(labels).__module__}.{type(labels).__name__}",
)
def test_labels_come_in_any_column_as_ids_or_names(labels):
    ids = target_ids("label", labels, 2, CLASS_NAMES)
    assert ids == [2, 0]
    assert {type(i) for i in ids} == {int}


@pytest.mark.parametrize(
    "label", [1, 1.0, "spam", "Spam", np.int64(1), np.array(1), torch.tensor(1), pa.scalar("spam")]
)
def test_one_label_stands_for_all_texts(label):
    assert target_ids("label", label, 3, CLASS_NAMES) == [1, 1, 1]


def test_a_name_that_another_class_has_but_for_case_is_taken_exactly():
    names = ("us", "US", "Us ", "2", "1")
    assert [class_id(label, names) for label in ("us", "US", "Us", "2", "1", 2, "0")] == [0, 1, 2, 3, 4, 2, 0]
    assert class_id("uS", names) is None


@pytest.mark.parametrize("label", ["a", "A "])
def test_a_name_of_several_classes_is_an_error(label):
    message = f"label {label!r} is the name of several classes: give one of their ids (0, 2)"
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        target_ids("label", label, 1, ("a", "b", "a"))


@pytest.mark.parametrize(
    ("target", "labels", "message"),
    [
        ("label", None, "target='label' needs labels=[...], one class id or name per text, but got none"),
        ("label", 3, "label 3 is not a class of the model; choices: 0 (ham), 1 (spam), 2 (jam)"),
        (
            "label",
            "sam",
            "label 'sam' is not a class of the model; did you mean 'spam'? choices: 0 (ham), 1 (spam), 2 (jam)",
        ),
        ("label", [0], "2 texts need 2 labels, one class id or name each, but got 1"),
        ("label", [0, 3], "label 3 of text 1 is not a class of the model; choices: 0 (ham), 1 (spam), 2 (jam)"),
        ("label", [-1, 0], "label -1 of text 0 is not a class of the model"),
        ("label", [0, 1.5], "label 1.5 of text 1 is not a class of the model"),
        ("label", [0, float("nan")], "label nan of text 1 is not a class of the model"),
        ("label", [0, None], "label None of text 1 is not a class of the model"),
        ("label", [0, ""], "label '' of text 1 is not a class of the model"),
        ("label", [0, "²"], "label '²' of text 1 is not a class of the model"),
        ("label", [[0, 1], [1]], "label [0, 1] of text 0 is not a class of the model"),
        (
            "label",
            pd.DataFrame({"id": [7, 8], "label": [0, 1]}),
            "labels must be one class id or name, or a list of one per text, not DataFrame: give one of its columns, "
            "such as labels['label']",
        ),
        ("label", b"ham", "labels must be one class id or name, or a list of one per text, not bytes"),
    ],
)
def test_invalid_labels_are_an_error(target, labels, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}") as error:
        target_ids(target, labels, 2, CLASS_NAMES)
    assert "\n" not in str(error.value)


def test_the_only_output_of_a_model_needs_no_label():
    said = "is not a class of the model, which has one output, rating: leave out"
    with pytest.raises(GradexplainError) as error:
        target_ids("label", [0, 0.5], 2, ("rating",))
    assert str(error.value) == f"label 0.5 of text 1 {said} labels"
    with pytest.raises(GradexplainError) as error:
        class_ids([1], ("rating",))
    assert str(error.value) == f"class 1 {said} classes"
    with pytest.raises(
        GradexplainError, match=r"^target 'labl' is not a class of the model; did you mean 'label'\? ch"
    ):
        target_ids("labl", None, 1, ("rating",))
    assert target_ids("label", [0, "Rating"], 2, ("rating",)) == [0, 0]


def test_at_most_ten_classes_are_listed_as_choices():
    with pytest.raises(
        GradexplainError, match=r"8 \(c8\), 9 \(c9\); without a label, the predicted class is explained"
    ):
        target_ids("label", [12], 1, [f"c{i}" for i in range(12)])


@pytest.mark.parametrize(
    ("target", "ids"),
    [
        ("predicted", [None, None]),
        ("Jam", [2, 2]),
        (1, [1, 1]),
        (["jam", 0], [2, 0]),
        (("predicted", "spam"), [None, 1]),
    ],
)
def test_a_target_is_one_class_for_all_texts_or_one_per_text_whatever_the_labels_are(target, ids):
    assert target_ids(target, None, 2, CLASS_NAMES) == target_ids(target, [0, 1], 2, CLASS_NAMES) == ids


def test_the_words_of_the_options_win_over_classes_of_these_names_which_have_their_ids():
    names = ("label", "predicted", "rest", "runner_up")
    assert target_ids("predicted", None, 1, names) == [None]
    assert target_ids("label", "rest", 1, names) == [2]
    assert [target_ids(number, None, 1, names) for number in (0, 1)] == [[0], [1]]
    assert against_ids("rest", [0], names, "softmax") == [REST]
    assert against_ids("runner_up", [0], names, "softmax") == [RUNNER_UP]
    assert against_ids(["rest", 2, "3", "runner_up"], [0] * 4, names, "sigmoid") == [REST, 2, 3, RUNNER_UP]
    assert label_ids("rest", 2, names) == [2, 2]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "labl",
            "target 'labl' is not a class of the model; did you mean 'label'? choices: predicted, label, all, 0 (ham), "
            "1 (spam), 2 (jam)",
        ),
        ([0, "sam"], "target 'sam' of text 1 is not a class of the model; did you mean 'spam'? choices: predicted, "),
        ([0], "2 texts need 2 targets, one class id or name each, but got 1"),
        (None, "targets must be one class id or name, or a list of one per text, not NoneType"),
    ],
)
def test_an_invalid_target_is_an_error(target, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}"):
        target_ids(target, None, 2, CLASS_NAMES)


@pytest.mark.parametrize(
    ("against", "names", "head", "message"),
    [
        ("rst", CLASS_NAMES, "softmax", "against 'rst' is not a class of the model; did you mean 'rest'? choices: ru"),
        ([2, 0, 1], CLASS_NAMES, "softmax", "2 texts need 2 classes of against, one class id or name each, but got 3"),
        (
            ["jam", "spam"],
            CLASS_NAMES,
            "softmax",
            "target and against are both 'spam' for text 1: give another class, or against='runner_up'",
        ),
        (
            "rest",
            ("ham",),
            "sigmoid",
            "against compares two classes, but the model has one logit and no second class: leave it out",
        ),
        (
            "rest",
            CLASS_NAMES,
            "identity",
            "against compares two classes, but the model has outputs that are no classes: leave it out",
        ),
    ],
)
def test_an_invalid_class_to_compare_with_is_an_error(against, names, head, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}"):
        against_ids(against, [None, 1], names, head)

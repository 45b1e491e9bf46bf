"""Tests of `target_ids`: the class to explain for each text."""

import re

import numpy as np
import pytest
import torch

from hf_gradexplain.classifier.targets import target_ids
from hf_gradexplain.errors import GradexplainError

CLASS_NAMES = ("ham", "spam", "jam")


def test_without_labels_the_predicted_class_of_every_text_is_explained():
    assert target_ids("predicted", None, 2, CLASS_NAMES) == [None, None]


@pytest.mark.parametrize("labels", [[2, 0], (2, 0), np.array([2, 0]), torch.tensor([2, 0]), iter([2, 0])], ids=type)
def test_labels_come_in_any_iterable(labels):
    ids = target_ids("label", labels, 2, CLASS_NAMES)
    assert ids == [2, 0]
    assert {type(i) for i in ids} == {int}


@pytest.mark.parametrize(
    ("target", "labels", "message"),
    [
        ("label", None, "target='label' needs labels=[...], one class id per text, but got none"),
        ("label", 1, "target='label' needs labels=[...], one class id per text, but got 1"),
        ("label", [0], "2 texts need 2 labels, one class id each, but got 1"),
        ("predicted", [0, 1], "target='predicted' takes no labels: leave out one of the two, or choose target='label'"),
        ("label", [0, 3], "label 3 of text 1 is not a class of the model; choices: 0 (ham), 1 (spam), 2 (jam)"),
        ("label", [-1, 0], "label -1 of text 0 is not a class of the model"),
        ("label", [0, 1.0], "label 1.0 of text 1 is not a class of the model"),
        ("label", [0, None], "label None of text 1 is not a class of the model"),
        ("label", [[0, 1], [1]], "label [0, 1] of text 0 is not a class of the model"),
        ("label", "ham", "label 'h' of text 0 is not a class of the model; choices: 0 (ham)"),
    ],
)
def test_invalid_labels_are_an_error(target, labels, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}") as error:
        target_ids(target, labels, 2, CLASS_NAMES)
    assert "\n" not in str(error.value)


def test_at_most_ten_classes_are_listed_as_choices():
    with pytest.raises(GradexplainError, match=r"8 \(c8\), 9 \(c9\); target='predicted' needs no labels"):
        target_ids("label", [12], 1, [f"c{i}" for i in range(12)])

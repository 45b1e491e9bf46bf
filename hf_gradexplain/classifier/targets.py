"""The class to explain for each text, from the options `target` and `labels`."""

import re
from collections.abc import Iterable, Sequence
from numbers import Integral
from operator import index
from typing import Any

import numpy as np

from hf_gradexplain.errors import GradexplainError, nearest
from hf_gradexplain.options import TargetName
from hf_gradexplain.values import as_list, plain

Label = int | str
"""A class: its id, or its name."""
Labels = Label | Iterable[Label] | None
"""One class for all texts, or one per text; None for the predicted classes."""


def target_ids(target: TargetName, labels: Labels, n_texts: int, class_names: Sequence[str]) -> list[int | None]:
    """Return the class to explain for each text; None for the predicted class.

    Args:
        target: `predicted`, or `label` for the classes in `labels`.
        labels: One class for all texts, or one per text, by id or name; see `class_id`.
        n_texts: The number of texts.
        class_names: `(C,)` names of the model's classes.

    Raises:
        GradexplainError: The target is `label` and labels are missing, or it is `predicted` and labels are given. Or
            the number of labels is not the number of texts, or a label is not a class of the model.
    """
    if target == "predicted" and labels is None:
        return [None] * n_texts
    if target == "predicted":
        raise GradexplainError("target='predicted' takes no labels: leave out one of the two, or choose target='label'")
    if labels is None:
        raise GradexplainError("target='label' needs labels=[...], one class id or name per text, but got none")
    one: Any = plain(labels)
    if isinstance(one, str | Integral | float):
        chosen = class_id(one, class_names)
        if chosen is None:
            raise GradexplainError(f"label {one!r} {_is_no_class(class_names, one)}")
        return [chosen] * n_texts
    given = as_list(one, "labels must be one class id or name, or a list of one per text", "label")
    ids: list[int | None] = []
    for i, label in enumerate(given):
        ids.append(class_id(label, class_names))
        if ids[-1] is None:
            raise GradexplainError(f"label {label!r} of text {i} {_is_no_class(class_names, label)}")
    if len(ids) != n_texts:
        raise GradexplainError(f"{n_texts} texts need {n_texts} labels, one class id or name each, but got {len(ids)}")
    return ids


def class_id(label: Any, class_names: Sequence[str]) -> int | None:
    """Return the class that a label means; None if the model has no such class.

    A number is an id. A string is a class name; case and outer blanks are ignored unless two names differ only in them.
    A string of digits that is no name is an id.

    >>> names = ("World", "Sports", "2")
    >>> [class_id(label, names) for label in (1, 1.0, "Sports", " sports ", "1", "2", "Business", 3, 0.5)]
    [1, 1, 1, 1, 1, 2, None, None, None]
    """
    if isinstance(label, str):
        for form in (str, str.strip, _fold):
            found = [i for i, name in enumerate(class_names) if form(name) == form(label)]
            if len(found) == 1:
                return found[0]
        if not re.fullmatch(r"[0-9]{1,9}(\.0*)?", label.strip(), re.ASCII):
            return None
        label = float(label)
    try:
        number = index(int(label) if isinstance(label, float) and label.is_integer() else label)
    except TypeError:
        return None
    return number if 0 <= number < len(class_names) else None


def _fold(name: str) -> str:
    return name.strip().casefold()


def _is_no_class(class_names: Sequence[str], label: Any = None) -> str:
    if np.shape(label) == (len(class_names),) and set(np.ravel(label).tolist()) <= {0, 1}:
        return (
            "is a list of 0 and 1, one per class: give the id or name of one class per text, and "
            "problem_type='multi_label_classification' if a text can have several classes"
        )
    choices = ", ".join(f"{i} ({name})" for i, name in list(enumerate(class_names))[:10])
    similar = nearest(label, class_names) if isinstance(label, str) else ""
    return (
        f"is not a class of the model; {similar}choices: {choices}; without a label, the predicted class is explained"
    )

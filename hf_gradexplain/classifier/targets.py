"""The class to explain for each text, and the class to compare it with, from `target`, `labels` and `against`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from operator import index
from types import MappingProxyType
from typing import Any

import numpy as np

from hf_gradexplain.classifier.head import Head
from hf_gradexplain.errors import GradexplainError, nearest
from hf_gradexplain.options.classes import ClassName, ClassNames
from hf_gradexplain.options.values import as_list, plain
from hf_gradexplain.text.data import PREDICTED, REST, RUNNER_UP

Labels = ClassName | Iterable[ClassName] | None
"""One class for all texts, or one per text; None for the predicted classes."""

_NO_WORDS: Mapping[str, int | None] = MappingProxyType({})
_TARGETS: dict[str, int | None] = {"predicted": PREDICTED, "label": None, "all": None}
_AGAINST: dict[str, int | None] = {"runner_up": RUNNER_UP, "rest": REST}
_PLURALS = {"class": "classes", "label": "labels", "target": "targets", "against": "classes of against"}


def target_ids(target: ClassNames, labels: Labels, n_texts: int, class_names: Sequence[str]) -> list[int | None]:
    """Return the class to explain for each text; None for the predicted class.

    Args:
        target: `predicted`; `label` for the classes in `labels`; `all`, of which the predicted class comes first; one
            class for all texts; or one per text.
        labels: One class for all texts, or one per text, by id or name; see `class_id`. Only `label` needs them.
        n_texts: The number of texts.
        class_names: `(C,)` names of the model's classes.

    Raises:
        GradexplainError: The target is `label` and labels are missing, the number of classes is not the number of
            texts, or one of them is not a class of the model.
    """
    if target == "all":
        return [None] * n_texts
    if target != "label":
        ids = _ids("target", target, n_texts, class_names, _TARGETS)
        return [None if i == PREDICTED else i for i in ids]
    if labels is None:
        raise GradexplainError("target='label' needs labels=[...], one class id or name per text, but got none")
    return [*label_ids(labels, n_texts, class_names)]


def class_ids(classes: Sequence[ClassName], class_names: Sequence[str]) -> tuple[int, ...]:
    """Return the ids of the classes that are explained in addition to the predicted one."""
    return tuple(_ids("class", classes, len(classes), class_names))


def label_ids(labels: Labels, n_texts: int, class_names: Sequence[str]) -> list[int]:
    """Return the id of each text's label; see `target_ids`."""
    return _ids("label", labels, n_texts, class_names)


def against_ids(
    against: ClassNames | None, targets: Sequence[int | None], class_names: Sequence[str], head: Head
) -> list[int] | None:
    """Return the id of the class that each text's target is compared with, or `RUNNER_UP` or `REST`.

    Args:
        against: `runner_up`, `rest`, one class for all texts, or one per text. If it is None, so is the result.
        targets: The class to explain of each text; None for the predicted one.
        class_names: `(C,)` names of the model's classes.
        head: What the model's logits are.

    Raises:
        GradexplainError: The model has no second class, one of the classes is not a class of the model, or a text's
            class is compared with itself.
    """
    if against is None:
        return None
    if len(class_names) == 1 or head == "identity":
        lacks = "has one logit and no second class" if len(class_names) == 1 else "has outputs that are no classes"
        raise GradexplainError(f"against compares two classes, but the model {lacks}: leave it out")
    ids = _ids("against", against, len(targets), class_names, _AGAINST)
    for i, (target, other) in enumerate(zip(targets, ids, strict=True)):
        if target == other:
            raise GradexplainError(
                f"target and against are both {class_names[other]!r} for text {i}: give another class, or "
                "against='runner_up'"
            )
    return ids


def _ids(
    option: str,
    given: Any,
    n_texts: int,
    class_names: Sequence[str],
    words: Mapping[str, int | None] = _NO_WORDS,
) -> list[int]:
    """Return the class of each text from one class for all texts, or one per text.

    Args:
        option: What the classes are called in errors: `label`, `target` or `against`.
        given: The class or the classes.
        n_texts: The number of texts.
        class_names: `(C,)` names of the model's classes.
        words: Words that are allowed besides classes, and their ids. A word with the id None is not allowed in a list.
    """
    one: Any = plain(given)
    several = not isinstance(one, str | Integral | float)
    expected = f"{_PLURALS[option]} must be one class id or name, or a list of one per text"
    ids = []
    for i, value in enumerate(as_list(one, expected, "label") if several else [one]):
        word = words.get(value) if isinstance(value, str) else None
        found = class_id(value, class_names) if word is None else word
        if found is None:
            which = f"{option} {value!r}" + (f" of text {i}" if several and option != "class" else "")
            raise GradexplainError(f"{which} {_is_no_class(class_names, value, tuple(words), option)}")
        ids.append(found)
    if several and len(ids) != n_texts:
        raise GradexplainError(
            f"{n_texts} texts need {n_texts} {_PLURALS[option]}, one class id or name each, but got {len(ids)}"
        )
    return ids if several else ids * n_texts


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


def _is_no_class(class_names: Sequence[str], label: Any, words: Sequence[str], option: str) -> str:
    if np.shape(label) == (len(class_names),) and set(np.ravel(label).tolist()) <= {0, 1}:
        return (
            "is a list of 0 and 1, one per class: give the id or name of one class per text, and "
            "problem_type='multi_label_classification' if a text can have several classes"
        )
    if isinstance(label, str) and (same := [i for i, name in enumerate(class_names) if _fold(name) == _fold(label)]):
        return f"is the name of several classes: give one of their ids ({', '.join(map(str, same))})"
    if len(class_names) == 1 and not words:
        return f"is not a class of the model, which has one output, {class_names[0]}: leave out {_PLURALS[option]}"
    classes = [f"{i} ({name})" for i, name in list(enumerate(class_names))[:10]]
    similar = nearest(label, (*words, *class_names)) if isinstance(label, str) else ""
    said = f"is not a class of the model; {similar}choices: {', '.join([*words, *classes])}"
    return said if words else f"{said}; without a label, the predicted class is explained"

"""The class to explain for each text, from the options `target` and `labels`."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from operator import index

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import TargetName

Labels = int | Iterable[int] | None
"""One class id per text; a single number for a single text; None for the predicted classes."""


def target_ids(target: TargetName, labels: Labels, n_texts: int, class_names: Sequence[str]) -> list[int | None]:
    """Return the class to explain for each text; None for the predicted class.

    Args:
        target: `predicted`, or `label` for the classes in `labels`.
        labels: One class id per text.
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
    if not isinstance(labels, Iterable):
        given = "none" if labels is None else repr(labels)
        raise GradexplainError(f"target='label' needs labels=[...], one class id per text, but got {given}")
    ids: list[int | None] = [_class_id(label, i, class_names) for i, label in enumerate(labels)]
    if len(ids) != n_texts:
        raise GradexplainError(f"{n_texts} texts need {n_texts} labels, one class id each, but got {len(ids)}")
    return ids


def _class_id(label: int, text: int, class_names: Sequence[str]) -> int:
    """Return the label as an int, and check that it is a class of the model."""
    with suppress(TypeError):
        if 0 <= index(label) < len(class_names):
            return index(label)
    choices = ", ".join(f"{i} ({name})" for i, name in list(enumerate(class_names))[:10])
    raise GradexplainError(
        f"label {label!r} of text {text} is not a class of the model; choices: {choices}; "
        "target='predicted' needs no labels"
    )

"""The class to explain of each text, from the target and the labels that were given."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from operator import index

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import TargetName

Labels = int | Iterable[int] | None
"""One class id per text; a single number for a single text; None for the predicted classes."""


def target_ids(target: TargetName, labels: Labels, n_texts: int, class_names: Sequence[str]) -> list[int | None]:
    """The class to explain of each text, None for the predicted one.

    Raises:
        GradexplainError: There are no labels for the target `label`, or labels for the target `predicted`, or not as
            many as texts, or one that is no class of the model.
    """
    if target == "predicted" and labels is None:
        return [None] * n_texts
    if target == "predicted":
        raise GradexplainError("target='predicted' takes no labels: leave one of the two out")
    if not isinstance(labels, Iterable):
        got = "none" if labels is None else repr(labels)
        raise GradexplainError(f"target='label' needs labels=[...], one class id per text, but got {got}")
    ids: list[int | None] = [_class_id(label, i, class_names) for i, label in enumerate(labels)]
    if len(ids) != n_texts:
        raise GradexplainError(f"{n_texts} texts need {n_texts} labels, one class id each, but got {len(ids)}")
    return ids


def _class_id(label: int, text: int, class_names: Sequence[str]) -> int:
    """The label as a number, if it is a class of the model."""
    with suppress(TypeError):
        if 0 <= index(label) < len(class_names):
            return index(label)
    choices = ", ".join(f"{i} ({name})" for i, name in list(enumerate(class_names))[:10])
    raise GradexplainError(
        f"label {label!r} of text {text} is no class of the model; choices: {choices}; "
        "target='predicted' needs no labels"
    )

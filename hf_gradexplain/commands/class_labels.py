"""Labels of a dataset as classes of a model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from datasets import ClassLabel, Dataset, Features, IterableDataset, Value

from hf_gradexplain.classifier.targets import class_id
from hf_gradexplain.corpus import CorpusError
from hf_gradexplain.corpus.columns import NoLabelsError, quoted
from hf_gradexplain.errors import translate_errors

_SHOWN = 10
"""The largest number of labels that a message lists."""

ClassOf = Callable[[Any], int | None]
ClassesOf = Callable[[Iterable[Any]], list[int]]

PREDICTED = "give --target predicted"
"""What to do with labels that are no classes."""


class NoClassError(CorpusError):
    """A label of a dataset is no class of the model.

    Args:
        problem: What is wrong.
        mapping: How to say which classes the labels are; empty if that cannot help.
        otherwise: What to do instead.
    """

    def __init__(self, problem: str, mapping: str = "", *, otherwise: str) -> None:
        super().__init__(f"{problem}: {f'{mapping}, or ' if mapping else ''}{otherwise}")
        self.problem, self.mapping = problem, mapping


def hint_at_predicted_classes() -> AbstractContextManager[None]:
    """If a dataset that is loaded in the block has no labels, add `--target predicted` to the error message."""
    return translate_errors(
        lambda error: f"{error}; without labels, explain the predicted classes with --target predicted",
        NoLabelsError,
        raises=CorpusError,
    )


def to_classes(
    texts: Dataset | IterableDataset,
    class_names: Sequence[str],
    label_map: str | None = None,
    otherwise: str = PREDICTED,
) -> tuple[Dataset | IterableDataset, str]:
    """Replace the labels of texts by ids of the model's classes.

    A label is matched with a class by its name, by its id, or by `label_map`. If the model's classes have no names of
    their own (`LABEL_0`, ...), the ids of named labels are kept.

    Args:
        texts: Texts with the column `label`.
        class_names: `(C,)` names of the model's classes.
        label_map: `label=class` pairs, joined by commas; the class is a name or an id.
        otherwise: What to do with labels that are no classes, for the error message.

    Returns:
        The texts, and a note for readers about how the labels were matched; it may be empty.

    Raises:
        NoClassError: The model has one output, a label is not a class of the model, or labels are lists. For a stream,
            this error is also raised while iterating.
        CorpusError: `label_map` cannot be read, has labels that the dataset does not have, or there are no labels.
    """
    feature = texts.features.get("label")
    if feature is None:
        return texts, ""
    if len(class_names) == 1:
        raise NoClassError("the model has one output, so labels name no class of it", otherwise=otherwise)
    if not isinstance(feature, ClassLabel | Value):
        raise NoClassError(
            "the labels of the dataset are lists, which can name several classes of a text, but one class is explained",
            otherwise=f"{otherwise}, and give --problem_type multi_label_classification if the model has a sigmoid "
            "per class",
        )
    mapped = parse_label_map(label_map, class_names)
    class_of = partial(_class_of, mapped=mapped, class_names=class_names)
    classes_of = partial(_classes_of, class_of=class_of, class_names=class_names, otherwise=otherwise)
    if isinstance(feature, ClassLabel):
        _check_used(mapped, feature.names)
        return _rename(texts, feature, class_of, classes_of, class_names, mapped=bool(mapped))
    _check_used(mapped, texts["label"] if isinstance(texts, Dataset) else None)
    return _convert(texts, classes_of), ""


def _rename(
    texts: Dataset | IterableDataset,
    feature: ClassLabel,
    class_of: ClassOf,
    classes_of: ClassesOf,
    class_names: Sequence[str],
    *,
    mapped: bool,
) -> tuple[Dataset | IterableDataset, str]:
    """Replace labels that have names by the classes with these names; return a note as well."""
    names = _present(texts, feature)
    unnamed = list(class_names) == [f"LABEL_{i}" for i in range(len(class_names))]
    if unnamed and not mapped and max(names) < len(class_names) and None in map(class_of, feature.names):
        pairs = ", ".join(f"{name} = {class_names[i]}" for i, name in names.items())
        return texts, f"The classes of the model have no names; the ids of the dataset were kept: {pairs}."
    classes = dict(zip(names, classes_of(names.values()), strict=True))
    if all(i == found for i, found in classes.items()):
        return texts, ""
    pairs = ", ".join(f"{name} = {class_names[classes[i]]}" for i, name in names.items())
    note = f"The labels of the dataset are these classes of the model: {pairs}."
    return _convert(texts, lambda labels: [classes[label] for label in labels]), note


def _present(texts: Dataset | IterableDataset, feature: ClassLabel) -> dict[int, str]:
    """Return the id and the name of each label that occurs; for a stream, return those of all labels."""
    ids = range(len(feature.names)) if isinstance(texts, IterableDataset) else sorted(set(texts["label"][:]))
    return {i: feature.names[i] for i in ids}


def parse_label_map(label_map: str | None, class_names: Sequence[str]) -> dict[str, int]:
    """Return the class ids of a map such as `biz=Business,sci=3`, by label in lower case and without outer blanks.

    >>> parse_label_map("Biz=business, sci = 3", ("World", "Sports", "Business", "Sci/Tech"))
    {'biz': 2, 'sci': 3}
    """
    classes: dict[str, int] = {}
    for pair in label_map.split(",") if label_map else ():
        label, equals, name = pair.rpartition("=")
        if not equals or (found := class_id(name, class_names)) is None:
            raise CorpusError(
                f"label_map must be label=class pairs joined by commas, where a class is a name or an id of "
                f"{_list(class_names)}; it has {pair!r}"
            )
        if classes.setdefault(_folded(label), found) != found:
            raise CorpusError(f"label_map has two classes for the label {_folded(label)!r}: give one")
    return classes


def _class_of(label: Any, mapped: Mapping[str, int], class_names: Sequence[str]) -> int | None:
    found = mapped.get(_folded(label))
    return class_id(label, class_names) if found is None else found


def _folded(label: Any) -> str:
    """Return a label in the form in which labels are compared: in lower case, without outer blanks; 1.0 becomes 1."""
    return f"{label:.0f}" if isinstance(label, float) and label.is_integer() else str(label).strip().casefold()


def _check_used(mapped: Mapping[str, int], labels: Iterable[Any] | None) -> None:
    """Check that a dataset has the labels that are mapped; the labels of a stream are unknown: None."""
    known = {_folded(label) for label in labels} if mapped and labels is not None else mapped.keys()
    if missing := [label for label in mapped if label not in known]:
        raise CorpusError(f"label_map has {_list(missing)}, but the labels of the dataset are {_list(sorted(known))}")


def _classes_of(labels: Iterable[Any], class_of: ClassOf, class_names: Sequence[str], otherwise: str) -> list[int]:
    """Return the class of each label.

    Raises:
        NoClassError: Some labels have no class; the message lists them.
    """
    classes = {label: class_of(label) for label in dict.fromkeys(labels)}
    if unknown := [label for label, found in classes.items() if found is None]:
        pairs, several = ",".join(f"{label}=CLASS" for label in unknown[:_SHOWN]), len(unknown) > 1
        raise NoClassError(
            f"{'the labels' if several else 'the label'} {_list(unknown)} of the dataset "
            f"{'are no classes' if several else 'is no class'} of the model, which has {_list(class_names)}",
            mapping=f"say which class each is with --label_map '{pairs}'",
            otherwise=otherwise,
        )
    return [found for found in classes.values() if found is not None]


def _convert(texts: Dataset | IterableDataset, classes_of: ClassesOf) -> Dataset | IterableDataset:
    """Replace each label by its class."""
    convert = partial(_convert_batch, classes_of=classes_of)
    if isinstance(texts, IterableDataset):
        features = Features({**texts.features, "label": Value("int64")})
        return texts.map(convert, batched=True, input_columns="label", features=features)
    labels = texts["label"][:]
    classes = convert(labels)["label"]
    if classes == labels and all(type(label) is int for label in labels):
        return texts
    return texts.remove_columns("label").add_column("label", classes, feature=Value("int64"))


def _convert_batch(labels: Sequence[Any], classes_of: ClassesOf) -> dict[str, list[int]]:
    distinct = list(dict.fromkeys(labels))
    classes = dict(zip(distinct, classes_of(distinct), strict=True))
    return {"label": [classes[label] for label in labels]}


def _list(names: Sequence[Any]) -> str:
    return quoted(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")

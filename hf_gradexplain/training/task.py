"""The task that the labels of a dataset define: the head, the targets and the metrics of a classifier."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from datasets import ClassLabel, Dataset, List
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error
from torch import Tensor

from hf_gradexplain.errors import GradexplainError

Collate = Callable[[list[dict[str, Any]]], dict[str, Any]]
"""A function that makes a batch of encoded rows."""


@dataclass(frozen=True)
class Task:
    """A classification or regression task.

    Attributes:
        kind: The name for a model of this task, for display.
        problem_type: The value of `problem_type` in a model's configuration.
        names: The names of the `C` outputs, in the order of the logits.
    """

    kind: ClassVar[str] = "text classifier"

    problem_type: Literal["single_label_classification", "multi_label_classification", "regression"]
    names: tuple[str, ...]

    def config(self) -> dict[str, Any]:
        """Return the head's part of a model's configuration."""
        return {
            "problem_type": self.problem_type,
            "id2label": dict(enumerate(self.names)),
            "label2id": {name: i for i, name in enumerate(self.names)},
        }

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of the metrics that `metrics` returns."""
        return ("mse",) if self.problem_type == "regression" else ("accuracy", "macro_f1")

    @property
    def smooths_labels(self) -> bool:
        """Whether the loss takes a `label_smoothing_factor`: the target is one class of several."""
        return self.problem_type == "single_label_classification"

    def targets(self, labels: Sequence[Any]) -> list[Any]:
        """Convert labels to targets of the loss: class ids, floats, or `C` zeros and ones for a list of class ids."""
        if self.problem_type == "single_label_classification":
            return list(labels)
        if self.problem_type == "regression":
            return [float(label) for label in labels]
        return [[float(i in label) for i in range(len(self.names))] for label in labels]

    def encode(self, rows: dict[str, list[Any]], tokenize: Callable[..., dict[str, Any]]) -> dict[str, list[Any]]:
        """Return the model's inputs for rows, and the targets under the name `labels`.

        Args:
            rows: The columns `text`, `label` and, for pairs, `text_pair`.
            tokenize: A tokenizer with its options.
        """
        return {**tokenize(rows["text"], rows.get("text_pair")), "labels": self.targets(rows["label"])}

    def collator(self, pad: Collate) -> Collate:
        """Return a function that makes a batch of encoded rows, given a function that pads texts to the longest."""
        return pad

    def loss(self, label_smoothing: float) -> Callable[..., Tensor] | None:
        """Return the loss function for `Trainer`, or None for the model's own loss, which `problem_type` determines."""
        return None

    def outputs(self, logits: Tensor) -> Tensor:
        """Convert the logits of a batch to what `metrics` compares with the targets, a row per text or pair."""
        return logits

    def single_inputs(self, rows: Dataset) -> Dataset:
        """Return rows that are one input of the model each, because only such rows can be explained."""
        return rows

    def metrics(self, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Compare logits `(N, C)` with targets.

        Returns:
            For classification, `accuracy` (for multi-label classification, the share of texts with all labels correct)
            and `macro_f1`, the unweighted mean over the classes of `2 TP / (2 TP + FP + FN)`, which is 0 for a class
            that is neither predicted nor a target. For regression, `mse`.
        """
        if self.problem_type == "regression":
            return {"mse": float(mean_squared_error(targets, logits.reshape(targets.shape)))}
        multi_label = self.problem_type == "multi_label_classification"
        predictions = (logits > 0).astype(int) if multi_label else logits.argmax(axis=1)
        f1 = f1_score(targets, predictions, labels=range(len(self.names)), average="macro", zero_division=0)
        return {"accuracy": float(accuracy_score(targets, predictions)), "macro_f1": float(f1)}


def infer_task(*splits: Dataset) -> Task:
    """Infer the task from the `label` column of the splits, as loaded by `corpus.load_texts`.

    A `ClassLabel` or integers mean single-label classification, lists of `ClassLabel` multi-label classification, and
    floats regression. Integer classes are named `LABEL_0`, `LABEL_1`, ..., up to the largest integer in any split.

    Raises:
        GradexplainError: The labels have another type, or fewer than two classes.
    """
    feature = splits[0].features["label"]
    multi_label = isinstance(feature, List)
    kind = feature.feature if multi_label else feature
    if isinstance(kind, ClassLabel):
        names = tuple(kind.names)
    elif not multi_label and kind.dtype.startswith("float"):
        return Task("regression", ("LABEL_0",))
    elif not multi_label and "int" in kind.dtype:
        names = tuple(f"LABEL_{i}" for i in range(1 + max(max(split["label"]) for split in splits)))
    else:
        raise GradexplainError(
            f"labels must be class ids, lists of named class ids (ClassLabel) or floats, but are {feature}; "
            "cast the column to one of these"
        )
    if len(names) < 2:
        raise GradexplainError(f"a classifier needs labels of two or more classes, but the data has {len(names)}")
    return Task("multi_label_classification" if multi_label else "single_label_classification", names)

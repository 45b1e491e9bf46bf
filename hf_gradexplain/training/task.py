"""What the labels of a data set ask of a classifier: its head, its targets and its metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from datasets import ClassLabel, Dataset, List
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error

from hf_gradexplain.errors import GradexplainError


@dataclass(frozen=True)
class Task:
    """What is to be learnt from a column of labels.

    Attributes:
        problem_type: As in the configuration of a model.
        names: The names of the `C` outputs, in the order of the logits.
    """

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
        """Name what `metrics` returns."""
        return ("mse",) if self.problem_type == "regression" else ("accuracy", "macro_f1")

    def targets(self, labels: Sequence[Any]) -> list[Any]:
        """Write labels as the loss takes them: class ids, floats, or for lists of class ids `C` zeros and ones."""
        if self.problem_type == "single_label_classification":
            return list(labels)
        if self.problem_type == "regression":
            return [float(label) for label in labels]
        return [[float(i in label) for i in range(len(self.names))] for label in labels]

    def metrics(self, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Compare logits `(N, C)` with targets.

        Returns:
            For classification `accuracy` (of several labels: the share of texts with all of them right) and
            `macro_f1`, the unweighted mean over the classes of `2 TP / (2 TP + FP + FN)`, 0 for a class that is
            neither predicted nor there; for regression `mse`.
        """
        if self.problem_type == "regression":
            return {"mse": float(mean_squared_error(targets, logits.reshape(targets.shape)))}
        several = self.problem_type == "multi_label_classification"
        predictions = (logits > 0).astype(int) if several else logits.argmax(axis=1)
        f1 = f1_score(targets, predictions, labels=range(len(self.names)), average="macro", zero_division=0)
        return {"accuracy": float(accuracy_score(targets, predictions)), "macro_f1": float(f1)}


def infer_task(*splits: Dataset) -> Task:
    """Tell the task from the `label` column of the splits, as `corpus.load_texts` gives them.

    A `ClassLabel` or integers are single-label classification, lists of `ClassLabel` multi-label classification,
    floats regression. Integers without names are called `LABEL_0`, `LABEL_1`, ..., up to the highest in any split.

    Raises:
        GradexplainError: If the labels are of another kind, or of fewer than two classes.
    """
    feature = splits[0].features["label"]
    several = isinstance(feature, List)
    kind = feature.feature if several else feature
    if isinstance(kind, ClassLabel):
        names = tuple(kind.names)
    elif not several and kind.dtype.startswith("float"):
        return Task("regression", ("LABEL_0",))
    elif not several and "int" in kind.dtype:
        names = tuple(f"LABEL_{i}" for i in range(1 + max(max(split["label"]) for split in splits)))
    else:
        raise GradexplainError(
            f"labels must be class ids, lists of named class ids (ClassLabel) or floats, but are {feature}; "
            "cast the column to one of these"
        )
    if len(names) < 2:
        raise GradexplainError(f"a classifier needs labels of two or more classes, but the data has {len(names)}")
    return Task("multi_label_classification" if several else "single_label_classification", names)

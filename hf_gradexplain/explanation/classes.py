"""The explained class, the class that it is compared with, and the scores for further classes."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from hf_gradexplain.statistics.sampling import Sampling

SIDES = ("chosen", "rejected")
"""The class names of both explanations of a `Preference`."""


@dataclass(frozen=True, eq=False)
class ClassScores:
    """The scores of a text's units for one of several explained classes; `Explanation` describes the attributes."""

    target: int
    target_label: str
    against: int | None
    against_label: str
    scores: Mapping[str, np.ndarray]
    completeness: Mapping[str, float]
    sampling: Mapping[str, Sampling]

    @classmethod
    def of(cls, explanation: Any) -> "ClassScores":
        """Return the scores of an explanation."""
        return cls(*(getattr(explanation, part.name) for part in fields(cls)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` reads them."""
        scores = {name: scores.tolist() for name, scores in self.scores.items()}
        sampling = {name: of_method.to_dict() for name, of_method in self.sampling.items()}
        return {**vars(self), "scores": scores, "completeness": dict(self.completeness), "sampling": sampling}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], methods: Any = None) -> "ClassScores":
        """Return the scores from what `to_dict` returned, or from a row of a Parquet file.

        For a row, give `methods`: the names of the methods in their order.
        """
        known: dict[str, Any] = {part.name: record.get(part.name) for part in fields(cls)}
        names = methods or list(record["scores"])
        scores = {name: np.asarray(known["scores"][name], dtype=float) for name in names}
        gaps = known["completeness"] or {}
        completeness = {name: gaps[name] for name in names if gaps.get(name) is not None}
        of_methods = known["sampling"] or {}
        sampling = {name: Sampling.from_dict(of_methods[name]) for name in names if of_methods.get(name) is not None}
        return cls(**{**known, "scores": scores, "completeness": completeness, "sampling": sampling})


class ExplainedClasses:
    """The part of an explanation that is about its classes; `Explanation` describes the attributes."""

    target: int
    target_label: str
    against: int | None
    against_label: str
    prediction: int
    prediction_label: str
    probabilities: np.ndarray
    regression: bool
    class_names: tuple[str, ...]
    classes: tuple[ClassScores, ...]

    @property
    def has_classes(self) -> bool:
        """Whether the model chooses between classes: it has two or more outputs, and is no regression model."""
        return not self.regression and len(self.probabilities) > 1

    @property
    def is_side(self) -> bool:
        """Whether this seems to be an explanation of a `Preference`; a model could have classes of the same names."""
        return self.class_names == SIDES and self.against is not None

    @property
    def question(self) -> str:
        """The name of the explained class, or a contrast such as "Sports rather than World"."""
        return f"{self.target_label} rather than {self.other_class}" if self.other_class else self.target_label

    @property
    def other_class(self) -> str:
        """The name of the class that the explained class is compared with, or "the rest"; empty without a contrast."""
        return "the rest" if self.against_label and self.against is None else self.against_label

    def by_class(self) -> dict[str, Self]:
        """Return an explanation for each class that `target="all"` explained, by class name, the most probable first.

        If two classes of the model have the same name, the keys are class ids as strings. Only the explanation of the
        predicted class has a self-check. Without `target="all"`, the result has one class.
        """
        alone: Any = replace(self, classes=())  # type: ignore[type-var]  # an Explanation is a dataclass
        others = (replace(alone, self_check={}, **vars(scores)) for scores in self.classes)
        unique = len(set(self.class_names)) == len(self.class_names)
        return {each.target_label if unique else str(each.target): each for each in (alone, *others)}

    def _most_probable_other(self) -> int | None:
        """Return the predicted class if it is not the target, otherwise the runner-up; None if there is no other."""
        if self.prediction != self.target:
            return self.prediction
        others = [i for i in range(len(self.probabilities)) if i != self.target]
        return max(others, key=lambda i: float(self.probabilities[i])) if others else None

    def _class_name(self, number: int | None) -> str:
        """Return the name of a class; empty if it is not known."""
        known = {**dict(enumerate(self.class_names)), self.target: self.target_label}
        return {**known, self.prediction: self.prediction_label}.get(-1 if number is None else number, "")

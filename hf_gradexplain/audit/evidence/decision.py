"""The decision of a model about one text."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose

import numpy as np

from hf_gradexplain.explanation import Explanation

LIKELY_ENOUGH = 0.5
"""The probability at which a class that is judged on its own counts as chosen."""


@dataclass(frozen=True)
class Decision:
    """The decision of a model about a text, and which class is explained.

    Attributes:
        prediction: The class with the highest probability (for regression, the highest output).
        probabilities: The probability of each class (for regression, the output) by class name, the highest first. If
            two classes have the same name, classes are called by their numbers.
        explained: The explained class, or a contrast such as "Sports rather than World".
        value: The probability of the explained class (for regression, its output). Under a contrast with one class, its
            probability if there were only these two classes.
        against: The class that the explained class is contrasted with; empty without a contrast with one class.
        explains_choice: Whether the explained class is a class that the model chose.
        regression: Whether the model gives numbers instead of probabilities.
        independent: Whether each class is decided on its own, by a sigmoid.
        label: The class of the text in the dataset; None without a label, and if the model does not choose between
            classes.
        label_agrees: Whether the label equals the prediction; None without a label.
    """

    prediction: str
    probabilities: Mapping[str, float]
    explained: str
    value: float
    against: str
    explains_choice: bool
    regression: bool
    independent: bool
    label: str | None
    label_agrees: bool | None

    @property
    def chosen(self) -> tuple[str, ...]:
        """The classes that the model chose: the predicted class; if classes are independent, all with at least 0.5."""
        if not self.independent:
            return (self.prediction,)
        return tuple(name for name, p in self.probabilities.items() if p >= LIKELY_ENOUGH)


def decision_of(explanation: Explanation, value: float, label: int | None, head: str | None) -> Decision:
    """Return the decision about an explained text.

    Args:
        explanation: The explanation.
        value: The first value of the removal curves: the probability of the explained class, or the output.
        label: The class of the dataset, or None.
        head: The function that made the probabilities, such as `sigmoid`; None for runs of earlier versions, which did
            not record it. Classes then count as independent if there is one, or if probabilities do not sum to 1.
    """
    probabilities = explanation.probabilities
    names = _names(explanation)
    order = np.argsort(-probabilities, kind="stable")
    several = len(probabilities) == 1 or not isclose(float(probabilities.sum()), 1.0, abs_tol=1e-4)
    independent = not explanation.regression and (several if head is None else head == "sigmoid")
    is_chosen = explanation.target == explanation.prediction
    if independent:
        is_chosen = bool(probabilities[explanation.target] >= LIKELY_ENOUGH)
    known = label is not None and explanation.has_classes
    return Decision(
        prediction=names[explanation.prediction],
        probabilities={names[c]: float(probabilities[c]) for c in order},
        explained=explanation.question,
        value=value,
        against=explanation.against_label if explanation.against is not None else "",
        explains_choice=explanation.regression or is_chosen,
        regression=explanation.regression,
        independent=independent,
        label=names[label] if known and label is not None else None,
        label_agrees=label == explanation.prediction if known else None,
    )


def _names(explanation: Explanation) -> list[str]:
    """Return the names of the classes; their numbers if names are missing or not unique."""
    n, names = len(explanation.probabilities), list(explanation.class_names)
    return names if len(names) == n == len(set(names)) else [str(c) for c in range(n)]

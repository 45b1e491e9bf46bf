"""What a model decided about one text."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose

import numpy as np

from hf_gradexplain.explanation import Explanation

LIKELY_ENOUGH = 0.5
"""The probability at which a class that is judged on its own counts as chosen."""


@dataclass(frozen=True)
class Decision:
    """What a model decided about a text, and what is explained of it.

    Attributes:
        prediction: The class with the highest probability (regression: with the highest output).
        probabilities: The probability of each class (regression: the output), by class, the highest first. If two
            classes have the same name, the names are numbers.
        explained: The class that is explained; under a contrast, such as "Sports rather than World".
        value: Its probability (regression: its output); under a contrast with one class, its probability if there were
            only the two.
        against: The class of such a contrast; empty without one.
        explains_choice: Whether the explained class is one that the model chose.
        regression: Whether the model gives numbers instead of probabilities.
        independent: Whether each class is judged on its own: probabilities do not sum to 1.
        label: The class that the dataset gives; None if it gives none, and in regression.
        label_agrees: Whether it is the prediction; None without a label.
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
        """The classes that the model chose: the predicted one, or those of at least 0.5 if each is judged alone."""
        if not self.independent:
            return (self.prediction,)
        return tuple(name for name, p in self.probabilities.items() if p >= LIKELY_ENOUGH)


def decision_of(explanation: Explanation, value: float, label: int | None) -> Decision:
    """Return the decision about an explained text.

    Args:
        explanation: The explanation.
        value: The number that removal curves begin with: the probability of the explained class, or the output.
        label: The class of the dataset, or None.
    """
    probabilities = explanation.probabilities
    names = _names(explanation)
    order = np.argsort(-probabilities, kind="stable")
    independent = not explanation.regression and not isclose(float(probabilities.sum()), 1.0, abs_tol=1e-4)
    is_chosen = explanation.target == explanation.prediction
    if independent:
        is_chosen = bool(probabilities[explanation.target] >= LIKELY_ENOUGH)
    known = label is not None and not explanation.regression
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

"""What a model's logits stand for: the function that turns them into probabilities, and the names of the classes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import ProblemTypeName

Head = Literal["softmax", "sigmoid", "identity"]

_HEADS: dict[ProblemTypeName, Head] = {
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
    "regression": "identity",
}


_OF_THE_OUTPUT = r"function_to_apply|activation_fn|(final|output|head|classifier).*activation"
"""The names of settings in a configuration that say which function is applied to the logits."""


def head_of(config: Any, n_outputs: int, problem_type: ProblemTypeName | None = None) -> Head:
    """Return the function that turns a model's logits into probabilities.

    Single-label models have a softmax, multi-label models a sigmoid per label. Regression models, and models with a
    single logit and no `problem_type`, have the identity: the output itself takes the place of the probability.

    Args:
        config: The model's configuration, of which `problem_type` is used; None if the model has no configuration.
        n_outputs: The number of logits.
        problem_type: A problem type to use in place of that of the configuration.

    Raises:
        GradexplainError: A softmax is asked for and there is a single logit.
    """
    if problem_type == "single_label_classification" and n_outputs == 1:
        raise GradexplainError(
            "problem_type='single_label_classification' needs at least two logits, but the model has one: choose "
            "'regression' for its output, or 'multi_label_classification' for a sigmoid"
        )
    chosen: Any = problem_type or getattr(config, "problem_type", None)
    if problem_type is None and n_outputs == 1 and chosen != "multi_label_classification":
        return "identity"
    return _HEADS.get(chosen, "softmax")


def class_names_of(config: Any, n_outputs: int, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the names of a model's classes: `(C,)`; a class without a name is called by its number.

    Args:
        config: The model's configuration, whose `id2label` maps numbers (or their digits as strings) to names; None if
            the model has no configuration.
        n_outputs: `C`, the number of logits.
        names: The names, if they are given.

    Raises:
        GradexplainError: The number of given names is not the number of logits.
    """
    if names is None:
        found: Any = getattr(config, "id2label", None)
        by_id = {str(i): str(name) for i, name in found.items()} if isinstance(found, Mapping) else {}
        return tuple(by_id.get(str(i), str(i)) for i in range(n_outputs))
    if isinstance(names, str) or len(names) != n_outputs:
        given = repr(names) if isinstance(names, str) else f"{len(names)} names"
        raise GradexplainError(f"class_names must be a list of {n_outputs} names, one per logit, but got {given}")
    return tuple(map(str, names))


def n_labels(config: Any) -> int | None:
    """Return the number of labels that a configuration names; None if it names none."""
    try:
        return getattr(config, "num_labels", None)
    except TypeError:  # its id2label is None
        return None


def named_sigmoid(config: Any) -> str:
    """Return the setting by which a configuration says that a sigmoid follows the logits, or an empty string.

    Settings of the layers inside the model, such as `hidden_act`, do not count.

    >>> from types import SimpleNamespace
    >>> named_sigmoid(SimpleNamespace(hidden_act="sigmoid", task={"function_to_apply": "sigmoid"}))
    "function_to_apply='sigmoid'"
    """
    settings = config.to_dict() if hasattr(config, "to_dict") else getattr(config, "__dict__", config)
    pending = [settings] if isinstance(settings, Mapping) else []
    while pending:
        for name, value in pending.pop().items():
            if isinstance(value, Mapping):
                pending.append(value)
            if re.search(_OF_THE_OUTPUT, str(name)) and re.search("sigmoid", str(value), re.IGNORECASE):
                return f"{name}={value!r}"
    return ""

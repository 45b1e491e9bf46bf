"""Candidate labels of `hf-gradexplain explain`."""

import argparse
from collections.abc import Mapping
from typing import Any

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options.arguments import ZeroShotArguments

_UNFIT = {
    "pair": "the model reads a text and a hypothesis: leave out --pair",
    "interactions": "there are no interactions of such texts: leave out --interactions",
    "label": "there are no true labels: name the candidate label to explain with --target",
    "label_map": "there are no true labels: leave out --label_map",
}
"""Arguments that do not fit candidate labels, and why."""


def zero_shot_arguments(arguments: argparse.Namespace) -> ZeroShotArguments | None:
    """Return the arguments of a zero-shot classifier; None without candidate labels.

    Raises:
        GradexplainError: The arguments do not fit each other.
    """
    given = ZeroShotArguments(
        candidate_labels=tuple(arguments.candidate_labels),
        hypothesis_template=arguments.hypothesis_template,
        multi_label=arguments.multi_label,
    )
    if not given.candidate_labels:
        return None
    for name, why in _UNFIT.items():
        value = getattr(arguments, name)
        if value is not None and value is not False:
            raise GradexplainError(f"--{name} does not fit --candidate_labels: {why}")
    return given


def call_arguments(given: ZeroShotArguments) -> Mapping[str, Any]:
    """Return the arguments of `ZeroShotExplainer.__call__`; a single argument may have several labels with commas."""
    labels = given.candidate_labels
    if len(labels) > 1 and (several := [label for label in labels if label.strip().endswith(",")]):
        raise GradexplainError(
            f"the label {several[0]!r} ends with a comma: give labels one after the other without commas, or all in "
            "one argument that is joined by commas"
        )
    return {
        "candidate_labels": labels[0] if len(labels) == 1 else list(labels),
        "hypothesis_template": given.hypothesis_template,
        "multi_label": given.multi_label,
    }

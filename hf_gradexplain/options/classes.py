"""The options about classes: which class is explained, and with what it is compared."""

from collections.abc import Sequence
from typing import Any

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options.values import as_tuple, one_or_tuple

ClassName = str | int
"""A class: its name, or its id."""
ClassNames = ClassName | Sequence[ClassName]
"""One class for all texts, or one per text."""
TARGETS = ("predicted", "label", "all")
"""The words that `target` takes; each takes precedence over a class of the same name."""
AGAINST = ("runner_up", "rest")
"""The words that `against` takes; each takes precedence over a class of the same name."""


def set_classes(options: Any) -> None:
    """Make the options about classes hashable, in place; if `objective` is None, set it to its default."""
    object.__setattr__(options, "target", one_or_tuple("target", options.target))
    if options.against is not None:
        object.__setattr__(options, "against", one_or_tuple("against", options.against))
    object.__setattr__(options, "classes", as_tuple("classes", options.classes))
    if options.objective is None:  # the default
        object.__setattr__(options, "objective", "loss" if options.against is None else "contrast")


def check_classes(options: Any) -> None:
    """Check that the options about classes agree with each other.

    Raises:
        GradexplainError: They contradict each other, or a number is out of range.
    """
    if (options.objective == "contrast") != (options.against is not None):
        raise GradexplainError(
            "objective='contrast' needs against=..., the class to compare with: give both, or choose 'loss'"
            if options.against is None
            else f"against={options.against!r} explains a contrast, not the {options.objective}: leave out objective"
        )
    if options.target == "all" and options.against not in (None, *AGAINST):
        raise GradexplainError(
            f"target='all' explains the class {options.against!r} as well: choose against='runner_up' or 'rest'"
        )
    if options.classes and options.target != "all":
        raise GradexplainError(
            "classes chooses among the classes of target='all': give both, or give one class as the target"
        )
    if options.top_classes < 1:
        raise GradexplainError(f"top_classes must be a number of classes, 1 or larger, but is {options.top_classes}")
    if not 0 <= options.threshold <= 1:
        raise GradexplainError(f"threshold must be a probability between 0 and 1, but is {options.threshold}")
    for name in ("top_classes", "threshold"):
        if options.target != "all" and getattr(options, name) != getattr(type(options), name):
            raise GradexplainError(f"{name} says which classes target='all' explains: leave it out, or give both")


def check_one_question(options: Any, call: str = "an evaluation") -> None:
    """Check that all texts ask for the same target and the same contrast, which some calls require.

    Args:
        options: The options.
        call: What the call is called in errors.

    Raises:
        GradexplainError: The texts ask for several targets or several contrasts.
    """
    if options.target == "all":
        raise GradexplainError(f"{call} explains one class of each text: give another target than 'all'")
    for name, value in (("target", options.target), ("against", options.against)):
        if isinstance(value, tuple):
            raise GradexplainError(f"{call} takes one {name} for all texts, not one per text: give a single one")
    if options.target in TARGETS and options.against not in (None, *AGAINST):
        raise GradexplainError(
            f"with target={options.target!r}, the target of some texts may be the class {options.against!r} itself: "
            "give one class as the target, or choose against='runner_up' or 'rest'"
        )

"""Checks of the options of methods that draw at random, and of occlusion."""

from typing import Any

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options.values import as_list, plain


def set_reference_texts(options: Any) -> None:
    """Set `reference_texts`, in place, to a tuple.

    Raises:
        GradexplainError: One of the texts is not a str.
    """
    given = plain(options.reference_texts)
    texts = (given,) if isinstance(given, str) else as_list(given, "reference_texts must be a list of str", "text", str)
    if wrong := [text for text in texts if not isinstance(text, str)]:
        raise GradexplainError(f"reference_texts must be a list of str, but one is of type {type(wrong[0]).__name__}")
    object.__setattr__(options, "reference_texts", tuple(texts))


def check_sampling(options: Any) -> None:
    """Check the options about copies of a text.

    Raises:
        GradexplainError: A value is out of range.
    """
    if options.max_evals < 1:
        raise GradexplainError(f"max_evals must be a number of masked copies, 1 or larger, but is {options.max_evals}")
    if not 0 <= options.max_error < 1:
        raise GradexplainError(
            f"max_error must be a share of the largest score, 0 or larger and below 1, but is {options.max_error}"
        )
    if options.tell_apart is not None and options.tell_apart < 1:
        raise GradexplainError(f"tell_apart must be a number of units, 1 or larger, but is {options.tell_apart}")
    if options.occlusion_window < 1:
        raise GradexplainError(
            f"occlusion_window must be a number of units, 1 or larger, but is {options.occlusion_window}"
        )

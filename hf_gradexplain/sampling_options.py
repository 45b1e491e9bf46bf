"""The options that say which masked copies run."""

from typing import Any

from hf_gradexplain.errors import GradexplainError


def check_sampling(options: Any) -> None:
    """Check the options about masked copies.

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

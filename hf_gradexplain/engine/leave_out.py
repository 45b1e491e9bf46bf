"""Score texts without those that cannot be scored."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from hf_gradexplain.errors import TextError

Result = TypeVar("Result")


def leave_out(score: Callable[[Sequence[int]], Result], rows: Sequence[int]) -> tuple[list[Result], dict[int, str]]:
    """Score texts, but leave out texts that cannot be scored.

    If a text cannot be scored, the texts are halved until it is alone.

    Args:
        score: Returns the result for these rows; raises `TextError` if one of the texts cannot be scored.
        rows: The rows of the texts, in order.

    Returns:
        The results, each for a part of the rows, in the order of the rows; and the reason for each left-out row.
    """
    try:
        return [score(rows)], {}
    except TextError as error:
        if len(rows) == 1:
            return [], {rows[0]: str(error)}
    middle, results, reasons = len(rows) // 2, list[Result](), dict[int, str]()
    for half in (rows[:middle], rows[middle:]):
        some, missing = leave_out(score, half)
        results, reasons = results + some, reasons | missing
    return results, reasons


def check_any_scored(left_out: Mapping[int, str], n: int, what: str, place: str | None = None) -> None:
    """Check that at least one of `n` texts is not left out.

    Args:
        left_out: The reasons, by row.
        n: The number of texts.
        what: What one of them is called in the error.
        place: What a row is called; by default the same.

    Raises:
        TextError: All are left out.
    """
    if n > len(left_out):
        return
    row, reason = min(left_out.items())
    if n == 1:
        raise TextError(f"the only {what} is left out: {reason}")
    raise TextError(f"all {n} {what}s are left out, for example {place or what} {row}: {reason}")

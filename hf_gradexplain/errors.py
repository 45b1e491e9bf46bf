"""Errors that say what was expected, what was given, and how to fix it."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class GradexplainError(ValueError):
    """Invalid input; the message says how to fix it."""


def choose(what: str, name: str, choices: Collection[str]) -> str:
    """Return `name` if it is one of `choices`, else raise an error that lists them and names the nearest.

    >>> choose("unit", "words", ("token", "word", "word_type"))
    Traceback (most recent call last):
        ...
    hf_gradexplain.errors.GradexplainError: unknown unit 'words': did you mean 'word'? Choices: token, word, word_type
    """
    if name in choices:
        return name
    nearest = get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise GradexplainError(f"unknown {what} {name!r}: {hint}Choices: {', '.join(choices)}")


def one_line(error: object, limit: int | None = None) -> str:
    r"""Return the text of an error on one line, cut to `limit` characters.

    >>> one_line(OSError("not found:\n  data.csv")), one_line("not found", limit=3)
    ('not found: data.csv', 'not')
    """
    return " ".join(str(error).split())[:limit]


@contextmanager
def translate_errors(
    explain: Callable[[Exception], str],
    *kinds: type[Exception],
    raises: type[GradexplainError] = GradexplainError,
) -> Iterator[None]:
    """Turn errors of other libraries, raised in the block, into one sentence that says how to fix them.

    A `GradexplainError` passes unchanged, unless its class is in `kinds`.

    Args:
        explain: Returns the message for an error: what failed, why, and how to fix it.
        kinds: The classes of errors to translate.
        raises: The class of the new error.

    Raises:
        GradexplainError: An error of `kinds` was raised in the block.

    >>> with translate_errors(lambda error: f"not a number ({one_line(error)}): write digits", ValueError):
    ...     int("one")
    Traceback (most recent call last):
        ...
    hf_gradexplain.errors.GradexplainError: not a number (invalid literal for int() with base 10: 'one'): write digits
    """
    try:
        yield
    except kinds as error:
        if isinstance(error, GradexplainError) and not any(issubclass(kind, GradexplainError) for kind in kinds):
            raise
        raise raises(explain(error)) from error

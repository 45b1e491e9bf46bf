"""Errors that say what was expected, what came, and the mend."""

from collections.abc import Collection
from difflib import get_close_matches


class GradexplainError(ValueError):
    """Something the caller gave cannot be used; the message names the mend."""


def choose(what: str, name: str, choices: Collection[str]) -> str:
    """Return `name` if it is one of `choices`, else say which there are and which is nearest.

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

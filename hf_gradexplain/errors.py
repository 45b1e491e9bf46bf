"""Errors and warnings that say what was expected, what was given, and how to fix it."""

import errno
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import cast


class GradexplainError(ValueError):
    """The input cannot be used; the message says how to fix it."""


class TextError(GradexplainError):
    """A text cannot be scored; an evaluation leaves the text out, and says why."""


class NotFiniteError(TextError):
    """Logits, scores or probabilities of a text are NaN or infinite."""

    def __init__(self, what: str, precision: str) -> None:
        super().__init__(f"{what} are not finite in {precision}: load the model in a wider dtype, or fix its weights")


class _Silenced(threading.local):
    """The warnings that `warn` does not give in the current thread, without their numbers."""

    messages: Container[str] = ()


_SILENCED = _Silenced()


class _AllWarnings:
    def __contains__(self, message: object) -> bool:
        return True


ALL_WARNINGS = _AllWarnings()
"""All warnings, for `without_warnings`."""


@contextmanager
def without_warnings(silenced: Container[str]) -> Iterator[None]:
    """Within the block, `warn` gives no warning that is in `silenced`.

    If `silenced` is a set, the warnings that `warn` gives are added to it, so that each of them is given only once.
    Warnings that differ only in their numbers count as the same. Other threads are not affected, unlike by
    `warnings.catch_warnings`.
    """
    before, _SILENCED.messages = _SILENCED.messages, silenced
    try:
        yield
    finally:
        _SILENCED.messages = before


_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def warn(message: str) -> None:
    """Give a `UserWarning` at the line of the user's code that called the package, see also `without_warnings`."""
    without_numbers = re.sub(r"\d+", "", message)
    if without_numbers in _SILENCED.messages:
        return
    if isinstance(_SILENCED.messages, set):
        _SILENCED.messages.add(without_numbers)
    frame = sys._getframe()
    level = calls = 1
    while (caller := frame.f_back) is not None:
        calls += 1
        if frame.f_code.co_filename.startswith(_PACKAGE):
            level = calls  # what called the outermost function of the package
        frame = caller
    warnings.warn(message, stacklevel=level)


_LISTED = 20
"""The largest number of choices that a message lists."""


def choose(what: str, name: str, choices: Collection[str]) -> str:
    """Return `name` if it is one of `choices`, else raise an error that lists the choices and suggests the nearest one.

    >>> choose("unit", "words", ("token", "word", "word_type"))
    Traceback (most recent call last):
        ...
    hf_gradexplain.errors.GradexplainError: unknown unit 'words': did you mean 'word'? Choices: token, word, word_type
    """
    if name in choices:
        return name
    listed = ", ".join(list(choices)[:_LISTED]) + (", ..." if len(choices) > _LISTED else "")
    question = nearest(name, choices)
    hint = f": {question}Choices" if question else "; choices"
    raise GradexplainError(f"unknown {what} {name!r}{hint}: {listed}")


def nearest(name: object, choices: Iterable[str]) -> str:
    """Return the question "did you mean ...?" with the choice most similar to `name`; empty if none is similar.

    If any choices begin with `name`, the first of them counts as the most similar one. Case is ignored.

    >>> nearest("Words", ("token", "word", "word_type")), nearest("x", ("token", "word"))
    ("did you mean 'word'? ", '')
    """
    given, folded = str(name).casefold(), {choice.casefold(): choice for choice in choices}
    longer = [choice for choice in folded if choice.startswith(given) and len(given.strip("-")) > 1]
    similar = longer or get_close_matches(given, folded, n=1, cutoff=0.5)
    return f"did you mean {folded[similar[0]]!r}? " if similar else ""


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

    A `GradexplainError` passes unchanged, unless its class is in `kinds`. A panic of Rust code, such as that of a
    tokenizer, counts as an `Exception`, though its class is not derived from `Exception`.

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
    except BaseException as error:
        panic = Exception in kinds and type(error).__name__ == "PanicException"
        known = isinstance(error, GradexplainError) and not any(issubclass(kind, GradexplainError) for kind in kinds)
        if known or not (isinstance(error, kinds) or panic):
            raise
        raise raises(explain(cast(Exception, error))) from error


_WRONG_NAME = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.EIO)


@contextmanager
def translate_write_errors(path: str | os.PathLike[str], *, again: str = "", instead: str) -> Iterator[None]:
    """Turn an error in the block into one sentence that says why a file or folder cannot be written.

    Args:
        path: The file or the folder.
        again: If the disk is full or access is denied, the message says "make room or make it writable" and then this
            text, such as ", then run the command again".
        instead: The option that gave the path, such as `--output_dir`. If the path cannot be that of a file or folder,
            the message asks for another one.

    Raises:
        GradexplainError: The disk is full, access is denied, or the path cannot be that of a file or folder.

    >>> with translate_write_errors("a.txt/b", instead="--output_dir"):
    ...     raise NotADirectoryError(errno.ENOTDIR, "Not a directory")
    Traceback (most recent call last):
        ...
    hf_gradexplain.errors.GradexplainError: cannot write to a.txt/b (Not a directory): give another --output_dir
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (*_WRONG_NAME, *_NO_ROOM):
            raise
        fix = f"give another {instead}" if error.errno in _WRONG_NAME else f"make room or make it writable{again}"
        raise GradexplainError(f"cannot write to {os.fspath(path)} ({os.strerror(error.errno)}): {fix}") from error

"""Messages about unknown names and files, and which errors are translated into them."""

import errno
import re

import pytest

from hf_gradexplain.errors import (
    GradexplainError,
    NotFiniteError,
    TextError,
    choose,
    nearest,
    one_line,
    translate_errors,
    translate_write_errors,
)


@pytest.mark.parametrize(
    ("name", "choices", "expected"),
    [
        ("label_", ("LABEL_1", "token"), "LABEL_1"),
        ("WORD", ("token", "word_type", "word"), "word_type"),  # the first that begins so
        ("wodr", ("token", "word_type", "word"), "word"),
        ("--w", ("--b", "--word"), "--word"),
        ("wo", ("token", "word"), "word"),
        ("wo", ("token", "words_of_the_whole_text"), "words_of_the_whole_text"),
        ("w", ("token", "word"), None),  # one letter is too little
        ("--", ("--tokens", "--words"), None),
        (1, ("1st", "2nd"), "1st"),
        ("", ("token",), None),
        ("x", (), None),
    ],
)
def test_the_nearest_choice(name, choices, expected):
    assert nearest(name, choices) == ("" if expected is None else f"did you mean {expected!r}? ")


def test_a_choice_is_returned_and_any_other_name_is_an_error_that_lists_twenty():
    choices = [f"c{number}" for number in range(21)]
    assert choose("kind", "c20", choices) == "c20"
    with pytest.raises(GradexplainError) as error:
        choose("kind", "x", choices)
    assert str(error.value) == f"unknown kind 'x'; choices: {', '.join(choices[:20])}, ..."
    with pytest.raises(GradexplainError) as error:
        choose("kind", "x", choices[:20])
    assert str(error.value) == f"unknown kind 'x'; choices: {', '.join(choices[:20])}"
    with pytest.raises(GradexplainError) as error:
        choose("kind", "C2", choices[1:3])
    assert str(error.value) == "unknown kind 'C2': did you mean 'c2'? Choices: c1, c2"


@pytest.mark.parametrize(
    ("error", "limit", "line"), [(ValueError("a\n  b\tc "), None, "a b c"), ("abcd", 3, "abc"), ("abc", 3, "abc")]
)
def test_one_line(error, limit, line):
    assert one_line(error, limit) == line


def test_numbers_that_are_not_finite():
    error = NotFiniteError("scores of loo", "float16")
    assert isinstance(error, TextError)
    assert str(error).startswith("scores of loo are not finite in float16: load the model in a wider dtype")


class PanicException(BaseException):
    """As Rust code raises it."""


class OtherError(GradexplainError):
    pass


@pytest.mark.parametrize(
    ("error", "kinds", "translated"),
    [
        (KeyError("a"), (LookupError,), True),
        (KeyError("a"), (OSError,), False),
        (KeyError("a"), (Exception,), True),
        (KeyboardInterrupt(), (Exception,), False),
        (PanicException("a"), (Exception,), True),
        (PanicException("a"), (ValueError,), False),
        (GradexplainError("a"), (ValueError,), False),
        (GradexplainError("a"), (Exception,), False),
        (OtherError("a"), (OtherError,), True),
        (GradexplainError("a"), (OtherError,), False),
        (ValueError("a"), (OtherError, ValueError), True),
    ],
)
def test_which_errors_are_translated(error, kinds, translated):
    with pytest.raises(BaseException) as raised, translate_errors(lambda each: "do this", *kinds, raises=OtherError):  # noqa: PT011
        raise error
    if translated:
        assert (type(raised.value), str(raised.value), raised.value.__cause__) == (OtherError, "do this", error)
    else:
        assert raised.value is error


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOTDIR, "give another --output"),
        (errno.ENAMETOOLONG, "give another --output"),
        (errno.ENOSPC, "make room or make it writable, then run it again"),
        (errno.EACCES, "make room or make it writable, then run it again"),
        (errno.ENOENT, None),
    ],
)
def test_why_a_file_cannot_be_written(number, fix):
    with (
        pytest.raises(OSError if fix is None else GradexplainError) as raised,
        translate_write_errors("a/b", again=", then run it again", instead="--output"),
    ):
        raise OSError(number, "reason")
    if fix is not None:
        assert re.fullmatch(rf"cannot write to a/b \(.+\): {fix}", str(raised.value))

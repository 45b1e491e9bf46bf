"""Texts and labels as users have them: lists, and columns and scalars of pandas, NumPy, PyTorch, Arrow and datasets."""

from collections.abc import Iterable, Mapping
from numbers import Real
from operator import index
from typing import Any

from hf_gradexplain.errors import GradexplainError


def plain(value: Any) -> Any:
    """Return an array, tensor or Arrow value without axes as a Python value; return anything else as it is.

    >>> import numpy as np
    >>> plain(np.array(3)), plain(np.str_("a good film")), plain(["bad"])
    (3, 'a good film', ['bad'])
    """
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    return value.as_py() if hasattr(value, "as_py") else value


def whole_number(name: str, value: Any) -> int:
    """Return a whole number of Python, NumPy or PyTorch as an `int`.

    >>> import numpy as np
    >>> whole_number("steps", np.int64(20))
    20

    Raises:
        GradexplainError: The value is something else, such as a decimal number, a bool or a text.
    """
    number = plain(value)
    try:
        if not isinstance(number, bool):
            return index(number)
    except TypeError:
        pass
    raise GradexplainError(f"{name} must be a whole number, but is {number!r}")


def real_number(name: str, value: Any) -> float:
    """Return a number; one of NumPy or PyTorch becomes an `int` or a `float`.

    >>> import numpy as np
    >>> real_number("max_error", np.float64(0.1)), real_number("max_error", 0)
    (0.1, 0)

    Raises:
        GradexplainError: The value is something else, such as a bool or a text.
    """
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, Real):
        raise GradexplainError(f"{name} must be a number, but is {number!r}")
    return number if isinstance(number, int | float) else float(number)


def true_or_false(name: str, value: Any) -> bool:
    """Return a bool; one of NumPy or PyTorch becomes a bool of Python.

    Raises:
        GradexplainError: The value is something else, such as a number or a text.
    """
    if isinstance(flag := plain(value), bool):
        return flag
    raise GradexplainError(f"{name} must be True or False, but is {flag!r}")


def as_list(values: Any, expected: str, column: str, kind: type = object) -> list[Any]:
    """Return the values of a list, an array, a Series or a column as a list of Python values.

    Args:
        values: The values.
        expected: The beginning of the error message, such as "texts must be a list of str".
        column: The usual name of a column that fits, in the singular, such as `text`; the message adds an s.
        kind: The type of the values in such a column.

    Raises:
        GradexplainError: `values` is a table, such as a DataFrame or a Dataset (the message names a column to pass), or
            is not iterable.
    """
    check_column(values, expected, column, kind)
    return [plain(value) for value in values]


def check_column(values: Any, expected: str, column: str, kind: type = object) -> None:
    """Check that the values are iterable and no table, without reading them; see `as_list`.

    Raises:
        GradexplainError: They are a table, or not iterable.
    """
    given = type(values).__name__
    if (names := _columns(values)) is not None:
        path, pair = _path(values, names, column, kind), f"{column}_pair"
        fix = f"give one of its columns, such as {column}s{path}" if path else "give the values of one column"
        if {column, pair} <= set(names):
            fix = f"give pairs, such as zip({column}s[{column!r}], {column}s[{pair!r}])"
        raise GradexplainError(f"{expected}, not {given}: {fix}")
    if isinstance(values, bytes) or not isinstance(values, Iterable):
        raise GradexplainError(f"{expected}, not {given}")


def as_names(option: str, value: Any) -> tuple[str, ...]:
    """Return the value of an option that takes one name or a list of names, always as a tuple.

    >>> as_names("methods", "loo"), as_names("methods", ["loo", "random"])
    (('loo',), ('loo', 'random'))

    Raises:
        GradexplainError: `value` is neither a str nor an iterable.
    """
    value = plain(value)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        raise GradexplainError(f"{option} must be a name or a list of names, not {type(value).__name__}")
    return tuple(plain(name) for name in value)


def one_or_tuple(option: str, value: Any) -> Any:
    """Return the value of an option that takes one class, or a list of classes; a list becomes a tuple.

    >>> one_or_tuple("target", "Sports"), one_or_tuple("target", ["Sports", 2])
    ('Sports', ('Sports', 2))

    Raises:
        GradexplainError: `value` is neither a class id or name nor an iterable of them.
    """
    value = plain(value)
    return value if isinstance(value, str | Real) else as_tuple(option, value)


def as_tuple(option: str, value: Any) -> tuple[Any, ...]:
    """Return the value of an option that takes classes; always as a tuple, unlike `one_or_tuple`."""
    value = plain(value)
    if isinstance(value, str | Real):
        return (value,)
    return tuple(as_list(value, f"{option} must be a class id or name, or a list of them", "label"))


def _columns(values: Any) -> list[Any] | None:
    """Return the names of the columns of a table, or None if it is something else."""
    if isinstance(values, Mapping):
        return list(values)
    names = getattr(values, "column_names", getattr(values, "columns", None))
    return None if names is None else list(names)


def _path(table: Any, names: list[Any], column: str, kind: type) -> str:
    """Return the index of the first column whose values are of a kind, such as `['text']`; empty if there is none.

    `column` is tried first.
    """
    for name in sorted(names, key=lambda name: name != column):
        values = table[name]
        if isinstance(table, Mapping) and (inner := _columns(values)) is not None:  # a split of a DatasetDict
            if path := _path(values, inner, column, kind):
                return f"[{name!r}]{path}"
        elif isinstance(values, Iterable) and isinstance(plain(next(iter(values), None)), kind):
            return f"[{name!r}]"
    return ""

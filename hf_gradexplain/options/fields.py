"""The fields of the dataclasses that hold options: a default, a help text, and the choices of the type."""

from collections.abc import Callable
from dataclasses import Field, field, fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from hf_gradexplain.errors import choose
from hf_gradexplain.options.values import as_list, real_number, true_or_false, whole_number


def option(
    default: Any, help: str, *, metavar: str | None = None, hint: str | None = None, also: tuple[str, ...] = ()
) -> Any:
    """Return a dataclass field with a default and a help text.

    Args:
        default: The default value; `dataclasses.MISSING` for an option that has to be given.
        help: What the option does, in a sentence or two.
        metavar: What stands for the value in the output of `--help`; by default a word for its type.
        hint: How to fix a value of the wrong type, for the error message.
        also: Further allowed values, which users cannot choose: the package sets them itself.
    """
    return field(default=default, metadata={"help": help, "metavar": metavar, "hint": hint, "also": also})


def with_default(options: type, name: str, default: Any) -> Any:
    """Return a copy of a field of the dataclass `options`, with another default and the same help text."""
    part = next(part for part in fields(options) if part.name == name)
    return field(default=default, metadata=part.metadata, kw_only=part.kw_only)


def check_fields(options: Any) -> None:
    """Check the fields of a dataclass: some have a list of choices, and others take numbers, or True and False.

    Numbers of NumPy and PyTorch become numbers of Python, in place.

    Raises:
        GradexplainError: A value is not one of the choices, or not of the right kind, or is None where that is no value
            of the field.
    """
    for part in fields(options):
        name, value, choices = part.name, getattr(options, part.name), choices_of(part)
        if value is None and NoneType in get_args(part.type):
            continue
        if choices and value not in part.metadata.get("also", ()):
            choose(name, value, choices)
        if part.type in _CHECKED:
            object.__setattr__(options, name, _CHECKED[part.type](name, value))


def _whole_numbers(name: str, values: Any) -> tuple[int, ...]:
    expected = f"{name} must be a list of whole numbers"
    return tuple(whole_number(f"a number in {name}", value) for value in as_list(values, expected, "number", int))


_CHECKED: dict[Any, Callable[[str, Any], Any]] = {
    bool: true_or_false,
    bool | None: true_or_false,
    int: whole_number,
    int | None: whole_number,
    float: real_number,
    float | None: real_number,
    tuple[int, ...]: _whole_numbers,
}
"""For each type of a field that is checked, the function that checks a value."""


def choices_of(part: Field[Any]) -> tuple[str, ...]:
    """Return the choices of an option, or an empty tuple if it takes any value of its type."""
    kinds = get_args(part.type) if get_origin(part.type) in (Union, UnionType) else (part.type,)
    return next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())

"""Arguments of the tokenizer: read texts as the model reads them where it is deployed."""

from collections.abc import Callable, Mapping
from typing import Any

from hf_gradexplain.errors import GradexplainError, choose


def _one_of(*choices: str) -> Callable[[Any], str]:
    return lambda value: choose("value", str(value), choices)


def _positive(value: Any) -> int:
    number = int(value)
    if number < 1 or isinstance(value, bool):
        raise ValueError(value)
    return number


def _boolean(value: Any) -> bool:
    return {"true": True, "false": False}[str(value).lower()]


KINDS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "padding": (_one_of("max_length"), "max_length"),
    "max_length": (_positive, "a number of tokens, 1 or larger"),
    "truncation_side": (_one_of("left", "right"), "left or right"),
    "padding_side": (_one_of("left", "right"), "left or right"),
    "add_special_tokens": (_boolean, "true or false"),
    "return_attention_mask": (_boolean, "true or false"),
}
"""For each argument, the function that converts its value, and the allowed values. Padding to the longest text of a
list is not allowed: a text's explanation would depend on the other texts."""


def read_kwargs(given: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arguments, sorted by name and converted to their types.

    >>> read_kwargs("max_length=512, padding=max_length")
    {'max_length': 512, 'padding': 'max_length'}
    >>> read_kwargs({"add_special_tokens": False})
    {'add_special_tokens': False}

    Args:
        given: Arguments by name, or `name=value` pairs joined by commas.

    Raises:
        GradexplainError: An argument is unknown, or its value is not allowed.
    """
    if given is None:
        return {}
    if isinstance(given, str):
        given = dict(_pair(part) for part in given.split(",") if part.strip())
    return {name: _convert(name, given[name]) for name in sorted(given)}


def write_kwargs(kwargs: Mapping[str, Any]) -> str | None:
    """Return the arguments as `name=value` pairs, which `read_kwargs` reads; None if there are no arguments."""
    return ",".join(f"{name}={str(value).lower()}" for name, value in kwargs.items()) or None


def _pair(part: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    if not equals:
        raise GradexplainError(
            f"tokenizer_kwargs must be name=value pairs joined by commas, but one is {part.strip()!r}"
        )
    return name.strip(), value.strip()


def _convert(name: str, value: Any) -> Any:
    convert, expected = KINDS[choose("argument of tokenizer_kwargs", name, KINDS)]
    try:
        return convert(value)
    except (ValueError, TypeError, KeyError, GradexplainError):
        raise GradexplainError(f"tokenizer_kwargs: {name} must be {expected}, but is {value!r}") from None

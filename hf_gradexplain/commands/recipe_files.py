"""YAML files that hold flags: one `name: value` a line, checked against the fields of a dataclass."""

from collections.abc import Mapping
from dataclasses import Field, fields
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml

from hf_gradexplain.errors import GradexplainError, choose, one_line

RENAMED = {
    "baselines": "is now --compare_baselines",
    "revision": "is now --model_revision",
    "token": "is gone: set HF_TOKEN, or log in with `hf auth login`, which keeps the token out of the process list",
}
"""Flags of earlier versions, and what to use in their place."""


def not_taken(name: str, dataclass_type: Any) -> str | None:
    """Return what to do instead of giving a flag of an earlier version or another command; None for other names."""
    return {**RENAMED, **getattr(dataclass_type, "REFUSED", {})}.get(name)


def names_recipe(argument: str) -> bool:
    """Return whether an argument of the command line is the name of a YAML file."""
    return argument.endswith((".yaml", ".yml"))


def read_recipe(path: Path, dataclass_type: Any) -> tuple[list[str], dict[str, Any]]:
    """Return the values of a YAML file: single values as flags, which argparse converts, and lists as defaults.

    If lists were given as flags, items that begin with a dash would be read as other flags.

    Args:
        path: The file.
        dataclass_type: The dataclass; its fields are the keys of the file.

    Raises:
        GradexplainError: The file cannot be read, a key is unknown, or a value is missing or of the wrong type.
    """
    options = {part.name: part for part in fields(dataclass_type)}
    flags, lists = [], {}
    for key, value in _read_mapping(path).items():
        if key not in options and (instead := not_taken(key, dataclass_type)) is not None:
            raise GradexplainError(f"{path}: {key} {instead.replace('--', '')}")
        part = options[choose(f"key of {path}", key, options)]
        kind, several = value_type(part)
        if value is None:
            if part.default is not None:
                raise GradexplainError(f"key {key!r} of {path} has no value: give it one, or leave the line out")
        elif several:
            items = value if isinstance(value, list) else [value]
            lists[key] = tuple(_item(f"each item of key {key!r} of {path}", item, kind) for item in items)
        elif isinstance(value, dict | list):
            raise GradexplainError(f"key {key!r} of {path} must hold a single value, got {value!r}")
        elif isinstance(value, bool) != (kind is bool):
            expected = "true or false" if kind is bool else "no true or false, unless in quotes"
            raise GradexplainError(f"key {key!r} of {path} must hold {expected}, got {value!r}")
        else:
            flags.append(f"--{key}={value}")
    return flags, lists


def value_type(part: Field[Any]) -> tuple[Any, bool]:
    """Return the type of a single value of a field, and whether the field takes several values."""
    annotation = _first(part.type)
    if get_origin(annotation) in (list, tuple):
        return _first(get_args(annotation)[0]), True
    return annotation, False


def _first(annotation: Any) -> Any:
    """Return the first type of a union that is not None; return any other type as it is."""
    if get_origin(annotation) in (Union, UnionType):
        return next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation


def _item(where: str, value: Any, kind: Any) -> Any:
    """Return one item of a list; a number may stand for a text."""
    if isinstance(value, str | int | float) and not isinstance(value, bool) and (kind is str or type(value) is kind):
        return kind(value)
    raise GradexplainError(f"{where} must be of type {kind.__name__}, got {value!r}")


def _read_mapping(path: Path) -> Mapping[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GradexplainError(
            f"cannot read {path} ({error.strerror}): name a file that holds lines of `name: value`, or give flags alone"
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise GradexplainError(
            f"{path} is not YAML ({one_line(error)}): it must hold lines of `name: value`"
        ) from error
    if not isinstance(values, dict):
        raise GradexplainError(f"{path} must hold lines of `name: value`, got {type(values).__name__}")
    return values

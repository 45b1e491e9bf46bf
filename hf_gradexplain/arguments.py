"""Arguments of the recipes: one dataclass, filled from a YAML file and from flags that override it."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_origin

import yaml
from transformers import HfArgumentParser

from hf_gradexplain.errors import GradexplainError, choose

T = TypeVar("T")


def parse_arguments(dataclass_type: type[T], argv: Sequence[str] | None = None) -> T:
    """Fill a dataclass from `[file.yaml] [--flag value ...]`; flags override the file, the file the defaults.

    The fields of the dataclass are the flags and the keys of the file; `metadata={"help": ...}` of a field is its
    line under `--help`. Both are read by one parser, so `learning_rate: 1e-3` means what `--learning_rate 1e-3`
    means. A key without a value (null) stands for a default of None.

    Args:
        dataclass_type: What `transformers.HfArgumentParser` takes; it may check itself in `__post_init__` by
            raising `GradexplainError`.
        argv: The arguments after the program's name; None for those of this process.

    Returns:
        An instance of the dataclass.

    Raises:
        SystemExit: With code 2 and one sentence on stderr, if the file cannot be read, or a key or flag is
            unknown (the nearest one is named), lacks a value or has one of another type; with 0 after `--help`.
    """
    parser = _Parser(dataclass_type, allow_abbrev=False)  # type: ignore[arg-type]
    options = {field.name: field for field in fields(dataclass_type)}  # type: ignore[arg-type]
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0].endswith((".yaml", ".yml")):
            arguments[:1] = _flags_of_file(Path(arguments[0]), options)
        namespace, unknown = parser.parse_known_args(arguments)
        if unknown:
            choose("argument", unknown[0].partition("=")[0], [f"--{name}" for name in options])
        return dataclass_type(**vars(namespace))
    except GradexplainError as error:
        parser.error(str(error))


@contextmanager
def exit_on_error() -> Iterator[None]:
    """End the program with code 1 and one sentence on stderr where the library raises a `GradexplainError`.

    Of several processes the main one speaks first: what it says is mostly what all have to say, and its launcher ends
    the others before they repeat it.
    """
    try:
        yield
    except GradexplainError as error:
        if os.environ.get("RANK", "0") != "0":
            time.sleep(_LET_SPEAK)
        sys.exit(f"error: {error}")


_LET_SPEAK = 3
"""Seconds."""


class _Parser(HfArgumentParser):
    """A parser whose errors are one line, not the list of all flags."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def _flags_of_file(path: Path, options: Mapping[str, Field[Any]]) -> list[str]:
    """Write the mapping of a YAML file as flags."""
    flags: list[str] = []
    for key, value in _read_mapping(path).items():
        option = options[choose(f"key of {path}", key, options)]
        if value is None and option.default is not None:
            raise GradexplainError(f"key {key!r} of {path} has no value: give it one, or leave the line out")
        if isinstance(value, dict) or (isinstance(value, list) and get_origin(option.type) is not list):
            raise GradexplainError(f"key {key!r} of {path} must hold a single value, got {value!r}")
        if isinstance(value, list):
            flags += [f"--{key}", *map(str, value)]
        elif value is not None:
            flags.append(f"--{key}={value}")
    return flags


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GradexplainError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise GradexplainError(f"{path} must hold lines of `name: value`, got {type(values).__name__}")
    return values

"""Arguments of the recipes: one dataclass, filled from a YAML file and from flags that override it."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import Field, fields
from pathlib import Path
from types import UnionType
from typing import Any, NoReturn, TypeVar, Union, get_args, get_origin

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
    parser = _Parser(dataclass_type, prog=_program(), allow_abbrev=False)  # type: ignore[arg-type]
    options = {field.name: field for field in fields(dataclass_type)}  # type: ignore[arg-type]
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0].endswith((".yaml", ".yml")):
            values = _values_of_file(Path(arguments[0]), options)
            arguments[:1] = [f"--{key}={value}" for key, value in values.items() if not isinstance(value, list)]
            parser.set_defaults(**{key: value for key, value in values.items() if isinstance(value, list)})
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
        _let_the_main_process_speak()
        sys.exit(f"error: {error}")


def _let_the_main_process_speak() -> None:
    if os.environ.get("RANK", "0") != "0":
        time.sleep(10)


def _program() -> str | None:
    """How a package that is run is called; argparse itself calls it `__main__.py`. None for a file."""
    spec = sys.modules["__main__"].__spec__
    return f"python -m {spec.parent}" if spec and spec.name.endswith(".__main__") else None


class _Parser(HfArgumentParser):
    """A parser whose errors are one line, not the list of all flags."""

    def error(self, message: str) -> NoReturn:
        _let_the_main_process_speak()
        self.exit(2, f"{self.prog}: error: {message}\n")


def _values_of_file(path: Path, options: Mapping[str, Field[Any]]) -> dict[str, Any]:
    """The values that a YAML file gives, each of the type of its field; null, which stands for None, is left out.

    Lists become defaults and not flags, since as a flag's value an item that begins with a dash would be another flag.
    """
    values = {}
    for key, value in _read_mapping(path).items():
        option = options[choose(f"key of {path}", key, options)]
        if value is None and option.default is not None:
            raise GradexplainError(f"key {key!r} of {path} has no value: give it one, or leave the line out")
        if value is not None:
            values[key] = _typed(f"key {key!r} of {path}", value, option.type)
    return values


_SAID = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _typed(where: str, value: Any, annotation: Any) -> Any:
    """The value if it is of the type, numbers being texts too, and `1e-3`, which is a text in YAML, a number."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)] if _is_union(annotation) else [annotation]
    items = [get_args(kind)[0] for kind in kinds if get_origin(kind) is list]
    if items:
        return [_typed(f"each item of {where}", x, items[0]) for x in (value if isinstance(value, list) else [value])]
    if isinstance(value, dict | list):
        raise GradexplainError(f"{where} must hold a single value, got {value!r}")
    known = [kind for kind in kinds if kind in _SAID] or [str]
    if not any(_is(value, kind) for kind in known):
        said = " or ".join(_SAID[kind] for kind in known)
        raise GradexplainError(f"{where} must hold {said}, got {value!r}, which is {type(value).__name__}")
    return str(value) if known == [str] else value


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def _is(value: Any, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float and isinstance(value, str):
        with suppress(ValueError):
            float(value)
            return True
    return isinstance(value, int if kind is int else (int | float if kind is float else str | int | float))


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GradexplainError(
            f"cannot read {path} ({error.strerror}): name a file that holds lines of `name: value`, or give flags alone"
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise GradexplainError(f"{path} is not YAML ({problem}): it must hold lines of `name: value`") from error
    if not isinstance(values, dict):
        raise GradexplainError(f"{path} must hold lines of `name: value`, got {type(values).__name__}")
    return values

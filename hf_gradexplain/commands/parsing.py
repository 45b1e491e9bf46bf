"""Command-line flags and YAML files, made from the fields of a dataclass."""

import argparse
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, NoReturn, TypeVar, Union, cast, get_args, get_origin

import yaml

from hf_gradexplain.errors import GradexplainError, choose, one_line
from hf_gradexplain.options import choices_of
from hf_gradexplain.viz.sanitize import visible

T = TypeVar("T")

RENAMED = {
    "baselines": "is now --compare_baselines",
    "revision": "is now --model_revision",
    "token": "is gone: set HF_TOKEN, or log in with `hf auth login`, which keeps the token out of the process list",
}
"""Flags of earlier versions, and what to use in their place."""


def parse_arguments(dataclass_type: type[T], argv: Sequence[str] | None = None) -> T:
    """Fill a dataclass from `[file.yaml] [--flag value ...]`; flags override the file, the file the defaults.

    The fields of the dataclass are the flags and the keys of the file; the metadata `help` of a field is its line under
    `--help`; those named in its `HIDDEN` are not listed there. `learning_rate: 1e-3` in the file means what
    `--learning_rate 1e-3` means. A key may be left without a value (null) only if its default is None.

    Args:
        dataclass_type: The dataclass; its `__post_init__` may check the values by raising `GradexplainError`.
        argv: The arguments after the program's name; None for those of this process.

    Returns:
        An instance of the dataclass.

    Raises:
        SystemExit: With code 2 and one sentence on stderr, if the file cannot be read, or a key or flag is unknown (the
            nearest one is named), has no value or a value of the wrong type; with code 0 after `--help`.
    """
    usage = "%(prog)s [file.yaml] [--flag value ...]"
    description = (dataclass_type.__doc__ or "").partition("Raises:")[0]
    parser = Parser(prog=_program(), usage=usage, description=description, allow_abbrev=False)
    parser.add_fields(dataclass_type, hidden=getattr(dataclass_type, "HIDDEN", ()))
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0].endswith((".yaml", ".yml")):
            flags, lists = _read_file(
                Path(arguments[0]), {part.name: part for part in fields(cast(Any, dataclass_type))}
            )
            arguments[:1] = flags
            parser.set_defaults(**lists)
        values = vars(parser.parse_args(arguments))
        return dataclass_type(**{key: tuple(x) if isinstance(x, list) else x for key, x in values.items()})
    except GradexplainError as error:
        parser.error(str(error))


class Parser(argparse.ArgumentParser):
    """A parser whose flags come from dataclasses, and whose errors are one sentence with the nearest choice."""

    def add_fields(self, dataclass_type: type, skip: Sequence[str] = (), hidden: Sequence[str] = ()) -> None:
        """Add a flag for each field of a dataclass, grouped by the base class that declares it.

        The title of a group is the first sentence of the docstring of that class; classes of one title share a group.
        Fields that the dataclass adds itself stand under `Run`.

        Args:
            dataclass_type: The dataclass.
            skip: Fields without a flag.
            hidden: Fields whose flags `--help` does not list.
        """
        parts = {part.name: part for part in fields(dataclass_type) if part.init and part.name not in skip}
        groups: dict[str, list[str]] = {}
        bases = [base for base in reversed(dataclass_type.__mro__) if is_dataclass(base)]
        for base in bases:
            own = base is dataclass_type and len(bases) > 1
            title = "Run" if own else re.split(r"[.\n]", base.__doc__ or "")[0]
            names = [name for name in vars(base).get("__annotations__", {}) if name in parts and _declares(base, name)]
            groups[title] = groups.get(title, []) + names
        for title, names in groups.items():
            group = self.add_argument_group(title)
            for name in names:
                _add_flag(group, parts[name], hidden=name in hidden)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and answer an unknown flag with the nearest one."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            name = unknown[0].partition("=")[0]
            if (new := RENAMED.get(name.lstrip("-"))) is not None:
                self.error(f"{name} {new}")
            try:
                choose("argument", name, [flag for flag in self._option_string_actions if flag.startswith("--")])
            except GradexplainError as error:
                self.error(str(error))
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """Print one sentence, without the list of all flags, and exit with code 2."""
        _wait_for_main_process()
        self.exit(2, f"{self.prog}: error: {visible(message)}\n")


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Exit with code 1 and one sentence on stderr if the library raises a `GradexplainError`."""
    try:
        with plain_warnings():
            yield
    except GradexplainError as error:
        _wait_for_main_process()
        sys.exit(f"error: {visible(str(error))}")


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Within the block, a warning is one line on stderr, without a line of code."""
    with warnings.catch_warnings():
        warnings.showwarning = cast(Any, _show_warning)
        yield


def _show_warning(message: Warning | str, category: type[Warning], *place: Any) -> None:
    kind = "warning" if category is UserWarning else category.__name__
    print(f"{kind}: {visible(str(message))}", file=sys.stderr)


def _wait_for_main_process() -> None:
    """Let the main process report first: mostly all processes fail alike, and its launcher then stops the others."""
    if os.environ.get("RANK", "0") != "0":
        time.sleep(10)


def _program() -> str | None:
    """The name of a package that is run with `-m`, which argparse calls `__main__.py`; None for a file."""
    spec = sys.modules["__main__"].__spec__
    return f"python -m {spec.parent}" if spec and spec.name.endswith(".__main__") else None


def _declares(base: type, name: str) -> bool:
    """Whether no parent of `base` declares the field: a new default in a subclass does not move the flag."""
    return not any(name in vars(parent).get("__annotations__", {}) for parent in base.__mro__[1:])


def _add_flag(group: Any, part: Field[Any], *, hidden: bool) -> None:
    """Add the flag of one field."""
    kind, several = _value_type(part.type)
    default = part.default_factory() if part.default_factory is not MISSING else part.default
    options: dict[str, Any] = {"type": _converter(part, kind), "metavar": _metavar(part, kind)}
    if default is MISSING:
        options["required"] = True
    else:
        options["default"] = default
    if kind is bool:
        options |= {"nargs": "?", "const": True}
    elif several:
        options["nargs"] = "+"
    text = part.metadata.get("help", "").replace("%", "%%")
    shown = " ".join(map(str, default)) if isinstance(default, tuple | list) else default
    with_default = shown not in (None, MISSING, "") and shown is not False
    text = f"{text} (default: {shown})" if with_default else text
    group.add_argument(f"--{part.name}", help=argparse.SUPPRESS if hidden else text, **options)
    if default is True:
        group.add_argument(
            f"--no_{part.name}", dest=part.name, action="store_false", default=True, help=argparse.SUPPRESS
        )


def _value_type(annotation: Any) -> tuple[Any, bool]:
    """The type of one value of an annotation, and whether it takes several."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(kind for kind in get_args(annotation) if kind is not type(None))
    if get_origin(annotation) in (list, tuple):
        return get_args(annotation)[0], True
    return annotation, False


def _converter(part: Field[Any], kind: Any) -> Callable[[str], Any]:
    if choices := choices_of(part):
        return partial(_one_of, part.name, choices)
    return partial(_boolean, part.metadata.get("hint")) if kind is bool else kind


def _one_of(name: str, choices: tuple[str, ...], value: str) -> str:
    try:
        return choose(name, value, choices)
    except GradexplainError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _boolean(hint: str | None, value: str) -> bool:
    if value.lower() in ("true", "yes", "1", "false", "no", "0"):
        return value.lower() in ("true", "yes", "1")
    raise argparse.ArgumentTypeError(f"expected true or false, got {value!r}{f': {hint}' if hint else ''}")


def _metavar(part: Field[Any], kind: Any) -> str:
    if choices := choices_of(part):
        return f"{{{','.join(choices)}}}"
    return part.metadata.get("metavar") or {bool: "true|false", int: "N", float: "X"}.get(kind, "TEXT")


def _read_file(path: Path, options: Mapping[str, Field[Any]]) -> tuple[list[str], dict[str, Any]]:
    """The values of a YAML file: single ones as flags, which argparse converts, and lists as defaults.

    As flags, items of a list that begin with a dash would be flags of their own.
    """
    flags, lists = [], {}
    for key, value in _read_mapping(path).items():
        if key in RENAMED and key not in options:
            raise GradexplainError(f"{path}: {key} {RENAMED[key].replace('--', '')}")
        part = options[choose(f"key of {path}", key, options)]
        kind, several = _value_type(part.type)
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


def _item(where: str, value: Any, kind: Any) -> Any:
    """One item of a list; a number may stand for a text."""
    if isinstance(value, str | int | float) and not isinstance(value, bool) and (kind is str or type(value) is kind):
        return kind(value)
    raise GradexplainError(f"{where} must be of type {kind.__name__}, got {value!r}")


def _read_mapping(path: Path) -> dict[str, Any]:
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

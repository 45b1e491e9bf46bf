"""Parse command lines: flags and YAML keys come from the fields of a dataclass, and errors are one sentence."""

import argparse
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from hf_gradexplain.commands.recipe_files import names_recipe, not_taken, read_recipe, value_type
from hf_gradexplain.errors import GradexplainError, choose, nearest
from hf_gradexplain.options.fields import choices_of
from hf_gradexplain.viz.sanitize import visible

T = TypeVar("T")


def parse_arguments(dataclass_type: type[T], argv: Sequence[str] | None = None) -> T:
    """Fill a dataclass from `[file.yaml] [--flag value ...]`; flags override the file, and the file the defaults.

    `learning_rate: 1e-3` in the file means the same as `--learning_rate 1e-3`. A key may have no value (null) only if
    its default is None.

    Args:
        dataclass_type: The dataclass, see `Parser.add_recipe`.
        argv: The arguments after the program's name; None for the arguments of this process.

    Returns:
        An instance of the dataclass.

    Raises:
        SystemExit: With code 0 after `--help`. With code 2 and one sentence on stderr if the file cannot be read, or if
            a key or flag has no value, has a value of the wrong type, or is unknown (the sentence then names the
            nearest one).
    """
    parser = Parser(prog=_program())
    parser.add_recipe(dataclass_type)
    return parser.parse_args(argv).arguments


class _HelpFormatter(argparse.HelpFormatter):
    """Wraps each paragraph of a text, except paragraphs that begin with a blank, such as examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip("\n").split("\n\n")
        return "\n\n".join(
            part.rstrip() if part.startswith(" ") else super(_HelpFormatter, self)._fill_text(part, width, indent)
            for part in paragraphs
        )


class Parser(argparse.ArgumentParser):
    """A parser whose flags come from dataclasses, and whose errors are one sentence that names the nearest choice.

    Args:
        prog: The name of the program; by default the name of this process's program.
        usage: The usage line; None for a line that lists all flags.
        description: What the program does.
        examples: Arguments of examples, which `--help` shows after the program's name.
    """

    def __init__(
        self,
        prog: str | None = None,
        usage: str | None = None,
        description: str | None = None,
        examples: Sequence[str] = (),
    ) -> None:
        super().__init__(prog, usage, description, allow_abbrev=False, formatter_class=_HelpFormatter)
        self.recipe: Any = None
        self.add_examples(examples)

    def add_examples(self, examples: Sequence[str]) -> None:
        """Let `--help` end with examples; each holds the arguments after the program's name."""
        if examples:
            self.epilog = "examples:\n\n" + "\n".join(f"  %(prog)s {line}".rstrip() for line in examples)

    def add_recipe(self, dataclass_type: Any) -> None:
        """Accept `[file.yaml] [--flag value ...]`; the result has an instance of the dataclass as `arguments`.

        The fields of the dataclass are the flags and the keys of the file. The metadata `help` of a field is its help
        text in `--help`, which does not list the fields named in the attribute `HIDDEN`. The attribute `EXAMPLES` has
        examples, and `REFUSED` has flags that are not accepted, with what to do instead. `__post_init__` may raise a
        `GradexplainError` for wrong values.
        """
        self.recipe = dataclass_type
        self.usage = self.usage or "%(prog)s [file.yaml] [--flag value ...]"
        self.description = (dataclass_type.__doc__ or "").partition("Raises:")[0]
        self.add_examples(getattr(dataclass_type, "EXAMPLES", ()))
        self.add_fields(dataclass_type, hidden=getattr(dataclass_type, "HIDDEN", ()))

    def add_fields(self, dataclass_type: type, skip: Sequence[str] = (), hidden: Sequence[str] = ()) -> None:
        """Add a flag for each field of a dataclass, grouped by the base class that declares it.

        The title of a group is the first sentence of the docstring of the base class; classes with the same title share
        a group. Fields that a recipe adds itself are in the group `Run`.

        Args:
            dataclass_type: The dataclass.
            skip: Fields without a flag.
            hidden: Fields whose flags `--help` does not list.
        """
        parts = {part.name: part for part in fields(dataclass_type) if part.init and part.name not in skip}
        groups: dict[str, list[str]] = {}
        bases = [base for base in reversed(dataclass_type.__mro__) if is_dataclass(base)]
        for base in bases:
            title = "Run" if base is self.recipe else re.split(r"[.\n]", base.__doc__ or "")[0]
            names = [name for name in vars(base).get("__annotations__", {}) if name in parts and _declares(base, name)]
            groups[title] = groups.get(title, []) + names
        for title, names in groups.items():
            group = self.add_argument_group(title)
            for name in names:
                _add_flag(group, parts[name], hidden=name in hidden)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and fill the dataclass of a recipe; the error about an unknown argument names the nearest flag."""
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            if self.recipe is not None and arguments and names_recipe(arguments[0]):
                arguments[:1], lists = read_recipe(Path(arguments[0]), self.recipe)
                self.set_defaults(**lists)
            known, unknown = super().parse_known_args(arguments, namespace)
            if unknown:
                self._refuse(unknown[0])
            if self.recipe is not None:
                known.arguments = _fill(self.recipe, known)
        except GradexplainError as error:
            self.error(str(error))
        return known, unknown

    def _refuse(self, argument: str) -> NoReturn:
        """Raise an error about an argument that the parser does not have."""
        name = argument.partition("=")[0]
        if (instead := not_taken(name.lstrip("-"), self.recipe)) is not None:
            raise GradexplainError(f"{name} {instead}")
        if self.recipe is not None and names_recipe(argument):
            raise GradexplainError(f"unknown argument {argument!r}: give the file before all flags")
        if not name.startswith("-"):
            raise GradexplainError(
                f"unknown argument {name!r}: put a text with blanks in quotes, and values after --flags"
            )
        for action in self._actions:
            if not action.option_strings and name.lstrip("-") in (action.dest, f"{action.dest}_name_or_path"):
                raise GradexplainError(f"unknown argument {name!r}: give {action.metavar} without a flag")
        flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
        raise GradexplainError(f"unknown argument {name!r}: {nearest(name, flags)}`{self.prog} --help` lists all")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Check that a value is one of the choices of a flag; the error names the nearest one."""
        if action.choices is not None:
            command = isinstance(action, argparse._SubParsersAction)
            try:
                choose("command" if command else action.dest, value, tuple(action.choices))
            except GradexplainError as error:
                raise argparse.ArgumentError(None if command else action, str(error)) from None

    def error(self, message: str) -> NoReturn:
        """Print one sentence, without the list of all flags, and exit with code 2."""
        wait_for_main_process()
        self.exit(2, f"{self.prog}: error: {visible(message)}\n")


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Exit with code 1 and one sentence on stderr if the library raises a `GradexplainError`."""
    try:
        with plain_warnings():
            yield
    except GradexplainError as error:
        wait_for_main_process()
        sys.exit(f"error: {visible(str(error))}")


@contextmanager
def plain_warnings() -> Iterator[None]:
    """In the block, print each warning as one line on stderr, without a line of code."""
    with warnings.catch_warnings():
        warnings.showwarning = cast(Any, _show_warning)
        yield


def _show_warning(message: Warning | str, category: type[Warning], *place: Any) -> None:
    kind = "warning" if category is UserWarning else category.__name__
    print(f"{kind}: {visible(str(message))}", file=sys.stderr)


def wait_for_main_process() -> None:
    """Let the main process report an error first; mostly all processes have it, and the launcher stops the others."""
    if os.environ.get("RANK", "0") != "0":
        time.sleep(10)


def _program() -> str:
    """Return the command of this process: a file, or a package with `-m`, which argparse would call `__main__.py`."""
    spec = sys.modules["__main__"].__spec__
    package = spec is not None and spec.name.endswith(".__main__")
    return f"python -m {spec.parent}" if spec is not None and package else f"python {sys.argv[0]}"


def _fill(dataclass_type: Any, values: argparse.Namespace) -> Any:
    """Return an instance of a dataclass with the values of a command line."""
    given = ((part.name, getattr(values, part.name)) for part in fields(dataclass_type) if part.init)
    return dataclass_type(**{name: tuple(value) if isinstance(value, list) else value for name, value in given})


def _declares(base: type, name: str) -> bool:
    """Return whether `base` declares the field first; a new default in a subclass does not move the flag."""
    return not any(name in vars(parent).get("__annotations__", {}) for parent in base.__mro__[1:])


def _add_flag(group: Any, part: Field[Any], *, hidden: bool) -> None:
    """Add the flag of one field."""
    kind, several = value_type(part)
    default = part.default_factory() if part.default_factory is not MISSING else part.default
    options: dict[str, Any] = {"type": _converter(part, kind)}
    if choices := choices_of(part):
        options["choices"] = choices
    else:
        options["metavar"] = part.metadata.get("metavar") or {bool: "true|false", int: "N", float: "X"}.get(
            kind, "TEXT"
        )
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


def _converter(part: Field[Any], kind: Any) -> Callable[[str], Any]:
    if choices_of(part):
        return str
    return partial(_boolean, part.metadata.get("hint")) if kind is bool else kind


def _boolean(hint: str | None, value: str) -> bool:
    if value.lower() in ("true", "yes", "1", "false", "no", "0"):
        return value.lower() in ("true", "yes", "1")
    raise argparse.ArgumentTypeError(f"expected true or false, got {value!r}{f': {hint}' if hint else ''}")

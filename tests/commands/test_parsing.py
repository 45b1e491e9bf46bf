"""One dataclass, filled from a YAML file and from flags."""

import re
import sys
import warnings
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from typing import Literal

import pytest

from hf_gradexplain.commands.parsing import Parser, exit_on_error, parse_arguments
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, ExplainRecipeArguments
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.training.arguments import TrainArguments


@dataclass
class Arguments:
    name: str = field(metadata={"help": "What it is called."})
    rate: float = 0.1
    steps: int | None = None
    kind: Literal["plain", "fancy"] = "plain"
    fast: bool = False
    careful: bool = True
    parts: tuple[str, ...] = ("all",)
    extras: tuple[str, ...] | None = None
    numbers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.name == "nobody":
            raise GradexplainError("nobody is no name: choose another")


def parse(*argv):
    return parse_arguments(Arguments, argv)


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "run.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_flags_fill_the_dataclass():
    assert parse("--name", "a") == Arguments("a")
    given = parse("--name=a", "--rate", "1e-3", "--steps", "5", "--fast", "--no_careful", "--parts", "x", "y")
    assert given == Arguments("a", 1e-3, 5, "plain", True, False, ("x", "y"))


def test_a_file_fills_the_dataclass_and_flags_override_it(file):
    text = "name: --dashed\nrate: 1e-3\nsteps: null\nkind: fancy\nfast: true\ncareful: false\nparts: [x, 'y z']\n"
    assert parse(file(text)) == Arguments("--dashed", 1e-3, None, "fancy", True, False, ("x", "y z"))
    given = parse(file(text), "--rate", "2", "--fast", "false", "--careful", "--parts", "q", "--name", "b")
    assert given == Arguments("b", 2.0, None, "fancy", False, True, ("q",))


def test_items_of_a_list_may_begin_with_a_dash(file):
    assert parse(file("name: a\nparts: [-x, --name, '-1']")).parts == ("-x", "--name", "-1")
    assert parse(file("name: a\nextras: [-x]")).extras == ("-x",)
    assert parse("--name=a", "--extras=-x").extras == ("-x",)
    assert parse(file("name: a\nparts: -x")).parts == ("-x",)
    assert parse(file("name: a\nparts: [-x]"), "--parts", "q").parts == ("q",)


def test_numbers_in_a_file_may_be_names(file):
    assert parse(file("name: 2024")) == Arguments("2024")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nrat: 1", r"unknown key of .*run.yaml 'rat': did you mean 'rate'\?"),
        ("name: a\n7: 1", r"unknown key of .*run.yaml 7; choices: "),
        ("name: a\nrate: slow", r"argument --rate: invalid float value: 'slow'"),
        ("name: a\nrate: true", r"key 'rate' of .*run.yaml must hold no true or false, unless in quotes, got True"),
        ("name: a\nsteps: 1.5", r"argument --steps: invalid int value: '1.5'"),
        ("name: a\nfast: 1", r"key 'fast' of .*run.yaml must hold true or false, got 1"),
        ("name: a\nfast: maybe", r"key 'fast' of .*run.yaml must hold true or false, got 'maybe'"),
        ("name: yes", r"key 'name' of .*run.yaml must hold no true or false, unless in quotes, got True"),
        ("name: a\nparts: [x, null]", r"each item of key 'parts' of .*run.yaml must be of type str, got None"),
        ("name: a\nparts: {x: y}", r"each item of key 'parts' of .*run.yaml must be of type str, got {'x': 'y'}"),
        ("name: a\nnumbers: [1, x]", r"each item of key 'numbers' of .*run.yaml must be of type int, got 'x'"),
        ("name: a\nkind: odd", r"argument --kind: unknown kind 'odd'; choices: plain, fancy"),
        ("name: a\nrate:", r"key 'rate' of .*run.yaml has no value"),
        ("name: a\nrate: [1, 2]", r"key 'rate' of .*run.yaml must hold a single value, got \[1, 2\]"),
        ("name: a\nrate: {b: 1}", r"key 'rate' of .*run.yaml must hold a single value, got \{'b': 1\}"),
        ("rate: 1", r"required: --name"),
        ("name: nobody", r"nobody is no name: choose another"),
        ("- name", r"run.yaml must hold lines of `name: value`, got list"),
        ("", r"run.yaml must hold lines of `name: value`, got NoneType"),
        ("a: [", r"run.yaml is not YAML \(while parsing .*\): it must hold lines of `name: value`"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(file, capsys, text, message):
    with pytest.raises(SystemExit) as stop:
        parse(file(text))
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error), error


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--name", "a", "--rats", "1"), "unknown argument '--rats': did you mean '--rate'?"),
        (("--nam", "a"), "required: --name"),
        (("--name", "a", "other.yaml"), "unknown argument 'other.yaml': give the file before all flags"),
        (("--name", "a", "b.yml"), "unknown argument 'b.yml': give the file before all flags"),
        (("--name", "a", "b"), "unknown argument 'b': put a text with blanks in quotes, and values after --flags"),
        (
            ("missing.yaml",),
            "cannot read missing.yaml (No such file or directory): name a file that holds lines of `name: value`",
        ),
        (("--name", "a", "--rate", "x"), "argument --rate: invalid float value: 'x'"),
        (("--name", "a", "--kind", "fanci"), "argument --kind: unknown kind 'fanci': did you mean 'fancy'?"),
        (("--name", "a", "--fast", "x"), "argument --fast: expected true or false, got 'x'"),
        (("--name", "a", "--baselines", "mean"), "--baselines is now --compare_baselines"),
        (("--name", "a", "--revision=v1"), "--revision is now --model_revision"),
        (("--name", "a", "--token", "hf_x"), "--token is gone: set HF_TOKEN, or log in with `hf auth login`"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(capsys, argv, message):
    with pytest.raises(SystemExit) as stop:
        parse(*argv)
    error = capsys.readouterr().err
    assert (stop.value.code, error.count("\n")) == (2, 1)
    assert message in error


def test_help_tells_what_a_field_is(capsys):
    with pytest.raises(SystemExit) as stop:
        parse("--help")
    assert stop.value.code == 0
    assert "What it is called." in capsys.readouterr().out


@pytest.mark.parametrize(("name", "said"), [("some.tool.__main__", "python -m some.tool"), ("tool", "python tool.py")])
def test_a_package_that_is_run_is_called_by_its_name(name, said, monkeypatch, capsys):
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", ModuleSpec(name, None))
    monkeypatch.setattr(sys, "argv", ["tool.py"])
    with pytest.raises(SystemExit):
        parse("--help")
    assert capsys.readouterr().out.startswith(f"usage: {said} [")


@pytest.mark.parametrize("arguments", [EvaluateRecipeArguments, ExplainRecipeArguments, TrainArguments])
def test_every_recipe_has_help(arguments, capsys):
    with pytest.raises(SystemExit, match="0"):
        parse_arguments(arguments, ["--help"])
    assert "seed" in capsys.readouterr().out


def test_help_has_no_blanks_at_the_ends_of_lines():
    shown = Parser(
        prog="tool", usage="%(prog)s", description="Says.\n\n  an example  \n\n  another\n    "
    ).format_help()
    said = "usage: tool\n\nSays.\n\n  an example\n\n  another\n\noptions:\n"
    assert shown == f"{said}  -h, --help  show this help message and exit\n"


def test_errors_of_the_library_end_a_program(capsys):
    with pytest.raises(SystemExit) as stop, exit_on_error():
        raise GradexplainError("too much: take less")
    assert stop.value.code == "error: too much: take less", "Python prints it and exits with code 1"
    with pytest.raises(KeyError), exit_on_error():
        raise KeyError("a bug stays visible")


def test_warnings_are_one_line_without_code(capsys):
    with exit_on_error():
        warnings.simplefilter("always")
        warnings.warn("zero is \x1b[31mno baseline", stacklevel=1)
        warnings.warn("too old", FutureWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: zero is ␛[31mno baseline\nFutureWarning: too old\n"

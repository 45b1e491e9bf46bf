"""What each command does without flags, how its output is printed, and with which code it ends."""

import argparse
import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from hf_gradexplain import cli
from hf_gradexplain.cli import build_parser, completion, doctor, main, words
from hf_gradexplain.cli.inputs import dataset_of
from hf_gradexplain.cli.output import print_json, print_rows
from hf_gradexplain.errors import GradexplainError


def parsed(*argv):
    return vars(build_parser().parse_args(argv))


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["words", "run"], {
            "folder": Path("run"), "method": None, "by": "target", "key": "exact", "min_documents": None,
            "suspicious": False, "n_texts": None, "margin": None, "most": None, "format": "human", "top": 20,
            "output": None,
        }),
        (["words", "run", "--suspicious", "--n_texts", "7", "--margin", "0.5", "--most", "3"], {
            "suspicious": True, "n_texts": 7, "margin": 0.5, "most": 3,
        }),
        (["compare", "a", "b"], {
            "a": "a", "b": "b", "reference": [], "method": None, "fail_on": [], "junit": None, "markdown": None,
            "output_dir": Path("outputs/compare"), "format": "human", "dataset_name": None,
        }),
        (["compare", "a", "b", "--reference", "c", "d", "--fail_on", "drift=1"], {
            "reference": ["c", "d"], "fail_on": ["drift=1"],
        }),
        (["evidence", "run", "--id", "3"], {
            "folder": Path("run"), "id": 3, "verify": None, "method": None, "contact": "", "output": None,
            "format": "human",
        }),
        (["doctor", "m"], {"model": "m", "full": False, "max_samples": 50, "seed": 0, "split": "test", "file": None}),
        (["explain", "m", "t"], {
            "model": "m", "text": "t", "pair": None, "label": None, "interactions": False, "html": None,
            "format": "human", "max_samples": None, "file": None, "dataset_name": None, "methods": ("auto",),
            "unit": "word", "target": "predicted",
        }),
        (["explain", "m", "t", "--label", "-3"], {"label": "-3"}),
        (["explain", "m", "t", "--label", "--3"], {"label": "--3"}),
        (["report", "run"], {"folder": Path("run"), "output": None}),
        (["methods"], {"format": "human"}),
        (["env", "--format", "quiet"], {"format": "quiet"}),
        (["completion", "bash"], {"shell": "bash"}),
        ([], {"command_name": None}),
    ],
)  # fmt: skip
def test_the_values_of_flags(argv, expected):
    if "--3" in argv:
        argv = [*argv[:-2], "--label=--3"]
    assert parsed(*argv).items() >= expected.items()


def test_an_evidence_page_needs_a_text_or_a_file():
    for argv in (["evidence", "run"], ["evidence", "run", "--id", "1", "--verify", "f"]):
        with pytest.raises(SystemExit):
            parsed(*argv)


def test_the_split_of_a_command_without_labels():
    arguments = dataset_of(argparse.Namespace(dataset_name="d", max_samples=7, other=1))
    assert (arguments.dataset_name, arguments.max_samples, arguments.split, arguments.label_map) == (
        "d",
        7,
        "test",
        None,
    )


def ending(result):
    def run(arguments):
        if isinstance(result, BaseException):
            raise result
        return result

    return run


@pytest.mark.parametrize(
    ("result", "code", "said"),
    [
        (None, 0, ""),
        (0, 0, ""),
        (3, 3, ""),
        (GradexplainError("wrong \x1b"), 1, "hf-gradexplain: wrong ␛\n"),
        (KeyboardInterrupt(), 130, "\nstopped\n"),
    ],
)
def test_the_exit_code_of_each_ending(monkeypatch, capsys, result, code, said):
    monkeypatch.setattr(cli.methods, "run", ending(result))
    assert main(["methods"]) == code
    assert capsys.readouterr() == ("", said)


class Pipe:
    """Standard output whose reader has stopped."""

    def write(self, text): ...

    def flush(self):
        raise BrokenPipeError

    def fileno(self):
        return 77


@pytest.mark.parametrize("result", [BrokenPipeError(), None])
def test_a_closed_pipe_ends_with_one_and_the_rest_of_the_output_goes_nowhere(result):
    moved = []

    def move(source, target):
        moved.append((os.fstat(source).st_rdev, target))
        os.close(source)

    with pytest.MonkeyPatch.context() as patch:  # which ends before pytest restores its own output
        patch.setattr(cli.methods, "run", ending(result))
        patch.setattr(os, "dup2", move)
        patch.setattr(sys, "stdout", Pipe())
        assert main(["methods"]) == 1
    assert moved == [(os.stat(os.devnull).st_rdev, 77)]


ROWS = [{"name": "a " + "x" * 200, "n": 1}, {"name": "b\x1b", "n": 2}]


def test_rows_in_each_format(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    print_rows(ROWS, "quiet")
    assert capsys.readouterr().out == f"{ROWS[0]['name']}\n{ROWS[1]['name']}\n"
    print_rows(ROWS[:1], "json")
    assert capsys.readouterr().out == '[\n  {\n    "name": "' + ROWS[0]["name"] + '",\n    "n": 1\n  }\n]\n'
    print_rows(ROWS, "human")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:2] == ["name" + " " * 200 + "n"]
    assert lines[3:5] == [f"{ROWS[0]['name']}  1", "b␛" + " " * 202 + "2"]
    print_json({"a": "\x9b"})
    assert capsys.readouterr().out == '{\n  "a": "\\u009b"\n}\n'


def test_the_first_column_of_a_table_is_not_broken(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    print_rows([{"name": "abcdefghij", "about": "words " * 10}], "human")
    out = capsys.readouterr().out
    assert "abcdefghij" in out
    assert out.count("words") == 10


WORDS = pd.DataFrame({"group": ["x", "y"], "word": ["a\n", "b"], "p": [0.5, float("nan")]})


def test_words_in_each_format(capsys):
    words._print_rows(WORDS, "group", "csv")
    assert capsys.readouterr().out == 'group,word,p\nx,"a\n",0.5\ny,b,\n'
    words._print_rows(WORDS.iloc[1:], "group", "json")
    assert '"p": null' in capsys.readouterr().out
    words._print_rows(WORDS, "group", "quiet")
    assert capsys.readouterr().out == "x\ta\ny\tb\n"


class Shown:
    """A recommendation."""

    method, sentence = None, "the sentence"

    def to_table(self):
        return "the table"


def test_a_recommendation_is_printed_as_its_method_or_as_table_and_sentence(capsys):
    doctor._print_recommendation(Shown(), "quiet")
    assert capsys.readouterr().out == "\n"
    shown = Shown()
    shown.method = "loo"
    doctor._print_recommendation(shown, "quiet")
    assert capsys.readouterr().out == "loo\n"
    doctor._print_recommendation(shown, "human")
    assert capsys.readouterr().out == "the table\nthe sentence\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_every_shell_of_the_library_is_completed(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "hf-gradexplain" in capsys.readouterr().out
    assert set(completion._PATHS) == {"FILE", "FOLDER", "MODEL", "RUN"}


def test_env_aligns_names_for_people_only(capsys):
    assert main(["env"]) == 0
    names = [line.split(" ")[0] for line in capsys.readouterr().out.splitlines()]
    width = max(map(len, names))
    assert main(["env"]) == 0
    assert all(line[width] == " " and line[width + 1] != " " for line in capsys.readouterr().out.splitlines())
    assert main(["env", "--format", "quiet"]) == 0
    assert capsys.readouterr().out.startswith(f"{names[0]} ")
    assert {"platform", "device"} <= set(names)

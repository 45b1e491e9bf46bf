"""Every command of the pages runs in the small world, or is listed with the reason why not."""

import io
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from hf_gradexplain.cli import main
from tests.docs.pages import PAGES, ROOT, blocks, read

NOT_RUN = {
    "git ": "changes the repository, or needs a network",
    "cd ": "belongs to git",
    "pip install": "needs a network",
    "hf upload": "needs the hub",
    "make ": "a target of the Makefile, see below",
    ".venv/bin/python -m pytest": "runs tests; tests/README.md",
    "torchrun": "tests/recipes/ and tests/run/ start several processes",
    "accelerate launch": "tests/recipes/ and tests/run/ start several processes",
    "python -m benchmarks.": "minutes of measurements",
    "python -m recipes.masked_fine_tuning": "minutes of training; tests/recipes/ runs it on a few texts",
    "for model in": "minutes of measurements",
}
"""The beginnings of commands that do not run here, and why."""

TESTED_ELSEWHERE = {
    "--push_to_hub": "tests/hub/ publishes to a hub on loopback",
    "--output words.svg": "tests/cli/test_words.py draws the words of a run that has some",
    ".yaml": "tests/recipes/ reads files of flags, and checks those of recipes/configs/",
}
"""Arguments of commands that do not run here, and what runs them."""

READ_RUNS = tuple(f"hf-gradexplain {name} outputs/" for name in ("compare", "evidence", "words"))
"""The beginnings of commands that read finished runs."""

EMBEDDED = ("hf-gradexplain evaluate",)
"""Commands that train a model; tests/recipes/ runs them."""


def commands(page):
    """The commands of a page: one per line, where a backslash joins lines, without comments."""
    text = "".join(blocks(page, "bash")).replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [shlex.join(words) for words in lines if words]


def runs(command):
    if command in EMBEDDED or command.startswith(tuple(NOT_RUN)):
        return False
    return not any(part in command for part in TESTED_ELSEWHERE)


def marked(command):
    """A parameter of the test; what evaluates methods takes seconds, and is slow."""
    slow = command.startswith(("hf-gradexplain evaluate", "hf-gradexplain doctor", "hf-gradexplain train"))
    return pytest.param(command, marks=pytest.mark.slow if slow else (), id=command[:80])


COMMANDS = sorted({command for page in PAGES for command in commands(page) if runs(command)})


@pytest.mark.parametrize("command", [marked(command) for command in COMMANDS])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_command_of_the_pages_runs(command, world, request, monkeypatch, capsys):
    words = shlex.split(command)
    if command.startswith(READ_RUNS):
        request.getfixturevalue("outputs")
    words, file = (words[:-2], words[-1]) if ">" in words else (words, None)
    if "<" in words:
        words, read = words[:-2], words[-1]
        monkeypatch.setattr(sys, "stdin", io.StringIO(Path(read).read_text(encoding="utf-8")))
    if words[0] == "hf-gradexplain":
        assert main(words[1:]) == 0, capsys.readouterr().err
        if file:
            Path(file).write_text(capsys.readouterr().out, encoding="utf-8")
    else:
        assert words[0] == "python", f"NOT_RUN of {__file__} does not say why this command is not run"
        monkeypatch.setattr(sys, "argv", words[1:])
        runpy.run_path(str(ROOT / words[1]), run_name="__main__")


def test_every_reason_is_that_of_a_command():
    every = [command for page in PAGES for command in commands(page)]
    assert [start for start in NOT_RUN if not any(command.startswith(start) for command in every)] == []
    assert [part for part in TESTED_ELSEWHERE if not any(part in command for command in every)] == []


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.M))
    called = {shlex.split(c)[1] for page in PAGES for c in commands(page) if c.startswith("make ")}
    assert called
    assert called <= targets

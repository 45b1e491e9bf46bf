"""Verdicts on mutants of a tiny checkout, results that are read again, and the summary."""

import json
from dataclasses import asdict

import pandas as pd
import pytest

from tests.mutants import trial
from tests.mutants.__main__ import read_trials, summary
from tests.mutants.lines import TestsByLine, record
from tests.mutants.sample import draw
from tests.mutants.trial import Trial, run_tests, try_mutant

CODE = """
def add(a, b):
    return a + b


def unused(a):
    return a
"""
TEST = """
from hf_gradexplain.numbers import add

def test_add():
    assert add(2, 3) == 5
"""


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    for name, text in {
        "hf_gradexplain/__init__.py": "",
        "hf_gradexplain/numbers.py": CODE,
        "tests/test_numbers.py": TEST,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_mutant_is_killed_by_a_test_or_survives_and_the_copy_stays_as_it_was(checkout):
    trials = {m.before: try_mutant(m, checkout, 60) for m in draw(9, 0, checkout)}
    assert {before: (t.verdict, t.test) for before, t in trials.items()} == {
        "return a + b": ("killed", "tests/test_numbers.py::test_add"),
        "return a": ("survived", "all tests ran"),
    }
    assert (checkout / "hf_gradexplain" / "numbers.py").read_text() == CODE


def test_the_tests_that_run_the_line_run_first_and_then_all_others(checkout, monkeypatch):
    """Two tests would notice the error; the one of the other file is known to run the line."""
    (checkout / "tests" / "test_far.py").write_text(TEST.replace("def test_add", "def test_far"))
    recorded = TestsByLine(
        pd.DataFrame(
            [
                ("hf_gradexplain/numbers.py", 0, "return a + b", ["tests/test_far.py::test_far"]),
                ("hf_gradexplain/numbers.py", 0, "return a", ["tests/test_numbers.py::test_add"]),
            ],
            columns=["path", "occurrence", "line", "tests"],
        )
    )
    mutants = {m.before: m for m in draw(9, 0, checkout)}
    trials = {before: try_mutant(mutant, checkout, 60, recorded) for before, mutant in mutants.items()}
    assert (trials["return a + b"].verdict, trials["return a + b"].test) == ("killed", "tests/test_far.py::test_far")
    assert (trials["return a"].verdict, trials["return a"].test) == ("survived", "all tests ran")
    noticed = mutants["return a + b"]
    wrong = TestsByLine(recorded.table.assign(tests=recorded.table["tests"].iloc[::-1].to_numpy()))
    (checkout / "tests" / "test_numbers.py").write_text(TEST.replace("== 5", "!= 99"))
    assert try_mutant(noticed, checkout, 60, wrong).test == "tests/test_far.py::test_far", "the others run, too"


def test_the_recorded_tests_of_a_line(checkout, tmp_path):
    """Recorded by coverage.py itself; a line inside a call counts where its statement begins."""
    (checkout / "hf_gradexplain" / "numbers.py").write_text(
        CODE + "\n\ndef one():\n    return max(\n        1,\n        0,\n    )\n"
    )
    (checkout / "tests" / "test_one.py").write_text(
        "from hf_gradexplain.numbers import add, one\n\ndef test_one():\n    assert add(one(), 0) == 1\n"
    )
    file = tmp_path / "lines.parquet"
    assert record(checkout, file) == 0
    recorded = TestsByLine(pd.read_parquet(file))
    add, one = "tests/test_numbers.py::test_add", "tests/test_one.py::test_one"
    source = (checkout / "hf_gradexplain" / "numbers.py").read_text()
    assert recorded.tests == {add, one}
    assert {(m.before, recorded.of(m, source)) for m in draw(9, 0, checkout)} == {
        ("return a + b", frozenset({add, one})),
        ("return a", frozenset()),
        ("return max(", frozenset({one})),
        ("1,", frozenset({one})),
        ("0,", frozenset({one})),
    }
    source = "MOST = 3\n\n\ndef one(n=2):\n    return n < MOST\n"
    (checkout / "hf_gradexplain" / "numbers.py").write_text(source)
    rows = [("hf_gradexplain/numbers.py", 0, "return n < MOST", [one])]
    recorded = TestsByLine(pd.DataFrame(rows, columns=recorded.table.columns))
    at_import = {m.before: recorded.of(m, source) for m in draw(9, 0, checkout)}
    expected = dict.fromkeys(["MOST = 3", "return n < MOST"], frozenset({one}))
    assert at_import == {**expected, "def one(n=2):": frozenset({one, "tests/test_defaults.py"})}
    elsewhere = TestsByLine(recorded.table.assign(path="hf_gradexplain/others.py"))
    assert {m.before: elsewhere.of(m, source) for m in draw(9, 0, checkout)}["MOST = 3"] == {one}
    (checkout / "tests" / "test_numbers.py").unlink()
    failing = "from hf_gradexplain.numbers import one\n\ndef test_one():\n    assert one() == 99\n"
    (checkout / "tests" / "test_one.py").write_text(failing)
    assert record(checkout, file) == 1
    assert TestsByLine(pd.read_parquet(file)).tests == {one}, "what a failing test runs is recorded, too"


@pytest.mark.parametrize(
    ("lines", "seconds", "expected"),
    [
        ("pass", 60, ("survived", "")),
        ("assert False", 60, ("killed", "test_x.py::test_x")),
        ("import time; time.sleep(99)", 60, ("time-out", "test_x.py::test_x")),
        ("assert False", -1, ("survived", "")),
        ("import os; os._exit(3)", 60, ("killed", "before any test")),
        ("return (", 60, ("killed", "test_x.py")),
    ],
    ids=["passes", "fails", "hangs", "is not started", "ends the process", "cannot be imported"],
)
def test_the_verdict_of_a_test_that(lines, seconds, expected, checkout, monkeypatch):
    monkeypatch.setattr(trial, "PER_TEST", 2)
    (checkout / "test_x.py").write_text(f"def test_x():\n    {lines}\n")
    assert run_tests(["test_x.py"], checkout, seconds) == expected


def test_the_last_trial_of_a_mutant_counts_and_the_summary_lists_what_was_not_killed(checkout, tmp_path):
    mutants = draw(9, 0, checkout)
    first, second = (m.name for m in mutants)
    trials = [
        Trial(first, "survived", "", 9),
        Trial(second, "survived", "all tests ran", 9),
        Trial(first, "killed", "", 9),
    ]
    path = tmp_path / "trials.jsonl"
    assert read_trials(path) == {}
    path.write_text("".join(json.dumps(asdict(each)) + "\n" for each in trials))
    read = read_trials(path)
    assert read == {first: trials[2], second: trials[1]}
    survivor, folders, last = summary(mutants, read, 3)
    assert survivor == f"SURVIVED (all tests ran): {mutants[1]}"
    assert folders == "mutants by folder: numbers 2"
    # Wilson's interval by hand: (1/2 + z^2 / 4 ± z sqrt(1/8 + z^2 / 16)) / (1 + z^2 / 2), with z = 1.96
    assert last == ("1 of 2 killed (50.0%, 95 % interval 9.5% to 90.5%); 0 by time-out; 3 equivalent ones left out")
    hung = summary(mutants, {first: trials[2], second: Trial(second, "time-out", "a::b", 9)}, 0)
    assert hung[0] == f"TIME-OUT (a::b): {mutants[1]}"
    assert hung[-1].startswith("2 of 2 killed (100.0%, 95 % interval 34.2% to 100.0%); 1 by time-out")

"""The command `hf-gradexplain`: help, examples, the nearest choice, exit codes, and the doors to the recipes."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version

import pytest

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.cli import build_parser, env, main
from hf_gradexplain.commands import evaluate, train
from hf_gradexplain.commands.parsing import exit_on_error
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, TrainRecipeArguments
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.run import processes

(COMMANDS,) = (action.choices for action in build_parser()._actions if action.dest == "command_name")


def stopped(capsys, *arguments):
    """Return the exit code of a command line that ends the program, and what it says on standard error."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return stop.value.code, capsys.readouterr().err


@pytest.mark.parametrize(("rank", "waits"), [(None, []), ("0", []), ("1", [10])])
def test_an_error_is_printed_by_the_main_process_first(monkeypatch, capsys, rank, waits):
    def fail(arguments):
        raise GradexplainError("no")

    slept = []
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr("time.sleep", lambda seconds: slept.append((seconds, capsys.readouterr().err)))
    monkeypatch.setattr(env, "run", fail)
    assert main(["env"]) == 1
    with pytest.raises(SystemExit):
        main(["env", "--unknown"])
    with pytest.raises(SystemExit), exit_on_error():
        raise GradexplainError("no")
    assert [seconds for seconds, _ in slept] == 3 * waits
    assert [printed.count("\n") for _, printed in slept] == [0, 1, 1][: len(slept)]


def test_without_arguments_it_prints_its_help(capsys):
    assert main([]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert all(f"\n    {name}" in printed.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_examples_that_can_be_copied(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    _, found, examples = capsys.readouterr().out.partition("\nexamples:\n\n")
    assert found
    lines = examples.removesuffix("\n").splitlines()
    assert all(line.startswith(f"  hf-gradexplain {name}") and line == line.rstrip() for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explan"], "unknown command 'explan': did you mean 'explain'?"),
        (["explain", "m", "t", "--objectiv", "x"], "unknown argument '--objectiv': did you mean '--objective'?"),
        (["explain", "t", "--model_name_or_path", "m"], "unknown argument '--model_name_or_path': give MODEL without"),
        (["explain", "--model", "m", "--text", "t"], "unknown argument '--model': give MODEL without a flag"),
        (["explain", "m", "--text=t"], "unknown argument '--text': give TEXT without a flag"),
        (
            ["explain", "m", "t", "--model_revisio", "x"],
            "unknown argument '--model_revisio': did you mean '--model_rev",
        ),
        (["explain", "m", "t", "--format", "jsn"], "argument --format: unknown format 'jsn': did you mean 'json'?"),
        (["explain", "m", "a", "film"], "unknown argument 'film': put a text with blanks in quotes"),
        (["evaluate", "--model", "x"], "unknown argument '--model': did you mean '--model_name_or_path'?"),
        (["evaluate", "none.yaml"], "cannot read none.yaml (No such file or directory)"),
        (["evaluate", "--threads", "0"], "threads must be a number of CPU threads, 1 or larger"),
        (["train", "--dataset_name", "x"], "the following arguments are required: --output_dir"),
        (["completion", "bsh"], "argument SHELL: unknown shell 'bsh': did you mean 'bash'?"),
    ],
)
def test_a_wrong_command_line_has_its_own_code(arguments, message, capsys):
    code, error = stopped(capsys, *arguments)
    assert (code, error.count("\n")) == (2, 1)
    assert message in error


def test_a_long_list_of_choices_is_cut(tmp_path, capsys):
    (tmp_path / "run.yaml").write_text("methds: [loo]\n")
    _, error = stopped(capsys, "evaluate", str(tmp_path / "run.yaml"))
    assert "did you mean 'methods'?" in error
    assert error.endswith(", ...\n")
    assert len(error) < 600


@pytest.mark.parametrize("form", ["human", "quiet"])
def test_a_reader_that_stops_gets_no_traceback(form):
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "hf_gradexplain", "methods", "--format", form]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        command, stdout=writes, stderr=subprocess.PIPE, text=True, timeout=120, check=False, env=variables
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, "")


def test_ctrl_c_ends_it_without_a_traceback(monkeypatch, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(env, "run", interrupt)
    assert main(["env"]) == 130
    assert capsys.readouterr().err == "\nstopped\n"


@pytest.fixture
def given(monkeypatch):
    """Arguments that the recipes were run with; nothing is run."""
    calls = []
    monkeypatch.setattr(processes, "flush_denormals", lambda: calls.append("flush_denormals"))
    monkeypatch.setattr(evaluate, "run_evaluation", calls.append)
    monkeypatch.setattr(train, "run_training", lambda arguments: calls.append(arguments) or {"accuracy": 0.5})
    return calls


def test_evaluate_takes_the_file_and_the_flags_of_the_recipe(given, tmp_path):
    (tmp_path / "run.yaml").write_text("unit: token\nmethods: [loo, random]\nseed: 1\n")
    assert main(["evaluate", str(tmp_path / "run.yaml"), "--seed", "3"]) == 0
    assert given == ["flush_denormals", EvaluateRecipeArguments(unit="token", methods=("loo", "random"), seed=3)]


def test_train_prints_the_metrics(given, capsys):
    assert main(["train", "--model_type", "textcnn", "--dataset_name", "x", "--output_dir", "y"]) == 0
    assert given[1] == TrainRecipeArguments(model_type="textcnn", dataset_name="x", output_dir="y")
    assert json.loads(capsys.readouterr().out) == {"accuracy": 0.5}


def test_an_error_is_one_line(given, monkeypatch, capsys):
    def fail(arguments):
        raise GradexplainError("no: do this")

    monkeypatch.setattr(evaluate, "run_evaluation", fail)
    assert main(["evaluate"]) == 1
    assert capsys.readouterr().err == "hf-gradexplain: no: do this\n"


COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_shtab_hf_gradexplain 2> /dev/null
echo "${COMPREPLY[*]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_shell_completes_commands_flags_choices_methods_and_files(capsys, tmp_path):
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    (tmp_path / "recipe.yaml").touch()

    def completed(*words):
        command = ["bash", "-c", COMPLETE, "bash", script, "hf-gradexplain", *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout.split()

    assert completed("ex") == ["explain"]
    assert completed("explain", "m", "--unit", "w") == ["word", "word_type"]
    assert completed("evaluate", "--methods", "lo") == ["loo"]
    assert completed("train", "--dataset_n") == ["--dataset_name"]
    assert completed("evaluate", "rec") == completed("explain", "m", "--file", "rec") == ["recipe.yaml"]


def test_the_doctor_looks_a_model_over(model, capsys):
    assert main(["doctor", model]) == 0
    assert "word lookups" in capsys.readouterr().out
    assert main(["doctor", model, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {check["name"] for check in report["checks"]} >= {"word lookups"}
    assert main(["doctor", model, "--format", "quiet"]) == 0
    assert capsys.readouterr().out.strip() == ""
    assert main(["doctor", model, "--problem_type", "multi_label_classification", "--format", "json"]) == 0
    checks = {check["name"]: check["found"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["head"] == "3 labels, sigmoid head"


def test_methods(capsys):
    assert main(["methods", "--format", "quiet"]) == 0
    assert capsys.readouterr().out.split() == list(METHODS)
    assert main(["methods", "--format", "json"]) == 0
    found = {row["method"]: (row["signed"], row["summary"]) for row in json.loads(capsys.readouterr().out)}
    assert found == {name: (method.signed, method.summary) for name, method in METHODS.items()}
    assert main(["methods"]) == 0
    assert "leave-one-out" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert (stopped.value.code, capsys.readouterr().out) == (0, f"hf-gradexplain {version('hf_gradexplain')}\n")


def test_env(capsys):
    assert main(["env", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"python", "torch", "transformers", "device"} <= found.keys()

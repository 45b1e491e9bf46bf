"""What the command around an evaluation does: stops, the destination of a push, and the summary."""

import signal
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from hf_gradexplain.commands import evaluate as module
from hf_gradexplain.commands.evaluate import _destination, _print, explain_stops, run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.errors import GradexplainError
from tests.evaluation.test_presentation import AOPC, CORRELATION, COUNTS, Tables


@pytest.mark.parametrize(
    ("stop", "code"), [(KeyboardInterrupt(), 130), (KeyboardInterrupt(15), 143), (KeyboardInterrupt(2), 130)]
)
def test_a_stop_says_how_to_resume(stop, code, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, explain_stops(tmp_path):
        raise stop
    assert ended.value.code == code
    assert capsys.readouterr().err == "\nstopped: run the same command again to resume; finished shards are kept\n"


def test_sigterm_counts_as_a_stop(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, explain_stops(tmp_path):
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_full_disk_is_an_error_of_one_sentence(tmp_path):
    said = r"No space left.*make room or make it writable, and run the same command"
    with pytest.raises(GradexplainError, match=said), explain_stops(tmp_path):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"push_to_hub": True}, ("folder", "dataset", {"private": True})),
        ({"push_to_hub": True, "hub_dataset_id": "a/b"}, ("a/b", "dataset", {"private": True})),
        ({"push_to_hub": True, "hub_private_repo": False}, ("folder", "dataset", {"private": False})),
    ],
)
def test_the_destination_is_named_after_the_folder(monkeypatch, tmp_path, given, expected):
    monkeypatch.setattr(module, "check_destination", lambda *names, **more: (*names, more))
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    assert _destination(EvaluateRecipeArguments(output_dir=".", **given)) == expected


def test_the_summary_goes_to_standard_output_and_the_path_beside_it(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    run = SimpleNamespace(
        tables=Tables(AOPC, CORRELATION, counts=COUNTS),
        title="m on d",
        extra={"own: table": AOPC.iloc[:1]},
        seconds=2.6,
    )
    _print(run, tmp_path)
    out, err = capsys.readouterr()
    assert err == f"3 s. Report: {tmp_path / 'report.html'}\n"
    lines = out.splitlines()
    assert lines[0].strip() == "m on d"
    assert "own" in [line.strip() for line in lines]
    assert lines[-2].startswith("Over 5 texts, a finds the words")
    assert lines[-1].startswith("On 1,200 of 5,000 texts")


@pytest.mark.parametrize(("dry", "called"), [(True, "dry"), (False, "run")])
def test_a_dry_run_only_estimates(monkeypatch, dry, called):
    calls = []
    monkeypatch.setattr(module, "run_dry", lambda arguments: calls.append("dry"))
    monkeypatch.setattr(module, "_run", lambda arguments: calls.append("run"))
    run_evaluation(EvaluateRecipeArguments(dry_run=dry))
    assert calls == [called]


@pytest.mark.parametrize(
    ("is_main", "push", "expected"),
    [
        (True, True, ["to ORG/D", "threads 3", "lock", "check", "evaluate", "print", "publish to ORG/D", "end"]),
        (True, False, ["threads 3", "lock", "check", "evaluate", "print", "end"]),
        (False, True, ["threads 3", "no bars", "lock", "evaluate", "end"]),
    ],
)
def test_what_each_process_does(monkeypatch, tmp_path, capsys, is_main, push, expected):
    calls = []

    def called(name, result=None):
        return lambda *_, **__: calls.append(name) or result

    state = SimpleNamespace(is_main_process=is_main, destroy_process_group=called("end"))
    destination = SimpleNamespace(repo_id="ORG/D")
    for name, replacement in {
        "process_state": lambda: state,
        "check_destination": lambda name, *_, **__: calls.append(f"to {name}") or destination,
        "lock_run_folder": called("lock", nullcontext()),
        "check_finished_files": called("check"),
        "_evaluate": lambda *_: calls.append("evaluate") or ("run" if is_main else None),
        "_print": called("print"),
        "publish": lambda run, arguments, folder, destination: (
            calls.append(f"publish to {destination.repo_id}") or SimpleNamespace(url="URL")
        ),
    }.items():
        monkeypatch.setattr(module, name, replacement)
    monkeypatch.setattr(module.torch, "set_num_threads", lambda n: calls.append(f"threads {n}"))
    monkeypatch.setattr(module.logging, "disable_progress_bar", called("no bars"))
    given = {"push_to_hub": True, "hub_dataset_id": "ORG/D"} if push else {}
    run_evaluation(EvaluateRecipeArguments(output_dir=str(tmp_path), threads=3, **given))
    assert calls == expected
    assert capsys.readouterr().err == ("Published: URL\n" if is_main and push else "")

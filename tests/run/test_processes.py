"""Launchers that do not start the requested processes."""

import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.run import processes
from hf_gradexplain.run.processes import (
    _launched_without_rank,
    command,
    device_of_process,
    interrupted_by_sigterm,
    libraries_left_uncollected,
    process_state,
    stop_with_launcher,
)
from tests.helpers import forked

ACCELERATE = ("MASTER_ADDR", "MASTER_PORT", "ACCELERATE_MIXED_PRECISION")
ALL = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", *ACCELERATE)


@pytest.fixture(autouse=True)
def _single_process(monkeypatch):
    for name in ALL:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["recipes/evaluate.py", "--dataset_name", "my data"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)  # which `python -m pytest` sets
    process_state()  # for the rest of this process


def test_a_single_process_is_the_main_process():
    state = process_state()
    assert (state.is_main_process, state.num_processes) == (True, 1)


def test_a_single_process_takes_any_device():
    assert device_of_process(None) == str(process_state().device)
    assert [device_of_process(name) for name in ("cpu", "cuda:1", "auto")] == ["cpu", "cuda:1", "auto"]


@pytest.mark.parametrize("own", ["cpu", "cuda:1"])
def test_several_processes_take_the_devices_of_their_ranks(monkeypatch, own):
    state = SimpleNamespace(device=torch.device(own), num_processes=2)
    monkeypatch.setattr(processes, "process_state", lambda: state)
    assert device_of_process(None) == device_of_process(state.device.type) == own


@pytest.mark.parametrize(("own", "device", "message"), [
    ("cpu", "cuda", "does not fit 2 processes, which use the CPU: leave out --device, or start a single process"),
    ("cpu", "auto", "does not fit 2 processes, which use the CPU: leave out --device, or start a single process"),
    ("cuda:1", "cuda:1",
     "does not fit 2 processes, which use one GPU each: leave out --device, or start a single process"),
    ("cuda:1", "cpu",
     "does not fit 2 processes, which use one GPU each: leave out --device, or start a single process, or use the CPU "
     "with `ACCELERATE_USE_CPU=true torchrun --standalone --nproc_per_node 2 recipes/evaluate.py --dataset_name "
     "'my data'`"),
])  # fmt: skip
def test_several_processes_refuse_other_devices(monkeypatch, own, device, message):
    state = SimpleNamespace(device=torch.device(own), num_processes=2)
    monkeypatch.setattr(processes, "process_state", lambda: state)
    with pytest.raises(GradexplainError) as refused:
        device_of_process(device)
    assert str(refused.value) == f"--device {device} {message}"


def test_unconnected_processes_get_the_command_that_works(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    message = (
        r"started 2 processes, but each of them counts 1: start them with "
        r"`torchrun --standalone --nproc_per_node 2 recipes/evaluate.py --dataset_name 'my data'`"
    )
    with pytest.raises(GradexplainError, match=message):
        process_state()


def test_a_single_process_instead_of_several_gets_the_command_that_works(monkeypatch):
    for name in ACCELERATE:
        monkeypatch.setenv(name, "x")
    with pytest.raises(GradexplainError, match=r"on a CPU it starts one: start N processes with `torchrun .* N rec"):
        process_state()


def test_more_processes_than_gpus_are_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    message = (
        r"2 processes were started, but this machine has 1 GPU: start one per GPU with `torchrun .*_node 1 .*`, or "
        r"use the CPU with `ACCELERATE_USE_CPU=true torchrun .*_node 2"
    )
    with pytest.raises(GradexplainError, match=message):
        process_state()


RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize(
    "recipe", ["evaluate.py", *(pytest.param(name, marks=pytest.mark.slow) for name in ("explain.py", "train.py"))]
)
def test_the_threads_of_a_recipe_flush_denormals(recipe, tmp_path):
    """The numbers are enough for two threads, each of which processes a half."""
    code = f"""
import contextlib, runpy, sys, torch
torch.set_num_threads(2)
sys.argv = [{recipe!r}, "--help"]
with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
    runpy.run_path({str(RECIPES / recipe)!r}, run_name="__main__")
print((torch.full((1_000_000,), 2.0**-126) / 2).count_nonzero().item())
"""
    (tmp_path / "code.py").write_text(code)
    ran = forked.run(tmp_path / "code.py")
    assert ran.stdout == "0\n", ran.stderr


@pytest.fixture
def own_handler():
    """A handler of the program's own, for the duration of a test."""
    before = signal.signal(signal.SIGTERM, handler := lambda number, frame: None)
    yield handler
    signal.signal(signal.SIGTERM, before)


def test_sigterm_interrupts_once_and_the_handler_is_restored(own_handler):
    handlers = []

    def stop():
        with interrupted_by_sigterm():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                handlers.append(signal.getsignal(signal.SIGTERM))

    with pytest.raises(KeyboardInterrupt) as stopped:
        stop()
    assert stopped.value.args == (signal.SIGTERM,)
    assert handlers == [signal.SIG_DFL], "a second one ends the process"
    assert signal.getsignal(signal.SIGTERM) is own_handler


def test_other_processes_and_threads_keep_the_handler(monkeypatch, own_handler):
    seen = []

    def look():
        with interrupted_by_sigterm():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    monkeypatch.setenv("RANK", "1")
    look()
    assert seen == [own_handler, own_handler]
    monkeypatch.setenv("RANK", "0")
    look()
    assert seen[-1] is not own_handler
    assert signal.getsignal(signal.SIGTERM) is own_handler


def test_the_garbage_collector_is_kept_from_the_libraries_in_the_block_alone():
    gc.unfreeze()
    with suppress(KeyError), libraries_left_uncollected():
        assert gc.get_freeze_count() > 1000
        raise KeyError
    assert gc.get_freeze_count() == 0


def test_the_command_names_the_file_or_the_package(monkeypatch):
    start = "torchrun --standalone --nproc_per_node"
    assert command("N") == f"{start} N recipes/evaluate.py --dataset_name 'my data'"
    spec = SimpleNamespace(name="package.__main__", parent="package")
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", spec)
    assert command(2) == f"{start} 2 -m package --dataset_name 'my data'"
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", SimpleNamespace(name="pytest", parent=""))
    assert "recipes/evaluate.py" in command(2)


def test_two_gpus_are_in_the_plural(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    with pytest.raises(GradexplainError, match="3 processes were started, but this machine has 2 GPUs"):
        process_state()


def test_as_many_processes_as_gpus_are_no_error(monkeypatch):
    """This one is not connected to the other, which is found out later."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"):
        monkeypatch.setenv(name, "2")
    state = SimpleNamespace(num_processes=2)
    monkeypatch.setattr(processes, "PartialState", lambda **options: state)
    assert process_state() is state


@pytest.mark.parametrize("missing", ["MASTER_PORT", "MASTER_ADDR", "ACCELERATE_MIXED_PRECISION"])
def test_a_launcher_is_known_by_all_of_its_variables(monkeypatch, missing):
    for name in ACCELERATE:
        monkeypatch.setenv(name, "x")
    assert _launched_without_rank()
    monkeypatch.delenv(missing)
    assert not _launched_without_rank()


def test_a_killed_launcher_ends_its_processes(monkeypatch, capsys):
    parents, slept, ended = iter([7, 7, 1]), [], []
    monkeypatch.setattr(processes.os, "getppid", lambda: next(parents))
    monkeypatch.setattr(processes.time, "sleep", slept.append)
    monkeypatch.setattr(processes.os, "_exit", ended.append)
    processes._watch(7)
    assert len(slept) == 2
    assert ended == [1]
    assert "the launcher of this process was killed" in capsys.readouterr().err


def test_the_launcher_is_watched_once(monkeypatch):
    watched, over = [], threading.Event()
    monkeypatch.setattr(processes, "_watch", lambda launcher: (watched.append(launcher), over.wait(9)))
    stop_with_launcher()
    assert watched == []
    monkeypatch.setenv("LOCAL_RANK", "0")
    stop_with_launcher()
    stop_with_launcher()
    assert [thread.daemon for thread in threading.enumerate() if thread.name == processes._WATCH] == [True]
    assert watched == [os.getppid()]
    over.set()

"""Launchers that do not start what they were asked for."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.run.processes import command, process_state

ACCELERATE = ("MASTER_ADDR", "MASTER_PORT", "ACCELERATE_MIXED_PRECISION")
ALL = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", *ACCELERATE)


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in ALL:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["recipes/evaluate.py", "--dataset_name", "my data"])
    process_state()  # for the rest of this process


def test_one_process_alone_is_the_main_one():
    state = process_state()
    assert (state.is_main_process, state.num_processes) == (True, 1)


def test_copies_that_do_not_know_of_each_other_are_told_how_to_start(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    message = (
        r"started 2 processes, but each believes it is one of 1: start them with "
        r"`torchrun --standalone --nproc_per_node 2 recipes/evaluate.py --dataset_name 'my data'`"
    )
    with pytest.raises(GradexplainError, match=message):
        process_state()


def test_one_process_where_several_were_asked_for_is_told_how_to_start(monkeypatch):
    for name in ACCELERATE:
        monkeypatch.setenv(name, "x")
    with pytest.raises(GradexplainError, match=r"on a CPU it starts one: start N of them with `torchrun .* N recipes"):
        process_state()


def test_more_processes_than_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    message = (
        r"2 processes were started, but this machine has 1 GPU: start as many, with `torchrun .*_node 1 .*`, or go "
        r"without, with `ACCELERATE_USE_CPU=true torchrun .*_node 2"
    )
    with pytest.raises(GradexplainError, match=message):
        process_state()


@pytest.mark.parametrize("given", [["--token", "hf_secret"], ["--token=hf_secret"], ["--token=hf_secret\nx"]])
def test_the_command_that_works_does_not_show_a_token(given, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["recipes/evaluate.py", *given, "--seed", "1"])
    assert "hf_secret" not in command(2)
    assert command(2).startswith("torchrun --standalone --nproc_per_node 2 recipes/evaluate.py --token")
    assert command(2).endswith(" --seed 1")


RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize(
    "recipe", ["evaluate.py", *(pytest.param(name, marks=pytest.mark.slow) for name in ("explain.py", "train.py"))]
)
def test_the_threads_of_a_recipe_flush_subnormals(recipe):
    """Enough numbers for two threads, each of which gets a half."""
    code = f"""
import contextlib, runpy, sys, torch
torch.set_num_threads(2)
sys.argv = [{recipe!r}, "--help"]
with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
    runpy.run_path({str(RECIPES / recipe)!r}, run_name="__main__")
print((torch.full((1_000_000,), 2.0**-126) / 2).count_nonzero().item())
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "0\n", ran.stderr

"""Launchers that do not start the requested processes."""

import sys
from pathlib import Path

import pytest
import torch

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.run.processes import process_state
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

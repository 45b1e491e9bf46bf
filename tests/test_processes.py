"""Launchers that do not start what they were asked for."""

import sys

import pytest
import torch

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.processes import command, process_state

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

"""Tasks that all processes of a run share."""

import os
import socket
import time
from contextlib import suppress
from functools import partial
from operator import mul

import pytest

from hf_gradexplain.run.processes import process_state
from hf_gradexplain.run.shared_tasks import help_with_tasks, releasing_helpers, share_tasks
from tests.helpers.forked import FORKS

N = 12


def test_a_single_process_computes_each_task_when_its_result_is_asked_for(tmp_path):
    asked = []
    (tmp_path / ".results").mkdir()
    (tmp_path / ".results" / "0.pickle").touch()  # of a killed run
    results = share_tasks([partial(asked.append, "a"), partial(mul, 3, 4)], tmp_path)
    assert asked == []
    assert list(results) == [None, 12]
    assert asked == ["a"]
    assert list(tmp_path.iterdir()) == []


def square(number, arrived, world):
    """Square a number, and say which process did it; the first tasks wait until each process is at one of them."""
    if number < world:
        (arrived / str(number)).touch()
        while len(list(arrived.iterdir())) < world:
            time.sleep(0.01)
    return number**2, os.getpid()


def enter(rank, world, port):
    """Become one of the processes of a run."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
    os.environ.update({name: str(value) for name, value in names.items()})
    os.environ.update({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"})
    process_state()


def process(rank, world, port, folder, results):
    enter(rank, world, port)
    if rank:
        help_with_tasks(folder / "run")
        return
    time.sleep(0.2)  # the others wait
    (folder / "run" / ".results").mkdir()
    (folder / "run" / ".results" / "0.pickle").touch()  # of a killed run
    (folder / "arrived").mkdir()
    collected, results_folder = [], folder / "run" / ".results"
    tasks = [partial(square, number, folder / "arrived", world) for number in range(N)]
    for number, result in enumerate(share_tasks(tasks, folder / "run")):
        collected.append(result)
        assert not (results_folder / f"{number - 1}.pickle").exists()
        assert results_folder.stat().st_mode & 0o777 == 0o700
    results.send(collected)


def failing(rank, world, port, folder, results):
    enter(rank, world, port)
    with suppress(KeyboardInterrupt), releasing_helpers(folder / "run"):
        if rank:
            help_with_tasks(folder / "run")
            results.send("released")
        else:
            raise KeyboardInterrupt


def start(target, world, *arguments):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [FORKS.Process(target=target, args=(rank, world, port, *arguments)) for rank in range(world)]
    for started in processes:
        started.start()
    return processes


def test_the_others_are_released_if_the_main_process_fails(tmp_path):
    ours, theirs = FORKS.Pipe()
    (tmp_path / "run").mkdir()
    processes = start(failing, 2, tmp_path, theirs)
    assert ours.poll(60)
    assert ours.recv() == "released"
    for started in processes:
        started.join(60)
        assert started.exitcode == 0


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_tasks_and_the_main_process_gets_all_results_in_order(world, tmp_path):
    ours, theirs = FORKS.Pipe()
    (tmp_path / "run").mkdir()
    processes = start(process, world, tmp_path, theirs)
    assert ours.poll(60)
    results = ours.recv()
    assert [squared for squared, _ in results] == [number**2 for number in range(N)]
    assert len({pid for _, pid in results}) == world
    for started in processes:
        started.join(60)
        assert started.exitcode == 0
    assert list((tmp_path / "run").iterdir()) == []

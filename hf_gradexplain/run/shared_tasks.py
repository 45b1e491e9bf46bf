"""Tasks of the main process that all processes of a run share, such as packing the documents of each file."""

import pickle
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hf_gradexplain.files import atomic_write_bytes
from hf_gradexplain.run.processes import process_state
from hf_gradexplain.run.shard_queue import ShardQueue

_POLL_SECONDS = 0.05

_TASKS = "tasks.pickle"
"""The file that tells the other processes what to do."""

Task = Callable[[], Any]
"""A function without arguments; with several processes, the function and its result must be picklable."""


def share_tasks(tasks: Sequence[Task], folder: Path) -> Iterator[Any]:
    """Start tasks on all processes, and return an iterator over their results, in order.

    The main process calls this, and every other process calls `help_with_tasks`. A process that is done with a task
    claims the next one, so a slow process delays no other. The main process computes tasks while it waits for a result.
    A single process computes each task when its result is asked for.

    Args:
        tasks: The tasks. The longest ones should come first.
        folder: A folder that all processes share and that the caller has locked. Tasks are shared in it once in a run.
            Finished results are in a folder in it until they are read.
    """
    remove_results(folder)
    n = process_state().num_processes
    if n == 1:
        return (task() for task in tasks)
    _publish(tasks, folder)
    return _collect(tasks, _results(folder), n)


@contextmanager
def releasing_helpers(folder: Path) -> Iterator[None]:
    """If the main process fails in the block before it shares tasks, let the other processes return."""
    try:
        yield
    except BaseException:
        state = process_state()
        if state.is_main_process and state.num_processes > 1 and not (_results(folder) / _TASKS).exists():
            with suppress(OSError):  # the error itself is what users need to see
                _publish((), folder)
        raise


def _publish(tasks: Sequence[Task], folder: Path) -> None:
    """Tell the other processes the tasks."""
    results = _results(folder)
    results.mkdir(mode=0o700)  # results are pickled: no other user may write them
    ShardQueue(results).start()
    atomic_write_bytes(results / _TASKS, pickle.dumps(list(tasks)), sync=False)


def help_with_tasks(folder: Path) -> None:
    """Wait until the main process calls `share_tasks`, and compute tasks until all are claimed.

    The wait may be long; it also ends if the main process fails, see `releasing_helpers`. Tasks of a killed run must
    have been removed before, see `remove_results`.
    """
    results = _results(folder)
    while not (results / _TASKS).exists():
        time.sleep(_POLL_SECONDS)
    tasks = pickle.loads((results / _TASKS).read_bytes())
    for number in _claims(tasks, results):
        _compute(tasks, number, results)


def remove_results(folder: Path) -> None:
    """Remove tasks and results that a killed run may have left."""
    shutil.rmtree(_results(folder), ignore_errors=True)


def _collect(tasks: Sequence[Task], results: Path, num_processes: int) -> Iterator[Any]:
    """Yield the result of each task, and compute tasks while the next result is not there."""
    queue, claims = ShardQueue(results), _claims(tasks, results)
    for number in range(len(tasks)):
        path = _result(results, number)
        while not path.exists():
            claimed = next(claims, None)
            if claimed is None:
                time.sleep(_POLL_SECONDS)
            else:
                _compute(tasks, claimed, results)
        yield pickle.loads(path.read_bytes())
        path.unlink()
    next(claims, None)  # like every process, claim a number beyond the last task
    while queue.totals().claimed < len(tasks) + num_processes:
        time.sleep(_POLL_SECONDS)
    remove_results(results.parent)


def _claims(tasks: Sequence[Task], results: Path) -> Iterator[int]:
    """Yield the numbers of the tasks that this process claims, until all are claimed."""
    queue = ShardQueue(results)
    while (number := queue.claim_next()) < len(tasks):
        yield number


def _compute(tasks: Sequence[Task], number: int, results: Path) -> None:
    atomic_write_bytes(_result(results, number), pickle.dumps(tasks[number]()), sync=False)


def _results(folder: Path) -> Path:
    """Return the folder of results, which only processes of the same run read."""
    return folder / ".results"


def _result(results: Path, number: int) -> Path:
    return results / f"{number}.pickle"

"""The progress of a run, shown on standard error."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn

from hf_gradexplain.run.shard_queue import Totals
from hf_gradexplain.viz.terminal import say

_UPDATE_SECONDS = 0.5
"""Seconds between two updates of the bar."""

_LINE_SECONDS = 60
"""Seconds between two lines, if standard error is not a terminal."""


@dataclass(frozen=True)
class Work:
    """The number of shards and documents left to compute, and their cost; not known for a stream."""

    shards: int
    documents: int
    cost: int


@contextmanager
def progress_bar(totals: Callable[[], Totals], work: Work | None, reused: int) -> Iterator[None]:
    """Show what all processes have done: documents, their rate, and the time left.

    The time left is estimated from the cost, since the documents that are left may be longer than those that are done.

    Args:
        totals: Returns what all processes have done.
        work: What is left to compute in this run; None if that is not known.
        reused: The number of shards that earlier runs finished.
    """
    console = Console(stderr=True)
    if reused:
        total = "" if work is None else f" of {reused + work.shards}"
        say(f"reused {reused}{total} shards")
    columns = (TextColumn("evaluating"), BarColumn(), TextColumn("{task.fields[status]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None if work is None else work.cost, status="")
        started, over = time.monotonic(), threading.Event()

        def update() -> str:
            done = totals()
            status = _status(done, work, time.monotonic() - started)
            progress.update(bar, completed=done.cost, status=status)
            return status

        def keep_updating() -> None:
            next_line = started + _LINE_SECONDS
            while not over.wait(_UPDATE_SECONDS):
                status = update()
                if not console.is_terminal and time.monotonic() > next_line:
                    say(f"evaluating: {status}{_time_left(progress.tasks[0])}")
                    next_line += _LINE_SECONDS

        updater = threading.Thread(target=keep_updating, daemon=True)
        updater.start()
        try:
            yield
            update()
        finally:
            over.set()
            updater.join()


def _status(done: Totals, work: Work | None, seconds: float) -> str:
    total = "" if work is None else f" of {work.documents:,}"
    return f"{done.documents:,}{total} documents, {done.documents / max(seconds, 1e-9):,.1f} per second"


def _time_left(task: Task) -> str:
    seconds = task.time_remaining
    return "" if seconds is None else f", {seconds / 60:,.0f} min left"

"""How far a run has come, for the person in front of it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn

from hf_gradexplain.run.work_queue import Totals

_LOOK_EVERY, _TELL_EVERY = 0.5, 60
"""Seconds: between two looks at the tally, and between two lines where there is no terminal to draw in."""


@dataclass(frozen=True)
class Work:
    """What is to be done: so many shards and documents, and their cost.

    None of a stream, whose end is not known.
    """

    shards: int
    documents: int
    cost: int


@contextmanager
def progress_bar(totals: Callable[[], Totals], work: Work | None, reused: int) -> Iterator[None]:
    """Show on standard error what all processes have done: documents, their rate, and the time left.

    Time left is counted in cost, for the documents that are left may be longer than those that are done.

    Args:
        totals: How far all processes have come.
        work: What is to be done in this run; None if that is not known.
        reused: How many shards were finished before.
    """
    console = Console(stderr=True)
    if reused:
        total = "" if work is None else f" of {reused + work.shards}"
        console.print(f"reused {reused}{total} shards", highlight=False)
    columns = (TextColumn("evaluating"), BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None if work is None else work.cost, said="")
        started, over = time.monotonic(), threading.Event()

        def look() -> str:
            done = totals()
            said = _said(done, work, time.monotonic() - started)
            progress.update(bar, completed=done.cost, said=said)
            return said

        def keep_looking() -> None:
            next_line = started + _TELL_EVERY
            while not over.wait(_LOOK_EVERY):
                said = look()
                if not console.is_terminal and time.monotonic() > next_line:
                    console.print(f"evaluating: {said}{_left(progress.tasks[0])}", highlight=False)
                    next_line += _TELL_EVERY

        watch = threading.Thread(target=keep_looking, daemon=True)
        watch.start()
        try:
            yield
            look()
        finally:
            over.set()
            watch.join()


def _said(done: Totals, work: Work | None, seconds: float) -> str:
    total = "" if work is None else f" of {work.documents:,}"
    return f"{done.documents:,}{total} documents, {done.documents / max(seconds, 1e-9):,.1f} per second"


def _left(task: Task) -> str:
    seconds = task.time_remaining
    return "" if seconds is None else f", {seconds / 60:,.0f} min left"

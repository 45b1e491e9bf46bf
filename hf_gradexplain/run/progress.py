"""The progress of a run, shown on standard error."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from markupsafe import Markup
from tqdm import tqdm

from hf_gradexplain.run.shard_queue import Totals
from hf_gradexplain.viz.notebook import live_display, runs_in_kernel
from hf_gradexplain.viz.terminal import say

_UPDATE_SECONDS = 0.5
"""Seconds between two updates of the bar."""

_LINE_SECONDS = 60
"""Seconds between two lines, if the output is neither a terminal nor a notebook."""


@dataclass(frozen=True)
class Work:
    """The number of shards and documents left to compute, and their cost; unknown for a stream."""

    shards: int
    documents: int
    cost: int


@contextmanager
def progress_bar(totals: Callable[[], Totals], work: Work | None, reused: int) -> Iterator[None]:
    """Show the progress of all processes: documents, their rate, and the time left.

    The time left is estimated from the cost of the remaining documents, because they may be longer than the finished
    ones.

    Args:
        totals: A function that returns what all processes have done.
        work: What is left to compute in this run; None if unknown.
        reused: The number of shards that earlier runs finished.
    """
    if reused:
        total = "" if work is None else f" of {reused + work.shards}"
        say(f"reused {reused}{total} shards")
    show = live_display() if runs_in_kernel() else None
    in_terminal = show is None and sys.stderr.isatty()
    form = "evaluating |{bar}| {desc}, {remaining} left" if work else "evaluating: {desc}"
    with tqdm(total=work.cost if work else None, bar_format=form, disable=not in_terminal, dynamic_ncols=True) as bar:
        started, over = time.monotonic(), threading.Event()

        def update() -> str:
            done, seconds = totals(), time.monotonic() - started
            status, bar.n = _status(done, work, seconds), done.cost
            bar.set_description_str(status)
            left = seconds * (work.cost - done.cost) / done.cost if work and done.cost else None
            line = f"evaluating: {status}" + ("" if left is None else f", {left / 60:,.0f} min left")
            if show is not None:
                show(_bar_html(done, work, line), line)
            return line

        def keep_updating() -> None:
            next_line = started + _LINE_SECONDS
            while not over.wait(_UPDATE_SECONDS):
                line = update()
                if show is None and not in_terminal and time.monotonic() > next_line:
                    say(line)
                    next_line += _LINE_SECONDS

        updater = threading.Thread(target=keep_updating, daemon=True)
        updater.start()
        try:
            yield
            update()
        finally:
            over.set()
            updater.join()


def _bar_html(done: Totals, work: Work | None, line: str) -> Markup:
    """Return the progress bar of a notebook; it moves without an end if the work is unknown."""
    value = Markup(' value="{}" max="{}"').format(done.cost, work.cost) if work else ""
    return Markup("<progress{} style='width: 20em'></progress> {}").format(value, line)


def _status(done: Totals, work: Work | None, seconds: float) -> str:
    """Return the number of documents and their rate: documents per second, or seconds per document."""
    total = "" if work is None else f" of {work.documents:,}"
    documents = f"{done.documents:,}{total} documents"
    if not done.documents:
        return documents
    rate = done.documents / max(seconds, 1e-9)
    return f"{documents}, {rate:,.1f} per second" if rate >= 1 else f"{documents}, {1 / rate:,.1f} s per document"

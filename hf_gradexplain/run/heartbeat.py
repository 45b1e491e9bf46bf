"""Signs of life of the processes of a run, by which a process that has stopped is found and reported."""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hf_gradexplain.viz.terminal import say

_BEAT_SECONDS = 5.0
"""Seconds between two signs of life of a process."""

_PATIENCE = 120.0
"""Seconds without a sign of life after which a process is reported."""

_THREAD = "signs of life"

_FINISHED = "finished"


@contextmanager
def heartbeat(files: Sequence[Path], rank: int) -> Iterator[None]:
    """Write signs of life in the block; the main process also reports processes without signs of life.

    A thread of each process writes the process's id and machine to its file every few seconds. The times of the files
    are compared with each other, because the clocks of several machines may differ. In a nested block, and in a run of
    one process, nothing happens.

    Args:
        files: The file of each process, in a folder that all processes share.
        rank: The number of this process.
    """
    if len(files) == 1 or any(thread.name == _THREAD for thread in threading.enumerate()):
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(files, rank, over), name=_THREAD, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        _write(files[rank], _FINISHED)


def _beat(files: Sequence[Path], rank: int, over: threading.Event) -> None:
    sign, silent = f"process {os.getpid()} of {socket.gethostname()}", set[int]()
    _write(files[rank], sign)
    started = _time(files[rank])
    while not over.wait(_BEAT_SECONDS):
        _write(files[rank], sign)
        if rank == 0:
            for other in range(1, len(files)):
                _report(files, other, started, silent)


def _report(files: Sequence[Path], other: int, started: float, silent: set[int]) -> None:
    """Report once that a process shows no sign of life, and once that it shows signs of life again."""
    last, name = _time(files[other]), _read(files[other])
    if last < started:
        last, name = started, "not started"
    seconds = _time(files[0]) - last
    if seconds > _PATIENCE and other not in silent and name != _FINISHED:
        silent.add(other)
        say(
            f"rank {other} ({name}) has shown no sign of life for {seconds:.0f} s: it may be stopped, or its machine "
            "may be lost; if it does not go on, stop the run and start the same command again, which keeps the "
            "finished shards"
        )
    elif seconds <= _PATIENCE and other in silent:
        silent.discard(other)
        say(f"rank {other} shows signs of life again")


def _write(path: Path, sign: str) -> None:
    with suppress(OSError):  # a full disk, or a folder that is being deleted, is reported elsewhere
        path.write_text(sign, encoding="utf-8")


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _time(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0

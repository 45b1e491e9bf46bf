"""The processes of a run: rank, world size and launcher."""

import gc
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.viz.terminal import say

_TIMEOUT = timedelta(hours=2)
"""How long the processes wait for each other, for example while one process downloads a dataset."""


def process_state() -> PartialState:
    """Return the rank and world size of this process; without a GPU the processes communicate through gloo.

    Raises:
        GradexplainError: The launcher started several processes that are not connected, a single process although
            several were requested, or more processes than there are GPUs. The message has the command that works.
    """
    stop_with_launcher()
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    here, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
    if not cpu and here > gpus:
        raise GradexplainError(
            f"{here} processes were started, but this machine has {gpus} GPU{'s' * (gpus > 1)}: start one per GPU with "
            f"`{command(gpus)}`, or use the CPU with `ACCELERATE_USE_CPU=true {command(here)}`"
        )
    state = PartialState(cpu=cpu, timeout=_TIMEOUT)
    asked = int(os.environ.get("WORLD_SIZE", "1"))
    if asked != state.num_processes:
        raise GradexplainError(
            f"the launcher started {asked} processes, but each of them counts {state.num_processes}: start them with "
            f"`{command(asked)}`"
        )
    if asked == 1 and _launched_without_rank():
        raise GradexplainError(
            "accelerate launch was given several processes, but on a CPU it starts one: start N processes with "
            f"`{command('N')}`"
        )
    return state


def device_of_process(device: str | None) -> str:
    """Return the device of the model in this process: the given device, or by default that of the process's rank.

    Raises:
        GradexplainError: There are several processes, and they do not use this device by rank.
    """
    state = process_state()
    if device is None or (state.num_processes > 1 and device == state.device.type):
        return str(state.device)
    if state.num_processes == 1:
        return device
    by_rank = "use the CPU" if state.device.type == "cpu" else "use one GPU each"
    on_cpu = f", or use the CPU with `ACCELERATE_USE_CPU=true {command(state.num_processes)}`" * (device == "cpu")
    raise GradexplainError(
        f"--device {device} does not fit {state.num_processes} processes, which {by_rank}: leave out --device, or "
        f"start a single process{on_cpu}"
    )


@contextmanager
def libraries_left_uncollected() -> Iterator[None]:
    """Exclude the objects that exist now from garbage collection in the block.

    The libraries have about a million objects. If every collection checked them, it would take a fifth of the time of
    an evaluation of a small model.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Raise `KeyboardInterrupt(SIGTERM)` in the block when the main process gets SIGTERM; other processes end at once.

    Only the main thread can handle signals; in any other thread, nothing changes.
    """
    if int(os.environ.get("RANK", "0")) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends the process at once
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def flush_denormals() -> None:
    """Flush denormals, float32 numbers below 1.2e-38, to zero in this process.

    The gradients of a recurrent layer vanish over a long text until they are that small, and some processors are many
    times slower with such numbers. Call this before the process starts any thread: running threads are not affected.
    """
    torch.set_flush_denormal(True)


def command(processes: int | str) -> str:
    """Return the command that starts this program as several processes."""
    spec, (program, *arguments) = sys.modules["__main__"].__spec__, sys.argv
    of_package = spec is not None and spec.name.endswith(".__main__")
    started = ["-m", str(spec.parent)] if spec is not None and of_package else [program]
    return f"torchrun --standalone --nproc_per_node {processes} {shlex.join([*started, *arguments])}"


def _launched_without_rank() -> bool:
    """Return whether a main address is set but no world size, as `accelerate launch --cpu` does on one CPU."""
    launched = {"ACCELERATE_MIXED_PRECISION", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()
    return launched and "WORLD_SIZE" not in os.environ


def stop_with_launcher() -> None:
    """End this process when its launcher is killed: otherwise it would keep running as an orphan."""
    if "LOCAL_RANK" in os.environ and not any(thread.name == _WATCH for thread in threading.enumerate()):
        threading.Thread(target=_watch, args=(os.getppid(),), name=_WATCH, daemon=True).start()


_WATCH = "stops with the launcher"


def _watch(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(0.2)
    try:
        say("error: the launcher of this process was killed, so the process stops too")
    finally:  # also if standard error was closed with the launcher
        os._exit(1)

"""The processes of a run."""

import os
import re
import shlex
import sys
import threading
import time
from datetime import timedelta

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env

from hf_gradexplain.errors import GradexplainError

_PATIENCE = timedelta(hours=2)
"""How long the processes wait for each other, while one fetches a data set, say."""


def process_state() -> PartialState:
    """What this process is among the others; on a machine without a GPU they talk through gloo.

    Raises:
        GradexplainError: The launcher started several processes that do not know of each other, or one where several
            were asked for, or more than there are GPUs; the message has the command that works.
    """
    stop_with_launcher()
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    here, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
    if not cpu and here > gpus:
        raise GradexplainError(
            f"{here} processes were started, but this machine has {gpus} GPU{'s' * (gpus > 1)}: start as many, with "
            f"`{command(gpus)}`, or go without, with `ACCELERATE_USE_CPU=true {command(here)}`"
        )
    state = PartialState(cpu=cpu, timeout=_PATIENCE)
    asked = int(os.environ.get("WORLD_SIZE", "1"))
    if asked != state.num_processes:
        raise GradexplainError(
            f"the launcher started {asked} processes, but each believes it is one of {state.num_processes}: start "
            f"them with `{command(asked)}`"
        )
    if asked == 1 and _told_where_the_others_are():
        raise GradexplainError(
            "accelerate launch was asked for several processes, but on a CPU it starts one: start N of them with "
            f"`{command('N')}`"
        )
    return state


def flush_denormals() -> None:
    """Let this process take float32 numbers below 1.2e-38 for zero; to be called before it starts any thread.

    The gradients of a recurrent layer fade over a long text until they are as small as that, and some processors are
    many times slower with such numbers. Threads that run already keep to what they do.
    """
    torch.set_flush_denormal(True)


def command(processes: int | str) -> str:
    """How to start this program as several processes; a token among its arguments is not shown."""
    shown = [re.sub("^--token=.*", "--token=...", argument, flags=re.DOTALL) for argument in sys.argv]
    shown = ["..." if before == "--token" else argument for before, argument in zip(["", *shown], shown, strict=False)]
    return f"torchrun --standalone --nproc_per_node {processes} {shlex.join(shown)}"


def _told_where_the_others_are() -> bool:
    """What `accelerate launch --cpu --num_processes 2` leaves: where the main process is, but not who is who."""
    told = {"ACCELERATE_MIXED_PRECISION", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()
    return told and "WORLD_SIZE" not in os.environ


def stop_with_launcher() -> None:
    """End this process when its launcher is killed: nobody else would, and it would go on computing unseen."""
    if "LOCAL_RANK" in os.environ and not any(thread.name == _WATCH for thread in threading.enumerate()):
        threading.Thread(target=_watch, args=(os.getppid(),), name=_WATCH, daemon=True).start()


_WATCH = "stops with the launcher"


def _watch(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(0.2)
    print("error: the launcher of this process is gone, so it stops too", file=sys.stderr, flush=True)
    os._exit(1)

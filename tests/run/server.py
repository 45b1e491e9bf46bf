"""Start runs of several processes by forking, which saves each of them the imports.

A run is `{"world": 2, "arguments": {...}, "documents": 3, "log": FOLDER}`. The answer is the id of a launcher, which
behaves as torchrun does: when one of its processes fails it ends the others, and when it is killed they are orphans.
It writes to the folder `processes` (their ids), the output of each, and its exit `code`.
"""

import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path

import torch

from hf_gradexplain.commands import evaluate as job
from hf_gradexplain.commands.parsing import exit_on_error
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.run import heartbeat, shards


def work(order, rank, port):
    """Run one process."""
    log = os.open(Path(order["log"]) / f"{rank}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if order["world"] > 1:
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": order["world"], "LOCAL_WORLD_SIZE": order["world"]}
        os.environ.update({name: str(value) for name, value in {**address, **place}.items()})
    shards.DOCUMENTS = order["documents"]
    heartbeat._BEAT_SECONDS, heartbeat._PATIENCE = 0.2, 4.0
    with exit_on_error():
        job.run_evaluation(EvaluateRecipeArguments(**order["arguments"]))


def fork(do, *arguments):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = do(*arguments) or 0
    except SystemExit as stop:
        print(stop.code, file=sys.stderr)
        code = 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def launch(order):
    """Behave as torchrun does."""
    os.setsid()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alive = {fork(work, order, rank, port) for rank in range(order["world"])}
    log = Path(order["log"])
    (log / "processes.part").write_text(" ".join(map(str, sorted(alive))))
    (log / "processes.part").rename(log / "processes")
    failed = False
    while alive:
        pid, status = os.wait()
        alive.discard(pid)
        if status and not failed:
            failed = True
            for other in alive:
                os.kill(other, signal.SIGTERM)
    (log / "code").write_text(str(int(failed)))


def serve(runs):
    """Start each run that comes through the pipe, until its other end is closed."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
    with suppress(EOFError):
        while True:
            runs.send(fork(launch, runs.recv()))

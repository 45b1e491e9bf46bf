"""Runs of several processes on tiny models."""

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import pytest

from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.shard_queue import Totals
from tests.helpers.forked import FORKS
from tests.helpers.tiny import CORPUS, make
from tests.run.server import serve


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def contents(folder):
    """The files of a run that must not depend on the number of processes."""
    paths = [*folder.glob("*.parquet"), *folder.glob("report.html"), *(folder / "documents").iterdir()]
    return {path.name: path.read_bytes() for path in paths}


@dataclass(frozen=True)
class Started:
    """A run in progress."""

    launcher: int
    log: Path
    output_dir: Path

    @property
    def processes(self):
        while not (self.log / "processes").exists():
            time.sleep(0.005)
        return [int(pid) for pid in (self.log / "processes").read_text().split()]

    def printed(self):
        return "".join(path.read_text() for path in sorted(self.log.glob("*.log")))

    def wait(self, patience=120):
        """Wait for all processes to end; return the launcher's exit code, None if it was killed."""
        until = time.monotonic() + patience
        while alive(self.launcher) or any(map(alive, self.processes)):
            assert time.monotonic() < until, f"still running: {self.printed()}"
            time.sleep(0.02)
        code = self.log / "code"
        return int(code.read_text()) if code.exists() else None

    def kill(self, who):
        """Kill the launcher, one process by its number, or all."""
        several = {"launcher": [self.launcher], "all": [self.launcher, *self.processes]}
        for pid in several.get(who) or [self.processes[who]]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def finished(self):
        """The files of finished shards, with the time when they were written."""
        return {path: path.stat().st_mtime_ns for path in document_paths(self.output_dir)}

    def totals(self):
        """The numbers claimed by the processes when they were killed."""
        path = self.output_dir / ".work_queue"
        return Totals(**json.loads(path.read_text())) if path.exists() else Totals()


@pytest.fixture(scope="session")
def server():
    ours, theirs = FORKS.Pipe()
    process = FORKS.Process(target=serve, args=(theirs,))
    process.start()
    theirs.close()
    yield ours
    ours.close()
    process.join(60)


@pytest.fixture
def start(server, tmp_path):
    """Start a run: `start(output_dir, world, documents=3, **arguments)`."""
    started = []

    def start(output_dir, world, documents=3, **arguments):
        log = tmp_path / f"log{len(started)}"
        log.mkdir()
        arguments = {"output_dir": str(output_dir), **arguments}
        order = {"world": world, "documents": documents, "log": str(log), "arguments": arguments}
        server.send(order)
        started.append(Started(server.recv(), log, Path(output_dir)))
        return started[-1]

    yield start
    for run in started:
        run.kill("all")


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """A folder with models and datasets: `model`, `rows-1`, `rows-2`, `rows-7`, `rows-101`."""
    folder = tmp_path_factory.mktemp("inputs")
    for kind in ("bert", "fasttext"):
        model, tokenizer = make(kind)
        model.float().save_pretrained(folder / kind)
        tokenizer.save_pretrained(folder / kind)
    words = " ".join(CORPUS).split()
    for n in (1, 2, 7, 101):
        texts = [" ".join(words[(7 * i + j) % len(words)] for j in range(2 + (5 * i) % 23)) for i in range(n)]
        (folder / f"rows-{n}").mkdir()
        frame = pd.DataFrame({"text": texts, "label": [i % 3 for i in range(n)]})
        frame.to_parquet(folder / f"rows-{n}" / "test.parquet")
    return folder


@pytest.fixture
def arguments(inputs):
    """Make the arguments of an evaluation of the tiny BERT."""

    def arguments(n, model="bert", **more):
        methods = ["random", "loo", "sa_l2", "signed_gi"]
        chosen = {"model_name_or_path": str(inputs / model), "dataset_name": str(inputs / f"rows-{n}")}
        return {**chosen, "methods": methods, **more}

    return arguments

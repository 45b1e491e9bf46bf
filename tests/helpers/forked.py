"""Processes that are forked from one with the large libraries, which saves each of them most of its start.

The package and the libraries of Hugging Face are not among these: they read the environment when they are imported, and
a process has an environment of its own. What needs a new interpreter, uses `subprocess`.
"""

import importlib
import os
import runpy
import subprocess
import sys
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]

FORKS = get_context("forkserver")
"""Starts a function of a test module: `FORKS.Process(target=function, args=...)`."""

FORKS.set_forkserver_preload(
    ["torch._dynamo", "pandas", "scipy.stats", "sklearn.metrics", "matplotlib.figure", "fsspec", "jinja2"]
)


def enter(environment, folder):
    """Give this process an environment and a working folder, as a new interpreter takes them."""
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.modules.pop("sitecustomize", None)
    with suppress(ModuleNotFoundError):
        importlib.import_module("sitecustomize")
    os.chdir(folder)


def _run(program, environment, folder, out, err):
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY), number)
    enter(environment, folder)
    module = program[0] == "-m"
    sys.argv = list(program[module:])
    if module:
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(program[0]).parent))
        runpy.run_path(program[0], run_name="__main__")


def run(*program, env=None, cwd=ROOT):
    """Run a script or `-m` and a module, with their arguments, as `subprocess.run` with `capture_output` does."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        environment = dict(os.environ if env is None else env)
        process = FORKS.Process(target=_run, args=(list(map(str, program)), environment, str(cwd), out, err))
        process.start()
        process.join(300)
        assert process.exitcode is not None, "still running"
        return subprocess.CompletedProcess(program, process.exitcode, out.read_text(), err.read_text())

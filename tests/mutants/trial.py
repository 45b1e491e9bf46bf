"""Run the tests on one mutant after the other, each in fresh processes, in a copy of the checkout.

The processes are forked from this one, which has imported what the package needs, but not the package: they start
within a second.
"""

import gc
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from math import isinf
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.mutants.lines import TestsByLine
from tests.mutants.nearest import stages
from tests.mutants.sample import PACKAGE, ROOT, Mutant
from tests.mutants.watch import Watch

PER_TEST = 180
"""Seconds after which a test hangs. Tests without a marker take about ten at most."""

_PRELOADED = ("torch", "transformers", "transformers.models.auto.modeling_auto", "transformers.pipelines", "datasets")

_FORK = get_context("fork")


@dataclass(frozen=True)
class Trial:
    """What the tests said about a mutant.

    Attributes:
        mutant: The name of the mutant.
        verdict: `killed` by a test that failed, killed by a `time-out`, or `survived`.
        test: The test that failed or took too long; for a survivor, how far the tests came.
        seconds: How long it took.
    """

    mutant: str
    verdict: str
    test: str
    seconds: float


@contextmanager
def copied_checkout() -> Iterator[Path]:
    """Copy the files of git to a temporary folder, as they are now, and prepare the processes that run in it."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in _PRELOADED:
        import_module(name)
    with TemporaryDirectory() as folder:
        copy = Path(folder, "checkout")
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        yield copy


def try_mutant(mutant: Mutant, copy: Path, seconds: float, recorded: TestsByLine | None = None) -> Trial:
    """Return what the tests say about a mutant.

    Args:
        mutant: The mutant.
        copy: A copy of the checkout, which is as before when this returns.
        seconds: After this time, no further test is started.
        recorded: The tests that run each line: those of the mutated line run before all others.
    """
    path, started = copy / mutant.path, time.monotonic()
    source = path.read_text(encoding="utf-8")
    all_stages = _stages(mutant, source, copy, recorded)
    path.write_text(mutant.mutation.apply(source), encoding="utf-8")
    try:
        for number, (tests, left_out) in enumerate(all_stages, 1):
            rest = seconds - (time.monotonic() - started)
            verdict, test = run_tests([str(test) for test in tests], copy, rest, left_out)
            taken = round(time.monotonic() - started, 1)
            if verdict != "survived":
                return Trial(mutant.name, verdict, test, taken)
            if taken >= seconds:
                return Trial(mutant.name, verdict, f"stopped in stage {number} of {len(all_stages)}", taken)
        return Trial(mutant.name, "survived", "all tests ran", taken)
    finally:
        path.write_text(source, encoding="utf-8")


def _stages(
    mutant: Mutant, source: str, copy: Path, recorded: TestsByLine | None
) -> list[tuple[list[Path], frozenset[str]]]:
    """Return the test files of each stage, nearest first, with the tests in them that are left out.

    The nearest file runs first in any case: it may have tests that are newer than the record.
    """
    by_nearness = stages(mutant.path, copy)
    of_line = recorded.of(mutant, source) if recorded else frozenset()
    everything = [(files, of_line) for files in by_nearness]
    if not recorded or not of_line:
        return everything
    files_of_line = {Path(test.partition("::")[0]) for test in of_line}
    first = [by_nearness[0], *([file for file in files if file in files_of_line] for files in by_nearness[1:])]
    return [*((files, recorded.tests - of_line) for files in first if files), *everything]


def run_tests(
    tests: Sequence[str], copy: Path, seconds: float, left_out: frozenset[str] = frozenset()
) -> tuple[str, str]:
    """Run tests up to the first failure, and return the verdict and the test that failed or hung.

    Args:
        tests: Files, or node ids of tests.
        copy: The checkout.
        seconds: After this time, no further test is started.
        left_out: Node ids of tests that are not run.
    """
    receiver, sender = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_run_pytest, args=(tests, copy, seconds, left_out, sender))
    process.start()
    sender.close()
    try:
        process.join(None if isinf(seconds) else max(seconds, 0) + 2 * PER_TEST)
        status = process.exitcode
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # also what the tests have started
        process.join()
    with suppress(EOFError):
        return receiver.recv()
    if status is None:
        return "time-out", "outside of any test"
    return ("survived", "") if status in (0, 5) else ("killed", "before any test")  # 5: no test was collected


def _run_pytest(tests: Sequence[str], copy: Path, seconds: float, left_out: frozenset[str], sender: Connection) -> None:
    """Run tests in this process, with the modules of the copy."""
    os.setsid()
    gc.freeze()  # what the parent left behind is not finalised here
    warnings.resetwarnings()
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy)
    sys.path[:] = [str(copy), *(folder for folder in sys.path if folder not in ("", str(ROOT)))]
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", PACKAGE)]:
        del sys.modules[name]
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    options = ["-x", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    sys.exit(pytest.main([*options, *tests], plugins=[Watch(sender, PER_TEST, seconds, left_out)]))

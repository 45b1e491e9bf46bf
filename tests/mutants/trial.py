"""Run the tests on one mutant after the other, each in fresh processes, in a copy of the checkout."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import isinf
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.nearest import stages
from tests.mutants.sample import ROOT, Mutant
from tests.mutants.watch import LIMITS

PER_TEST = 180
"""Seconds after which a test hangs. Tests without a marker take about ten at most."""


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
    """Copy the files that git tracks to a temporary folder, as they are now."""
    with TemporaryDirectory() as folder:
        copy = Path(folder, "checkout")
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        yield copy


def try_mutant(mutant: Mutant, copy: Path, seconds: float) -> Trial:
    """Return what the tests say about a mutant.

    Args:
        mutant: The mutant.
        copy: A copy of the checkout, which is as before when this returns.
        seconds: After this time, no further test is started.
    """
    path, started = copy / mutant.path, time.monotonic()
    source = path.read_text(encoding="utf-8")
    all_stages = stages(mutant.path, copy)
    path.write_text(mutant.mutation.apply(source), encoding="utf-8")
    try:
        for number, tests in enumerate(all_stages, 1):
            rest = seconds - (time.monotonic() - started)
            verdict, test = run_tests([str(test) for test in tests], copy, rest)
            taken = round(time.monotonic() - started, 1)
            if verdict != "survived":
                return Trial(mutant.name, verdict, test, taken)
            if taken >= seconds:
                return Trial(mutant.name, verdict, f"stopped in stage {number} of {len(all_stages)}", taken)
        return Trial(mutant.name, "survived", "all tests ran", taken)
    finally:
        path.write_text(source, encoding="utf-8")


def run_tests(tests: Sequence[str], copy: Path, seconds: float) -> tuple[str, str]:
    """Run tests up to the first failure, and return the verdict and the test that failed or hung."""
    report = copy.parent / "report.json"
    report.unlink(missing_ok=True)
    limits = json.dumps({"file": str(report), "test": PER_TEST, "session": seconds})
    own = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", LIMITS: limits}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "tests.mutants.watch"]
    process = subprocess.Popen(
        [*command, *tests],
        cwd=copy,
        env=os.environ | own,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        status = process.wait(timeout=None if isinf(seconds) else max(seconds, 0) + 2 * PER_TEST)
    except subprocess.TimeoutExpired:
        return "time-out", "outside of any test"
    finally:
        _end(process)
    if report.exists():
        record = json.loads(report.read_text(encoding="utf-8"))
        return record["verdict"], record["test"]
    return ("survived", "") if status in (0, 5) else ("killed", "before any test")  # 5: no test was collected


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that its tests started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

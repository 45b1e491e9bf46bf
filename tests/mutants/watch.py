"""A plugin of pytest for runs on a mutant: it stops tests that hang, and writes down which test failed."""

import json
import os
import time
from pathlib import Path
from threading import Timer

import pytest

LIMITS = "MUTANT_LIMITS"
"""The environment variable with a JSON object: the `file` to write, the seconds of a `test` and of the `session`."""

_LIMITS = json.loads(os.environ.get(LIMITS, "{}"))
_STARTED = time.monotonic()


def _write(verdict: str, test: str) -> None:
    Path(_LIMITS["file"]).write_text(json.dumps({"verdict": verdict, "test": test}), encoding="utf-8")


def _stop(test: str) -> None:
    _write("time-out", test)
    os._exit(1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """End the process if this test takes too long; run no further test if the time of the session is up."""
    if time.monotonic() - _STARTED > _LIMITS["session"]:
        pytest.exit("the time is up", returncode=0)
    timer = Timer(_LIMITS["test"], _stop, [item.nodeid])
    timer.daemon = True
    timer.start()
    try:
        return (yield)
    finally:
        timer.cancel()


def pytest_runtest_logreport(report):
    if report.failed:
        _write("killed", report.nodeid)


def pytest_collectreport(report):
    if report.failed:
        _write("killed", report.nodeid)

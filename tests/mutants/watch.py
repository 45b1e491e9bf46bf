"""A plugin of pytest for runs on a mutant: it stops tests that hang, and tells which test failed."""

import os
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from threading import Timer

import pytest


@dataclass(eq=False)
class Watch:
    """Sends the verdict and a test's name: `killed` if it failed, `time-out` if it took too long.

    Attributes:
        sender: Takes the message.
        per_test: Seconds after which a test hangs, which ends the process.
        seconds: Seconds after which no further test is started.
        left_out: Node ids of tests that are not run.
    """

    sender: Connection
    per_test: float
    seconds: float
    left_out: frozenset[str] = frozenset()
    started: float = field(default_factory=time.monotonic)

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid not in self.left_out]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        if time.monotonic() - self.started > self.seconds:
            pytest.exit("the time is up", returncode=0)
        timer = Timer(self.per_test, self._stop, [item.nodeid])
        timer.daemon = True
        timer.start()
        try:
            return (yield)
        finally:
            timer.cancel()

    def _stop(self, test: str) -> None:
        self.sender.send(("time-out", test))
        os._exit(1)

    def pytest_runtest_logreport(self, report):
        self._tell(report)

    def pytest_collectreport(self, report):
        self._tell(report)

    def _tell(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            self.sender.send(("killed", report.nodeid))

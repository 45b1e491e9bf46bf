"""Clients of the loopback hub run in processes of their own.

Libraries of Hugging Face read their environment when they are imported, so a process that has imported them, as
that of the tests, can be led to no hub any more.
"""

import importlib
import json
import os
import traceback
from contextlib import suppress
from pathlib import Path

from tests.helpers.forked import FORKS, enter

ROOT = Path(__file__).parents[2]
GUARD = Path(__file__).parent / "guard"
FOREIGN = ("HF_", "HUGGING", "TRANSFORMERS_", "DATASETS_")


def environment(hub, home):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    guarded = {"PYTHONPATH": f"{GUARD}{os.pathsep}{ROOT}", "GUARD_LOG": f"{home}.left"}
    return inherited | hub.env(home) | guarded | {"TOKENIZERS_PARALLELISM": "false"}


def left(home):
    """What clients with this home tried to reach outside of this machine."""
    log = Path(f"{home}.left")
    return log.read_text().splitlines() if log.exists() else []


def call(hub, home, function, *arguments):
    """Call a function of a test module in a new process and return its result, which must fit into JSON."""
    with Client(hub, home) as client:
        return client(function, *arguments)


def _serve(calls, environment):
    enter(environment, ROOT)
    with suppress(EOFError):
        while True:
            module, function, arguments = json.loads(calls.recv())
            try:
                answer = [getattr(importlib.import_module(module), function)(*arguments), None]
            except BaseException:
                answer = [None, traceback.format_exc()]
            calls.send(json.dumps(answer))


class Client:
    """A process that knows one hub alone and calls functions of test modules as `call` does, one after the other.

    It imports the libraries once, which takes longer than most calls. `changes` are made to its environment.
    """

    def __init__(self, hub, home, **changes):
        self._calls, theirs = FORKS.Pipe()
        self.process = FORKS.Process(target=_serve, args=(theirs, environment(hub, home) | changes))
        self.process.start()
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._calls.close()
        self.process.join(60)

    def __call__(self, function, *arguments):
        self._calls.send(json.dumps([function.__module__, function.__name__, arguments]))
        result, failure = json.loads(self._calls.recv())
        assert failure is None, failure
        return result

"""Clients of the loopback hub run in processes of their own.

Libraries of Hugging Face read their environment when they are imported, so a process that has imported them, as
that of the tests, can be led to no hub any more.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUARD = Path(__file__).parent / "guard"
FOREIGN = ("HF_", "HUGGING", "TRANSFORMERS_", "DATASETS_")
CALL = """
import importlib, json, sys
module, function, arguments = sys.argv[1:]
result = getattr(importlib.import_module(module), function)(*json.loads(arguments))
print(json.dumps(result))
"""


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
    command = [sys.executable, "-c", CALL, function.__module__, function.__name__, json.dumps(arguments)]
    run = subprocess.run(
        command, env=environment(hub, home), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


SERVE = """
import importlib, json, sys, traceback
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    module, function, arguments = json.loads(line)
    try:
        answer = [getattr(importlib.import_module(module), function)(*arguments), None]
    except BaseException:
        answer = [None, traceback.format_exc()]
    print(json.dumps(answer), file=answers, flush=True)
"""


class Client:
    """A process that knows one hub alone and calls functions of test modules as `call` does, one after the other.

    It imports the libraries once, which takes longer than most calls. `changes` are made to its environment.
    """

    def __init__(self, hub, home, **changes):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            env=environment(hub, home) | changes,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=60)

    def __call__(self, function, *arguments):
        self.process.stdin.write(json.dumps([function.__module__, function.__name__, arguments]) + "\n")
        self.process.stdin.flush()
        result, failure = json.loads(self.process.stdout.readline())
        assert failure is None, failure
        return result

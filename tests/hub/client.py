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
    return inherited | hub.env(home) | {"PYTHONPATH": f"{GUARD}{os.pathsep}{ROOT}", "TOKENIZERS_PARALLELISM": "false"}


def call(hub, home, function, *arguments):
    """Call a function of a test module in a new process and return its result, which must fit into JSON."""
    command = [sys.executable, "-c", CALL, function.__module__, function.__name__, json.dumps(arguments)]
    run = subprocess.run(
        command, env=environment(hub, home), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])

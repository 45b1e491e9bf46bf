"""A small build tool like make: resumable steps that run once, shared by any number of processes.

A finished step leaves a stamp, a JSON file with its inputs, its duration and its result. A process runs the steps whose
requirements are finished and that no other process has locked, until all steps have stamps. A stopped run resumes with
the step that was interrupted. If the command is started twice, the two processes share the steps.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.run.fingerprints import code_fingerprint
from hf_gradexplain.viz.terminal import say

_POLL_SECONDS = 1.0
"""Seconds between two checks for steps that other processes have finished."""


@dataclass(frozen=True, eq=False)
class Step:
    """A step of the work.

    Attributes:
        name: A path below the ledger's folder.
        output: The file or folder that the step writes.
        inputs: Everything that the result depends on, as JSON values.
        work: A function that runs the step, or resumes it after an interruption. Its return value, as JSON values, is
            stored in the stamp and is an input of the steps that need this step.
        needs: The steps that must be finished before this step.
    """

    name: str
    output: Path
    inputs: Mapping[str, Any]
    work: Callable[[], Any]
    needs: tuple["Step", ...] = ()


class Ledger:
    """The stamps of finished steps.

    Args:
        folder: The folder of the stamps.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stamp(self, step: Step) -> dict[str, Any] | None:
        """Return the stamp of a finished step, or None if it is not finished.

        Raises:
            GradexplainError: The step was run with other inputs, or its output is missing.
        """
        path = self._path(step)
        needed = {need.name: self.stamp(need) for need in step.needs}
        if not path.exists() or None in needed.values():
            return None
        stamp: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        inputs, before = self._inputs(step, needed), stamp["asked"]
        for name in inputs.keys() | before.keys():
            if inputs.get(name) != before.get(name):
                raise GradexplainError(
                    f"{step.output} was made with {name} {before.get(name)!r}, but now {name} is {inputs.get(name)!r}; "
                    f"give another --output_dir, or delete the output and {path} to run the step again"
                )
        if not step.output.exists():
            raise GradexplainError(
                f"{step.output} is missing, but {path} marks it as finished; delete {path} to run it again"
            )
        return stamp

    def seconds(self, step: Step) -> float:
        """Return how long a finished step took, counted from its start or its last resumption.

        Raises:
            RuntimeError: The step is not finished.
        """
        return float(self._finished(step)["seconds"])

    def result(self, step: Step) -> Any:
        """Return what the work of a finished step returned.

        Raises:
            RuntimeError: The step is not finished.
        """
        return self._finished(step)["made"]

    def _finished(self, step: Step) -> dict[str, Any]:
        stamp = self.stamp(step)
        if stamp is None:
            raise RuntimeError(f"{step.name} is not finished")
        return stamp

    def run_all(self, steps: Sequence[Step]) -> None:
        """Run every unfinished step that no other process has locked; return when all steps are finished.

        Raises:
            GradexplainError: A step fails, or was run with other inputs.
        """
        waiting, number = list(steps), 0
        while waiting:
            before = len(waiting)
            for step in list(waiting):
                if self._finish(step, f"{number + 1}/{len(steps)}"):
                    waiting.remove(step)
                    number += 1
            if waiting and len(waiting) == before:
                time.sleep(_POLL_SECONDS)

    def _finish(self, step: Step, number: str) -> bool:
        """Run the step if it is ready and not locked; return whether it is finished."""
        if self.stamp(step) is not None:
            return True
        needed = {need.name: self.stamp(need) for need in step.needs}
        if None in needed.values():
            return False
        path = self._path(step)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(path.with_suffix(".lock"), timeout=0):
                if self.stamp(step) is None:
                    say(f"[{number}] {step.name}")
                    started = time.monotonic()
                    result = step.work()
                    stamp = {"asked": self._inputs(step, needed), "made": result, "code": code_fingerprint()}
                    stamp["seconds"] = round(time.monotonic() - started, 1)
                    atomic_write_text(path, json.dumps(stamp, indent=1, ensure_ascii=False) + "\n")
        except Timeout:
            return False
        return True

    def _inputs(self, step: Step, needed: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of a step and the results of the steps that it needs, after a round trip through JSON."""
        results = {name: stamp["made"] for name, stamp in needed.items()}
        inputs: dict[str, Any] = json.loads(json.dumps({**step.inputs, **results}))
        return inputs

    def _path(self, step: Step) -> Path:
        return self.folder / f"{step.name}.json"

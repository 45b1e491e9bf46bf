"""Work in steps that are done once, by any number of processes, in any number of sittings.

A finished step leaves a stamp: what it was made from, how long it took, and what came of it. Whoever walks through the
steps does those that are ready and that nobody else is at, until all have their stamp. So a run that was killed goes
on where it was, and a command that is started twice does its work in half the time.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.run.fingerprints import code_fingerprint

_LOOK_EVERY = 1.0
"""Seconds between two looks at what the other processes have finished."""


@dataclass(frozen=True, eq=False)
class Step:
    """One piece of the work.

    Attributes:
        name: What it is called: a path below the ledger's folder.
        output: The file or folder that it leaves.
        asked: Everything that its result depends on, in JSON values.
        work: Does it; begun work that was interrupted is taken up. What it returns, in JSON values, is kept, and what
            needs this step depends on it.
        needs: The steps that have to be finished before.
    """

    name: str
    output: Path
    asked: Mapping[str, Any]
    work: Callable[[], Any]
    needs: tuple["Step", ...] = ()


class Ledger:
    """The stamps of finished steps.

    Args:
        folder: Where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stamp(self, step: Step) -> dict[str, Any] | None:
        """What a finished step left, or None if it is not finished.

        Raises:
            GradexplainError: It was made from something else than is asked for now.
        """
        path = self._path(step)
        needed = {need.name: self.stamp(need) for need in step.needs}
        if not path.exists() or None in needed.values():
            return None
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        asked = self._asked(step, needed)
        for name in asked.keys() | found["asked"].keys():
            if asked.get(name) != found["asked"].get(name):
                raise GradexplainError(
                    f"{step.output} was made with {name} {found['asked'].get(name)!r}, but {asked.get(name)!r} is "
                    f"asked for: give another --output_dir, or delete it and {path} to do it again"
                )
        if not step.output.exists():
            raise GradexplainError(f"{step.output} is gone, though {path} says that it is finished: delete that file")
        return found

    def seconds(self, step: Step) -> float:
        """How long a finished step took, since it was begun or last taken up again.

        Raises:
            RuntimeError: It is not finished.
        """
        stamp = self.stamp(step)
        if stamp is None:
            raise RuntimeError(f"{step.name} is not finished")
        return float(stamp["seconds"])

    def run_all(self, steps: Sequence[Step]) -> None:
        """Do every step that is not finished and that no other process is at; return when all are finished.

        Raises:
            GradexplainError: A step cannot be done, or was made from something else.
        """
        waiting, number = list(steps), 0
        while waiting:
            before = len(waiting)
            for step in list(waiting):
                if self._done(step, f"{number + 1}/{len(steps)}"):
                    waiting.remove(step)
                    number += 1
            if waiting and len(waiting) == before:
                time.sleep(_LOOK_EVERY)

    def _done(self, step: Step, number: str) -> bool:
        """Whether the step is finished; it is done now if it is ready and free."""
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
                    Console(stderr=True, soft_wrap=True).print(f"[{number}] {step.name}", highlight=False, markup=False)
                    started = time.monotonic()
                    made = step.work()
                    stamp = {"asked": self._asked(step, needed), "made": made, "code": code_fingerprint()}
                    stamp["seconds"] = round(time.monotonic() - started, 1)
                    atomic_write_text(path, json.dumps(stamp, indent=1, ensure_ascii=False) + "\n")
        except Timeout:
            return False
        return True

    def _asked(self, step: Step, needed: Mapping[str, Any]) -> dict[str, Any]:
        """What the step is made from, as JSON gives it back."""
        results = {name: stamp["made"] for name, stamp in needed.items()}
        asked: dict[str, Any] = json.loads(json.dumps({**step.asked, **results}))
        return asked

    def _path(self, step: Step) -> Path:
        return self.folder / f"{step.name}.json"

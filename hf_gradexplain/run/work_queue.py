"""Which open shard is whose: tickets drawn from a file, without the processes ever waiting for each other."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock


@dataclass(frozen=True)
class Totals:
    """How far all processes together have come in this run.

    Attributes:
        drawn: Tickets that were drawn.
        shards: Shards that were finished.
        documents: Documents in them.
        cost: Their cost.
    """

    claimed: int = 0
    shards: int = 0
    documents: int = 0
    cost: int = 0


class WorkQueue:
    """A counter in a folder that all processes of a run share, of one machine or of several.

    The process that draws ticket `i` does the `i`-th open shard. So a slow process does fewer shards and holds nobody
    up. What a process that died had drawn stays open for the next run.

    Args:
        folder: The shared folder. The counter is a file in it, as long as the run goes on.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / ".tickets"
        self.lock = FileLock(folder / ".tickets.lock", is_singleton=True)

    def start(self) -> None:
        """Begin a run: put the counter to 0; before any other process draws."""
        with self.lock:
            self._write(Totals())

    def claim_next(self, documents: int = 0, cost: int = 0) -> int:
        """Hand in the shard that was finished, if any, and draw the next ticket."""
        with self.lock:
            totals = self._read()
            finished = 1 if documents else 0
            self._write(
                Totals(totals.claimed + 1, totals.shards + finished, totals.documents + documents, totals.cost + cost)
            )
            return totals.claimed

    def totals(self) -> Totals:
        """How far the run has come."""
        with self.lock:
            return self._read()

    def end(self) -> None:
        """End a run: remove the counter; after every process has handed in its last shard."""
        self.path.unlink(missing_ok=True)
        Path(self.lock.lock_file).unlink(missing_ok=True)

    def _read(self) -> Totals:
        return Totals(**json.loads(self.path.read_text(encoding="utf-8")))

    def _write(self, totals: Totals) -> None:
        """Whole or not at all, but not waiting for the disk: no run reads what an earlier one left."""
        unfinished = self.path.with_suffix(".part")
        unfinished.write_text(json.dumps(asdict(totals)), encoding="utf-8")
        os.replace(unfinished, self.path)

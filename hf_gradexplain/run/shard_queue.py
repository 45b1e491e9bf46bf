"""A shared work queue of shards: a counter in a file, so that no process waits for another."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock

from hf_gradexplain.files import atomic_write_text


@dataclass(frozen=True)
class Totals:
    """What all processes together have done in this run.

    Attributes:
        claimed: How many numbers were claimed.
        shards: How many shards were finished.
        documents: The number of documents that were finished.
        cost: The cost of these documents.
    """

    claimed: int = 0
    shards: int = 0
    documents: int = 0
    cost: int = 0


class ShardQueue:
    """A counter in a folder shared by all processes of a run, on one machine or on several.

    The process that claims number `i` computes the `i`-th open shard. A slow process computes fewer shards and does not
    delay the others. If a process is killed, the shard that it claimed stays open for the next run.

    Args:
        folder: The shared folder. The counter is a file in it while the run lasts.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / ".work_queue"
        self.lock = FileLock(folder / ".work_queue.lock", is_singleton=True)
        self._in_progress = (0, 0)

    def start(self) -> None:
        """Start a run: set the counter to 0, before any other process claims a number."""
        with self.lock:
            self._write(Totals())

    def claim_next(self, documents: int = 0, cost: int = 0) -> int:
        """Report the shard just finished, if any, and claim the next number."""
        with self.lock:
            totals, self._in_progress = self._read(), (0, 0)
            finished = 1 if documents else 0
            self._write(
                Totals(totals.claimed + 1, totals.shards + finished, totals.documents + documents, totals.cost + cost)
            )
            return totals.claimed

    def advance(self, documents: int, cost: int) -> None:
        """Report documents of the shard in progress; only `totals` of this process counts them."""
        self._in_progress = (self._in_progress[0] + documents, self._in_progress[1] + cost)

    def totals(self) -> Totals:
        """Return what has been done so far."""
        with self.lock:
            done, (documents, cost) = self._read(), self._in_progress
        return replace(done, documents=done.documents + documents, cost=done.cost + cost)

    def end(self) -> None:
        """End a run: remove the counter, after every process has reported its last shard."""
        self.path.unlink(missing_ok=True)
        Path(self.lock.lock_file).unlink(missing_ok=True)

    def _read(self) -> Totals:
        return Totals(**json.loads(self.path.read_text(encoding="utf-8")))

    def _write(self, totals: Totals) -> None:
        atomic_write_text(self.path, json.dumps(asdict(totals)), sync=False)  # no later run reads it

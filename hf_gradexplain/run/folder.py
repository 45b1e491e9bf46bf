"""The folder of a run: locked by one run at a time, and bound to one set of inputs."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from accelerate import PartialState
from filelock import FileLock, Timeout

from hf_gradexplain.errors import GradexplainError, one_line, translate_errors
from hf_gradexplain.evaluation.documents import damage
from hf_gradexplain.files import atomic_write_text, checksum_path, matches_checksum, remove_unfinished
from hf_gradexplain.run.heartbeat import heartbeat
from hf_gradexplain.viz.sanitize import json_text

_LOCK_TIMEOUT = 3
"""Seconds to wait for a lock; a process whose launcher was killed ends within one second."""

ROWS = b"rows"
"""The key under which a document file's metadata has the digest of the rows that the file was made from."""


def document_path(output_dir: Path, start: int) -> Path:
    """Return the path of a shard's document file, named after the position of the shard's first document."""
    return output_dir / "documents" / f"{start:08d}.parquet"


def document_paths(output_dir: Path) -> list[Path]:
    """Return the document files of a folder, in the order of the dataset."""
    paths = (path for path in (output_dir / "documents").glob("*.parquet") if path.stem.isdecimal())
    return sorted(paths, key=lambda path: int(path.stem))


@contextmanager
def lock_run_folder(output_dir: Path, state: PartialState) -> Iterator[None]:
    """Lock the folder for this run, with one lock per process, which also detects processes of a killed run.

    A lock is released when its process ends, in whatever way. A process may lock the folder twice. While the folder is
    locked, processes that stop responding are reported, see `hf_gradexplain.run.heartbeat`.

    Raises:
        GradexplainError: Another run, or a process of an earlier run, is writing to the folder.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    files = [_lock_path(output_dir, process) for process in range(state.num_processes)]
    with _locked(output_dir, state.process_index), heartbeat(files, state.process_index):
        state.wait_for_everyone()
        if state.is_main_process:
            others = (int(path.suffix[1:]) for path in output_dir.glob(".lock.*") if path.suffix[1:].isdecimal())
            for other in sorted(others):
                if other >= state.num_processes:
                    with _locked(output_dir, other):
                        pass
        yield


def _lock_path(output_dir: Path, process: int) -> Path:
    """Return the file that a process locks; the process also writes its signs of life to this file."""
    return output_dir / (f".lock.{process}" if process else ".lock")


@contextmanager
def _locked(output_dir: Path, process: int) -> Iterator[None]:
    lock = FileLock(_lock_path(output_dir, process), is_singleton=True)
    try:
        lock.acquire(timeout=_LOCK_TIMEOUT)
    except Timeout:
        who = f"process {process} of an earlier run" if process else "another run"
        raise GradexplainError(f"{who} is writing to {output_dir}: wait for it, or give another output_dir") from None
    try:
        yield
    finally:
        lock.release()


def check_inputs(output_dir: Path, inputs: Mapping[str, Any]) -> None:
    """Record the inputs in a new folder, or compare them with those recorded; the main process calls this when locked.

    Args:
        output_dir: The folder.
        inputs: Everything that the result depends on, as JSON values.

    Raises:
        GradexplainError: The folder has a run with other inputs (the message names the inputs that differ), or files
            that do not belong to a run.
    """
    record = output_dir / "documents" / "inputs.json"
    current = json.loads(json.dumps(inputs))
    record.parent.mkdir(parents=True, exist_ok=True)
    for folder in (output_dir, record.parent, output_dir / "figures"):
        remove_unfinished(folder)
    if document_paths(output_dir):
        _check_same_inputs(output_dir, _recorded_inputs(record), current)
    elif not record.exists():
        _check_no_foreign_files(output_dir)
    atomic_write_text(record, json_text(current, indent=2) + "\n", checksum=True)


def finished_shards(output_dir: Path) -> tuple[dict[int, str], dict[Path, str]]:
    """Return the shards that an earlier run finished, and the files that are corrupt.

    Every byte is compared with the SHA-256 that was recorded when the file was written.

    Returns:
        The digest of the rows of each finished shard, by the shard's start; and what is wrong with each corrupt file. A
        run always writes the SHA-256, so a file without a recorded SHA-256 also counts as corrupt.

    Raises:
        GradexplainError: A file exists but cannot be read.
    """
    digests, corrupt = {}, {}
    for path in document_paths(output_dir):
        try:
            reason = damage(path) if checksum_path(path).exists() else f"{checksum_path(path).name} is missing"
            if reason:
                corrupt[path] = reason
            else:
                digests[int(path.stem)] = (pq.read_schema(path).metadata or {}).get(ROWS, b"").decode()
        except pa.ArrowInvalid as error:
            corrupt[path] = one_line(error, 200)
        except OSError as error:
            if error.errno is None:  # the content is wrong, not the access to it
                corrupt[path] = one_line(error, 200)
                continue
            raise GradexplainError(
                f"cannot read {path} ({os.strerror(error.errno)}): make it readable, or delete it to compute it again"
            ) from error
    return digests, corrupt


@contextmanager
def named_if_unreadable(paths: Sequence[Path]) -> Iterator[None]:
    """If reading document files fails in the block, raise an error that names the file.

    Raises:
        GradexplainError: One of the files cannot be read.
    """
    try:
        yield
    except (OSError, pa.ArrowException):
        for path in paths:
            _check_readable(path)
        raise


def _check_readable(path: Path) -> None:
    def explain(error: Exception) -> str:
        return (
            f"cannot read {path} ({one_line(error, 200)}): delete it and run the same command again, which computes "
            "only this shard"
        )

    with translate_errors(explain, OSError, pa.ArrowException):
        pq.read_table(path)


def _recorded_inputs(record: Path) -> dict[str, Any]:
    def explain(error: Exception) -> str:
        return (
            f"cannot read from {record} which inputs the finished shards were made from ({one_line(error, 200)}): give "
            "another output_dir, or delete this one"
        )

    with translate_errors(explain, OSError, ValueError, RecursionError):
        if matches_checksum(record) is False:
            raise ValueError(f"its bytes do not have the SHA-256 in {checksum_path(record).name}")
        inputs = json.loads(record.read_text(encoding="utf-8"))
        if not isinstance(inputs, dict):
            raise ValueError(f"it holds a {type(inputs).__name__} instead of a JSON object")
        return inputs


def _check_same_inputs(output_dir: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changes = [
        _describe_change(key, before.get(key), now.get(key))
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]
    if changes:
        raise GradexplainError(
            f"{output_dir} holds a run made from other inputs ({'; '.join(changes)}): give another output_dir, or "
            "delete this one"
        )


def _describe_change(key: str, before: Any, now: Any) -> str:
    hashes = all(isinstance(value, str) and len(value) == 64 for value in (before, now))
    return f"different {key}" if hashes else f"{key} was {before!r}, now {now!r}"


def _check_no_foreign_files(output_dir: Path) -> None:
    """Check that a new run would overwrite no file of the user; files of a run are in a folder with recorded inputs."""
    for name in ("README.md", "report.html", "results.json", "run.yaml", "SHA256SUMS"):
        if (output_dir / name).exists():
            raise GradexplainError(
                f"{output_dir / name} does not belong to a run and would be overwritten: give another output_dir"
            )

"""The folder of a run: held by one run at a time, and by one set of inputs for ever."""

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

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.files import atomic_write_text, remove_unfinished

_PATIENCE = 3
"""Seconds that a run waits for the folder: a process whose launcher was killed ends within one."""

ROWS = b"rows"
"""Where a documents file says what rows it was made from."""


def document_path(output_dir: Path, start: int) -> Path:
    """Where a shard is written; the name is the place of its first document."""
    return output_dir / "documents" / f"{start:08d}.parquet"


def document_paths(output_dir: Path) -> list[Path]:
    """The documents files of a folder, in the order of the data set."""
    paths = (path for path in (output_dir / "documents").glob("*.parquet") if path.stem.isdecimal())
    return sorted(paths, key=lambda path: int(path.stem))


@contextmanager
def lock_run_folder(output_dir: Path, state: PartialState) -> Iterator[None]:
    """Hold the folder for this run; every process holds a lock of its own, so none can be left over unnoticed.

    Locks vanish with the process, however it ends. The same process may hold the folder twice.

    Raises:
        GradexplainError: Another run is going on in the folder, or a process of an earlier one.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    with _locked(output_dir, state.process_index):
        state.wait_for_everyone()
        if state.is_main_process:
            others = (int(path.suffix[1:]) for path in output_dir.glob(".lock.*") if path.suffix[1:].isdecimal())
            for other in sorted(others):
                if other >= state.num_processes:
                    with _locked(output_dir, other):
                        pass
        yield


@contextmanager
def _locked(output_dir: Path, process: int) -> Iterator[None]:
    lock = FileLock(output_dir / (f".lock.{process}" if process else ".lock"), is_singleton=True)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        who = f"process {process} of an earlier run" if process else "another run"
        raise GradexplainError(f"{who} is writing to {output_dir}: wait for it, or give another --output_dir") from None
    try:
        yield
    finally:
        lock.release()


def check_inputs(output_dir: Path, inputs: Mapping[str, Any]) -> None:
    """Keep the folder for these inputs; by the main process, while it is held.

    Args:
        output_dir: The folder.
        inputs: Everything that the result depends on, in JSON values.

    Raises:
        GradexplainError: The folder is another's: the message names the inputs that differ, or the file.
    """
    record = output_dir / "documents" / "inputs.json"
    wanted = json.loads(json.dumps(inputs))
    record.parent.mkdir(parents=True, exist_ok=True)
    for folder in (output_dir, record.parent, output_dir / "figures"):
        remove_unfinished(folder)
    if document_paths(output_dir):
        _refuse_other_inputs(output_dir, _recorded(record), wanted)
    elif not record.exists():
        _refuse_foreign_files(output_dir)
    atomic_write_text(record, json.dumps(wanted, indent=2, ensure_ascii=False) + "\n")


def finished_shards(output_dir: Path) -> tuple[dict[int, str], list[Path]]:
    """What is done already.

    Returns:
        By the start of each finished shard, the digest of the rows that it was made from; and the files that are torn,
        which no run of ours leaves, but a failing disk might.

    Raises:
        GradexplainError: A file is there but cannot be read.
    """
    found, torn = {}, []
    for path in document_paths(output_dir):
        try:
            metadata = pq.read_schema(path).metadata or {}
            found[int(path.stem)] = metadata.get(ROWS, b"").decode()
        except pa.ArrowInvalid:
            torn.append(path)
        except OSError as error:
            if error.errno is None:  # what it holds is wrong, not how it can be got at
                torn.append(path)
                continue
            raise GradexplainError(
                f"cannot read {path} ({os.strerror(error.errno)}): make it readable, or delete it to have it done again"
            ) from error
    return found, torn


@contextmanager
def named_if_unreadable(paths: Sequence[Path]) -> Iterator[None]:
    """Where reading finished files fails within the block, say which one it is, and the mend.

    Raises:
        GradexplainError: One of the files cannot be read through.
    """
    try:
        yield
    except (OSError, pa.ArrowException):
        for path in paths:
            _check_readable(path)
        raise


def _check_readable(path: Path) -> None:
    try:
        pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise GradexplainError(
            f"cannot read {path} ({' '.join(str(error).split())[:200]}): delete it and run the same command again, "
            "which does this shard once more and keeps the others"
        ) from error


def _recorded(record: Path) -> dict[str, Any]:
    try:
        return json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GradexplainError(
            f"{record} does not say what the finished shards beside it were made from ({error}): give another "
            "--output_dir, or delete that one"
        ) from error


def _refuse_other_inputs(output_dir: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    different = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
    if different:
        raise GradexplainError(
            f"{output_dir} holds a run made from other inputs "
            f"({'; '.join(_change(key, found.get(key), wanted.get(key)) for key in different)}): "
            "give another --output_dir, or delete that one"
        )


def _change(key: str, before: Any, now: Any) -> str:
    hashes = all(isinstance(value, str) and len(value) == 64 for value in (before, now))
    return f"another {key}" if hashes else f"{key} was {before!r}, now {now!r}"


def _refuse_foreign_files(output_dir: Path) -> None:
    """Nobody's files are overwritten: those of a run stand in a folder that a run began."""
    for name in ("README.md", "report.html", "results.json", "run.yaml"):
        if (output_dir / name).exists():
            raise GradexplainError(
                f"{output_dir / name} is not of a run and would be overwritten: give another --output_dir"
            )

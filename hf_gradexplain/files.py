"""Files appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNFINISHED = ".part"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder to write to; at the end of the block it becomes `path`.

    Its bytes reach the disk before its name does, and its name before this returns. After an exception nothing is
    left of it; what a killed process leaves, `remove_unfinished` removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_UNFINISHED)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _to_disk(temporary)
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
        _to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all; lone surrogates, which UTF-8 does not have, become `?`."""
    write_bytes(path, text.encode(errors="replace"))


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left of the files that they were writing to a folder; no other may be at work."""
    for path in folder.glob(f".*{_UNFINISHED}"):
        if path.is_file():
            path.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

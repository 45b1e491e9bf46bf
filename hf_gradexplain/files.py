"""Atomic writes: a file appears complete or not at all. On request, its SHA-256 is written next to it."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNFINISHED = ".part"

_CHECKSUM = ".sha256"


@contextmanager
def atomic_write(path: Path, *, sync: bool = True, checksum: bool = False) -> Iterator[Path]:
    """Yield a temporary file in the same folder to write to; at the end of the block it is renamed to `path`.

    Missing parent folders are created. After an exception the temporary file is removed and `path` is unchanged; a
    killed process may leave its temporary file, which `remove_unfinished` removes.

    Args:
        path: The file to write or replace.
        sync: Wait until the bytes are on the disk before the rename, and until the new name is on the disk before
            returning: the file then survives a loss of power.
        checksum: Also write the SHA-256 of the bytes to `PATH.sha256`, for `matches_checksum` and `sha256sum --check`.
            The SHA-256 is written before the rename, so that a file without it was never finished.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_UNFINISHED}")
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        if sync:
            _sync(temporary)
        if checksum:
            atomic_write_text(checksum_path(path), checksum_line(temporary, path.name), sync=sync)
        os.replace(temporary, path)
        if sync:
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write_bytes(path: Path, data: bytes, *, sync: bool = True, checksum: bool = False) -> None:
    """Write a file by `atomic_write`."""
    with atomic_write(path, sync=sync, checksum=checksum) as temporary:
        temporary.write_bytes(data)


def atomic_write_text(path: Path, text: str, *, sync: bool = True, checksum: bool = False) -> None:
    """Write a UTF-8 text file by `atomic_write`; lone surrogates, which UTF-8 cannot encode, become `?`."""
    atomic_write_bytes(path, text.encode(errors="replace"), sync=sync, checksum=checksum)


def checksum_path(path: Path) -> Path:
    """Return the path of the SHA-256 of a file."""
    return path.with_name(path.name + _CHECKSUM)


def checksum_line(path: Path, name: str) -> str:
    """Return the SHA-256 of a file and a name for it, as `sha256sum` prints them."""
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n"


def matches_checksum(path: Path) -> bool | None:
    """Return whether a file has the SHA-256 that was written with it; None if no SHA-256 was written."""
    recorded = checksum_path(path)
    if not recorded.exists():
        return None
    return recorded.read_bytes() == checksum_line(path, path.name).encode()


def check_folder(path: Path) -> None:
    """Check, before any work is done, that a folder exists or can be made.

    Raises:
        OSError: The folder cannot be made or written to: part of the path is a file or too long, or access is denied.
    """
    existing = next(part for part in (path, *path.absolute().parents) if part.exists())
    if not existing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(existing))
    if not os.access(existing, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(existing))


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder; no other process may be writing to it."""
    for path in folder.glob(f".*{_UNFINISHED}"):
        if path.is_file():
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until the bytes of a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open folders
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

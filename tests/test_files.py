"""Files appear complete or not at all."""

import errno
import os
from hashlib import sha256

import pytest

from hf_gradexplain.files import (
    atomic_write,
    atomic_write_bytes,
    atomic_write_text,
    check_folder,
    matches_checksum,
    remove_unfinished,
)


def test_a_file_appears_at_the_end_of_the_block(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("x")
        assert not path.exists()
    assert path.read_text() == "x"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_exception_the_old_file_is_unchanged_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "a.txt"
    atomic_write_text(path, "old")

    def fail():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        atomic_write_text(tmp_path / "a", "x")
        (tmp_path / "b").write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~umask


def test_the_umask_of_the_process_is_never_changed(tmp_path, monkeypatch):
    """It belongs to all threads: a file that another one creates meanwhile would be open to everyone."""
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("changed the umask"))
    atomic_write_text(tmp_path / "a", "x")


def test_the_bytes_are_synced_before_the_rename_and_the_folder_after_it(tmp_path, monkeypatch):
    happened, fsync, replace = [], os.fsync, os.replace

    def note_sync(handle):
        happened.append(("sync", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def note_rename(old, new):
        happened.append(("rename", str(new)))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    atomic_write_text(tmp_path / "a.txt", "x")
    assert [kind for kind, _ in happened] == ["sync", "rename", "sync"]
    assert ".a.txt." in happened[0][1]
    assert happened[2][1] == str(tmp_path)
    happened.clear()
    atomic_write_text(tmp_path / "a.txt", "y", sync=False)
    assert happened == [("rename", str(tmp_path / "a.txt"))]


def test_only_temporary_files_of_killed_processes_are_removed(tmp_path):
    others = [tmp_path / "a.txt", tmp_path / ".hidden", tmp_path / "b.part"]
    for path in (*others, tmp_path / ".a.txt.xyz.part"):
        path.touch()
    (tmp_path / ".model.part").mkdir()
    remove_unfinished(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / ".model.part"])


def test_two_writers_of_one_file_use_different_temporary_files(tmp_path):
    with atomic_write(tmp_path / "a") as first, atomic_write(tmp_path / "a") as second:
        assert first != second
        assert first.parent == second.parent == tmp_path


def test_lone_surrogates_become_question_marks(tmp_path):
    atomic_write_text(tmp_path / "a", "a\ud800é\n")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "a?é\n"


@pytest.mark.parametrize("write", [atomic_write_bytes, lambda path, data: _in_block(path, data)])
def test_files_are_synced_by_default_and_have_no_checksum(tmp_path, monkeypatch, write):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write(tmp_path / "a", b"x")
    assert len(synced) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def _in_block(path, data):
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


@pytest.mark.parametrize(("sync", "n"), [(True, 4), (False, 0)])
def test_the_checksum_is_synced_as_the_file_is(tmp_path, monkeypatch, sync, n):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    atomic_write_bytes(tmp_path / "a", b"x", sync=sync, checksum=True)
    assert len(synced) == n
    assert (tmp_path / "a.sha256").read_text() == f"{sha256(b'x').hexdigest()}  a\n"
    assert matches_checksum(tmp_path / "a") is True
    (tmp_path / "a").write_bytes(b"y")
    assert matches_checksum(tmp_path / "a") is False
    assert matches_checksum(tmp_path / "b") is None


def test_every_handle_is_closed(tmp_path, monkeypatch):
    closed = []
    plain = os.close
    monkeypatch.setattr(os, "close", lambda handle: closed.append(handle) or plain(handle))
    atomic_write_bytes(tmp_path / "a", b"x")
    assert len(closed) >= 2


def test_a_folder_is_checked_before_any_work(tmp_path, monkeypatch):
    check_folder(tmp_path)
    check_folder(tmp_path / "new" / "folder")
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "new"):
        with pytest.raises(NotADirectoryError) as error:
            check_folder(path)
        assert (error.value.errno, error.value.filename) == (errno.ENOTDIR, str(tmp_path / "file"))
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(PermissionError) as error:
        check_folder(tmp_path / "new")
    assert (error.value.errno, error.value.filename) == (errno.EACCES, str(tmp_path))

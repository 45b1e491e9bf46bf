"""Files appear whole or not at all."""

import os

import pytest

from hf_gradexplain.files import atomic_write, remove_unfinished, write_text


def test_a_file_appears_at_the_end(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("x")
        assert not path.exists()
    assert path.read_text() == "x"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_exception_the_old_file_stands_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_it_may_be_read_by_whom_the_umask_lets(tmp_path):
    write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_bytes_reach_the_disk_before_the_name_and_the_name_before_it_returns(tmp_path, monkeypatch):
    happened, fsync, replace = [], os.fsync, os.replace

    def note_sync(handle):
        happened.append(("disk", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def note_name(old, new):
        happened.append(("name", str(new)))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_name)
    write_text(tmp_path / "a.txt", "x")
    assert [kind for kind, _ in happened] == ["disk", "name", "disk"]
    assert ".a.txt." in happened[0][1]
    assert happened[2][1] == str(tmp_path)


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    kept = [tmp_path / "a.txt", tmp_path / ".hidden", tmp_path / "b.part"]
    for path in (*kept, tmp_path / ".a.txt.xyz.part"):
        path.touch()
    (tmp_path / ".model.part").mkdir()
    remove_unfinished(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / ".model.part"])


def test_text_that_utf8_does_not_have_is_written_all_the_same(tmp_path):
    write_text(tmp_path / "a", "a\ud800é\n")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "a?é\n"

"""Signs of life: a process that stops is named once, and so is its return."""

import os
import threading
import time

import pytest

from hf_gradexplain.run import heartbeat as module
from hf_gradexplain.run.heartbeat import heartbeat


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BEAT_SECONDS", 0.02)
    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    return [tmp_path / name for name in (".lock", ".lock.1", ".lock.2")]


def said(capsys, text, patience=20):
    """Wait until the text was printed, and return all that was."""
    printed, until = "", time.monotonic() + patience
    while text not in printed:
        assert time.monotonic() < until, printed
        time.sleep(0.01)
        printed += capsys.readouterr().err
    return printed


def keep_alive(path, over):
    while not over.wait(0.02):
        path.write_text("process 7 of there")


def test_a_process_that_stops_is_named_once_and_so_is_its_return(files, capsys):
    stopped, over = threading.Event(), threading.Event()
    other = threading.Thread(target=keep_alive, args=(files[1], stopped))
    last = threading.Thread(target=keep_alive, args=(files[2], over))
    other.start()
    last.start()
    with heartbeat(files, 0):
        time.sleep(0.7)
        assert capsys.readouterr().err == ""
        stopped.set()
        printed = said(capsys, "rank 1 (process 7 of there) has shown no sign of life for 1 s: it may be stopped")
        time.sleep(0.3)
        assert (printed + capsys.readouterr().err).count("no sign of life") == 1
        files[1].write_text("process 7 of there")
        said(capsys, "rank 1 shows signs of life again")
    over.set()
    other.join()
    last.join()


def test_processes_that_never_started_are_named_and_finished_ones_are_not(files, capsys):
    files[2].write_text("process 3 of an earlier run")
    os.utime(files[2], (1, 1))
    with heartbeat(files, 0):
        time.sleep(0.1)
        files[1].write_text("finished")
        printed = said(capsys, "rank 2 (not started) has shown no sign of life")
        time.sleep(0.7)
        assert "rank 1" not in printed + capsys.readouterr().err


def test_every_process_writes_who_it_is_and_that_it_has_finished(files):
    with heartbeat(files, 1), heartbeat(files, 1):
        time.sleep(0.1)
        assert files[1].read_text().startswith(f"process {os.getpid()} of ")
        assert [thread.name for thread in threading.enumerate()].count(module._THREAD) == 1
    assert files[1].read_text() == "finished"
    assert not files[0].exists()


def test_a_run_of_one_process_has_no_heartbeat(files):
    with heartbeat(files[:1], 0):
        assert module._THREAD not in [thread.name for thread in threading.enumerate()]
    assert not files[0].exists()


@pytest.fixture
def three(tmp_path):
    """The files of three processes; the clock of the main process stands at 1000."""
    paths = [tmp_path / name for name in ("a", "b", "c")]
    paths[0].write_text("process 1 of here")
    os.utime(paths[0], (1000, 1000))
    return paths


@pytest.mark.parametrize(
    ("age", "silent", "said"),
    [(120, set(), ""), (121, set(), "rank 1 (process 7 of there) has shown no sign of life for 121 s"), (121, {1}, "")],
)
def test_two_minutes_without_a_sign_of_life_are_reported_once(three, capsys, age, silent, said):
    three[1].write_text("process 7 of there")
    os.utime(three[1], (1000 - age, 1000 - age))
    found = set(silent)
    module._report(three, 1, 500.0, found)
    written = capsys.readouterr().err
    assert (written.startswith(said), bool(written)) == (True, bool(said))
    assert found == ({1} if said or silent else set())


@pytest.mark.parametrize(("age", "silent"), [(120, {1}), (0, {1}), (0, set())])
def test_a_return_is_reported_once(three, capsys, age, silent):
    three[1].write_text("process 7 of there")
    os.utime(three[1], (1000 - age, 1000 - age))
    found = set(silent)
    module._report(three, 1, 500.0, found)
    assert capsys.readouterr().err == ("rank 1 shows signs of life again\n" if silent else "")
    assert found == set()


def test_a_finished_process_and_one_that_never_started(three, capsys):
    three[1].write_text("finished")
    os.utime(three[1], (600, 600))
    module._report(three, 1, 500.0, set())
    assert capsys.readouterr().err == ""
    module._report(three, 2, 500.0, set())
    assert capsys.readouterr().err.startswith("rank 2 (not started) has shown no sign of life for 500 s")
    os.utime(three[1], (499, 499))
    module._report(three, 1, 500.0, set())
    assert capsys.readouterr().err.startswith("rank 1 (not started) has shown no sign of life for 500 s")


def test_files_that_cannot_be_read_or_written_are_no_error(tmp_path):
    missing = tmp_path / "no" / "file"
    module._write(missing, "x")
    assert (module._read(missing), module._time(missing)) == ("", 0.0)

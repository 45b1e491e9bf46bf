"""What a person sees while a run goes on."""

import time

from hf_gradexplain.run import progress
from hf_gradexplain.run.progress import Work, progress_bar
from hf_gradexplain.run.work_queue import Totals


def test_lines_where_there_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(progress, "_TELL_EVERY", 0.1)
    with progress_bar(lambda: Totals(2, 1, 128, 500), Work(3, 1300, 5000), reused=4):
        time.sleep(0.35)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "reused 4 of 7 shards"
    assert said[1].startswith("evaluating: 128 of 1,300 documents, ")
    assert "per second" in said[1]


def test_a_stream_has_no_total(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(progress, "_TELL_EVERY", 0.1)
    with progress_bar(lambda: Totals(2, 1, 128, 500), None, reused=4):
        time.sleep(0.15)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "reused 4 shards"
    assert said[1].startswith("evaluating: 128 documents, ")
    assert "left" not in said[1]


def test_a_terminal_has_a_bar_with_rate_and_time_left(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(progress, "_LOOK_EVERY", 0.01)
    done = [Totals()]
    with progress_bar(lambda: done[0], Work(2, 20, 100), reused=0):
        time.sleep(0.2)
        done[0] = Totals(1, 1, 10, 50)
        time.sleep(0.4)
    claimed = capsys.readouterr().err
    assert "10 of 20 documents" in claimed
    assert "per second" in claimed

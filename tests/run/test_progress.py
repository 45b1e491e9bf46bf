"""The progress of a run, on a terminal and elsewhere."""

import os
import re
import sys
import time

import pytest

from hf_gradexplain.run import progress
from hf_gradexplain.run.progress import Work, progress_bar
from hf_gradexplain.run.shard_queue import Totals


def test_without_a_terminal_lines_are_printed(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_UPDATE_SECONDS", 0.01)
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.1)
    with progress_bar(lambda: Totals(2, 1, 128, 500), Work(3, 1300, 5000), reused=4):
        time.sleep(0.35)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "reused 4 of 7 shards"
    assert lines[1].startswith("evaluating: 128 of 1,300 documents, ")
    assert "per second" in lines[1]


def test_a_stream_has_no_total(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_UPDATE_SECONDS", 0.01)
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.1)
    with progress_bar(lambda: Totals(2, 1, 128, 500), None, reused=4):
        time.sleep(0.15)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "reused 4 shards"
    assert lines[1].startswith("evaluating: 128 documents, ")
    assert "left" not in lines[1]


def test_a_notebook_has_a_bar_that_is_drawn_in_one_place(monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr(progress, "runs_in_kernel", lambda: True)
    monkeypatch.setattr(progress, "live_display", lambda: lambda html, text: drawn.append((html, text)))
    done = [Totals()]
    with progress_bar(lambda: done[0], Work(2, 20, 100), reused=0):
        done[0] = Totals(1, 1, 10, 50)
    html, text = drawn[-1]
    assert text.startswith("evaluating: 10 of 20 documents, ")
    assert text.endswith(" per second, 0 min left")
    assert html == f'<progress value="50" max="100" style=\'width: 20em\'></progress> {text}'
    assert capsys.readouterr() == ("", "")
    with progress_bar(lambda: done[0], None, reused=0):
        pass
    assert drawn[-1][0].startswith("<progress style=")


def test_a_terminal_has_a_bar_with_rate_and_time_left(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(progress, "_UPDATE_SECONDS", 0.01)
    done = [Totals()]
    with progress_bar(lambda: done[0], Work(2, 20, 100), reused=0):
        time.sleep(0.2)
        done[0] = Totals(1, 1, 10, 50)
        time.sleep(0.4)
    output = capsys.readouterr().err
    assert re.search(r"evaluating \|█+[^|]*\| 10 of 20 documents, [0-9.,]+ per second, 00:00 left", output)
    assert "0 of 20 documents, ? left" in output


def test_the_bar_follows_the_width_of_the_terminal(monkeypatch, capsys):
    columns = [120]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "fileno", lambda: 2)
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((columns[0], 24)))
    with progress_bar(lambda: Totals(1, 1, 10, 50), Work(2, 20, 100), reused=0):
        columns[0] = 100
    widths = [len(line.rstrip()) for line in capsys.readouterr().err.split("\r") if line.strip()]
    assert (widths[0], widths[-1]) == (119, 99)


def test_less_than_one_document_per_second_is_shown_as_seconds_per_document():
    work = Work(2, 20, 100)
    assert progress._status(Totals(documents=4), work, 2.0) == "4 of 20 documents, 2.0 per second"
    assert progress._status(Totals(documents=4), work, 60.0) == "4 of 20 documents, 15.0 s per document"
    assert progress._status(Totals(), work, 60.0) == "0 of 20 documents"


@pytest.mark.parametrize(
    ("documents", "seconds", "said"),
    [
        (1, 1.0, "1 of 20 documents, 1.0 per second"),
        (1000, 1.0, "1,000 of 20 documents, 1,000.0 per second"),
        (1, 1.01, "1 of 20 documents, 1.0 s per document"),
        (1, 2000.0, "1 of 20 documents, 2,000.0 s per document"),
        (1, 0.0, "1 of 20 documents, 1,000,000,000.0 per second"),
    ],
)
def test_the_rate_at_its_border(documents, seconds, said):
    assert progress._status(Totals(documents=documents), Work(2, 20, 100), seconds) == said
    assert progress._status(Totals(documents=documents), None, seconds) == said.replace(" of 20", "")


class Ticks:
    """An event that is set after some waits, each of which takes its seconds on a clock without delay."""

    def __init__(self, clock, n):
        self.clock, self.left = clock, n

    def wait(self, seconds):
        self.clock[0] += seconds
        self.left -= 1
        return self.left < 0

    def set(self):
        pass


class Now:
    """A thread that runs when it is joined, so that the block has ended by then."""

    def __init__(self, target, daemon):
        assert daemon
        self.target = target

    def start(self):
        pass

    def join(self):
        self.target()


def test_lines_come_once_a_minute_and_say_the_minutes_left(monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(progress.threading, "Event", lambda: Ticks(clock, 250))
    monkeypatch.setattr(progress.threading, "Thread", Now)
    with progress_bar(lambda: Totals(1, 1, 10, 25), Work(2, 20, 100), reused=0):
        pass
    lines = capsys.readouterr().err.splitlines()
    # after 60.5 and 120.5 seconds, 25 of 100 are done
    assert lines == [
        "evaluating: 10 of 20 documents, 6.0 s per document, 3 min left",
        "evaluating: 10 of 20 documents, 12.1 s per document, 6 min left",
    ]


def test_without_a_document_there_is_no_time_left(monkeypatch):
    drawn = []
    monkeypatch.setattr(progress, "runs_in_kernel", lambda: True)
    monkeypatch.setattr(progress, "live_display", lambda: lambda html, text: drawn.append(text))
    with progress_bar(Totals, Work(2, 20, 100), reused=0):
        pass
    assert drawn == ["evaluating: 0 of 20 documents"]

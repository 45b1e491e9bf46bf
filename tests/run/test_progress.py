"""The progress of a run, on a terminal and elsewhere."""

import re
import sys
import time

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


def test_less_than_one_document_per_second_is_shown_as_seconds_per_document():
    work = Work(2, 20, 100)
    assert progress._status(Totals(documents=4), work, 2.0) == "4 of 20 documents, 2.0 per second"
    assert progress._status(Totals(documents=4), work, 60.0) == "4 of 20 documents, 15.0 s per document"
    assert progress._status(Totals(), work, 60.0) == "0 of 20 documents"

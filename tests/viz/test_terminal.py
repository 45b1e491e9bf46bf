import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from hf_gradexplain.viz.tables import text_table
from hf_gradexplain.viz.terminal import say, summary_table


def printed(table, width=100):
    file = io.StringIO()
    Console(file=file, width=width).print(table)
    return file.getvalue()


def test_table_is_aligned_and_counts_what_is_undefined():
    frame = pd.DataFrame({"method": ["loo", "sa_l1"], "aopc": [0.5, np.nan], "n": [1000, 20]})
    lines = [line.strip() for line in printed(summary_table(frame, title="AOPC", formats={"aopc": ".2f"})).splitlines()]
    assert lines[0] == "AOPC"
    assert "loo     0.50  1,000" in lines
    assert "sa_l1      –     20" in lines
    assert lines[-1] == "–: no number (1 cell)"


SUMMARY = pd.DataFrame(
    {
        "method": ["integrated_gradients", "signed_gi"],
        "AOPC(10)": [0.5123, 0.0004],
        "low": [0.4, -0.25],
        "high": [0.625, 0.1],
        "median r": [np.nan, 0.5],
        "verdict": ["no better than random", "better"],
        "n": [9_343, 20],
    }
)


def lines_at(width):
    return [line.strip() for line in printed(summary_table(SUMMARY), width).splitlines()]


@pytest.mark.parametrize("width", [100, 80, 60, 50, 40, 34])
def test_a_narrow_terminal_breaks_no_name_and_no_number(width):
    lines = lines_at(width)
    assert max(map(len, lines)) <= width
    rows = {
        line.split()[0]: line.split()[1:] for line in lines if line.startswith(("integrated_gradients ", "signed_"))
    }
    assert [row[0] for row in rows.values()] == (["0.512", "4.00e−04"] if width >= 80 else ["0.51", "0.0004"])
    whole = {"0.400", "0.625", "–", "−0.250", "0.100", "0.500", "9,343", "20", "0.40", "0.62", "−0.25", "0.10", "0.50"}
    words = set(" ".join(SUMMARY["verdict"]).split())
    assert {cell for row in rows.values() for cell in row[1:]} <= whole | words


@pytest.mark.parametrize(
    ("width", "hidden"),
    [
        (100, []),
        (80, []),
        (60, ["median r", "n"]),
        (50, ["high", "median r", "n"]),
        (34, ["low", "high", "median r", "verdict", "n"]),
    ],
)
def test_digits_are_dropped_first_then_the_last_numbers_and_the_caption_names_them(width, hidden):
    lines = lines_at(width)
    headers = next(line for line in lines if line.startswith("method"))
    assert [name for name in SUMMARY.columns if f"{name}  " not in f"{headers}  "] == hidden
    said = f"left out, as the terminal is narrow: {', '.join(hidden)}"
    assert (said in " ".join(lines)) == bool(hidden)


def test_undefined_values_of_columns_left_out_are_not_counted():
    assert "–: no number (1 cell)" in printed(summary_table(SUMMARY), 100)
    assert "undefined" not in printed(summary_table(SUMMARY), 34)


def test_markup_and_escape_sequences_are_shown():
    hostile = "[bold]x[/bold] \x1b[31m"
    output = printed(summary_table(pd.DataFrame({hostile: [hostile]}), title=hostile))
    assert output.count("[bold]x[/bold] ␛[31m") == 3
    assert "\x1b" not in output


def test_empty_table_prints():
    assert printed(summary_table(pd.DataFrame())).strip() == ""
    assert "aopc" in printed(summary_table(pd.DataFrame({"aopc": []})))


def test_say_writes_the_text_to_stderr_on_one_line(capsys):
    say("Report: /out/[bold]x[/bold]/:smile: \x1b[31m \ud800 " + 200 * "long")
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "Report: /out/[bold]x[/bold]/:smile: ␛[31m � " + 200 * "long" + "\n"


def test_texts_of_twenty_characters_are_not_broken_and_longer_ones_may_be():
    frame = pd.DataFrame({"name": ["x" * 40], "a": ["b " * 9 + "bb"], "c": ["d " * 10 + "d"], "n": [1234567890]})
    table = summary_table(frame)._table(text_table(frame), [])
    assert [column.no_wrap for column in table.columns] == [True, True, False, True]
    assert [column.min_width for column in table.columns] == [40, 20, None, 13]
    assert [column.justify for column in table.columns] == ["left", "left", "left", "right"]
    assert (table.title, table.caption) == (None, None)


@pytest.mark.parametrize(
    ("n", "left_out", "caption"),
    [
        (1, [], "–: no number (1 cell)"),
        (2, [], "–: no number (2 cells)"),
        (0, ["a", "b"], "left out, as the terminal is narrow: a, b"),
        (1, ["a"], "–: no number (1 cell); left out, as the terminal is narrow: a"),
    ],
)
def test_the_caption_counts_undefined_cells(n, left_out, caption):
    frame = pd.DataFrame({"x": [np.nan] * n + [1.0] * 3})
    assert str(summary_table(frame)._table(text_table(frame), left_out).caption) == caption


def test_the_choices_for_narrow_terminals():
    frame = pd.DataFrame({"a": ["x"], "b": [0.1234], "c": [0.5678], "d": ["y"]})
    shown = [(text.headers, text.rows[0], left) for text, left in summary_table(frame)._choices()]
    assert shown == [
        (("a", "b", "c", "d"), ("x", "0.123", "0.568", "y"), []),
        (("a", "b", "c", "d"), ("x", "0.12", "0.57", "y"), []),
        (("a", "b", "d"), ("x", "0.12", "y"), ["c"]),
        (("a", "b"), ("x", "0.12"), ["c", "d"]),
    ]


def test_say_does_not_wrap_and_shows_markup(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    say("[bold]" + "x" * 100 + "\x1b[31m")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "[bold]" + "x" * 100 + "␛[31m\n")


def test_a_table_that_just_fits_is_shown_as_it_is():
    frame = pd.DataFrame({"a": ["x"], "b": [0.1234], "c": [0.5678]})
    wide = max(map(len, printed(summary_table(frame), 80).splitlines()))
    assert "0.123" in printed(summary_table(frame), wide)
    assert "0.12 " in printed(summary_table(frame), wide - 1)

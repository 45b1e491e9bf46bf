import io
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

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
    assert lines[-1] == "– undefined (1)"


@pytest.mark.parametrize("width", [100, 44, 30, 20])
def test_numbers_lose_no_digit_in_a_narrow_terminal(width):
    frame = pd.DataFrame({"method": ["signed_gi"], "aopc": [0.512], "fraction_significant": [0.678], "n": [9_343]})
    assert sorted(re.findall(r"\d", printed(summary_table(frame), width))) == sorted("051206789343")


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

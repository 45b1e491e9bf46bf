"""Output for the terminal: result tables and progress lines."""

from collections.abc import Mapping

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hf_gradexplain.viz.sanitize import one_line, visible
from hf_gradexplain.viz.tables import text_table


def say(text: str) -> None:
    """Write a progress line to standard error, which leaves standard output to the results.

    Markup, emoji codes and escape sequences in the text are shown as they are: paths and addresses may come from
    others. Long lines are not wrapped, and a path can be copied whole.
    """
    Console(stderr=True, soft_wrap=True).print(Text(visible(text)))


def summary_table(frame: pd.DataFrame, *, title: str = "", formats: Mapping[str, str] | None = None) -> Table:
    """Return a result table for the terminal: numbers aligned right, undefined values as an en dash.

    In a narrow terminal, cells are folded and never cut: a number without some of its digits would be wrong.

    Args:
        frame: Any table, such as one row per method. A named index becomes its first column.
        title: The title of the table.
        formats: A Python format specification per column name; see `hf_gradexplain.viz.tables.text_table`.

    Returns:
        A table for `rich.print` or `Console.print`. Markup and escape sequences in it are shown, not obeyed.

    Raises:
        ValueError: `formats` names a column that `frame` does not have.
    """
    text = text_table(frame, formats)
    table = Table(
        title=Text(one_line(title), style="bold") if title else None,
        caption=Text(f"– undefined ({text.n_missing})", style="dim") if text.n_missing else None,
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        title_justify="left",
        caption_justify="left",
    )
    for header, numeric in zip(text.headers, text.numeric, strict=True):
        table.add_column(Text(header), justify="right" if numeric else "left", overflow="fold")
    for row in text.rows:
        table.add_row(*map(Text, row))
    return table

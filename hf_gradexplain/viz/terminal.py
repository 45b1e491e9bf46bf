"""Output for the terminal: result tables and progress lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from hf_gradexplain.viz.sanitize import one_line, visible
from hf_gradexplain.viz.tables import MISSING, TextTable, text_table


def say(text: str) -> None:
    """Write a progress line to standard error, which leaves standard output to the results.

    Markup, emoji codes and escape sequences in the text are shown as they are, because paths and addresses may be
    untrusted. Long lines are not wrapped, so that a path can be copied as a whole.
    """
    Console(stderr=True, soft_wrap=True).print(Text(visible(text)))


SHORT = 20
"""Text up to this width is not broken; a number with its interval is about as wide."""


@dataclass(frozen=True, eq=False)
class FittedTable:
    """A table that fits the terminal; for `rich.print` or `Console.print`.

    In a narrow terminal, numbers first get two decimals instead of three. Then columns are left out, the last columns
    of numbers first, and the caption names these columns. No cell is cut, and no name, no number and no short text is
    broken.

    Attributes:
        frame: The table.
        title: The title.
        formats: A Python format specification per column name; see `hf_gradexplain.viz.tables.text_table`.
    """

    frame: pd.DataFrame
    title: str = ""
    formats: Mapping[str, str] = field(default_factory=dict)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Yield the table with the most digits and columns that fit."""
        for text, left_out in self._choices():
            table = self._table(text, left_out)
            if Measurement.get(console, options.update(width=1000), table).minimum <= options.max_width:
                break
        yield table

    def _choices(self) -> Iterator[tuple[TextTable, list[str]]]:
        """Yield the table with fewer and fewer digits and columns, and the names of the columns that are left out."""
        frame = self.frame.reset_index() if any(name is not None for name in self.frame.index.names) else self.frame
        whole = text_table(frame, self.formats)
        left_out: list[str] = []
        yield whole, []
        shown = list(range(len(whole.headers)))
        while True:
            part = frame.iloc[:, shown]
            formats = {name: spec for name, spec in self.formats.items() if name in part.columns}
            yield text_table(part, formats, decimals=2), left_out
            numbers = [column for column in shown if whole.numeric[column]]
            last = numbers[-1:] if len(numbers) > 1 else shown[1:][-1:]
            if not last or len(shown) == 2:
                return
            shown.remove(last[0])
            left_out = [name for column, name in enumerate(whole.headers) if column not in shown]

    def _table(self, text: TextTable, left_out: Sequence[str]) -> Table:
        missing = sum(cell == MISSING for row in text.rows for cell in row)
        notes = [f"–: no number ({missing} cell{'s' * (missing > 1)})"] if missing else []
        notes += [f"left out, as the terminal is narrow: {', '.join(left_out)}"] if left_out else []
        table = Table(
            title=Text(one_line(self.title), style="bold") if self.title else None,
            caption=Text("; ".join(notes), style="dim") if notes else None,
            box=box.SIMPLE_HEAD,
            collapse_padding=True,
            pad_edge=False,
            title_justify="left",
            caption_justify="left",
        )
        for column, (header, numeric) in enumerate(zip(text.headers, text.numeric, strict=True)):
            longest = max(map(cell_len, [header, *(row[column] for row in text.rows)]))
            whole = numeric or column == 0 or longest <= SHORT
            width = longest if whole else None
            justify: JustifyMethod = "right" if numeric else "left"
            table.add_column(Text(header), justify=justify, overflow="fold", no_wrap=whole, min_width=width)
        for row in text.rows:
            table.add_row(*map(Text, row))
        return table


def summary_table(frame: pd.DataFrame, *, title: str = "", formats: Mapping[str, str] | None = None) -> FittedTable:
    """Return a result table for the terminal: numbers aligned right, undefined values as an en dash.

    Args:
        frame: Any table, such as one row per method. A named index becomes its first column.
        title: The title of the table.
        formats: A Python format specification per column name; see `hf_gradexplain.viz.tables.text_table`.

    Returns:
        A table for `rich.print` or `Console.print` that fits the terminal. Markup and escape sequences in it are shown
        as they are, and have no effect.

    Raises:
        ValueError: `formats` names a column that `frame` does not have.
    """
    text_table(frame, formats)
    return FittedTable(frame, title, formats or {})

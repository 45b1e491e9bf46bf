"""Output of the commands on standard output: JSON, tables, or bare values, as `--format` says."""

import argparse
from collections.abc import Sequence
from typing import Any, TypeAlias

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from hf_gradexplain.commands.parsing import Parser
from hf_gradexplain.viz.sanitize import json_text, one_line

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""The type of the object to which each command adds its parser."""


def add_format(parser: Parser, more: Sequence[str] = ()) -> Any:
    """Add the flag `--format`: human, json, quiet, and `more`; return its group, for more flags."""
    group = parser.add_argument_group("Output")
    choices = ("human", "json", *more, "quiet")
    text = "Format of the output; quiet prints bare values and hides progress bars. (default: %(default)s)"
    group.add_argument("--format", choices=choices, default="human", help=text)
    return group


def print_json(value: Any) -> None:
    """Print a JSON value, indented."""
    print(json_text(value, indent=2))


def print_rows(rows: list[dict[str, Any]], form: str) -> None:
    """Print rows with the same keys as a table, as JSON, or only the first value of each row."""
    if form == "json":
        print_json(rows)
    elif form == "quiet":
        print("\n".join(str(next(iter(row.values()))) for row in rows))
    else:
        columns = [Column(name, overflow="fold", no_wrap=number == 0) for number, name in enumerate(rows[0])]
        table = Table(*columns, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(one_line(str(value))) for value in row.values()))
        Console().print(table)

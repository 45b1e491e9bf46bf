"""`hf-gradexplain words`: the words that a model takes for each class, from a finished run."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from hf_gradexplain.cli.output import Commands, add_format, print_json
from hf_gradexplain.commands.parsing import Parser
from hf_gradexplain.errors import GradexplainError, choose, translate_write_errors
from hf_gradexplain.options.words import MIN_DOCUMENTS, InsertionTest
from hf_gradexplain.viz.sanitize import one_line, visible

if TYPE_CHECKING:
    import pandas as pd

    from hf_gradexplain.audit.suspicious.result import SuspiciousWords
    from hf_gradexplain.audit.words.words import Words

KEYS: dict[str, Callable[[str], str]] = {"exact": str, "lower": str.lower}
"""Functions of the text of a unit, by their name on the command line; units with equal results are the same word."""

OF_INSERTION = ("n_texts", "margin", "most")
"""The settings of `InsertionTest` that have a flag."""


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "words",
        usage="%(prog)s RUN [--flag value ...]",
        help="show which words a model takes as signs of each class",
        description="Show which words a model takes as signs of each class, over all texts of a finished evaluation. "
        "These are words whose share of the score is larger than that of other words of the same texts. Words with "
        "the largest share over all texts of the class come first.",
        examples=[
            "outputs/evaluate",
            "outputs/evaluate --by prediction --key lower --top 5",
            "outputs/evaluate --by source --output words.svg    # source is a column of the dataset",
            "outputs/evaluate --top 0 --format csv > words.csv",
            "outputs/evaluate --suspicious    # loads the model, and inserts words into texts",
        ],
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="The output folder of `hf-gradexplain evaluate`.")
    _add_choice(parser)
    _add_suspicious(parser)
    output = add_format(parser, more=("csv",))
    output.add_argument(
        "--top",
        type=int,
        default=20,
        metavar="N",
        help="Number of words of each group, or of suspicious words. 0 prints all words that were tested; with "
        "--suspicious and the format human, all suspicious words. (default: %(default)s)",
    )
    output.add_argument("--output", type=Path, metavar="FILE", help="Also draw the words: a .svg or .png file.")
    parser.set_defaults(run=run)


def _add_choice(parser: Parser) -> None:
    """Add the flags that choose the words."""
    group = parser.add_argument_group("Words")
    group.add_argument("--method", help="Method whose scores are used; by default the most faithful one, by AOPC(10).")
    group.add_argument(
        "--by",
        default="target",
        metavar="target|label|prediction|COLUMN",
        help="How to group the texts: by the explained class (target), the true class (label), the predicted class "
        "(prediction), or a column of the dataset. (default: %(default)s)",
    )
    group.add_argument(
        "--key",
        choices=tuple(KEYS),
        default="exact",
        help="Which words count as equal; lower ignores case. (default: %(default)s)",
    )
    group.add_argument(
        "--min_documents",
        type=int,
        metavar="N",
        help=f"Smallest number of texts of a group in which a word must occur. (default: {MIN_DOCUMENTS}, or "
        f"{InsertionTest.min_documents} with --suspicious)",
    )


def _add_suspicious(parser: Parser) -> None:
    """Add the flags of suspicious words."""
    group = parser.add_argument_group("Suspicious words")
    group.add_argument(
        "--suspicious",
        action="store_true",
        help="Show suspicious words: their share of the score for a class is large, they mostly occur in its texts, "
        "and they flip texts of other classes to it when they are inserted. Loads the model of the run.",
    )
    settings = {part.name: part for part in fields(InsertionTest)}
    for name in OF_INSERTION:
        default, kind = settings[name].default, type(settings[name].default)
        group.add_argument(
            f"--{name}",
            type=kind,
            metavar={int: "N", float: "X"}[kind],
            help=f"{settings[name].metadata['help']} (default: {default})",
        )


def run(arguments: argparse.Namespace) -> None:
    """Find the words, and print them in the chosen format."""
    if arguments.suspicious:
        _run_suspicious(arguments)
        return
    if given := [name for name in OF_INSERTION if getattr(arguments, name) is not None]:
        raise GradexplainError(f"--{given[0]} is about suspicious words: give --suspicious as well")
    if (path := arguments.output) is not None:
        choose("figure format", path.suffix.lower(), (".svg", ".png"))

    from hf_gradexplain.commands.words import words_of
    from hf_gradexplain.files import atomic_write_bytes
    from hf_gradexplain.run.finished_run import open_run
    from hf_gradexplain.viz.canvas import figure_bytes

    run = open_run(arguments.folder)
    least = MIN_DOCUMENTS if arguments.min_documents is None else arguments.min_documents
    words = words_of(run, arguments.method, arguments.by, KEYS[arguments.key], least)
    _print(words, arguments.top, arguments.format)
    if path is not None:
        with translate_write_errors(path, instead="FILE with --output"):
            atomic_write_bytes(path, figure_bytes(words.figure(), "png" if path.suffix.lower() == ".png" else "svg"))


def _print(words: "Words", top: int, form: str) -> None:
    """Print the words of each group in the chosen format."""
    from hf_gradexplain.viz.terminal import say

    rows = words.top(top) if top else words.to_frame()
    if form == "human":
        _print_tables(rows)
        say(words.summary)
    else:
        _print_rows(rows, "group", form)


def _print_rows(rows: "pd.DataFrame", group: str, form: str) -> None:
    """Print rows as CSV or JSON, or only the column `group` and the words."""
    if form == "csv":
        shown = rows.map(lambda value: visible(value) if isinstance(value, str) else value)
        (shown if sys.stdout.isatty() else rows).to_csv(sys.stdout, index=False)
    elif form == "json":
        print_json(rows.astype(object).where(rows.notna(), None).to_dict("records"))
    else:
        for name, word in zip(rows[group], rows["word"], strict=True):
            print(one_line(name), one_line(word), sep="\t")


def _print_tables(rows: "pd.DataFrame") -> None:
    """Print a table per group."""
    from rich.console import Console

    from hf_gradexplain.audit.words.words import readable_words
    from hf_gradexplain.viz.terminal import summary_table

    for group, part in readable_words(rows).groupby("group", sort=False):
        Console().print(summary_table(part.drop(columns="group"), title=str(group)))


def _run_suspicious(arguments: argparse.Namespace) -> None:
    """Find the suspicious words, and print them in the chosen format."""
    for name, default in (("by", "target"), ("key", "exact"), ("output", None)):
        if getattr(arguments, name) != default:
            raise GradexplainError(f"--{name} cannot be used with --suspicious: leave it out")

    from hf_gradexplain.commands.suspicious_words import suspicious_words_of
    from hf_gradexplain.run.finished_run import open_run

    given = {name: getattr(arguments, name) for name in (*OF_INSERTION, "min_documents")}
    test = InsertionTest(**{name: value for name, value in given.items() if value is not None})
    words = suspicious_words_of(open_run(arguments.folder), arguments.method, test)
    _print_suspicious(words, arguments.top, arguments.format)


def _print_suspicious(words: "SuspiciousWords", top: int, form: str) -> None:
    """Print the suspicious words in the chosen format; all words that were tried if `top` is 0."""
    if form != "human":
        _print_rows(words.found.head(top) if top else words.to_frame(), "class", form)
        return

    from rich.console import Console

    from hf_gradexplain.viz.terminal import say, summary_table

    Console().print(summary_table(words.readable(top or len(words)), title=words.heading))
    for sentence in words.sentences:
        say(sentence)

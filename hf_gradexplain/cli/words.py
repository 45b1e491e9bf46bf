"""`hf-gradexplain words`: the words that a model takes for each class, from a finished run."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hf_gradexplain.cli.output import Commands, add_format, print_json
from hf_gradexplain.commands.parsing import Parser
from hf_gradexplain.errors import choose, translate_write_errors
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.terminal import say

if TYPE_CHECKING:
    import pandas as pd

    from hf_gradexplain.audit.words import Words

KEYS = {"exact": str, "lower": str.lower}
"""Which units are the same word, by name."""


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "words",
        usage="%(prog)s RUN [--flag value ...]",
        help="show which words a model takes for each class",
        description="Show which words a model takes for each class, over all texts of a finished evaluation: words "
        "whose share of the score is larger than that of the other words of the same texts. Print the words with the "
        "largest share over all texts of the class.",
        examples=[
            "outputs/evaluate",
            "outputs/evaluate --by prediction --key lower --top 5",
            "outputs/evaluate --by source --output words.svg    # source is a column of the dataset",
            "outputs/evaluate --top 0 --format csv > words.csv",
        ],
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="The output folder of `hf-gradexplain evaluate`.")
    _add_choice(parser)
    output = add_format(parser, more=("csv",))
    output.add_argument(
        "--top",
        type=int,
        default=20,
        metavar="N",
        help="Number of words of each group; 0 for all words that were tested. (default: %(default)s)",
    )
    output.add_argument("--output", type=Path, metavar="FILE", help="Also draw the words: a .svg or .png file.")
    parser.set_defaults(run=run)


def _add_choice(parser: Parser) -> None:
    """Add the flags that say which words are looked at."""
    group = parser.add_argument_group("Words")
    group.add_argument("--method", help="Whose scores; by default the first method other than loo and random.")
    group.add_argument(
        "--by",
        default="target",
        metavar="target|label|prediction|COLUMN",
        help="What groups the texts: the explained, the true or the predicted class, or a column of the dataset. "
        "(default: %(default)s)",
    )
    group.add_argument("--key", choices=tuple(KEYS), default="exact", help="lower ignores case. (default: %(default)s)")
    group.add_argument(
        "--min_documents",
        type=int,
        default=10,
        metavar="N",
        help="In fewer texts of a group, a word is not looked at. (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Find the words, and print them in the chosen format."""
    if (path := arguments.output) is not None:
        choose("figure format", path.suffix.lower(), (".svg", ".png"))

    from hf_gradexplain.commands.words import words_of
    from hf_gradexplain.files import atomic_write_bytes
    from hf_gradexplain.run.finished_run import open_run
    from hf_gradexplain.viz.canvas import figure_bytes

    run = open_run(arguments.folder)
    words = words_of(run, arguments.method, arguments.by, KEYS[arguments.key], arguments.min_documents)
    _print(words, arguments.top, arguments.format)
    if path is not None:
        with translate_write_errors(path, instead="FILE with --output"):
            atomic_write_bytes(path, figure_bytes(words.figure(), "png" if path.suffix.lower() == ".png" else "svg"))


def _print(words: "Words", top: int, form: str) -> None:
    """Print the words of each group in the chosen format."""
    rows = words.top(top) if top else words.to_frame()
    if form == "csv":
        rows.to_csv(sys.stdout, index=False)
    elif form == "json":
        print_json(rows.astype(object).where(rows.notna(), None).to_dict("records"))
    elif form == "quiet":
        for group, word in zip(rows["group"], rows["word"], strict=True):
            print(one_line(group), one_line(word), sep="\t")
    else:
        _print_tables(rows)
        say(words.summary)


def _print_tables(rows: "pd.DataFrame") -> None:
    """Print a table per group."""
    from rich.console import Console

    from hf_gradexplain.audit.words import readable_words
    from hf_gradexplain.viz.terminal import summary_table

    for group, part in readable_words(rows).groupby("group", sort=False):
        Console().print(summary_table(part.drop(columns="group"), title=str(group)))

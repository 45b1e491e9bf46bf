"""`hf-gradexplain report`: write the results of a finished run again."""

import argparse
from pathlib import Path

from hf_gradexplain.cli.output import Commands
from hf_gradexplain.errors import translate_write_errors


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "report",
        usage="%(prog)s RUN [--output FILE]",
        help="write the report of a finished evaluation again",
        description="Write the report, card, tables and figures of a finished evaluation again, from its documents. "
        "The model is not needed. Print the path of the report.",
        examples=["outputs/evaluate", "outputs/evaluate --output report.html"],
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="The output folder of `hf-gradexplain evaluate`.")
    parser.add_argument("--output", type=Path, metavar="FILE", help="Write only the report, to this file.")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the files, and print the path of the report."""
    from hf_gradexplain.run.rewrite import rewrite_report, rewrite_results

    folder, output = arguments.folder, arguments.output
    with translate_write_errors(output or folder, instead="FILE with --output" if output else "RUN"):
        print(rewrite_results(folder) if output is None else rewrite_report(folder, output))

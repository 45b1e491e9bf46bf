"""`hf-gradexplain methods`: list the attribution methods."""

import argparse

from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.cli.output import Commands, add_format, print_rows


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "methods",
        help="list the attribution methods",
        description="List the attribution methods, whether their scores have a sign, and what they compute.",
        examples=["", "--format json"],
    )
    add_format(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print one row per method."""
    rows = [{"method": name, **description._asdict()} for name, description in DESCRIPTIONS.items()]
    print_rows(rows, arguments.format)

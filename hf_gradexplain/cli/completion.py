"""`hf-gradexplain completion`: a script that completes commands, flags, choices and files in a shell."""

import argparse
from functools import partial

import shtab

from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.cli.output import Commands
from hf_gradexplain.commands.parsing import Parser
from hf_gradexplain.options import AUTO

_PATHS = {"FILE": shtab.FILE, "FOLDER": shtab.DIRECTORY, "MODEL": shtab.DIRECTORY, "RUN": shtab.DIRECTORY}
"""Which values are completed as paths, by the placeholder of the value in `--help`."""


def add_parser(commands: Commands, parser: Parser) -> None:
    """Add the parser of the command; the script is made from `parser`, which has all commands."""
    completion = commands.add_parser(
        "completion",
        usage="%(prog)s SHELL",
        help="print a script for completion in a shell",
        description="Print a script that completes commands, flags, choices, methods and files. Let your shell read it "
        "when it starts, as the examples show.",
        examples=[
            'bash    # in ~/.bashrc: eval "$(hf-gradexplain completion bash)"',
            "zsh     # save it as _hf-gradexplain in a folder of $fpath",
        ],
    )
    completion.add_argument("shell", metavar="SHELL", choices=shtab.SUPPORTED_SHELLS, help="The shell, such as bash.")
    completion.set_defaults(run=partial(run, commands, parser))


def run(commands: Commands, parser: Parser, arguments: argparse.Namespace) -> None:
    """Print the script."""
    for command in commands.choices.values():
        if command.recipe is not None:
            command.add_argument("recipe", metavar="FILE", nargs="?")
        for action in command._actions:
            if action.dest == "methods":
                action.choices = (AUTO, *DESCRIPTIONS)
            elif action.metavar in _PATHS:
                action.complete = _PATHS[action.metavar]  # type: ignore[attr-defined]
    print(shtab.complete(parser, arguments.shell))

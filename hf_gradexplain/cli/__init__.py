"""The command `hf-gradexplain`, which writes data to standard output and everything else to standard error.

Each subcommand is a module with a parser and a function. Only the functions import what needs PyTorch, so that `--help`
and `methods` answer at once.

Exit codes:

- 0: success;
- 1: an error, which is printed as one sentence that says how to fix it; a problem that the doctor found; or a closed
  pipe, if the program that reads the output has stopped;
- 2: a wrong command line;
- 130: stopped with Ctrl-C.
"""

import os
import sys
from collections.abc import Sequence

from hf_gradexplain import __version__
from hf_gradexplain.cli import (
    compare,
    completion,
    doctor,
    env,
    evaluate,
    evidence,
    explain,
    methods,
    report,
    train,
    words,
)
from hf_gradexplain.commands.parsing import Parser, plain_warnings, wait_for_main_process
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.viz.sanitize import visible

COMMANDS = (explain, evaluate, report, evidence, words, compare, train, doctor, methods, env)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.command_name is None:
        parser.print_help()
        return 0
    try:
        with plain_warnings():
            code = arguments.run(arguments) or 0
            sys.stdout.flush()
            return code
    except GradexplainError as error:
        wait_for_main_process()
        print(f"hf-gradexplain: {visible(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as head, has seen enough; Python flushes standard output when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def build_parser() -> Parser:
    """Return the parser of the command line; flags for options come from `hf_gradexplain.options`."""
    parser = Parser(
        "hf-gradexplain",
        "%(prog)s COMMAND [arguments]",
        "Which words drove a text classifier's prediction, and can you trust that answer?\n\n"
        "`%(prog)s COMMAND --help` shows the arguments of a command, with examples.",
        examples=[
            'explain MODEL "A thoughtful, gripping film."',
            "doctor MODEL",
            "evaluate --model_name_or_path MODEL --dataset_name DATASET --max_samples 500",
        ],
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command_name", metavar="COMMAND", title="commands", prog=parser.prog)
    for command in COMMANDS:
        command.add_parser(commands)
    completion.add_parser(commands, parser)
    return parser

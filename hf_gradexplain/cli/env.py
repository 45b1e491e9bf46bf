"""`hf-gradexplain env`: versions and devices, for a bug report."""

import argparse
import platform

from hf_gradexplain.cli.output import Commands, add_format, print_json


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser(
        "env",
        help="print versions and devices, for a bug report",
        description="Print the versions of Python and of the packages that results depend on, and the device.",
        examples=["", "--format json"],
    )
    add_format(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the environment."""
    import torch

    from hf_gradexplain.run.fingerprints import versions

    device = f"cuda: {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "cpu"
    environment = {**versions(), "platform": platform.platform(), "device": device}
    if arguments.format == "json":
        print_json(environment)
    else:
        width = max(map(len, environment)) if arguments.format == "human" else 0
        print("\n".join(f"{name:<{width}} {value}" for name, value in environment.items()))

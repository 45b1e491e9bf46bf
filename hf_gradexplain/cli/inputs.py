"""Arguments that several commands share: the model, the texts, and how much is printed while they are loaded."""

import argparse
from dataclasses import fields

from hf_gradexplain.commands.parsing import Parser
from hf_gradexplain.options.arguments import LoadArguments, SplitArguments


def add_model(parser: Parser) -> None:
    """Add the argument MODEL and the flags that say how it is loaded."""
    parser.add_argument("model", metavar="MODEL", help="Hub name or folder of a sequence classifier.")
    parser.add_fields(LoadArguments, skip=["model_name_or_path"])


def dataset_of(arguments: argparse.Namespace) -> SplitArguments:
    """Return the arguments of a dataset or a file; arguments that the command does not take have their defaults."""
    names = [part.name for part in fields(SplitArguments) if hasattr(arguments, part.name)]
    return SplitArguments(**{name: getattr(arguments, name) for name in names})


def set_verbosity(form: str) -> None:
    """Hide progress bars and notes of other libraries if the format is quiet."""
    if form == "quiet":
        from datasets import disable_progress_bars
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()  # also that of downloads
        disable_progress_bars()

"""`hf-gradexplain train`: train or fine-tune a classifier, as `recipes/train.py` does."""

import argparse
import sys
from contextlib import redirect_stdout

from hf_gradexplain.cli.output import Commands, print_json
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser("train", help="train or fine-tune a classifier")
    parser.add_recipe(TrainRecipeArguments)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train, write the folder of the model, and print its metrics as JSON."""
    from hf_gradexplain.commands.train import run_training
    from hf_gradexplain.run.processes import flush_denormals

    flush_denormals()
    with redirect_stdout(sys.stderr):  # standard output is for the metrics
        metrics = run_training(arguments.arguments)
    print_json(dict(metrics))

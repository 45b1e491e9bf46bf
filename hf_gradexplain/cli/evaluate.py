"""`hf-gradexplain evaluate`: evaluate explanations on a dataset, as `recipes/evaluate.py` does."""

import argparse

from hf_gradexplain.cli.output import Commands
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments


def add_parser(commands: Commands) -> None:
    """Add the parser of the command."""
    parser = commands.add_parser("evaluate", help="measure how faithful explanations are on a dataset")
    parser.add_recipe(EvaluateRecipeArguments)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, and write the output folder."""
    from hf_gradexplain.commands.evaluate import run_evaluation
    from hf_gradexplain.run.processes import flush_denormals

    flush_denormals()
    run_evaluation(arguments.arguments)

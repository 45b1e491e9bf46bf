"""Reproduce the paper: train its models, evaluate the explanations, and write the page with the claims.

python -m recipes.paper recipes/configs/reproduce_small.yaml
python -m recipes.paper recipes/configs/reproduce_full.yaml --data FOLDER_OF_DATASETS --processes 2
"""

import sys
from pathlib import Path

import torch

from hf_gradexplain.commands.parsing import exit_on_error, parse_arguments
from hf_gradexplain.run.processes import flush_denormals
from hf_gradexplain.viz.terminal import say
from recipes.common.running import helper_processes
from recipes.common.task_ledger import Ledger
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.artifacts import Artifacts, write_cards
from recipes.paper.page import verdict_lines, write_page
from recipes.paper.plan import make_plan


def reproduce(arguments: ReproduceArguments) -> None:
    """Run the unfinished steps and write the page.

    Raises:
        GradexplainError: A dataset or the encoder is missing, a step fails, or a finished step has other inputs.
    """
    torch.set_num_threads(1)
    output_dir = Path(arguments.output_dir)
    plan, ledger = make_plan(arguments), Ledger(output_dir / "steps")
    with helper_processes("recipes.paper", arguments.processes - 1, sys.argv[1:]):
        ledger.run_all(plan.steps(arguments.only))
    if not arguments.only:
        artifacts = Artifacts(arguments, plan, ledger)
        if arguments.cards:
            write_cards(artifacts, Path(arguments.cards))
        page = write_page(artifacts)
        print("\n".join(verdict_lines(artifacts.verdicts)))
        say(f"Page: {page}")


if __name__ == "__main__":
    flush_denormals()
    with exit_on_error():
        reproduce(parse_arguments(ReproduceArguments))

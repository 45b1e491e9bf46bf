"""Measure how faithful each method is on each kind of model, and what it costs, and write the page.

python -m recipes.leaderboard recipes/configs/leaderboard_small.yaml --data FOLDER_OF_DATASETS
python -m recipes.leaderboard recipes/configs/leaderboard_full.yaml --data FOLDER_OF_DATASETS --processes 2
"""

import sys
from pathlib import Path

import torch

from hf_gradexplain.commands.parsing import exit_on_error, parse_arguments
from hf_gradexplain.run.processes import flush_denormals
from hf_gradexplain.viz.terminal import say
from recipes.common.running import helper_processes
from recipes.common.task_ledger import Ledger
from recipes.leaderboard.arguments import LeaderboardArguments
from recipes.leaderboard.page import write_page
from recipes.leaderboard.plan import make_plan


def measure(arguments: LeaderboardArguments) -> None:
    """Run the unfinished steps and write the page.

    Raises:
        GradexplainError: A dataset or the encoder is missing, a step fails, or a finished step has other inputs.
    """
    torch.set_num_threads(1)
    output_dir = Path(arguments.output_dir)
    plan, ledger = make_plan(arguments), Ledger(output_dir / "steps")
    if not arguments.page_only:
        with helper_processes("recipes.leaderboard", arguments.processes - 1, sys.argv[1:]):
            ledger.run_all(plan.steps(arguments.only))
    if not arguments.only:
        page = write_page(arguments, plan, ledger)
        say(f"Page: {page}")


if __name__ == "__main__":
    flush_denormals()
    with exit_on_error():
        measure(parse_arguments(LeaderboardArguments))

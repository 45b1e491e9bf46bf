"""Estimate the cost of an evaluation, and write no files."""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.text import Text

from hf_gradexplain.commands.inputs import load_inputs
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.commands.run_options import options_of
from hf_gradexplain.run.estimated_parts import estimate_run
from hf_gradexplain.run.processes import process_state


def run_dry(arguments: EvaluateRecipeArguments) -> None:
    """Print rows, shards, forward passes, time and memory, measured on a few documents on the main process.

    Raises:
        GradexplainError: The arguments, the model or the data cannot be used; the run itself would raise the same
            error.
    """
    options, state = options_of(arguments), process_state()
    torch.set_num_threads(arguments.threads)
    if not state.is_main_process:
        return
    with tempfile.TemporaryDirectory() as folder:
        evaluated = load_inputs(arguments, Path(folder), one_process=True)
        estimated = estimate_run(evaluated, options, arguments, arguments)
    estimated = replace(estimated, processes=state.num_processes)
    console = Console(soft_wrap=True)
    for line in estimated.lines(flags=True):
        console.print(Text(line))  # the name of a class may come from its repository

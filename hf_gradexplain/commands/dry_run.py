"""Estimate what an evaluation takes, and write nothing."""

import tempfile
from pathlib import Path

import torch
from rich.console import Console
from rich.text import Text

from hf_gradexplain.commands.inputs import load_inputs
from hf_gradexplain.commands.measures import measures_of
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.commands.run_options import options_of
from hf_gradexplain.evaluation.baselines import other_baselines
from hf_gradexplain.run.estimate import Estimate, estimate
from hf_gradexplain.run.processes import process_state
from hf_gradexplain.viz.sanitize import visible


def run_dry(arguments: EvaluateRecipeArguments) -> None:
    """Print rows, shards, forward passes, time and memory, measured on a few documents on the main process.

    Raises:
        GradexplainError: The run itself would refuse its arguments, its model or its data.
    """
    options, state = options_of(arguments), process_state()
    torch.set_num_threads(arguments.threads)
    if not state.is_main_process:
        return
    with tempfile.TemporaryDirectory() as folder:
        evaluated = load_inputs(arguments, Path(folder), one_process=True)
        engine, measures = evaluated.engine, measures_of(arguments, evaluated.engine.model)
        options = engine.resolve(options)
        others = other_baselines(engine, options, arguments.compare_baselines)
        estimated = estimate(engine, evaluated.texts, options, measures)
    console = Console(highlight=False, soft_wrap=True)  # the name of a class may come from its repository
    rows = describe_estimate(estimated, type(engine.model).__name__, state.num_processes, 1 + len(others))
    for label, text in rows.items():
        console.print(Text(visible(f"{label:<16}{text}")))


def describe_estimate(estimated: Estimate, model: str, processes: int, runs: int = 1) -> dict[str, str]:
    """Return an estimate in words; for a stream, whose length is unknown, for 1,000 documents.

    Args:
        estimated: The estimate.
        model: The name of the model's class.
        processes: The number of processes of the run.
        runs: How often everything is done: once per masking baseline.
    """
    n = estimated.documents or 1000
    saved = f" (saved by the shortcut of {model})"
    loo, curves = f"{n * estimated.loo:,.0f}", f"{n * estimated.curves:,.0f} for each of {estimated.orders} orders"
    return {
        "rows": f"{n:,}" if estimated.documents else "unknown for a stream; the rest is for 1,000",
        "shards": f"{estimated.shards:,}" if estimated.shards else "unknown for a stream",
        "processes": f"{processes}",
        "forward passes": f"{n * estimated.forward:,} plain"
        + (f", and {n * estimated.backward:,} backward" if estimated.backward else ""),
        "  leave-one-out": loo + (saved if "loo" in estimated.saved else "") if estimated.loo else "none",
        "  curves": curves + (saved if "curves" in estimated.saved else ""),
        "  bounds": f"about {n * estimated.bounds:,.0f}" if estimated.bounds else "none",
        "baselines": f"{runs}",
        "time": f"about {_duration(runs * n * estimated.seconds / processes)}, "
        f"at {processes / estimated.seconds:,.1f} documents per second",
        "memory": f"about {estimated.memory / 2**20:,.0f} MiB per process",
        "measured on": f"{estimated.measured} documents",
    }


def _duration(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {name}"
    return f"{seconds:,.0f} s" if seconds >= 1 else "a second"

"""Estimate what an evaluation takes, and write nothing."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
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

TEN_MINUTES = 600


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
    saved, total = f" (saved by the shortcut of {model})", runs * n * estimated.seconds / processes
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
        "time": f"about {_duration(total)}, at {_significant(runs * estimated.seconds)} s per document",
        "ten minutes": _fitting(total, n, estimated.cheaper),
        "memory": f"about {estimated.memory / 2**20:,.0f} MiB per process",
        "measured on": f"{estimated.measured} document{'s' * (estimated.measured != 1)}",
    }


def _fitting(total: float, documents: int, cheaper: Mapping[str, float]) -> str:
    """Return which flags make a run fit into ten minutes.

    These are a sample of the documents, and the same with cheaper measures and without the costliest method, where this
    allows for at least half as many documents again.

    Args:
        total: Seconds of the run.
        documents: The number of its documents.
        cheaper: See `hf_gradexplain.run.estimate.Estimate`.
    """
    if total <= TEN_MINUTES:
        return "enough for the run"
    methods = [flags for flags in cheaper if flags.startswith("--methods")]
    costliest = min(methods, key=cheaper.__getitem__, default="")
    shares = {"": 1.0} | {flags: share for flags, share in cheaper.items() if share < 2 / 3}
    choices = []
    for flags, share in shares.items():
        sample = documents * TEN_MINUTES / (total * share)
        if sample >= 1 and (flags not in methods or flags == costliest):
            choices.append(flags if sample >= documents else f"{flags} --max_samples {_round_down(sample)}".strip())
    return f"enough with {', or '.join(choices)}" if choices else "not enough for one document"


def _round_down(number: float) -> int:
    """Return a whole number of two digits and zeros, not larger than `number`."""
    unit = 10 ** max(len(str(int(number))) - 2, 0)
    return int(number) // unit * unit


def _significant(number: float) -> str:
    """Return a number with two significant digits, never as a power of ten."""
    return np.format_float_positional(number, precision=2, fractional=False, trim="-")


def _duration(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {name}"
    return f"{seconds:,.0f} s" if seconds >= 1 else "a second"

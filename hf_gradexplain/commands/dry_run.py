"""Say what an evaluation would take, and leave nothing behind."""

import tempfile
from pathlib import Path

import torch
from rich.console import Console

from hf_gradexplain.commands.evaluate_arguments import EvaluateArguments
from hf_gradexplain.commands.inputs import load_inputs
from hf_gradexplain.commands.measures import measures_of
from hf_gradexplain.commands.options import options_of
from hf_gradexplain.evaluation.baselines import other_baselines
from hf_gradexplain.run.estimate import Estimate, estimate
from hf_gradexplain.run.processes import process_state


def run_dry(arguments: EvaluateArguments) -> None:
    """Print rows, shards, forward passes, time and memory, after doing a few documents on the main process.

    Raises:
        GradexplainError: What the run itself would raise of its arguments, its model and its data.
    """
    options, state = options_of(arguments), process_state()
    torch.set_num_threads(arguments.threads)
    if not state.is_main_process:
        return
    with tempfile.TemporaryDirectory() as folder:
        subject = load_inputs(arguments, Path(folder), alone=True)
        measures = measures_of(arguments, subject.engine.model)
        others = other_baselines(subject.engine, options, arguments.baselines)
        found = estimate(subject.engine, subject.texts, options, measures)
    name = type(subject.engine.model).__name__
    console = Console(highlight=False, soft_wrap=True)
    for label, text in describe_estimate(found, name, state.num_processes, 1 + len(others)).items():
        console.print(f"{label:<16}{text}")


def describe_estimate(found: Estimate, model: str, processes: int, runs: int = 1) -> dict[str, str]:
    """An estimate in words; of a stream, whose end is not known, for 1,000 documents.

    Args:
        found: The estimate.
        model: What the model's class is called.
        processes: How many processes there will be.
        runs: How often all of it is done: once for every masking baseline.
    """
    n, unknown = found.documents or 1000, "not known of a stream; what follows is for 1,000"
    saved = f" (saved by the short cut of {model})"
    loo, curves = f"{n * found.loo:,.0f}", f"{n * found.curves:,.0f} for each of {found.orders} orders"
    return {
        "rows": f"{n:,}" if found.documents else unknown,
        "shards": f"{found.shards:,}" if found.shards else "not known of a stream",
        "processes": f"{processes}",
        "forward passes": f"{n:,} to read" + (f", and {n:,} backward" if found.backward else ""),
        "  leave-one-out": loo + (saved if "loo" in found.saved else "") if found.loo else "none",
        "  curves": curves + (saved if "curves" in found.saved else ""),
        "  bounds": f"about {n * found.bounds:,.0f}" if found.bounds else "none",
        "baselines": f"{runs}",
        "time": f"about {_duration(runs * n * found.seconds / processes)}, "
        f"at {processes / found.seconds:,.1f} documents per second",
        "memory": f"about {found.memory / 2**20:,.0f} MiB per process",
        "measured on": f"{found.measured} documents",
    }


def _duration(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {name}"
    return f"{seconds:,.0f} s" if seconds >= 1 else "a second"

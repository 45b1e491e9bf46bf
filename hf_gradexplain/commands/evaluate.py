"""Evaluate explanations over a dataset, from the arguments to the output folder."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console
from rich.text import Text
from transformers.utils import logging

from hf_gradexplain.commands.dry_run import run_dry
from hf_gradexplain.commands.inputs import load_inputs
from hf_gradexplain.commands.publish import publish
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, to_replay_yaml
from hf_gradexplain.commands.run_options import options_of
from hf_gradexplain.errors import translate_write_errors
from hf_gradexplain.evaluation.presentation import readable_extra, warnings_of
from hf_gradexplain.evaluation.summaries import best_compared, headline, summary_table
from hf_gradexplain.hub.push import Destination, check_destination
from hf_gradexplain.options import Options
from hf_gradexplain.run.finished_files import check_finished_files
from hf_gradexplain.run.folder import lock_run_folder
from hf_gradexplain.run.make_run import make_run
from hf_gradexplain.run.processes import interrupted_by_sigterm, libraries_left_uncollected, process_state
from hf_gradexplain.run.results import REPLAY, Run
from hf_gradexplain.viz.terminal import say
from hf_gradexplain.viz.terminal import summary_table as terminal_table


def run_evaluation(arguments: EvaluateRecipeArguments) -> None:
    """Evaluate, write the output folder and print a summary; with `dry_run`, only estimate the cost.

    Raises:
        GradexplainError: An argument cannot be used, or the folder cannot be written to or belongs to another run.
    """
    if arguments.dry_run:
        run_dry(arguments)
    else:
        _run(arguments)


def _run(arguments: EvaluateRecipeArguments) -> None:
    options = options_of(arguments)
    output_dir, state = Path(arguments.output_dir), process_state()
    destination = _destination(arguments) if state.is_main_process else None
    torch.set_num_threads(arguments.threads)
    if not state.is_main_process:
        logging.disable_progress_bar()
    with explain_stops(output_dir), lock_run_folder(output_dir, state), libraries_left_uncollected():
        if state.is_main_process:
            check_finished_files(output_dir)
        run = _evaluate(arguments, options, output_dir)
        if run is not None:
            _print(run, output_dir)
        if run is not None and destination is not None:
            pushed = publish(run, arguments, output_dir, destination)
            say(f"Published: {pushed.url}")
    state.destroy_process_group()


def _destination(arguments: EvaluateRecipeArguments) -> Destination | None:
    """Return the repository to publish to, if any, after a check that it can be written to."""
    if not arguments.push_to_hub:
        return None
    name = arguments.hub_dataset_id or Path(arguments.output_dir).resolve().name
    return check_destination(name, "dataset", private=arguments.hub_private_repo)


@contextmanager
def explain_stops(output_dir: Path) -> Iterator[None]:
    """Turn an interrupt, a full disk or a folder that cannot be written to into an error of one sentence.

    SIGTERM, which schedulers and containers send, counts as an interrupt.
    """
    resume = "run the same command again to resume; finished shards are kept"
    try:
        with (
            interrupted_by_sigterm(),
            translate_write_errors(output_dir, again=f", and {resume}", instead="--output_dir"),
        ):
            yield
    except KeyboardInterrupt as stop:
        print(f"\nstopped: {resume}", file=sys.stderr)
        sys.exit(128 + (stop.args[0] if stop.args else signal.SIGINT))


def _evaluate(arguments: EvaluateRecipeArguments, options: Options, output_dir: Path) -> Run | None:
    """Evaluate and write the output folder; return the run on the main process, None on the other processes."""
    started = time.monotonic()
    return make_run(
        load_inputs(arguments, output_dir),
        options,
        arguments,
        arguments,
        output_dir,
        started=started,
        replay=REPLAY,
        replay_yaml=to_replay_yaml(arguments),
    )


def _print(run: Run, output_dir: Path) -> None:
    console = Console()
    console.print(terminal_table(summary_table(run.tables), title=run.title))
    for caption, table in readable_extra(run.extra).items():
        console.print(terminal_table(table, title=caption.partition(":")[0]))
    for line in [headline(run.tables), *best_compared(run.tables), *warnings_of(run.tables)]:
        console.print(Text(line))
    say(f"{run.seconds:.0f} s. Report: {output_dir / 'report.html'}")

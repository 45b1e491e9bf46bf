"""Evaluate explanations over a dataset, from the arguments to the output folder."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from datasets import Dataset
from rich.console import Console
from rich.text import Text
from transformers.utils import logging

from hf_gradexplain.attribution.prepare import masking
from hf_gradexplain.audit.plausibility.plausibility import plausibility_tables
from hf_gradexplain.commands.dry_run import run_dry
from hf_gradexplain.commands.inputs import EvaluationInputs, load_inputs
from hf_gradexplain.commands.measures import evaluate_baselines, measures_of
from hf_gradexplain.commands.publish import publish
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments, to_replay_yaml
from hf_gradexplain.commands.run_options import options_of
from hf_gradexplain.errors import translate_write_errors
from hf_gradexplain.evaluation.baselines import baseline_table, orders_that_depend, other_baselines
from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.ground_truth import planted_table
from hf_gradexplain.evaluation.presentation import readable_extra, warnings_of
from hf_gradexplain.evaluation.summaries import best_compared, headline, summary_table
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.hub.provenance import public_name
from hf_gradexplain.hub.push import Destination, check_destination
from hf_gradexplain.options import Options
from hf_gradexplain.run.describe import cautions, run_facts, run_inputs
from hf_gradexplain.run.fingerprints import texts_fingerprint
from hf_gradexplain.run.finished_files import check_finished_files
from hf_gradexplain.run.folder import document_paths, lock_run_folder, named_if_unreadable
from hf_gradexplain.run.hybrid import hybrid_tables, hybrids_of
from hf_gradexplain.run.processes import interrupted_by_sigterm, libraries_left_uncollected, process_state
from hf_gradexplain.run.results import REPLAY, Run, write_results
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.run.sanity import sanity_notes, sanity_tables
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
        run = _evaluate(arguments, options, output_dir, is_main=state.is_main_process)
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


def _evaluate(arguments: EvaluateRecipeArguments, options: Options, output_dir: Path, *, is_main: bool) -> Run | None:
    """Evaluate and write the output folder; return the run on the main process, None on the other processes."""
    started = time.monotonic()
    evaluated = load_inputs(arguments, output_dir)
    options = evaluated.engine.resolve(options)
    measures = measures_of(arguments, evaluated.engine, options)
    baselines = other_baselines(evaluated.engine, options, arguments.compare_baselines)
    hybrids = hybrids_of(evaluated.engine, evaluated.texts, options, arguments.hybrid_documents)
    inputs = _inputs(evaluated, arguments, options, measures) if is_main else {}
    tables = evaluate(
        evaluated.engine,
        evaluated.texts,
        options,
        output_dir,
        inputs=inputs,
        max_k=arguments.max_k,
        measures=measures,
        provenances=evaluated.provenances,
    )
    under = evaluate_baselines(evaluated, arguments, baselines, measures, output_dir, inputs)
    hybrid = hybrid_tables(evaluated.engine, hybrids, options, output_dir, inputs, provenances=evaluated.provenances)
    if tables is None:
        return None
    documents = document_paths(output_dir)
    with named_if_unreadable(documents):
        extra, notes = _extra(evaluated, arguments, options, documents, {masking(options): tables, **under})
        run = Run(
            title=f"{evaluated.model_name} on {evaluated.data_name}",
            facts=_facts(evaluated, arguments, options, measures, tables, documents),
            inputs=inputs,
            tables=tables,
            seconds=time.monotonic() - started,
            replay=REPLAY,
            arguments=to_replay_yaml(arguments),
            extra=extra | hybrid,
            notes=notes,
            provenances=evaluated.provenances,
        )
        write_results(output_dir, run, documents)
    return run


def _extra(
    evaluated: EvaluationInputs,
    arguments: EvaluateRecipeArguments,
    options: Options,
    documents: Sequence[Path],
    tables: Mapping[str, Tables],
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the tables of extra measures, and notes for readers; `tables` are the tables under each baseline."""
    extra, dependent = _compared(tables)
    extra |= _ground_truth(evaluated, documents, arguments.seed)
    extra |= sanity_tables(evaluated.engine, evaluated.texts, options, arguments)
    notes = [*evaluated.notes, *cautions(evaluated.engine, options, documents), *dependent, *sanity_notes(extra)]
    return extra, notes


def _compared(tables: Mapping[str, Tables]) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the ranking under each baseline, and how it depends on the baseline, in words; empty for one baseline."""
    return ({"baselines": baseline_table(tables)}, orders_that_depend(tables)) if len(tables) > 1 else ({}, [])


def _ground_truth(evaluated: EvaluationInputs, documents: Sequence[Path], seed: int) -> dict[str, pd.DataFrame]:
    """Compare the top words with the planted words of the generated corpus, and with human rationales, if any."""
    tables = plausibility_tables(documents, seed)
    if evaluated.weight is None:
        return tables
    explained = (pair for path in documents for pair in read_explanations(path))
    return {"planted": planted_table(explained, evaluated.weight, seed), **tables}


def _inputs(
    evaluated: EvaluationInputs, arguments: EvaluateRecipeArguments, options: Options, measures: Measures
) -> dict[str, Any]:
    texts, provenances = _texts(evaluated, arguments), evaluated.provenances
    return run_inputs(evaluated.engine, options, measures, texts, provenances, arguments.threads)


def _texts(evaluated: EvaluationInputs, arguments: EvaluateRecipeArguments) -> dict[str, Any]:
    """Return a hash of the texts; for a stream, which is read only once, return its source.

    For a stream, the rows of finished shards are compared later, while the stream is read.
    """
    if isinstance(evaluated.texts, Dataset):
        return {"texts": texts_fingerprint(evaluated.texts)}
    names = (
        "dataset_name",
        "dataset_config_name",
        "dataset_revision",
        "split",
        "text_column",
        "label_column",
        "label_map",
        "rationale_column",
        "rationale_mask_column",
    )
    source = {name: getattr(arguments, name) for name in (*names, "max_samples")}
    return {"texts": "streamed", **source, "dataset_name": public_name(str(arguments.dataset_name))}


def _facts(
    evaluated: EvaluationInputs,
    arguments: EvaluateRecipeArguments,
    options: Options,
    measures: Measures,
    tables: Tables,
    documents: Sequence[Path],
) -> dict[str, str]:
    sample = "the first ones" if arguments.streaming else "a sample"
    return run_facts(
        evaluated.engine,
        options,
        measures,
        tables.document_counts,
        documents,
        model=evaluated.model_name,
        data=evaluated.data_name,
        sample=sample if arguments.max_samples else "",
        provenances=evaluated.provenances,
    )


def _print(run: Run, output_dir: Path) -> None:
    console = Console()
    console.print(terminal_table(summary_table(run.tables), title=run.title))
    for caption, table in readable_extra(run.extra).items():
        console.print(terminal_table(table, title=caption.partition(":")[0]))
    for line in [headline(run.tables), *best_compared(run.tables), *warnings_of(run.tables)]:
        console.print(Text(line))
    say(f"{run.seconds:.0f} s. Report: {output_dir / 'report.html'}")

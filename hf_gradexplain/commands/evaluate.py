"""Evaluate explanations over a data set: from arguments to the output folder."""

import errno
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from datasets import Dataset
from rich.console import Console
from transformers.utils import logging

from hf_gradexplain.commands.dry_run import run_dry
from hf_gradexplain.commands.evaluate_arguments import EvaluateArguments, to_replay_yaml
from hf_gradexplain.commands.inputs import EvaluationInputs, load_inputs
from hf_gradexplain.commands.measures import measures_of, under_baselines
from hf_gradexplain.commands.options import options_of
from hf_gradexplain.commands.publish import publish
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.baselines import baseline_table, other_baselines
from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.ground_truth import planted_table
from hf_gradexplain.evaluation.summaries import baseline_ranks
from hf_gradexplain.hub.provenance import commits, public_name
from hf_gradexplain.hub.push import Destination, check_destination, use_token
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import GENERIC, shortcut_of
from hf_gradexplain.run.fingerprints import (
    code_fingerprint,
    configuration_fingerprint,
    texts_fingerprint,
    tokenizer_fingerprint,
    versions,
    weights_fingerprint,
)
from hf_gradexplain.run.folder import document_paths, lock_run_folder, named_if_unreadable
from hf_gradexplain.run.processes import process_state
from hf_gradexplain.run.results import CAPTIONS, Run, count_documents, summary_table, write_results
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.viz.terminal import summary_table as terminal_table


def run_evaluation(arguments: EvaluateArguments) -> None:
    """Evaluate, write the output folder, and print the summary and where the files are; or say what it would take.

    Raises:
        GradexplainError: An argument cannot be used, or the folder cannot be written to or is another's.
    """
    with use_token(arguments.token):
        if arguments.dry_run:
            run_dry(arguments)
        else:
            _run(arguments)


def _run(arguments: EvaluateArguments) -> None:
    options = options_of(arguments)
    output_dir, state = Path(arguments.output_dir), process_state()
    destination = _destination(arguments) if state.is_main_process else None
    torch.set_num_threads(arguments.threads)
    if not state.is_main_process:
        logging.disable_progress_bar()
    with stops_told(output_dir), lock_run_folder(output_dir, state):
        run = _evaluate(arguments, options, output_dir, is_main=state.is_main_process)
        if run is not None:
            _print(run, output_dir)
        if run is not None and destination is not None:
            pushed = publish(run, arguments, output_dir, destination)
            _say(f"Published: {pushed.url}")
    state.destroy_process_group()


def _destination(arguments: EvaluateArguments) -> Destination | None:
    """Where the explanations are published, if that is asked for; checked now, so that no work is done for nothing."""
    if arguments.push_to_hub is None:
        return None
    return check_destination(arguments.push_to_hub, "dataset", private=arguments.hub_private_repo)


@contextmanager
def stops_told(output_dir: Path) -> Iterator[None]:
    """Say in one sentence that the disk is full or the folder cannot be written to, or that the run was interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        print("\nstopped: the same command goes on with the finished shards", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.EIO):
            raise
        raise GradexplainError(
            f"cannot write to {output_dir} ({os.strerror(error.errno)}): make room or make it writable, and run the "
            "same command again, which goes on with the finished shards"
        ) from error


def _evaluate(arguments: EvaluateArguments, options: Options, output_dir: Path, *, is_main: bool) -> Run | None:
    """Evaluate and write the output folder; what was run, on the main process."""
    started = time.monotonic()
    subject = load_inputs(arguments, output_dir)
    measures = measures_of(arguments, subject.engine.model)
    baselines = other_baselines(subject.engine, options, arguments.baselines)
    inputs = _inputs(subject, arguments, options, measures) if is_main else {}
    tables = evaluate(
        subject.engine,
        subject.texts,
        options,
        output_dir,
        inputs=inputs,
        max_k=arguments.max_k,
        measures=measures,
        provenances=subject.provenances,
    )
    under = under_baselines(subject, arguments, baselines, measures, output_dir, inputs)
    if tables is None:
        return None
    documents = document_paths(output_dir)
    with named_if_unreadable(documents):
        extra = {"baselines": baseline_table({options.baseline: tables, **under})} if under else {}
        ((_, explanation),) = read_explanations(documents[0], limit=1)
        extra |= _planted(subject, documents, arguments.seed)
        run = Run(
            title=f"{subject.model_name} on {subject.data_name}",
            facts=_facts(subject, arguments, count_documents(documents), explanation.dtype),
            inputs=inputs,
            tables=tables,
            seconds=time.monotonic() - started,
            replay="python recipes/evaluate.py run.yaml",
            arguments=to_replay_yaml(arguments),
            extra=extra,
            notes=subject.notes,
            provenances=subject.provenances,
        )
        write_results(output_dir, run, documents)
    return run


def _planted(subject: EvaluationInputs, documents: Sequence[Path], seed: int) -> dict[str, pd.DataFrame]:
    """Where the truth is known, how often it was found."""
    if subject.weight is None:
        return {}
    explained = (pair for path in documents for pair in read_explanations(path))
    return {"planted": planted_table(explained, subject.weight, seed)}


def _inputs(
    subject: EvaluationInputs, arguments: EvaluateArguments, options: Options, measures: Measures
) -> dict[str, Any]:
    """Everything that the result depends on, down to its last bit."""
    model, device = subject.engine.model, process_state().device
    software = versions()
    return {
        "commits": commits(subject.provenances),
        "model configuration": configuration_fingerprint(model),
        "model weights": weights_fingerprint(model),
        "tokenizer": tokenizer_fingerprint(subject.engine.tokenizer),
        **_texts(subject, arguments),
        **asdict(options),
        **asdict(measures),
        "hf_gradexplain": code_fingerprint(),
        **{name: software[name] for name in ("torch", "transformers")},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": arguments.threads,
    }


def _texts(subject: EvaluationInputs, arguments: EvaluateArguments) -> dict[str, Any]:
    """What the texts are: a hash of them; of a stream, which is read once, where it comes from.

    That the finished shards of a stream were made from the same rows is checked as they pass by.
    """
    if isinstance(subject.texts, Dataset):
        return {"texts": texts_fingerprint(subject.texts)}
    names = ("dataset_name", "dataset_config_name", "dataset_revision", "split", "text_column", "label_column")
    found = {name: getattr(arguments, name) for name in (*names, "max_samples")}
    return {"texts": "streamed", **found, "dataset_name": public_name(str(arguments.dataset_name))}


def _facts(
    subject: EvaluationInputs, arguments: EvaluateArguments, counts: Mapping[str, int], precision: str
) -> dict[str, str]:
    n, labelled = counts["documents"], counts["labelled"]
    sample = "the first ones" if arguments.streaming else "a sample"
    accuracy = f"{counts['predicted_right'] / labelled:.4f}" if labelled else "–"
    return {
        "Model": subject.model_name,
        "Data": subject.data_name,
        **{
            f"Commit of the {name}": provenance.commit
            for name, provenance in subject.provenances.items()
            if provenance.commit
        },
        "Texts": f"{n:,}" + (f" ({sample})" if arguments.max_samples else ""),
        "Accuracy on them": accuracy,
        "Truncated": f"{counts['truncated']:,} of {n:,}",
        "Without any unit": f"{counts['without_units']:,} of {n:,}",
        "Saturated": f"{counts['saturated']:,} of {n:,}",
        "Unit": arguments.unit,
        "Objective": arguments.objective,
        "Target": arguments.target,
        "Baseline": arguments.baseline,
        "Ties": arguments.ties,
        "Computed in": precision,
        "Curves": _grid(subject, arguments),
        "Seed": str(arguments.seed),
    }


def _grid(subject: EvaluationInputs, arguments: EvaluateArguments) -> str:
    """Where the curves are exact; a short cut knows all of them at once."""
    if not arguments.k_grid or shortcut_of(subject.engine.model).removal_curves is not GENERIC.removal_curves:
        return "exact at every k"
    return f"exact at k = {', '.join(map(str, sorted(set(arguments.k_grid))))}; straight lines between"


def _print(run: Run, output_dir: Path) -> None:
    console = Console()
    console.print(terminal_table(summary_table(run.tables), title=run.title))
    for name, table in run.extra.items():
        shown = baseline_ranks(table) if name == "baselines" else table
        console.print(terminal_table(shown, title=CAPTIONS[name].partition(":")[0]))
    _say(f"{run.seconds:.0f} s. Report: {output_dir / 'report.html'}")


def _say(text: str) -> None:
    Console(file=sys.stderr, soft_wrap=True).print(text, highlight=False, markup=False)

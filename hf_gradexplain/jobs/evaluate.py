"""Evaluate explanations over a data set: from arguments to the output folder."""

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from hf_gradexplain.corpus import fingerprint
from hf_gradexplain.evaluation.baselines import baseline_table, other_baselines
from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.measures import Measures
from hf_gradexplain.evaluation.planted import planted_table
from hf_gradexplain.evaluation.wording import baseline_ranks
from hf_gradexplain.identity import code_fingerprint, model_fingerprint, tokenizer_fingerprint
from hf_gradexplain.jobs.arguments import EvaluateArguments
from hf_gradexplain.jobs.measures import measures_of, under_baselines
from hf_gradexplain.jobs.subject import Subject, subject_of
from hf_gradexplain.options import Options
from hf_gradexplain.results import CAPTIONS, Run, count_documents, summary_table, write_results
from hf_gradexplain.runner import evaluate, range_paths
from hf_gradexplain.state import dtype_of
from hf_gradexplain.viz.terminal import summary_table as terminal_table


def run_evaluation(arguments: EvaluateArguments) -> None:
    """Evaluate, write the output folder, and print the summary and where the files are."""
    started = time.monotonic()
    options = _options(arguments)
    output_dir = Path(arguments.output_dir)
    subject = subject_of(arguments, output_dir)
    measures = measures_of(arguments, subject)
    baselines = other_baselines(subject.explainer.tokenizer, options, arguments.baselines)
    inputs = _inputs(subject, options, measures)
    tables = evaluate(
        subject.explainer,
        subject.texts,
        options,
        output_dir,
        inputs=inputs,
        max_k=arguments.max_k,
        measures=measures,
    )
    under = under_baselines(subject, arguments, baselines, output_dir, inputs)
    if tables is None:
        return
    documents = range_paths(output_dir, len(subject.texts))
    extra = {"baselines": baseline_table({options.baseline: tables, **under})} if under else {}
    if subject.weight is not None:
        explained = (pair for path in documents for pair in read_explanations(path))
        extra["planted"] = planted_table(explained, subject.weight, arguments.seed)
    run = Run(
        title=f"{subject.model_name} on {subject.data_name}",
        facts=_facts(subject, arguments, count_documents(documents)),
        inputs=inputs,
        tables=tables,
        seconds=time.monotonic() - started,
        replay="python recipes/evaluate.py run.yaml",
        arguments=_replayed(arguments),
        extra=extra,
        notes=subject.notes,
    )
    write_results(output_dir, run, documents)
    _print(run, output_dir)


def _inputs(subject: Subject, options: Options, measures: Measures) -> dict[str, Any]:
    """Everything that the result depends on."""
    return {
        "model": model_fingerprint(subject.explainer.model),
        "tokenizer": tokenizer_fingerprint(subject.explainer.tokenizer),
        "texts": fingerprint(subject.texts),
        "hf_gradexplain": code_fingerprint(),
        **{key: value for key, value in asdict(options).items() if key != "batch_tokens"},
        **asdict(measures),
    }


def _options(arguments: EvaluateArguments) -> Options:
    return Options(
        methods=tuple(arguments.methods),
        unit=arguments.unit,  # type: ignore[arg-type]
        target=arguments.target,  # type: ignore[arg-type]
        objective=arguments.objective,  # type: ignore[arg-type]
        seed=arguments.seed,
        batch_tokens=arguments.batch_tokens,
        baseline=arguments.baseline,  # type: ignore[arg-type]
    )


def _replayed(arguments: EvaluateArguments) -> str:
    """The arguments as `run.yaml`; a list without items is left out, since a flag without values is none."""
    values = {name: value for name, value in asdict(arguments).items() if value != []}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _facts(subject: Subject, arguments: EvaluateArguments, counts: Mapping[str, int]) -> dict[str, str]:
    n, labelled = counts["documents"], counts["labelled"]
    accuracy = f"{counts['predicted_right'] / labelled:.4f}" if labelled else "–"
    return {
        "Model": subject.model_name,
        "Data": subject.data_name,
        "Texts": f"{n:,}" + (" (a sample)" if arguments.max_samples else ""),
        "Accuracy on them": accuracy,
        "Truncated": f"{counts['truncated']:,} of {n:,}",
        "Without any unit": f"{counts['without_units']:,} of {n:,}",
        "Saturated": f"{counts['saturated']:,} of {n:,}",
        "Unit": arguments.unit,
        "Objective": arguments.objective,
        "Target": arguments.target,
        "Baseline": arguments.baseline,
        "Computed in": str(dtype_of(subject.explainer.model)).removeprefix("torch."),
        "Seed": str(arguments.seed),
    }


def _print(run: Run, output_dir: Path) -> None:
    console = Console()
    console.print(terminal_table(summary_table(run.tables), title=run.title))
    for name, table in run.extra.items():
        shown = baseline_ranks(table) if name == "baselines" else table
        console.print(terminal_table(shown, title=CAPTIONS[name].partition(":")[0]))
    Console(file=sys.stderr).print(f"{run.seconds:.0f} s. Report: {output_dir / 'report.html'}", highlight=False)

"""Make a run: evaluate texts, measure everything that was asked for, and write the files of its folder.

Both `recipes/evaluate.py` and `Explainer.evaluate` call `make_run`.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from datasets import Dataset

from hf_gradexplain.attribution.prepare import masking
from hf_gradexplain.audit.plausibility.plausibility import plausibility_tables
from hf_gradexplain.evaluation.baselines import baseline_table, orders_that_depend, other_baselines
from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.ground_truth import planted_table
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import AuditArguments, MeasureArguments
from hf_gradexplain.run.describe import cautions, run_facts, run_inputs, run_settings
from hf_gradexplain.run.evaluation_inputs import EvaluationInputs
from hf_gradexplain.run.fingerprints import texts_fingerprint
from hf_gradexplain.run.folder import document_paths, named_if_unreadable
from hf_gradexplain.run.hybrid import hybrid_tables, hybrids_of
from hf_gradexplain.run.measures import evaluate_baselines, measures_of
from hf_gradexplain.run.processes import process_state
from hf_gradexplain.run.results import Run, write_results
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.run.sanity import sanity_notes, sanity_tables
from hf_gradexplain.run.shared_tasks import help_with_tasks, releasing_helpers


def make_run(
    evaluated: EvaluationInputs,
    options: Options,
    arguments: MeasureArguments,
    audits: AuditArguments,
    output_dir: Path,
    *,
    started: float,
    replay: str,
    replay_yaml: str = "",
    keep: bool = True,
    progress: bool = True,
) -> Run | None:
    """Evaluate texts in a folder, which the caller has locked, and write the results.

    Args:
        evaluated: The model and the texts.
        options: How to explain.
        arguments: What to measure.
        audits: What to measure on all explanations together.
        output_dir: The folder, in which the run can be resumed.
        started: When the run began, by `time.monotonic`.
        replay: The command that repeats the run.
        replay_yaml: The arguments of this command, for `run.yaml`; empty for none.
        keep: Whether the folder is kept. If not, only the documents are written, and the folder must be new. Without
            `keep`, there must be only one process.
        progress: Whether to show a progress bar.

    Returns:
        The run, on the main process; None on the other processes.

    Raises:
        GradexplainError: An argument cannot be used, or the folder belongs to other inputs or cannot be read.
    """
    options = evaluated.engine.resolve(options)
    measures = measures_of(evaluated, options, arguments)
    others = other_baselines(evaluated.engine, options, arguments.compare_baselines)
    hybrids = hybrids_of(evaluated.engine, evaluated.texts, options, audits.hybrid_documents)
    inputs = _inputs(evaluated, options, measures, keep=keep) if process_state().is_main_process else {}
    tables = evaluate(
        evaluated.engine,
        evaluated.texts,
        options,
        output_dir,
        inputs=inputs,
        max_k=arguments.max_k,
        measures=measures,
        provenances=evaluated.provenances,
        progress=progress,
    )
    under = evaluate_baselines(evaluated, arguments, others, measures, output_dir, inputs, progress=progress)
    hybrid = hybrid_tables(evaluated, hybrids, options, output_dir, inputs, progress=progress)
    documents = document_paths(output_dir)
    with named_if_unreadable(documents), releasing_helpers(output_dir):
        if tables is None:
            help_with_tasks(output_dir)
            return None
        of_baselines = {masking(options): tables, **under}
        extra = _extra(evaluated, options, audits, documents, of_baselines, progress=progress) | hybrid
        run = Run(
            title=f"{evaluated.model_name} on {evaluated.data_name}",
            facts=_facts(evaluated, options, measures, tables, documents),
            inputs=inputs,
            tables=tables,
            seconds=time.monotonic() - started,
            replay=replay,
            arguments=replay_yaml,
            extra=extra,
            notes=_notes(evaluated, options, audits, documents, of_baselines, extra),
            provenances=evaluated.provenances,
        )
        if keep:
            write_results(output_dir, run, documents)
    return run


def _inputs(evaluated: EvaluationInputs, options: Options, measures: Measures, *, keep: bool) -> dict[str, Any]:
    """Return what the result depends on; without `keep`, the folder is new, and the hashes would be compared with none.

    The texts of a stream are read only once, so its source stands for their hash. Later, while the stream is read, the
    rows of finished shards are compared.
    """
    if not keep:
        return run_settings(evaluated.engine, options, measures)
    texts = {"texts": texts_fingerprint(evaluated.texts)} if isinstance(evaluated.texts, Dataset) else evaluated.source
    threads = torch.get_num_threads()
    return run_inputs(evaluated.engine, options, measures, texts, evaluated.provenances, threads)


def _extra(
    evaluated: EvaluationInputs,
    options: Options,
    audits: AuditArguments,
    documents: Sequence[Path],
    tables: Mapping[str, Tables],
    *,
    progress: bool,
) -> dict[str, pd.DataFrame]:
    """Return the tables of extra measures by name; `tables` are the tables under each baseline, first the run's own."""
    extra = {"baselines": baseline_table(tables)} if len(tables) > 1 else {}
    if evaluated.weight is not None:
        explained = (pair for path in documents for pair in read_explanations(path))
        extra["planted"] = planted_table(explained, evaluated.weight, options.seed)
    extra |= plausibility_tables(documents, options.seed)
    return extra | sanity_tables(evaluated.engine, evaluated.texts, options, audits, progress=progress)


def _notes(
    evaluated: EvaluationInputs,
    options: Options,
    audits: AuditArguments,
    documents: Sequence[Path],
    tables: Mapping[str, Tables],
    extra: Mapping[str, pd.DataFrame],
) -> list[str]:
    """Return sentences that readers of the numbers need."""
    dependent = orders_that_depend(tables) if len(tables) > 1 else []
    return [*evaluated.notes, *cautions(evaluated.engine, options, documents), *dependent, *sanity_notes(extra, audits)]


def _facts(
    evaluated: EvaluationInputs, options: Options, measures: Measures, tables: Tables, documents: Sequence[Path]
) -> dict[str, str]:
    return run_facts(
        evaluated.engine,
        options,
        measures,
        tables.document_counts,
        documents,
        model=evaluated.model_name,
        data=evaluated.data_name,
        sample=evaluated.sample,
        provenances=evaluated.provenances,
    )

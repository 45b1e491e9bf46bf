"""Evaluate texts in memory in the same way as recipes evaluate the texts of a dataset."""

import shutil
import time
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import torch
from datasets import Dataset

from hf_gradexplain.audit.plausibility.plausibility import plausibility_tables
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError, translate_write_errors
from hf_gradexplain.evaluation.extra_measures import Measures, default_measures
from hf_gradexplain.hub.provenance import public_name
from hf_gradexplain.options import CUSTOM, Options
from hf_gradexplain.options.arguments import AuditArguments, MeasureArguments
from hf_gradexplain.run.cost import Estimate
from hf_gradexplain.run.describe import cautions, run_facts, run_inputs, run_settings
from hf_gradexplain.run.estimate import estimate
from hf_gradexplain.run.estimated_parts import estimate_audits
from hf_gradexplain.run.evaluation import Evaluation
from hf_gradexplain.run.fingerprints import texts_fingerprint
from hf_gradexplain.run.finished_files import check_finished_files
from hf_gradexplain.run.folder import document_paths, lock_run_folder
from hf_gradexplain.run.hybrid import hybrid_tables, hybrids_of
from hf_gradexplain.run.processes import process_state
from hf_gradexplain.run.results import Run, write_results
from hf_gradexplain.run.rows import to_rows
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.run.sanity import sanity_notes, sanity_tables
from hf_gradexplain.text.rationales import Rationale
from hf_gradexplain.text.texts import Text


def make_evaluation(
    engine: AttributionEngine,
    texts: Sequence[Text],
    labels: Sequence[int | None],
    options: Options,
    arguments: MeasureArguments,
    audits: AuditArguments,
    output_dir: Path | None,
    *,
    rationales: Sequence[Rationale] | None = None,
    progress: bool,
) -> Evaluation:
    """Evaluate texts as `recipes/evaluate.py` does.

    Args:
        engine: The classifier.
        texts: Texts, or pairs of texts.
        labels: The class of each text; None without labels.
        options: How to explain.
        arguments: What to measure.
        audits: What to measure on all explanations together.
        output_dir: The folder for all files of the run, in which the run can be resumed; None for a temporary folder.
        rationales: The spans that people marked in each text; None for no comparison with rationales.
        progress: Whether to show a progress bar.

    Raises:
        GradexplainError: There is no text, the texts are of different kinds, or the folder cannot be used, for example
            because another run is writing to it.
    """
    if (n := (state := process_state()).num_processes) > 1:
        raise GradexplainError(
            f"evaluate runs in one process, but {n} were started: start one, or share the work with recipes/evaluate.py"
        )
    rows = to_rows(texts, labels, rationales)
    if output_dir is not None:
        with translate_write_errors(output_dir, instead="output_dir"), lock_run_folder(output_dir, state):
            check_finished_files(output_dir)
            return _evaluate(engine, rows, options, arguments, audits, output_dir, progress=progress, keep=True)
    folder = Path(mkdtemp(prefix="hf_gradexplain_"))
    try:
        evaluation = _evaluate(engine, rows, options, arguments, audits, folder, progress=progress, keep=False)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(evaluation, shutil.rmtree, folder, ignore_errors=True)
    return evaluation


def _evaluate(
    engine: AttributionEngine,
    rows: Dataset,
    options: Options,
    arguments: MeasureArguments,
    audits: AuditArguments,
    folder: Path,
    *,
    progress: bool,
    keep: bool,
) -> Evaluation:
    """Evaluate in a folder; with `keep`, write all files of a run, and refuse a folder with other inputs."""
    started, options, provenances = time.monotonic(), engine.resolve(options), engine.provenances
    measures = _measures(engine, options, arguments)
    hybrids = hybrids_of(engine, rows, options, audits.hybrid_documents)
    texts, threads = {"texts": texts_fingerprint(rows)} if keep else {}, torch.get_num_threads()
    inputs = (
        run_inputs(engine, options, measures, texts, provenances, threads) if keep else run_settings(options, measures)
    )
    tables = evaluate(
        engine,
        rows,
        options,
        folder,
        inputs=inputs,
        max_k=arguments.max_k,
        measures=measures,
        provenances=provenances,
        progress=progress,
    )
    assert tables is not None  # this is the main process
    documents = tuple(document_paths(folder))
    extra = plausibility_tables(documents, options.seed)
    extra |= hybrid_tables(engine, hybrids, options, folder, inputs, provenances=provenances, progress=progress)
    extra |= sanity_tables(engine, rows, options, audits, progress=progress)
    model = public_name(provenances["model"].name) if "model" in provenances else type(engine.model).__name__
    data, counts = f"{len(rows):,} texts" if len(rows) > 1 else "one text", tables.document_counts
    run = Run(
        title=f"{model} on {data}",
        facts=run_facts(engine, options, measures, counts, documents, model=model, data=data, provenances=provenances),
        inputs=inputs,
        tables=tables,
        seconds=time.monotonic() - started,
        replay=f"explainer.evaluate(texts, labels, methods={list(options.methods)}, {_unit(options)}, ...)",
        extra=extra,
        notes=(*cautions(engine, options, documents), *sanity_notes(extra)),
        provenances=provenances,
    )
    if keep:
        write_results(folder, run, documents)
    return Evaluation(run, documents)


def make_estimate(
    engine: AttributionEngine,
    texts: Sequence[Text],
    labels: Sequence[int | None],
    options: Options,
    arguments: MeasureArguments,
    audits: AuditArguments,
) -> Estimate:
    """Estimate the cost of `make_evaluation`, with the same arguments, and write no files.

    Raises:
        GradexplainError: There is no text, the texts are of different kinds, or an audit cannot be made with them.
    """
    rows, options = to_rows(texts, labels), engine.resolve(options)
    estimated = estimate(engine, rows, options, _measures(engine, options, arguments))
    return replace(estimated, parts=estimate_audits(engine, rows, options, audits))


def _measures(engine: AttributionEngine, options: Options, arguments: MeasureArguments) -> Measures:
    return default_measures(
        engine.shortcut(options),
        random_orders=arguments.random_orders,
        both_ends=arguments.both_ends,
        bounds=bool(arguments.naopc),
        beam_size=arguments.beam_size,
        k_grid=arguments.k_grid,
        ties=arguments.ties,
    )


def _unit(options: Options) -> str:
    """Return the argument that gives the units."""
    return "units=units" if options.unit == CUSTOM else f"unit={options.unit!r}"

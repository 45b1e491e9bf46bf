"""Evaluate texts in memory in the same way as recipes evaluate the texts of a dataset."""

import shutil
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

from datasets import Dataset

from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError, translate_write_errors
from hf_gradexplain.hub.provenance import public_name
from hf_gradexplain.options import CUSTOM, Options
from hf_gradexplain.options.arguments import AuditArguments, MeasureArguments
from hf_gradexplain.run.cost import Estimate
from hf_gradexplain.run.estimated_parts import estimate_run
from hf_gradexplain.run.evaluation import Evaluation
from hf_gradexplain.run.evaluation_inputs import EvaluationInputs
from hf_gradexplain.run.finished_files import check_finished_files
from hf_gradexplain.run.folder import document_paths, lock_run_folder
from hf_gradexplain.run.make_run import make_run
from hf_gradexplain.run.processes import process_state
from hf_gradexplain.run.rows import to_rows
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
    evaluated = _evaluation_inputs(engine, to_rows(texts, labels, rationales))
    if output_dir is not None:
        with translate_write_errors(output_dir, instead="output_dir"), lock_run_folder(output_dir, state):
            check_finished_files(output_dir)
            return _evaluate(evaluated, options, arguments, audits, output_dir, progress=progress, keep=True)
    folder = Path(mkdtemp(prefix="hf_gradexplain_"))
    try:
        evaluation = _evaluate(evaluated, options, arguments, audits, folder, progress=progress, keep=False)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(evaluation, shutil.rmtree, folder, ignore_errors=True)
    return evaluation


def _evaluate(
    evaluated: EvaluationInputs,
    options: Options,
    arguments: MeasureArguments,
    audits: AuditArguments,
    folder: Path,
    *,
    progress: bool,
    keep: bool,
) -> Evaluation:
    """Evaluate in a folder; with `keep`, write all files of a run, and refuse a folder with other inputs."""
    methods = list(evaluated.engine.resolve(options).methods)
    run = make_run(
        evaluated,
        options,
        arguments,
        audits,
        folder,
        started=time.monotonic(),
        replay=f"explainer.evaluate(texts, methods={methods}, {_unit(options)}, labels=labels, ...)",
        keep=keep,
        progress=progress,
    )
    assert run is not None  # this is the main process
    return Evaluation(run, tuple(document_paths(folder)))


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
        GradexplainError: An argument cannot be used, there is no text, or the texts are of different kinds.
    """
    return estimate_run(_evaluation_inputs(engine, to_rows(texts, labels)), options, arguments, audits)


def _evaluation_inputs(engine: AttributionEngine, rows: Dataset) -> EvaluationInputs:
    """Return the model and the texts, with names for display."""
    named = engine.provenances.get("model")
    return EvaluationInputs(
        engine,
        rows,
        model_name=type(engine.model).__name__ if named is None else public_name(named.name),
        data_name=f"{len(rows):,} texts" if len(rows) > 1 else "one text",
        provenances=engine.provenances,
    )


def _unit(options: Options) -> str:
    """Return the argument that gives the units."""
    return "units=units" if options.unit == CUSTOM else f"unit={options.unit!r}"

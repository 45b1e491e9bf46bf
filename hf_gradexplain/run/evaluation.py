"""An evaluation from Python: the run that the recipes make, over texts in memory, and its result as one object."""

import shutil
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pandas as pd
import torch
from datasets import Dataset

from hf_gradexplain.arguments import MeasureArguments
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError, translate_write_errors
from hf_gradexplain.evaluation.aopc import document_aopc
from hf_gradexplain.evaluation.documents import iterate_documents, read_rows
from hf_gradexplain.evaluation.extra_measures import Measures, default_measures
from hf_gradexplain.evaluation.presentation import draw_figures, warnings_of
from hf_gradexplain.evaluation.random_band import with_mean_random
from hf_gradexplain.evaluation.report import shown_documents, write_report
from hf_gradexplain.evaluation.summaries import finding, headline, p_value, summary_table
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.explanations import Explanations
from hf_gradexplain.hub.provenance import public_name
from hf_gradexplain.options import CUSTOM, Options
from hf_gradexplain.run.cost import Estimate
from hf_gradexplain.run.describe import cautions, run_facts, run_inputs
from hf_gradexplain.run.estimate import estimate
from hf_gradexplain.run.fingerprints import texts_fingerprint
from hf_gradexplain.run.finished_files import check_finished_files
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.run.processes import process_state
from hf_gradexplain.run.results import Run, write_results
from hf_gradexplain.run.rows import to_rows
from hf_gradexplain.run.runner import evaluate
from hf_gradexplain.text.texts import Text
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.cell import cell_html
from hf_gradexplain.viz.tables import MISSING, text_table, with_interval, with_minus


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How far the explanations of a model can be trusted on some texts; `Explainer.evaluate` makes it.

    A notebook shows the result in a sentence, the table of the methods, and the curves.

    Attributes:
        run: The result as the recipes have it: title, facts, tables and notes.
        documents: The files with everything that was measured of each text. Without an `output_dir` they are in a
            temporary folder, which is removed with this object.

    Example:
        >>> import hf_gradexplain  # doctest: +SKIP
        >>> explainer = hf_gradexplain.Explainer.from_pretrained("org/model")  # doctest: +SKIP
        >>> result = explainer.evaluate(texts, labels, methods=["attn_lrp", "loo", "random"])  # doctest: +SKIP
        >>> result.report("report.html")  # doctest: +SKIP
    """

    run: Run
    documents: tuple[Path, ...]

    def __repr__(self) -> str:
        notes = [*self.run.notes, *warnings_of(self.run.tables)]
        rows = [f"  {_in_words(row)}" for row in self.to_frame().to_dict("records")]
        return "\n".join([f"Evaluation of {self.run.title}", headline(self.run.tables), *rows, *notes])

    def _repr_html_(self) -> str:
        tables = self.run.tables
        return cell_html(
            title=f"Evaluation of {self.run.title}",
            sentences=[headline(tables), *self.run.notes, *warnings_of(tables)],
            table=text_table(self.to_frame()),
            figure=figure_bytes(draw_figures(tables)["aopc"], "svg"),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per method.

        The columns are `method`; AOPC(10) and `low` and `high`, its 95 % interval; AOPC at the largest K; and for the
        correlation with leave-one-out: `median r`; `p ≤ .05` (the share of texts where r is significant); `by FDR` (the
        same, with the false discovery rate controlled); `no r` (the number of texts without an r).
        """
        return summary_table(self.run.tables)

    @property
    def aopc(self) -> pd.DataFrame:
        """AOPC of every method at every K, with 95 % intervals: `method, k, aopc, ci_low, ci_high, n`."""
        return self.run.tables.aopc

    @property
    def correlation(self) -> pd.DataFrame:
        """The correlation with leave-one-out, a row per method and coefficient; without `loo`, no rows."""
        return self.run.tables.correlation

    def paired_tests(self) -> pd.DataFrame:
        """Return whether the difference in AOPC of each two methods is real: paired t-tests over the texts.

        The columns are `k`, the K of AOPC; `method`, the better one, and `other`; their `difference` with its interval
        `ci_low`, `ci_high`; `p`, and `p_adjusted` by Holm's method for all rows; `n`; and `finding`, the row in words.
        With one method there are no rows.
        """
        tests = self.run.tables.comparisons
        rows = tests.to_dict("records")
        said = [f"{finding(row)} (K = {row['k']}, adjusted p {p_value(row['p_adjusted'])})" for row in rows]
        return tests.assign(finding=said)

    def per_text(self) -> pd.DataFrame:
        """Return one row per text and method, to find the texts where a method fails.

        The columns are `text_id`, the position of the text; `text`; `target`, the explained class, or a contrast such
        as "Sports rather than World"; `prediction`; `label`, None if there was none; `correct`, whether the prediction
        is the label; `p`, the probability of the target (regression: the output); `method`; AOPC(K) of this text, at
        the K of `to_frame`; and the correlations with leave-one-out, `pearson` (of the scores) and `spearman` (of their
        ranks), NaN where they are not defined.
        """
        name = str(self.to_frame().columns[1])
        k = int(name.removeprefix("AOPC(").removesuffix(")"))
        rows = []
        for document in iterate_documents(self.documents):
            explanation = document.explanation
            of_text = {
                "text_id": document.id,
                "text": explanation.text,
                "target": explanation.question,
                "prediction": explanation.prediction_label,
                "label": None if document.label is None else explanation.class_names[document.label],
                "correct": None if document.label is None else document.label == explanation.prediction,
                "p": float(explanation.probabilities[explanation.target]),
            }
            for method, curve in with_mean_random(document.curves, document.random_orders).items():
                correlations = document.correlations.get(method, {})
                with_loo = {coefficient: correlations.get(coefficient) for coefficient in ("pearson", "spearman")}
                rows.append({**of_text, "method": method, name: document_aopc(curve, k)[-1], **with_loo})
        return pd.DataFrame(rows)

    @cached_property
    def explanations(self) -> Explanations:
        """The explanations of the texts, in their order, with the scores of all methods."""
        return Explanations(map(Explanation.from_dict, read_rows(self.documents)))

    def report(self, path: str | PathLike[str]) -> None:
        """Write the report to an HTML file: the results, the curves and all texts, on a page that needs no other file.

        Raises:
            GradexplainError: The file cannot be written.
        """
        run = self.run
        with translate_write_errors(path, instead="path"):
            write_report(
                Path(path),
                title=run.title,
                facts=run.facts,
                tables=run.tables,
                documents=shown_documents(self.documents),
                notes=run.notes,
            )


def make_evaluation(
    engine: AttributionEngine,
    texts: Sequence[Text],
    labels: Sequence[int | None],
    options: Options,
    arguments: MeasureArguments,
    output_dir: Path | None,
    *,
    progress: bool,
) -> Evaluation:
    """Evaluate texts as `recipes/evaluate.py` does.

    Args:
        engine: The classifier.
        texts: Texts, or pairs of texts.
        labels: The class of each text; None without labels.
        options: How to explain.
        arguments: What to measure.
        output_dir: The folder of the run, which has all files of a run and can be resumed; None for a temporary one.
        progress: Whether to show a progress bar.

    Raises:
        GradexplainError: There is no text, the texts are mixed, or the folder cannot be used.
    """
    if (n := process_state().num_processes) > 1:
        raise GradexplainError(
            f"evaluate runs in one process, but {n} were started: start one, or share the work with recipes/evaluate.py"
        )
    rows = to_rows(texts, labels)
    if output_dir is not None:
        with translate_write_errors(output_dir, instead="output_dir"):
            check_finished_files(output_dir)
            return _evaluate(engine, rows, options, arguments, output_dir, progress=progress, keep=True)
    folder = Path(mkdtemp(prefix="hf_gradexplain_"))
    try:
        evaluation = _evaluate(engine, rows, options, arguments, folder, progress=progress, keep=False)
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
    folder: Path,
    *,
    progress: bool,
    keep: bool,
) -> Evaluation:
    """Evaluate in a folder; `keep` also writes the files of a run, and lets only the same inputs use the folder."""
    started, options, provenances = time.monotonic(), engine.resolve(options), engine.provenances
    measures = _measures(engine, options, arguments)
    texts, threads = {"texts": texts_fingerprint(rows)} if keep else {}, torch.get_num_threads()
    inputs = run_inputs(engine, options, measures, texts, provenances, threads) if keep else {}
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
    model = public_name(provenances["model"].name) if "model" in provenances else type(engine.model).__name__
    data, counts = f"{len(rows):,} texts" if len(rows) > 1 else "one text", tables.document_counts
    run = Run(
        title=f"{model} on {data}",
        facts=run_facts(engine, options, measures, counts, documents, model=model, data=data, provenances=provenances),
        inputs=inputs,
        tables=tables,
        seconds=time.monotonic() - started,
        replay=f"explainer.evaluate(texts, labels, methods={list(options.methods)}, {_unit(options)}, ...)",
        notes=tuple(cautions(engine, options, documents)),
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
) -> Estimate:
    """Estimate what `make_evaluation` would take, and write nothing; see there for the arguments.

    Raises:
        GradexplainError: There is no text, or the texts are mixed.
    """
    return estimate(engine, to_rows(texts, labels), engine.resolve(options), _measures(engine, options, arguments))


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


def _in_words(row: dict[str, Any]) -> str:
    """Return a row of `Evaluation.to_frame` in words."""
    short, *more = (name for name in row if name.startswith("AOPC("))
    words = [f"{row['method']}: {short} {with_interval(row[short], row['low'], row['high'])}"]
    words += [f"{name} {with_minus(format(row[name], 'z.3f'))}" for name in more]
    if not pd.isna(row["median r"]):
        words.append(f"median correlation with leave-one-out {with_minus(format(row['median r'], 'z.2f'))}")
        words.append(f"significant on {row['p ≤ .05']:.0%} of the texts ({row['by FDR']:.0%} by FDR)")
    elif row["method"] != "loo" and not pd.isna(row["no r"]):
        words.append(f"median correlation with leave-one-out {MISSING}")
    return ", ".join(words)

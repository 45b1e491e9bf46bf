"""Write the files of a run from its tables: `results.json`, the tables, figures, a report and a card."""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from hf_gradexplain.audit.words.page import words_of_run, words_section
from hf_gradexplain.evaluation.presentation import CAPTIONS, captions_of, draw_figures, readable_tables, warnings_of
from hf_gradexplain.evaluation.report import pack_tasks, write_report
from hf_gradexplain.evaluation.summaries import headline, summary_table
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.files import atomic_write, atomic_write_bytes, atomic_write_text
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.run.fingerprints import versions
from hf_gradexplain.run.finished_files import forget_finished_files, record_finished_files
from hf_gradexplain.run.shared_tasks import share_tasks
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.report import render_card
from hf_gradexplain.viz.sanitize import json_text

FILES = {
    "aopc": "AOPC(k) of every method, with 95 % intervals",
    "correlation": "correlations with leave-one-out, summarised",
    "correlation_histograms": "distribution of the correlations over documents",
    "curves": "all curves: removal, negative_first, sufficiency",
    "chance": "the band of random orders",
    "comparisons": "paired tests between methods",
    "normalised": "NAOPC and its bounds",
    "signs": "agreement of sign with leave-one-out",
    "counts": "numbers of left-out and of special documents",
    "planted": "planted words among the top units",
    "plausibility": "agreement with human rationales",
    "hybrid": "how often the top word is in a sentence of the predicted class",
    "sanity": "sanity checks of the methods",
    "randomisation": "correlations with the scores of random models, layer by layer",
    "baselines": "the ranking under each masking baseline",
    "words": "the words of each class: share of the score, drop, test",
}
"""The content of each table's file."""

REPLAY = "hf-gradexplain evaluate run.yaml"
"""The command that repeats a run; the card of the run shows it."""

FORMS: tuple[Literal["svg", "png"], ...] = ("svg", "png")

LONG = ("aopc", "curves", "chance", "correlation_histograms")
"""Tables with a row per `k` or bin, which are left out of `results.json`."""


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run and its results.

    Attributes:
        title: The model and the dataset.
        facts: Model, data and options, described for readers, by name.
        inputs: Everything that the result depends on, as JSON values.
        tables: The tables.
        seconds: The time that the run took.
        replay: The command that reproduces the results.
        arguments: The recipe's arguments, for `run.yaml`; empty for a run without a recipe, which has no `run.yaml`.
        extra: More tables by name, with captions in `hf_gradexplain.evaluation.presentation.CAPTIONS`.
        notes: Warnings that readers of the numbers need.
        provenances: Where model and data were loaded from.
        finished: When the run finished: date and time in UTC, in the format ISO 8601; empty if unknown.
    """

    title: str
    facts: Mapping[str, str]
    inputs: Mapping[str, Any]
    tables: Tables
    seconds: float
    replay: str
    arguments: str = ""
    extra: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: Sequence[str] = ()
    provenances: Mapping[str, Provenance] = field(default_factory=dict)
    finished: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def write_results(output_dir: Path, run: Run, documents: Sequence[Path]) -> None:
    """Write all files of the output folder except the documents, each one atomically, and then their SHA-256.

    Tables and figures of an earlier call, such as one with sanity checks, are removed if this run does not have them.

    The main process calls this; the other processes help with the words and the report, see `share_tasks`.
    """
    forget_finished_files(output_dir)
    find_words = partial(words_of_run, documents, run.title)
    results = share_tasks([find_words, *pack_tasks(documents, run.tables)], output_dir)
    files, figures, words = table_files(run), _write_figures(output_dir / "figures", run), next(results)
    written = files if words is None else {**files, "words": words.table}
    for name, table in written.items():
        with atomic_write(output_dir / f"{name}.parquet") as path:
            table.to_parquet(path, index=False)
    write_report(
        output_dir / "report.html",
        title=run.title,
        facts=run.facts,
        tables=run.tables,
        documents=results,
        notes=run.notes,
        extra=run.extra,
        audits=words_section(words),
        figures=figures,
    )
    atomic_write_text(output_dir / "README.md", _card(run, list(written)))
    if run.arguments:
        atomic_write_text(output_dir / "run.yaml", run.arguments)
    atomic_write_text(output_dir / "results.json", json_text(_record(run, files, list(written)), indent=2) + "\n")
    _remove_others(output_dir, written, figures)
    record_finished_files(output_dir)


def _card(run: Run, tables: Sequence[str]) -> str:
    """Return the card; `tables` are the names of the files of tables."""
    listed = [(f"{name}.parquet", FILES.get(name, name)) for name in tables]
    listed += [("documents/*.parquet", "all documents: text, units, scores, curves, correlations")]
    return render_card(
        title=run.title,
        headline=headline(run.tables),
        facts=run.facts,
        notes=[*run.notes, *warnings_of(run.tables)],
        metadata={"tags": ["explainability", "faithfulness", "hf_gradexplain"]},
        tables={
            **readable_tables(run.tables, run.extra),
            "Files of this run": pd.DataFrame(listed, columns=["file", "holds"]),
        },
        figures={caption: f"figures/{name}.png" for name, caption in captions_of(run.tables, run.extra).items()},
        replay=run.replay,
    )


def _write_figures(folder: Path, run: Run) -> dict[str, bytes]:
    """Write the figures, each as SVG and as PNG; return the SVG files."""
    figures = draw_figures(run.tables, run.extra)
    files = {(name, form): figure_bytes(figure, form) for name, figure in figures.items() for form in FORMS}
    for (name, form), content in files.items():
        atomic_write_bytes(folder / f"{name}.{form}", content)
    return {name: files[name, "svg"] for name in figures}


def _remove_others(output_dir: Path, tables: Container[str], figures: Container[str]) -> None:
    """Remove the tables and figures that a run may have, but this one does not; other files are the user's."""
    for name in FILES:
        if name not in tables:
            (output_dir / f"{name}.parquet").unlink(missing_ok=True)
    for name in CAPTIONS:
        for form in FORMS:
            if name not in figures:
                (output_dir / "figures" / f"{name}.{form}").unlink(missing_ok=True)


def _record(run: Run, files: Mapping[str, pd.DataFrame], tables: Sequence[str]) -> dict[str, Any]:
    """Return the run as JSON values, with all of its tables except the long ones, and the names of all its tables."""
    return {
        "title": run.title,
        "headline": headline(run.tables),
        "inputs": run.inputs,
        "facts": run.facts,
        "notes": list(run.notes),
        "replay": run.replay,
        "documents": run.tables.document_counts,
        "tables": sorted(tables),
        "output_range": run.tables.output_range,
        "summary": _records(summary_table(run.tables)),
        **{name: _records(table) for name, table in files.items() if name not in LONG},
        "seconds": round(run.seconds, 1),
        "finished": run.finished,
        "versions": versions(),
    }


def table_files(run: Run) -> dict[str, pd.DataFrame]:
    """Return the tables that are written to files, by name."""
    values = {part.name: getattr(run.tables, part.name) for part in fields(run.tables)}
    tables = {name: table for name, table in values.items() if isinstance(table, pd.DataFrame)}
    always = ("aopc", "correlation")
    return {file: table for file, table in tables.items() if len(table) or file in always} | dict(run.extra)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as JSON values; an undefined number is null."""
    return json.loads(table.to_json(orient="records", double_precision=15))

"""From tables to what a run leaves: `results.json`, the tables, figures, a report and a card."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.read_documents import count_documents
from hf_gradexplain.evaluation.summaries import (
    baseline_ranks,
    correlation_summary,
    ends_summary,
    findings,
    headline,
    normalised_summary,
    summary_table,
    with_intervals,
)
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.files import atomic_write, atomic_write_bytes, atomic_write_text
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.run.fingerprints import versions
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.curves import aopc_figure, ends_figure
from hf_gradexplain.viz.figures import correlation_figure
from hf_gradexplain.viz.report import render_card, render_report

EXAMPLES = 4
"""Documents shown in the report."""

EXAMPLE_METHODS = ("signed_gi", "loo", "sa_l2")

CAPTIONS = {
    "aopc": "AOPC(K): how far the target's probability falls as each method's top K units are removed. "
    "Bands: 95 % bootstrap intervals over documents.",
    "ends": "The other end of every order: the lowest-scored units removed first, and the highest-scored kept alone.",
    "correlation": "Pearson's r of each method's scores with leave-one-out, over documents.",
    "comparisons": "Which differences in AOPC(K) are real: paired t-tests over documents, p-values adjusted for their "
    "number by Holm's method; 95 % bootstrap intervals, each by itself.",
    "curves": "Comprehensiveness (the fall without the top K units: AOPC again), sufficiency (the fall with them "
    "alone) and the fall without the K lowest, which good signed scores make negative.",
    "normalised": "NAOPC: AOPC over the whole document, 0 for the worst order of its units and 1 for the best, so that "
    "models can be compared.",
    "signs": "Agreement of sign with leave-one-out: the share of units for or against the target on which they agree.",
    "counts": "Documents to know of: what each number leaves out, and where little can be said.",
    "planted": "Planted words among the top units: how often the first unit supports the target (top_1), and the "
    "share of supporting units among as many first ones as there are (precision).",
    "baselines": "Ranks by masking baseline: the methods' ranks and AOPC(K). Scores and masking both start from the "
    "baseline, so compare ranks, not numbers.",
}

FILES = {
    "aopc": "AOPC(k) of every method, with 95 % intervals",
    "correlation": "correlations with leave-one-out, summed up",
    "correlation_histograms": "how these are distributed over documents",
    "curves": "all curves: removal, negative_first, sufficiency",
    "chance": "the band of random orders",
    "comparisons": "paired tests between methods",
    "normalised": "NAOPC and its bounds",
    "signs": "agreement of sign with leave-one-out",
    "counts": "documents left out or out of the ordinary",
    "planted": "planted words among the top units",
    "baselines": "the ranking under each masking baseline",
}
"""What stands in each table's file."""

LONG = ("aopc", "curves", "chance", "correlation_histograms")
"""Tables with a row per `k` or bin: in files of their own alone."""


@dataclass(frozen=True, eq=False)
class Run:
    """What was run, and what came of it.

    Attributes:
        title: What was evaluated.
        facts: What the run was made from, in words, by name.
        inputs: The same for machines: everything that the result depends on.
        tables: The tables.
        seconds: How long it took.
        replay: The command that makes these results again.
        arguments: The recipe's arguments, for `run.yaml`.
        extra: More tables by name; `CAPTIONS` has what is said of them.
        notes: What a reader has to know to trust the numbers.
        origins: Where model and data were loaded from.
    """

    title: str
    facts: Mapping[str, str]
    inputs: Mapping[str, Any]
    tables: Tables
    seconds: float
    replay: str
    arguments: str
    extra: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: Sequence[str] = ()
    provenances: Mapping[str, Provenance] = field(default_factory=dict)


def write_results(output_dir: Path, run: Run, documents: Sequence[Path]) -> None:
    """Write everything of the output folder but the documents; each file appears whole or not at all."""
    files = table_files(run)
    for name, table in files.items():
        with atomic_write(output_dir / f"{name}.parquet") as path:
            table.to_parquet(path, index=False)
    _draw(output_dir / "figures", run.tables)
    captions = captions_of(run.tables)
    result, tables = headline(run.tables), readable_tables(run)
    report = render_report(
        title=run.title,
        headline=result,
        facts=run.facts,
        notes=run.notes,
        tables={**tables, "Correlation with leave-one-out": correlation_summary(run.tables.correlation)},
        figures={caption: (output_dir / "figures" / f"{name}.svg").read_bytes() for name, caption in captions.items()},
        explanations=_examples(documents),
    )
    atomic_write_text(output_dir / "report.html", report)
    listed = [(f"{name}.parquet", FILES.get(name, name)) for name in files]
    listed += [("documents/*.parquet", "every document: text, units, scores, curves, correlations")]
    card = render_card(
        title=run.title,
        headline=result,
        facts=run.facts,
        notes=run.notes,
        metadata={"tags": ["explainability", "faithfulness", "hf_gradexplain"]},
        tables={**tables, "Files of this run": pd.DataFrame(listed, columns=["file", "holds"])},
        figures={caption: f"figures/{name}.png" for name, caption in captions.items()},
        replay=run.replay,
    )
    atomic_write_text(output_dir / "README.md", card)
    atomic_write_text(output_dir / "run.yaml", run.arguments)
    record = _record(run, result, files, count_documents(documents))
    atomic_write_text(output_dir / "results.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _record(run: Run, result: str, files: Mapping[str, pd.DataFrame], counts: Mapping[str, int]) -> dict[str, Any]:
    """The run as plain values: all of its tables but the long ones."""
    return {
        "title": run.title,
        "headline": result,
        "inputs": run.inputs,
        "facts": run.facts,
        "documents": counts,
        "summary": _records(summary_table(run.tables)),
        **{name: _records(table) for name, table in files.items() if name not in LONG},
        "seconds": round(run.seconds, 1),
        "versions": versions(),
    }


def table_files(run: Run) -> dict[str, pd.DataFrame]:
    """Every table that has a file, by its name."""
    names = {part.name: part.name for part in fields(run.tables)} | {"histograms": "correlation_histograms"}
    own = {file: getattr(run.tables, name) for name, file in names.items()}
    always = ("aopc", "correlation")
    return {file: table for file, table in own.items() if len(table) or file in always} | dict(run.extra)


def readable_tables(run: Run) -> dict[str, pd.DataFrame]:
    """The tables of page and card by their captions."""
    tables = run.tables
    found = {"Methods compared": summary_table(tables)}
    if len(tables.comparisons):
        rows = findings(tables.comparisons)
        found[CAPTIONS["comparisons"]] = rows[rows["K"] == rows["K"].min()]
    if len(tables.curves):
        found[CAPTIONS["curves"]] = ends_summary(tables.curves)
    if len(tables.normalised):
        found[CAPTIONS["normalised"]] = normalised_summary(tables.normalised)
    if len(tables.signs):
        found[CAPTIONS["signs"]] = with_intervals(tables.signs, "agreement")
    extra = {name: baseline_ranks(table) if name == "baselines" else table for name, table in run.extra.items()}
    found |= {CAPTIONS.get(name, name): table for name, table in extra.items()}
    if len(tables.counts):
        found[CAPTIONS["counts"]] = tables.counts
    return found


def _draw(folder: Path, tables: Tables) -> None:
    """Save the figures, each as SVG and as PNG."""
    figures = {"aopc": aopc_figure(tables.aopc, tables.chance)}
    if len(tables.curves):
        figures["ends"] = ends_figure(tables.curves)
    if len(tables.histograms):
        figures["correlation"] = correlation_figure(tables.correlation, tables.histograms)
    for name, figure in figures.items():
        for form in ("svg", "png"):
            atomic_write_bytes(folder / f"{name}.{form}", figure_bytes(figure, form))


def captions_of(tables: Tables) -> dict[str, str]:
    """The captions of a run's figures by their file names."""
    drawn = {"aopc": True, "ends": len(tables.curves), "correlation": len(tables.histograms)}
    captions = {name: CAPTIONS[name] for name, there in drawn.items() if there}
    if len(tables.chance):
        captions["aopc"] += " Hatched: where 95 % of all random orders lie."
    return captions


def _examples(documents: Sequence[Path]) -> list[Any]:
    """The first documents as HTML, one method after the other."""
    explanations = read_explanations(documents[0], EXAMPLES)
    return [
        explanation.to_html(method)
        for _, explanation in explanations
        for method in EXAMPLE_METHODS
        if method in explanation.scores and explanation.units
    ]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values; a number that is undefined is null."""
    return json.loads(table.to_json(orient="records", double_precision=15))

"""The files of a run, made from its tables: `results.json`, the tables, figures, a report and a card."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.summaries import (
    baseline_ranks,
    correlation_summary,
    ends_summary,
    findings,
    headline,
    no_better_than_random,
    normalised_summary,
    summary_table,
    with_intervals,
)
from hf_gradexplain.evaluation.tables import INCOMPLETE, Tables
from hf_gradexplain.files import atomic_write, atomic_write_bytes, atomic_write_text
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.run.fingerprints import versions
from hf_gradexplain.run.finished_files import forget_finished_files, record_finished_files
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.curves import aopc_figure, ends_figure
from hf_gradexplain.viz.figures import correlation_figure
from hf_gradexplain.viz.report import render_card, render_report
from hf_gradexplain.viz.sanitize import json_text
from hf_gradexplain.viz.tables import join_words

EXAMPLES = 4
"""The number of documents shown in the report."""

EXAMPLE_METHODS = ("attn_lrp", "signed_gi", "loo", "sa_l2")

CAPTIONS = {
    "aopc": "AOPC(K): how far the target's probability falls as each method's top K units are removed. "
    "Bands: 95 % bootstrap intervals over documents.",
    "ends": "Other ways of removal: the lowest-scored units removed first, and only the highest-scored units kept.",
    "correlation": "Pearson's r between each method's scores and leave-one-out, over documents.",
    "comparisons": "Which differences in AOPC(K) are significant: paired t-tests over documents, p-values adjusted by "
    "Holm's method; 95 % bootstrap intervals, not adjusted.",
    "curves": "Comprehensiveness (the fall without the top K units, which is AOPC), sufficiency (the fall with only "
    "the top K units), and the fall without the K lowest-scored units, which is negative for good signed scores.",
    "normalised": "NAOPC: AOPC over the whole document, scaled to 0 for the worst order of its units and 1 for the "
    "best, which makes models comparable.",
    "signs": "Agreement of sign with leave-one-out: the share of units for or against the target on which they agree.",
    "counts": "Special documents: those that a number leaves out, and those on which a number says little.",
    "planted": "Planted words among the top units: how often the first unit supports the target (top_1), and the "
    "share of supporting units among the first n units, where n is the number of supporting units (precision).",
    "baselines": "Ranks by masking baseline: the methods' ranks and AOPC(K). Scores and masking both start from the "
    "baseline, so compare ranks, not numbers.",
}

FILES = {
    "aopc": "AOPC(k) of every method, with 95 % intervals",
    "correlation": "correlations with leave-one-out, summarised",
    "correlation_histograms": "their distribution over documents",
    "curves": "all curves: removal, negative_first, sufficiency",
    "chance": "the band of random orders",
    "comparisons": "paired tests between methods",
    "normalised": "NAOPC and its bounds",
    "signs": "agreement of sign with leave-one-out",
    "counts": "documents left out, or special otherwise",
    "planted": "planted words among the top units",
    "baselines": "the ranking under each masking baseline",
}
"""The content of each table's file."""

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
        seconds: The time that it took.
        replay: The command that reproduces the results.
        arguments: The recipe's arguments, for `run.yaml`.
        extra: More tables by name, with captions in `CAPTIONS`.
        notes: Warnings that readers of the numbers need.
        provenances: Where model and data were loaded from.
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
    """Write all files of the output folder except the documents, each of them atomically, then their SHA-256."""
    forget_finished_files(output_dir)
    files = table_files(run)
    for name, table in files.items():
        with atomic_write(output_dir / f"{name}.parquet") as path:
            table.to_parquet(path, index=False)
    _draw(output_dir / "figures", run.tables)
    captions, unfit = captions_of(run.tables), no_better_than_random(run.tables)
    notes = [*run.notes, *([distrust(unfit)] if unfit else []), *incomplete_notes(run.tables.counts)]
    result, tables = headline(run.tables), readable_tables(run)
    report = render_report(
        title=run.title,
        headline=result,
        facts=run.facts,
        notes=notes,
        tables={**tables, "Correlation with leave-one-out": correlation_summary(run.tables.correlation)},
        figures={caption: (output_dir / "figures" / f"{name}.svg").read_bytes() for name, caption in captions.items()},
        explanations=_examples(documents, unfit),
    )
    atomic_write_text(output_dir / "report.html", report)
    listed = [(f"{name}.parquet", FILES.get(name, name)) for name in files]
    listed += [("documents/*.parquet", "all documents: text, units, scores, curves, correlations")]
    card = render_card(
        title=run.title,
        headline=result,
        facts=run.facts,
        notes=notes,
        metadata={"tags": ["explainability", "faithfulness", "hf_gradexplain"]},
        tables={**tables, "Files of this run": pd.DataFrame(listed, columns=["file", "holds"])},
        figures={caption: f"figures/{name}.png" for name, caption in captions.items()},
        replay=run.replay,
    )
    atomic_write_text(output_dir / "README.md", card)
    atomic_write_text(output_dir / "run.yaml", run.arguments)
    record = _record(run, result, files)
    atomic_write_text(output_dir / "results.json", json_text(record, indent=2) + "\n")
    record_finished_files(output_dir)


def _record(run: Run, result: str, files: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return the run as JSON values, with all of its tables except the long ones."""
    return {
        "title": run.title,
        "headline": result,
        "inputs": run.inputs,
        "facts": run.facts,
        "documents": run.tables.document_counts,
        "summary": _records(summary_table(run.tables)),
        **{name: _records(table) for name, table in files.items() if name not in LONG},
        "seconds": round(run.seconds, 1),
        "versions": versions(),
    }


def table_files(run: Run) -> dict[str, pd.DataFrame]:
    """Return the tables that are written to files, by name."""
    tables = {part.name: getattr(run.tables, part.name) for part in fields(run.tables)}
    del tables["document_counts"]
    tables = {"correlation_histograms" if name == "histograms" else name: table for name, table in tables.items()}
    always = ("aopc", "correlation")
    return {file: table for file, table in tables.items() if len(table) or file in always} | dict(run.extra)


def readable_tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return the tables of the report and the card, by caption."""
    tables = run.tables
    by_caption = {"Methods compared": summary_table(tables)}
    if len(tables.comparisons):
        rows = findings(tables.comparisons)
        by_caption[CAPTIONS["comparisons"]] = rows[rows["K"] == rows["K"].min()]
    if len(tables.curves):
        by_caption[CAPTIONS["curves"]] = ends_summary(tables.curves)
    if len(tables.normalised):
        by_caption[CAPTIONS["normalised"]] = normalised_summary(tables.normalised)
    if len(tables.signs):
        by_caption[CAPTIONS["signs"]] = with_intervals(tables.signs, "agreement")
    extra = {name: baseline_ranks(table) if name == "baselines" else table for name, table in run.extra.items()}
    by_caption |= {CAPTIONS.get(name, name): table for name, table in extra.items()}
    if len(tables.counts):
        by_caption[CAPTIONS["counts"]] = tables.counts
    return by_caption


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
    """Return the captions of a run's figures, by file name."""
    drawn = {"aopc": True, "ends": len(tables.curves), "correlation": len(tables.histograms)}
    captions = {name: CAPTIONS[name] for name, has_data in drawn.items() if has_data}
    if len(tables.chance):
        captions["aopc"] += " Hatched: AOPC of random orders, for 95 % of random seeds."
    return captions


def distrust(methods: Sequence[str]) -> str:
    """Return a sentence that warns of methods that do not beat a random order."""
    find = "finds" if len(methods) == 1 else "find"
    return (
        f"On this model and dataset, {join_words(methods)} {find} the important words no better than a random order: "
        "do not trust these explanations."
    )


def incomplete_notes(counts: pd.DataFrame) -> list[str]:
    """Return a sentence per method whose scores do not add up to the rise of the loss on some documents."""
    rows = counts[(counts["what"] == INCOMPLETE) & (counts["n"] > 0)].itertuples()
    return [
        f"On {row.n:,} of {row.of:,} texts the scores of {row.method} miss the rise of the loss that they should add "
        "up to by more than 5 %: give more steps."
        for row in rows
    ]


def _examples(documents: Sequence[Path], unfit: Sequence[str]) -> list[Any]:
    """Return the first documents as HTML, one method after the other, with a warning for `unfit` methods."""
    explanations, warning = read_explanations(documents[0], EXAMPLES), Markup("<p>{}</p>")
    return [
        explanation.to_html(method) + (warning.format(distrust([method])) if method in unfit else Markup(""))
        for _, explanation in explanations
        for method in EXAMPLE_METHODS
        if method in explanation.scores and explanation.units
    ]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as JSON values; an undefined number is null."""
    return json.loads(table.to_json(orient="records", double_precision=15))

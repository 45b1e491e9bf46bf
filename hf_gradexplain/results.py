"""From tables to what a run leaves: `results.json`, the two tables, figures, a report and a card."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.summary import Tables
from hf_gradexplain.files import write_bytes, write_text, written_whole
from hf_gradexplain.identity import versions
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.figures import aopc_figure, correlation_figure
from hf_gradexplain.viz.report import render_card, render_report

EXAMPLES = 4
"""Documents shown in the report."""

EXAMPLE_METHODS = ("signed_gi", "loo", "sa_l2")

SHORT_K = 10
"""The `K` that the summary quotes beside the longest: what a reader looks at is the top of the order."""


CAPTIONS = {
    "aopc": "AOPC(K): how far the target's probability falls as each method's top K units are removed. "
    "Bands: 95 % bootstrap intervals over documents.",
    "correlation": "Pearson's r of each method's scores with leave-one-out, over documents.",
    "planted": "Planted words among the top units: how often the first unit supports the target (top_1), and the "
    "share of supporting units among as many first ones as there are (precision).",
}


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


def summary_table(tables: Tables) -> pd.DataFrame:
    """One row per method.

    AOPC of the top units with its interval, and over the whole curve; then Pearson's r with leave-one-out: its median
    over documents, the share of significant ones, and how many documents have none.
    """
    longest = int(tables.aopc["k"].max())
    short = min(SHORT_K, longest)
    by_k = tables.aopc.set_index(["method", "k"])
    pearson = tables.correlation[tables.correlation["coefficient"] == "pearson"].set_index("method")
    rows = []
    for method in tables.aopc["method"].unique():
        top, whole = by_k.loc[(method, short)], by_k.loc[(method, longest)]
        r = pearson.loc[method] if method in pearson.index else None
        rows.append(
            {
                "method": method,
                f"AOPC({short})": top["aopc"],
                "low": top["ci_low"],
                "high": top["ci_high"],
                f"AOPC({longest})": whole["aopc"],
                "median r": None if r is None else r["median"],
                "p ≤ .05": None if r is None else r["fraction_significant"],
                "no r": None if r is None else r["n_undefined"],
            }
        )
    return pd.DataFrame(rows).astype({"median r": float, "p ≤ .05": float, "no r": "Int64"})


def headline(tables: Tables) -> str:
    """The result in a sentence: the best methods, which are those within the best one's interval."""
    summary = summary_table(tables)
    aopc = summary.columns[1]
    best = summary.loc[summary[aopc].idxmax()]
    equals = summary[summary[aopc] >= best["low"]].sort_values(aopc, ascending=False)["method"]
    find = "finds" if len(equals) == 1 else "find"
    text = (
        f"Over {int(tables.aopc['n'].max()):,} texts, {_listed(equals)} {find} the words that matter most to the model"
    )
    text += f": {aopc} up to {best[aopc]:.3f} [{best['low']:.3f}, {best['high']:.3f}]"
    random = summary[summary["method"] == "random"]
    return text + (f"; random order has {random[aopc].item():.3f}." if len(random) else ".")


def write_results(output_dir: Path, run: Run, documents: Sequence[Path]) -> None:
    """Write everything of the output folder but the documents; each file appears whole or not at all."""
    summary = summary_table(run.tables)
    with written_whole(output_dir / "aopc.parquet") as path:
        run.tables.aopc.to_parquet(path, index=False)
    with written_whole(output_dir / "correlation.parquet") as path:
        run.tables.correlation.to_parquet(path, index=False)
    captions = _draw(output_dir / "figures", run.tables)
    result = headline(run.tables)
    tables = {"Methods compared": summary, **{CAPTIONS.get(name, name): table for name, table in run.extra.items()}}
    report = render_report(
        title=run.title,
        headline=result,
        facts=run.facts,
        notes=run.notes,
        tables={**tables, "Correlation with leave-one-out": run.tables.correlation},
        figures={caption: (output_dir / "figures" / f"{name}.svg").read_bytes() for name, caption in captions.items()},
        explanations=_examples(documents),
    )
    write_text(output_dir / "report.html", report)
    card = render_card(
        title=run.title,
        headline=result,
        facts=run.facts,
        notes=run.notes,
        metadata={"tags": ["explainability", "faithfulness", "hf_gradexplain"]},
        tables=tables,
        figures={caption: f"figures/{name}.png" for name, caption in captions.items()},
        replay=run.replay,
    )
    write_text(output_dir / "README.md", card)
    write_text(output_dir / "run.yaml", run.arguments)
    record = {
        "title": run.title,
        "inputs": run.inputs,
        "facts": run.facts,
        "summary": _records(summary),
        **{name: _records(table) for name, table in run.extra.items()},
        "seconds": round(run.seconds, 1),
        "versions": versions(),
    }
    write_text(output_dir / "results.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def count_documents(documents: Sequence[Path]) -> dict[str, int]:
    """How many documents there are, and of those how many are predicted right, truncated, and without any unit."""
    columns = ["label", "prediction", "truncated_at", "units"]
    parts = [pq.read_table(path, columns=columns).to_pandas() for path in documents]
    counts = {"documents": 0, "labelled": 0, "predicted_right": 0, "truncated": 0, "without_units": 0}
    for part in parts:
        counts["documents"] += len(part)
        counts["labelled"] += int(part["label"].notna().sum())
        counts["predicted_right"] += int((part["label"] == part["prediction"]).sum())
        counts["truncated"] += int(part["truncated_at"].notna().sum())
        counts["without_units"] += int((part["units"].map(len) == 0).sum())
    return counts


def _draw(folder: Path, tables: Tables) -> dict[str, str]:
    """Save the figures, each as SVG and as PNG, and return their captions by file name."""
    figures = {"aopc": aopc_figure(tables.aopc)}
    if len(tables.correlations):
        figures["correlation"] = correlation_figure(tables.correlations.rename(columns={"pearson_p": "p_value"}))
    for name, figure in figures.items():
        for form in ("svg", "png"):
            write_bytes(folder / f"{name}.{form}", figure_bytes(figure, form))
    return {name: CAPTIONS[name] for name in figures}


def _examples(documents: Sequence[Path]) -> list[Any]:
    """The first documents as HTML, one method after the other."""
    explanations = read_explanations(documents[0], EXAMPLES)
    return [
        explanation.to_html(method)
        for _, explanation in explanations
        for method in EXAMPLE_METHODS
        if method in explanation.scores and explanation.units
    ]


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values; a number that is undefined is null."""
    return json.loads(table.to_json(orient="records", double_precision=15))

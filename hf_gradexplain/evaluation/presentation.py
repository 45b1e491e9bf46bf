"""An evaluation for readers: its tables and figures with their captions, and the warnings that readers need."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from hf_gradexplain.evaluation.summaries import (
    baseline_ranks,
    ends_summary,
    findings,
    no_better_than_random,
    normalised_summary,
    summary_table,
    with_intervals,
)
from hf_gradexplain.evaluation.tables import INCOMPLETE, Tables
from hf_gradexplain.viz.curves import aopc_figure, ends_figure
from hf_gradexplain.viz.figures import correlation_figure
from hf_gradexplain.viz.tables import join_words

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


def readable_tables(tables: Tables, extra: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables of the report and the card, by caption.

    Args:
        tables: The tables of the evaluation.
        extra: More tables by name, with captions in `CAPTIONS`.
    """
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
    shown = {name: baseline_ranks(table) if name == "baselines" else table for name, table in extra.items()}
    by_caption |= {CAPTIONS.get(name, name): table for name, table in shown.items()}
    if len(tables.counts):
        by_caption[CAPTIONS["counts"]] = tables.counts
    return by_caption


def draw_figures(tables: Tables) -> dict[str, Figure]:
    """Draw the figures, by file name."""
    figures = {"aopc": aopc_figure(tables.aopc, tables.chance)}
    if len(tables.curves):
        figures["ends"] = ends_figure(tables.curves)
    if len(tables.histograms):
        figures["correlation"] = correlation_figure(tables.correlation, tables.histograms)
    return figures


def captions_of(tables: Tables) -> dict[str, str]:
    """Return the captions of the figures, by file name."""
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
        f"On {row.n:,} of {row.of:,} texts the scores of {row.method} should add up to the rise of the loss, but are "
        "off by more than 5 %: give more steps."
        for row in rows
    ]


def warnings_of(tables: Tables) -> list[str]:
    """Return the warnings that follow from the tables: methods like random orders, and scores that do not add up."""
    unfit = no_better_than_random(tables)
    return [*([distrust(unfit)] if unfit else []), *incomplete_notes(tables.counts)]

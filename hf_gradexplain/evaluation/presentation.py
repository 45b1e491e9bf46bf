"""Present an evaluation: tables and figures with captions, and warnings."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import pandas as pd
from matplotlib.figure import Figure

from hf_gradexplain.evaluation.sanity_summaries import randomisation_summary, sanity_summary
from hf_gradexplain.evaluation.summaries import (
    baseline_ranks,
    ends_summary,
    findings,
    in_cells,
    no_better_than_random,
    normalised_summary,
    summary_table,
    unclear_against_random,
    with_intervals,
)
from hf_gradexplain.evaluation.tables import INCOMPLETE, Tables
from hf_gradexplain.options import UNIT_NOUNS
from hf_gradexplain.viz.curves import aopc_figure, ends_figure
from hf_gradexplain.viz.figures import correlation_figure
from hf_gradexplain.viz.sanity import randomisation_figure
from hf_gradexplain.viz.tables import counted, join_words

_NO_TABLES: Mapping[str, pd.DataFrame] = MappingProxyType({})

CAPTIONS = {
    "aopc": "AOPC(K): how far the target's probability falls as each method's top K units are removed. "
    "Bands: 95 % bootstrap intervals over documents.",
    "ends": "Other ways of removal: the lowest-scored units removed first, and only the highest-scored units kept.",
    "correlation": "Pearson's r between each method's scores and leave-one-out, over documents.",
    "comparisons": "Differences in AOPC(K): paired t-tests over documents, p-values adjusted by Holm's method; 95 % "
    "bootstrap intervals, not adjusted.",
    "curves": "Removal from both ends: comprehensiveness is the fall without the top K units (AOPC), sufficiency the "
    "fall with only the top K units. The fall without the K lowest-scored units is negative for good signed scores.",
    "normalised": "NAOPC: AOPC over the whole document, scaled to 0 for the worst order of its units and 1 for the "
    "best, which makes models comparable.",
    "signs": "Agreement of sign with leave-one-out: of the units whose leave-one-out score is not 0, the share to "
    "which the method gives the same sign.",
    "counts": "Special documents: some numbers leave these documents out, or say little about them.",
    "planted": "Planted words among the top units: how often the first unit supports the target (top_1), and the "
    "share of supporting units among the first n units, where n is the number of supporting units (precision).",
    "plausibility": "Agreement with human rationales: F1 of the spans and of the words among the k highest-scored "
    "words, where k is the mean length of a rationale, and area under the curve of precision over recall (auprc). A "
    "method can agree with people and be unfaithful to the model.",
    "hybrid": "Hybrid documents: sentences of two classes are joined; how often the highest-scored word stands in a "
    "sentence of the predicted class (hit_rate), and the share of words that stand in such a sentence (chance).",
    "sanity": "Sanity checks: the median correlation of the methods' scores with their scores for random models, for "
    "the same model with shifted word vectors, and for another seed; and the correlation between two random models.",
    "randomisation": "Random parameters, layer by layer: the median correlation between the scores of the original "
    "model and those of the model in which a layer and all layers above it are random.",
    "baselines": "Ranks by masking baseline: the methods' ranks and AOPC(K). The baseline (or deletion) changes both "
    "the scores and what masking does, so compare ranks, not AOPC(K).",
}


COLUMNS = {
    "AOPC(K)": "The fall of the target's probability without the top k units, on average over k = 0 … K.",
    "low": "The lower end of the 95 % interval of the AOPC in the column before.",
    "high": "The upper end of the same interval.",
    "median r": "Pearson's correlation with leave-one-out: its median over documents.",
    "p ≤ .05": "The share of documents whose correlation is significant.",
    "by FDR": "The share of significant correlations when the false discovery rate is held at 5 %.",
    "no r": "The number of documents without a correlation: fewer than three units, or constant scores.",
    "none": "The number of documents without a correlation: fewer than three units, or constant scores.",
    "median": "The median over documents, with its 95 % interval.",
    "mean": "The mean over documents, with its 95 % interval.",
    "coefficient": "Pearson compares the scores, Spearman and Kendall their order.",
    "K": "The number of removed units up to which the curves are compared.",
    "difference": "The difference in AOPC, with its 95 % interval.",
    "hit_rate": "The share of documents whose highest-scored word stands in a sentence of the predicted class.",
    "chance": "The hit rate to expect of a random word.",
    "iou_f1": "F1 of predicted spans that overlap a span of the rationale by half or more of their union.",
    "token_f1": "F1 of the predicted words, mean over documents.",
    "auprc": "The area under the curve of precision over recall, mean over documents. Compare it with the row of "
    "random: a random order has more than the share of words in the rationale, above all in short texts.",
    "random model": "Spearman's correlation with the scores of random models. Near 0, scores depend on the model.",
    "two random models": "The correlation of two random models: how far text and architecture alone decide the scores.",
    "shifted input": "The correlation when a constant is added to word vectors and subtracted from position vectors.",
    "other seed": "The correlation of two seeds; no number if the method does not draw at random.",
    "adjusted p": "The p-value of the paired test, adjusted for the number of comparisons.",
    "comprehensiveness(K)": "The fall without the top units. Higher is better.",
    "sufficiency(K)": "The fall with only the top units. Lower is better.",
    "lowest first(K)": "The fall without the lowest-scored units. Lower is better; below 0, they opposed the target.",
    "NAOPC": "0 for the worst order of the units, 1 for the best.",
    "AOPC(U)": "AOPC over the whole document.",
    "worst order": "AOPC(U) of the order that was found to lower the probability the least.",
    "best order": "AOPC(U) of the order that was found to lower it the most.",
    "agreement": "The share of units with the same sign, with its 95 % interval.",
    "share_zero": "The share of units that the method scores 0 and leave-one-out does not.",
    "n": "The number of documents.",
    "n_undefined": "The number of documents for which the value is not defined.",
    "what": "What is special about the documents.",
    "of": "The number of documents that were looked at.",
}
"""The meaning of the columns of the readable tables, with `K` for any number in brackets."""


def column_meanings(columns: Iterable[str]) -> dict[str, str]:
    """Return the meanings of the columns of a table; columns that need no explanation are left out.

    >>> column_meanings(["method", "NAOPC"])
    {'NAOPC': '0 for the worst order of the units, 1 for the best.'}
    """
    general = {column: re.sub(r"\(\d+\)", "(K)", str(column)) for column in columns}
    return {column: COLUMNS[name] for column, name in general.items() if name in COLUMNS}


def readable_tables(tables: Tables, extra: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables for the report and the card, by caption.

    Args:
        tables: The tables of the evaluation.
        extra: More tables by name, with captions in `CAPTIONS`.
    """
    by_caption = {"Methods compared": summary_table(tables)}
    if len(tables.comparisons):
        by_caption[CAPTIONS["comparisons"]] = findings(tables.short_comparisons, tables.decimals)
    if len(tables.curves):
        by_caption[CAPTIONS["curves"]] = ends_summary(tables)
    if len(tables.normalised):
        by_caption[CAPTIONS["normalised"]] = normalised_summary(tables.normalised)
    if len(tables.signs):
        by_caption[CAPTIONS["signs"]] = with_intervals(tables.signs, "agreement")
    by_caption |= readable_extra(extra)
    if len(tables.counts):
        by_caption[CAPTIONS["counts"]] = tables.counts
    return by_caption


READABLE: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "baselines": baseline_ranks,
    "sanity": sanity_summary,
    "randomisation": randomisation_summary,
}
"""The functions that make tables of extra measures readable; tables without one get intervals in their cells."""


def readable_extra(extra: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the readable tables of extra measures, by caption."""
    shown = {name: READABLE.get(name, in_cells)(table) for name, table in extra.items()}
    return {CAPTIONS.get(name, name): table for name, table in shown.items()}


def draw_figures(tables: Tables, extra: Mapping[str, pd.DataFrame] = _NO_TABLES) -> dict[str, Figure]:
    """Draw the figures of an evaluation and return them by file name."""
    figures = {"aopc": aopc_figure(tables.aopc, tables.chance)}
    if len(tables.curves):
        figures["ends"] = ends_figure(tables.curves)
    if len(tables.correlation_histograms):
        figures["correlation"] = correlation_figure(tables.correlation, tables.correlation_histograms)
    if "randomisation" in extra:
        figures["randomisation"] = randomisation_figure(extra["randomisation"])
    return figures


def captions_of(tables: Tables, extra: Mapping[str, pd.DataFrame] = _NO_TABLES) -> dict[str, str]:
    """Return the captions of the figures by file name."""
    drawn = {
        "aopc": True,
        "ends": len(tables.curves),
        "correlation": len(tables.correlation_histograms),
        "randomisation": "randomisation" in extra,
    }
    captions = {name: CAPTIONS[name] for name, has_data in drawn.items() if has_data}
    if len(tables.chance):
        captions["aopc"] += " Hatched: AOPC of random orders, for 95 % of random seeds."
    return captions


def distrust(methods: Sequence[str], unit: str) -> str:
    """Return a sentence that warns of methods that do not beat a random order."""
    find = "finds" if len(methods) == 1 else "find"
    return (
        f"On this model and dataset, {join_words(methods)} {find} the important {UNIT_NOUNS[unit]}s no better than a "
        "random order: do not trust these explanations."
    )


def undecided(methods: Sequence[str]) -> str:
    """Return a warning that there are too few texts to tell these methods from a random order."""
    return (
        f"There are too few texts to tell {join_words(methods)} from a random order: measure on more texts before you "
        "trust these explanations."
    )


def random_warnings(tables: Tables) -> dict[str, str]:
    """Return a sentence of warning for each method that was not shown to beat a random order."""
    return {
        **{name: distrust([name], tables.unit) for name in no_better_than_random(tables)},
        **{name: undecided([name]) for name in unclear_against_random(tables)},
    }


def incomplete_notes(counts: pd.DataFrame) -> list[str]:
    """Return a sentence per method whose scores do not add up to the rise of the loss on some documents."""
    rows = counts[(counts["what"] == INCOMPLETE) & (counts["n"] > 0)].itertuples()
    return [
        f"On {row.n:,} of {counted(row.of, 'text')} the scores of {row.method} should add up to the rise of the loss, "
        "but are off by more than 5 %: give more steps."
        for row in rows
    ]


def warnings_of(tables: Tables) -> list[str]:
    """Return the warnings that follow from the tables, such as methods that do not beat a random order."""
    unfit, unclear = no_better_than_random(tables), unclear_against_random(tables)
    about_random = [*([distrust(unfit, tables.unit)] if unfit else []), *([undecided(unclear)] if unclear else [])]
    return [*about_random, *incomplete_notes(tables.counts)]

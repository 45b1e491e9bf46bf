"""The tables of the page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.viz.tables import MISSING, with_interval, with_minus
from recipes.leaderboard.certainty import TOP
from recipes.leaderboard.measured import Measured
from recipes.leaderboard.plan import MAX_K
from recipes.leaderboard.verdicts import REFERENCES, Choice, candidate_gaps, in_words, meets_targets, of_kind
from recipes.paper.results import IntervalEstimate

AOPC = f"AOPC({MAX_K})"


def interval(estimate: IntervalEstimate, spec: str = ".3f") -> str:
    """Write a number with its interval; a dash if it is undefined."""
    return with_interval(*estimate[:3], spec=spec)


def plus_minus(estimate: IntervalEstimate) -> str:
    """Write a number with half the length of its interval; a dash if it is undefined.

    >>> plus_minus(IntervalEstimate(0.25, 0.22, 0.28))
    '0.250 ± 0.030'
    >>> plus_minus(IntervalEstimate(-0.25, -0.28, -0.22))
    '−0.250 ± 0.030'
    """
    if np.isnan(estimate.value):
        return MISSING
    return with_minus(f"{estimate.value:z.3f} ± {(estimate.high - estimate.low) / 2:.3f}")


def signed(gap: IntervalEstimate) -> str:
    """Write a difference with its sign and its interval.

    >>> signed(IntervalEstimate(0.25, -0.22, 0.28))
    '+0.250 [−0.220, 0.280]'
    """
    return with_minus(f"{gap.value:+z.3f} [{gap.low:z.3f}, {gap.high:z.3f}]")


def answer(choice: Choice) -> str:
    """Return the sentence that says which method to take for a kind of model if it may need only one pass."""
    gaps = {_NAMES[m]: gap for m, gap in choice.gaps.items() if m in _NAMES}
    sides = [
        f"{_SIDES[in_words(gap)]} that of {name} ({with_minus(f'{gap.value:+z.3f}')})" for name, gap in gaps.items()
    ]
    start = f"For {choice.kind}, {choice.method} is the best method that needs one pass."
    return f"{start} Its {AOPC} is {' and '.join(sides)}."


_NAMES = {"loo": "leave-one-out", "integrated_gradients": "integrated gradients with 20 steps"}
_SIDES = {"above": "above", "level": "level with", "below": "below"}


def bought(choice: Choice) -> str:
    """Return the sentences that compare methods with masked copies with a method of one pass, the first in `gaps`."""
    sides = [f"{_SIDES[in_words(gap)]} {_NAMES.get(m, m)} ({signed(gap)})" for m, gap in choice.gaps.items()]
    gain = _GAINS[in_words(next(iter(choice.gaps.values())))]
    start = f"For {choice.kind}, methods that run masked copies find {gain}."
    return f"{start} The best of them, {choice.method}, is {' and '.join(sides)} in {AOPC}."


_GAINS = {
    "above": "a better order of the words than the best method of one pass",
    "level": "an order of the words that is not clearly better than that of the best method of one pass",
    "below": "no better order of the words than the best method of one pass",
}


def choice_table(choices: Sequence[Choice]) -> pd.DataFrame:
    """Return a row per kind of model and budget: the method, and its lead over the methods it is compared with."""
    rows = []
    for choice in choices:
        gaps = {f"minus {m}": interval(choice.gaps[m]) if m in choice.gaps else MISSING for m in REFERENCES}
        rows.append({"model": choice.kind, "passes": choice.budget, "take": choice.method, **gaps})
    return pd.DataFrame(rows)


def target_table(entries: Sequence[Measured], one_pass: Mapping[str, str]) -> pd.DataFrame:
    """Return a row per entry: the lead of the recommended method of one pass, on both halves of the texts."""
    rows = []
    for kind, method in one_pass.items():
        for entry in of_kind(entries, kind):
            row: dict[str, Any] = {"model, data": entry.entry.title, "method": method}
            for other in ("loo", "integrated_gradients"):
                if other in entry.methods:
                    row[f"minus {other}, choices"] = interval(entry.gap(method, other, "choice").estimate)
                    row[f"minus {other}, verdicts"] = interval(entry.gap(method, other, "verdict").estimate)
            met = meets_targets(entry, method) if {"loo", "integrated_gradients"} <= {*entry.methods} else {}
            row |= {name: "yes" if holds else "no" for name, holds in met.items()}
            rows.append(row)
    return pd.DataFrame(rows)


def candidate_table(entries: Sequence[Measured], reference: str | None) -> pd.DataFrame:
    """Return a row per transformer, and a row of means: the lead of each candidate over the best method of one pass."""
    pooled = candidate_gaps(entries, reference) if reference else {}
    rows = [
        {"model, data": x.entry.title, **{m: interval(x.gap(m, str(reference)).estimate) for m in pooled}}
        for x in of_kind(entries, "transformers")
    ]
    return pd.DataFrame(
        [*rows, {"model, data": "mean", **{m: interval(gap) for m, gap in pooled.items()}}] if pooled else []
    )


def faithfulness_table(entry: Measured) -> pd.DataFrame:
    """Return a row per method: AOPC on both parts of the texts, differences, and correlations with leave-one-out."""
    rows = []
    for method in sorted(entry.methods, key=lambda m: -entry.aopc(m, "all").value):
        row: dict[str, Any] = {"method": method, "passes": f"{entry.passes(method):.0f}"}
        for part in ("choice", "verdict"):
            row[f"{AOPC}, {part}s"] = plus_minus(entry.aopc(method, part).estimate)
        for other in REFERENCES:
            same = other == method or other not in entry.methods
            row[f"minus {other}"] = MISSING if same else interval(entry.gap(method, other).estimate)
        for coefficient in ("pearson", "spearman"):
            compared = method != "loo" and "loo" in entry.methods
            row[coefficient] = interval(entry.correlation(method, coefficient), ".2f") if compared else MISSING
        rows.append(row)
    return pd.DataFrame(rows)


def cost_table(entry: Measured) -> pd.DataFrame:
    """Return a row per method with passes and what was measured of processor time, sufficiency and NAOPC."""
    measured = pd.DataFrame(
        {
            "time, gradient = 1": [interval(entry.time(method), ".2f") for method in entry.methods],
            "sufficiency": [plus_minus(entry.sufficiency(method)) for method in entry.methods],
            "NAOPC": [plus_minus(entry.naopc(method)) for method in entry.methods],
        },
        index=pd.Index(entry.methods, name="method"),
    )
    known = measured != MISSING
    table = measured.loc[known.any(axis=1), known.any()]
    table.insert(0, "passes", [f"{entry.passes(method):.0f}" for method in table.index])
    return table.reset_index()


def masking_table(entry: Measured, one_pass: str) -> pd.DataFrame:
    """Return a row per method of the evaluation `masking`: AOPC, differences, and how certain the scores are."""
    rows = []
    for method in sorted(entry.methods, key=lambda m: -entry.aopc(m, "all").value):
        sure = entry.certainty.get(method)
        row = {
            "method": method,
            "passes": f"{entry.passes(method):.0f}",
            AOPC: interval(entry.aopc(method, "all").estimate),
        }
        for other in ("loo", one_pass):
            row[f"minus {other}"] = MISSING if method == other else interval(entry.gap(method, other, "all").estimate)
        row["margin"] = f"{sure.margin:.0%}" if sure else MISSING
        row[f"top {TOP} told apart"] = f"{sure.told_apart:.0%}" if sure else MISSING
        rows.append(row)
    return pd.DataFrame(rows)


def baseline_table(entry: Measured) -> pd.DataFrame:
    """Return a row per method: its AOPC and its rank under every masking baseline, on the same texts."""
    columns: dict[str, list[Any]] = {}
    for name in ("zero", *entry.baselines):
        values = entry.under(name)
        ranks = pd.Series({m: -x.value for m, x in values.items()}).rank(method="min").astype(int)
        columns.setdefault("method", list(values))
        columns[name] = [plus_minus(x) for x in values.values()]
        columns[f"rank, {name}"] = [int(ranks[m]) for m in values]
    return pd.DataFrame(columns)


def measured_table(entries: Sequence[Measured]) -> pd.DataFrame:
    """Return a row per entry: what was measured. If no time was measured, there is no column of times."""
    table = pd.DataFrame(
        [
            {
                "model, data": x.entry.title,
                "trainings": len(x.trainings),
                "accuracy": ", ".join(f"{a:.3f}" for a in x.accuracies.values()),
                "texts for choices": x.n_texts("choice"),
                "texts for verdicts": x.n_texts("verdict"),
                "words per text": f"{np.mean(np.concatenate([areas.units for areas in x.areas.values()])):.0f}",
                "ms per gradient": MISSING if np.isnan(x.milliseconds) else f"{x.milliseconds:.1f}",
            }
            for x in entries
        ]
    )
    return table.loc[:, (table != MISSING).any()]


def numbers(entries: Sequence[Measured]) -> list[dict[str, Any]]:
    """Return the main numbers of the page as JSON values: a row per entry and method."""
    rows = []
    for entry in entries:
        for method in entry.methods:
            row: dict[str, Any] = {
                "entry": entry.entry.name,
                "method": method,
                "passes": round(entry.passes(method), 1),
            }
            for part in ("choice", "verdict", "all"):
                row[f"aopc_{part}"] = _values(entry.aopc(method, part).estimate)
            row |= {f"minus_{m}": _values(entry.gap(method, m).estimate) for m in REFERENCES if m in entry.methods}
            rows.append(row)
    return rows


def masking_numbers(entries: Sequence[Measured]) -> list[dict[str, Any]]:
    """Return the numbers of the evaluations `masking` as JSON values: a row per entry and method."""
    return [
        {
            "entry": x.entry.name,
            "method": method,
            "passes": round(x.passes(method), 1),
            "aopc_all": _values(x.aopc(method, "all").estimate),
            "minus_loo": _values(x.gap(method, "loo", "all").estimate),
        }
        | (
            {"margin": round(x.certainty[method].margin, 5), "told_apart": round(x.certainty[method].told_apart, 5)}
            if method in x.certainty
            else {}
        )
        for x in entries
        for method in x.methods
    ]


def _values(estimate: IntervalEstimate) -> list[float]:
    return [round(x, 5) for x in estimate[:3]]

"""Ablations of our choices where the paper is silent or contradicts itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hf_gradexplain.attribution.descriptions import PAPER_METHODS
from hf_gradexplain.evaluation.aopc import areas, removal_drops
from hf_gradexplain.evaluation.read_documents import read_blocks
from hf_gradexplain.statistics.rounding import ROUNDING
from hf_gradexplain.viz.tables import MISSING, join_words
from recipes.paper.claim_checks import Evidence
from recipes.paper.claims import judge_tables
from recipes.paper.constants import METHODS, SETTINGS, Setting
from recipes.paper.results import IntervalEstimate, Result
from recipes.paper.rules import Cutoffs

LABELS = {
    "chosen": "as chosen",
    "word": "unit word",
    "position": "ties by position",
    "predicted": "predicted class",
    "logit": "objective logit",
    "prob": "objective prob",
}
"""Column names of the evaluations of `recipes.paper.plan.ABLATIONS`."""

SHORT_TEXT_KS = (10, 50)
"""The K at which AOPC is also computed without shorter texts."""


class Areas(NamedTuple):
    """AOPC of every text of an evaluation.

    Attributes:
        ids: `(n,)` row numbers.
        units: `(n,)` numbers of units per text.
        aopc: By method, `(n, K)`.
    """

    ids: np.ndarray
    units: np.ndarray
    aopc: Mapping[str, np.ndarray]


def read_areas(paths: Sequence[Path], methods: Sequence[str], ks: Sequence[int]) -> Areas:
    """Read AOPC at `ks` of every text; beyond the length of a text, its curve stays flat."""
    ids, units = [], []
    aopc: dict[str, list[np.ndarray]] = {method: [] for method in methods}
    for block in read_blocks(paths):
        ids += block.ids
        units.append(block.curves[methods[0]].lengths - 1)
        for method in methods:
            aopc[method].append(areas(removal_drops(block.curves[method]), np.array(ks)))
    joined = {method: np.concatenate(parts) for method, parts in aopc.items()}
    return Areas(np.array(ids), np.concatenate(units), joined)


def read_lengths(paths: Sequence[Path]) -> np.ndarray:
    """Read how many units each text has."""
    parts = [next(iter(block.curves.values())).lengths - 1 for block in read_blocks(paths)]
    return np.concatenate(parts)


def aopc_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """Return AOPC of every method at the smaller number of removed words, a column per ablation."""
    rows = []
    for method in PAPER_METHODS:
        cells = {
            label: plus_minus(results[name].aopc_at(method, results[name].short_k)) for name, label in LABELS.items()
        }
        rows.append({"method": method, **cells})
    return pd.DataFrame(rows)


def correlation_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """Return the median r with LOO of every method, a column per ablation."""
    methods = [method for method in PAPER_METHODS if method != "loo"]
    return pd.DataFrame(
        [{"method": m, **{label: plus_minus(results[name].r(m), 2) for name, label in LABELS.items()}} for m in methods]
    )


def best_methods(result: Result) -> str:
    """Return the method with the highest AOPC at the short k, and all methods that equal it up to rounding."""
    values = {method: result.aopc_at(method, result.short_k).value for method in PAPER_METHODS}
    highest = max(values.values())
    return join_words(METHODS[method] for method, value in values.items() if highest - value <= ROUNDING)


def aopc_shifts(chosen: Areas, other: Areas) -> dict[str, IntervalEstimate]:
    """Return the change of each method's AOPC at the first k, paired over the same texts.

    Raises:
        ValueError: The texts are not the same.
    """
    if not np.array_equal(chosen.ids, other.ids):
        raise ValueError(
            "expected two evaluations of the same texts, but their texts differ; evaluate both on the same sample"
        )
    return {method: _mean(other.aopc[method][:, 0] - chosen.aopc[method][:, 0]) for method in chosen.aopc}


def changed_methods(
    results: Mapping[str, Result], documents: Mapping[str, Areas], cutoffs: Cutoffs
) -> dict[str, list[str]]:
    """Return, by ablation, the methods whose AOPC changes significantly and by more than `near` of the lead."""
    base = results["chosen"]
    least = cutoffs.near * base.lead(base.short_k).value
    changed = {name: aopc_shifts(documents["chosen"], documents[name]) for name in results if name != "chosen"}
    return {
        LABELS[name]: [
            f"{METHODS[method]} by {shift.value:+.3f}"
            for method, shift in shifts.items()
            if abs(shift.value) > least and not shift.low <= 0 <= shift.high
        ]
        for name, shifts in changed.items()
    }


def best_counts(results: Mapping[str, Result]) -> str:
    """Return in how many evaluations each method has the highest AOPC.

    >>> from collections import Counter
    >>> _join_counts(Counter({"LOO": 5, "LOO and SignedGI": 1}))
    'LOO in 5 of 6 evaluations, LOO and SignedGI in 1'
    """
    return _join_counts(Counter(best_methods(result) for result in results.values()))


def _join_counts(counts: Counter[str]) -> str:
    (first, n), *others = counts.most_common()
    return ", ".join([f"{first} in {n} of {counts.total()} evaluations", *(f"{best} in {m}" for best, m in others)])


def verdict_table(results: Mapping[Setting, Mapping[str, Result]]) -> tuple[pd.DataFrame, dict[str, int], int]:
    """Compare the verdicts on the claims between the ablations.

    Returns:
        A table with a row for each claim whose outcome is not the same in all evaluations; by ablation, how many
        outcomes differ from the outcomes with our choices; and the number of verdicts.
    """
    verdicts = {name: judge_tables(Evidence({s: [results[s][name]] for s in SETTINGS})) for name in LABELS}
    rows, differ = [], dict.fromkeys(list(LABELS.values())[1:], 0)
    for same in zip(*verdicts.values(), strict=True):
        outcomes = dict(zip(LABELS.values(), (verdict.outcome for verdict in same), strict=True))
        for label in differ:
            differ[label] += outcomes[label] != outcomes["as chosen"]
        if len(set(outcomes.values())) > 1:
            rows.append({"claim": same[0].claim, "model, data": same[0].setting.title, **outcomes})
    return pd.DataFrame(rows), differ, len(verdicts["chosen"])


def loo_by_sign(result: Result) -> tuple[IntervalEstimate, IntervalEstimate]:
    """Return AOPC at the short k of LOO with the sign of the paper's figures, and with the sign of its Eq. 7.

    With the opposite sign, removing the highest scores first means removing the lowest scores first.
    """
    curves = result.curves[(result.curves["method"] == "loo") & (result.curves["k"] == result.short_k)]
    rows = curves.set_index("curve")[["aopc", "ci_low", "ci_high"]]
    return IntervalEstimate(*rows.loc["removal"]), IntervalEstimate(*rows.loc["negative_first"])


def short_text_table(texts: Areas) -> pd.DataFrame:
    """Return AOPC(K) over all texts, and over texts with at least K units.

    Args:
        texts: AOPC at `SHORT_TEXT_KS`.

    Returns:
        Columns `method`, and for each of `SHORT_TEXT_KS` reached by any text `AOPC(K)`, `AOPC(K), long texts` and
        `texts of K or more` (the number of long texts).
    """
    rows = []
    for method, values in texts.aopc.items():
        row: dict[str, Any] = {"method": method}
        for i, k in enumerate(SHORT_TEXT_KS):
            if (long := texts.units >= k).any():
                row[f"AOPC({k})"] = values[:, i].mean()
                row[f"AOPC({k}), long texts"] = values[long, i].mean()
                row[f"texts of {k} or more"] = int(long.sum())
        rows.append(row)
    return pd.DataFrame(rows)


def gap_by_length(texts: Areas, parts: int = 4) -> pd.DataFrame:
    """Return how far LOO is above SignedGI in AOPC at the first k, in parts of the texts by length.

    Returns:
        Columns `distinct words` (the fewest and the most), `n`, `LOO − SignedGI`, `low`, `high` (95 %, normal).
    """
    gap, rows = (texts.aopc["loo"] - texts.aopc["signed_gi"])[:, 0], []
    for part in np.array_split(np.argsort(texts.units, kind="stable"), parts):
        if len(part) > 1:
            ends, (value, low, high, _) = texts.units[part], _mean(gap[part])
            words = f"{ends.min()} to {ends.max()}"
            rows.append({"distinct words": words, "n": len(part), "LOO − SignedGI": value, "low": low, "high": high})
    return pd.DataFrame(rows)


def plus_minus(estimate: IntervalEstimate, decimals: int = 3) -> str:
    """Write a number with half the length of its interval; an undefined number (NaN) is written as an en dash.

    >>> plus_minus(IntervalEstimate(0.3311, 0.3209, 0.3402))
    '0.331 ± 0.010'
    >>> plus_minus(IntervalEstimate(0.3, float("nan"), float("nan")), 1)
    '0.3 ± –'
    """
    if np.isnan(estimate.value):
        return MISSING
    half = (estimate.high - estimate.low) / 2
    return f"{estimate.value:z.{decimals}f} ± {MISSING if np.isnan(half) else f'{half:.{decimals}f}'}"


def _mean(values: np.ndarray) -> IntervalEstimate:
    """Return the mean over texts with its interval (95 %, normal)."""
    mean = float(values.mean())
    half = float(1.96 * values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return IntervalEstimate(mean, mean - half, mean + half)

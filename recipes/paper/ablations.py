"""How much it matters what was chosen where the paper is silent or contradicts itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hf_gradexplain.attribution.methods import PAPER_METHODS
from hf_gradexplain.evaluation.aopc import areas, removal_drops
from hf_gradexplain.evaluation.read_documents import read_blocks
from hf_gradexplain.evaluation.rounding import ROUNDING
from hf_gradexplain.viz.tables import join_words
from recipes.paper.claims import about_tables
from recipes.paper.constants import METHODS, SETTINGS, Setting
from recipes.paper.results import Estimate, Result
from recipes.paper.rules import Cutoffs

LABELS = {
    "chosen": "as chosen",
    "word": "unit word",
    "position": "ties by position",
    "predicted": "predicted class",
    "logit": "objective logit",
    "prob": "objective prob",
}
"""The settings, as column names have them."""

SHORT_TEXT_KS = (10, 50)
"""Where texts that are shorter than K are left out, too."""


class Areas(NamedTuple):
    """AOPC of every text `n` of an evaluation.

    Attributes:
        ids: `(n,)` row numbers.
        units: `(n,)` numbers of units.
        aopc: By method `(n, K)`.
    """

    ids: np.ndarray
    units: np.ndarray
    aopc: Mapping[str, np.ndarray]


def read_areas(paths: Sequence[Path], methods: Sequence[str], ks: Sequence[int]) -> Areas:
    """AOPC at `ks` of every text; past a text's own end its curve goes on flat."""
    ids, units = [], []
    found: dict[str, list[np.ndarray]] = {method: [] for method in methods}
    for block in read_blocks(paths):
        ids += block.ids
        units.append(block.curves[methods[0]].lengths - 1)
        for method in methods:
            found[method].append(areas(removal_drops(block.curves[method]), np.array(ks)))
    together = {method: np.concatenate(parts) for method, parts in found.items()}
    return Areas(np.array(ids), np.concatenate(units), together)


def read_lengths(paths: Sequence[Path]) -> np.ndarray:
    """How many units each text has."""
    parts = [next(iter(block.curves.values())).lengths - 1 for block in read_blocks(paths)]
    return np.concatenate(parts)


def aopc_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """AOPC at the short k of every method under every setting, each differing from the first in one thing alone."""
    rows = []
    for method in PAPER_METHODS:
        cells = {said: plus_minus(results[name].at(method, results[name].short_k)) for name, said in LABELS.items()}
        rows.append({"method": method, **cells})
    return pd.DataFrame(rows)


def correlation_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """The median r with leave-one-out of every method under every setting."""
    methods = [method for method in PAPER_METHODS if method != "loo"]
    return pd.DataFrame(
        [{"method": m, **{said: plus_minus(results[name].r(m), 2) for name, said in LABELS.items()}} for m in methods]
    )


def best_methods(result: Result) -> str:
    """The method with the highest AOPC at the short k, or several that are apart by rounding alone."""
    values = {method: result.aopc_at(method, result.short_k).value for method in PAPER_METHODS}
    highest = max(values.values())
    return join_words(METHODS[method] for method, value in values.items() if highest - value <= ROUNDING)


def aopc_shifts(chosen: Areas, other: Areas) -> dict[str, Estimate]:
    """By how much each method's AOPC at the first k is higher under another setting, paired over the same texts.

    Raises:
        ValueError: The texts are not the same.
    """
    if not np.array_equal(chosen.ids, other.ids):
        raise ValueError("settings are compared on the same texts, but these evaluations have others")
    found = {}
    for method in chosen.aopc:
        shift = other.aopc[method][:, 0] - chosen.aopc[method][:, 0]
        found[method] = _mean(shift)
    return found


def changed_methods(results: Mapping[str, Result], documents: Mapping[str, Areas], cutoffs: Cutoffs) -> dict[str, list[str]]:
    """By setting, the methods whose AOPC at the short k changes, told from 0 and by more than `near` of the lead."""
    base = results["chosen"]
    least = cutoffs.near * base.lead(base.short_k).value
    changed = {name: aopc_shifts(documents["chosen"], documents[name]) for name in results if name != "chosen"}
    return {
        LABELS[name]: [
            f"{METHODS[method]} by {shift.value:+.3f}"
            for method, shift in found.items()
            if abs(shift.value) > least and not shift.low <= 0 <= shift.high
        ]
        for name, found in changed.items()
    }


def best_counts(results: Mapping[str, Result]) -> str:
    """Who is ahead under how many settings.

    >>> from collections import Counter
    >>> _listed(Counter({"LOO": 5, "LOO and SignedGI": 1}))
    'LOO in 5 of 6 settings, LOO and SignedGI in 1'
    """
    return _listed(Counter(best_methods(result) for result in results.values()))


def _listed(counts: Counter[str]) -> str:
    (first, n), *others = counts.most_common()
    return ", ".join([f"{first} in {n} of {counts.total()} settings", *(f"{who} in {m}" for who, m in others)])


def verdict_table(results: Mapping[Setting, Mapping[str, Result]]) -> tuple[pd.DataFrame, dict[str, int], int]:
    """The verdicts on the claims under every setting.

    Returns:
        A row for each claim whose verdict is not the same under all of them; by setting, how many verdicts are not
        that of the chosen one; and how many claims there are.
    """
    answers = {
        name: about_tables({setting: [results[setting][name]] for setting in SETTINGS if setting in results}, Cutoffs())
        for name in LABELS
    }
    rows, differ = [], dict.fromkeys(list(LABELS.values())[1:], 0)
    for same in zip(*answers.values(), strict=True):
        verdicts = dict(zip(LABELS.values(), (answer.verdict for answer in same), strict=True))
        for said in differ:
            differ[said] += verdicts[said] != verdicts["as chosen"]
        if len(set(verdicts.values())) > 1:
            rows.append({"claim": same[0].claim, "model, data": same[0].setting.title, **verdicts})
    return pd.DataFrame(rows), differ, len(answers["chosen"])


def loo_by_sign(result: Result) -> tuple[Estimate, Estimate]:
    """AOPC at the short k of leave-one-out with the sign of the paper's figures, and with that of its Eq. 7.

    Removing the highest first under the opposite sign is removing the lowest first.
    """
    curves = result.curves[(result.curves["method"] == "loo") & (result.curves["k"] == result.short_k)]
    rows = curves.set_index("curve")[["aopc", "ci_low", "ci_high"]]
    return Estimate(*rows.loc["removal"]), Estimate(*rows.loc["negative_first"])


def short_text_table(found: Areas) -> pd.DataFrame:
    """AOPC(K) of every text, and of those of K units or more alone.

    Args:
        found: At `SHORT_TEXT_KS`.

    Returns:
        Columns `method`, and for each of `SHORT_TEXT_KS` reached by any text `AOPC(K)`, `AOPC(K), long texts` and
        `texts of K or more`, how many there are of the latter.
    """
    rows = []
    for method, values in found.aopc.items():
        row: dict[str, Any] = {"method": method}
        for place, k in enumerate(SHORT_TEXT_KS):
            if (long := found.units >= k).any():
                row[f"AOPC({k})"] = values[:, place].mean()
                row[f"AOPC({k}), long texts"] = values[long, place].mean()
                row[f"texts of {k} or more"] = int(long.sum())
        rows.append(row)
    return pd.DataFrame(rows)


def gap_by_length(found: Areas, parts: int = 4) -> pd.DataFrame:
    """By how much leave-one-out is above SignedGI in AOPC at the first k, in parts of the texts by length.

    Returns:
        Columns `distinct words` (the fewest and the most), `n`, `LOO − SignedGI`, `low`, `high` (95 %, normal).
    """
    gap, rows = (found.aopc["loo"] - found.aopc["signed_gi"])[:, 0], []
    for part in np.array_split(np.argsort(found.units, kind="stable"), parts):
        if len(part) > 1:
            ends, (value, low, high, _) = found.units[part], _mean(gap[part])
            words = f"{ends.min()} to {ends.max()}"
            rows.append({"distinct words": words, "n": len(part), "LOO − SignedGI": value, "low": low, "high": high})
    return pd.DataFrame(rows)


def plus_minus(estimate: Estimate, decimals: int = 3) -> str:
    """A number with half its interval.

    >>> plus_minus(Estimate(0.3311, 0.3209, 0.3402))
    '0.331 ± 0.010'
    """
    if np.isnan(estimate.value):
        return "–"
    return f"{estimate.value:z.{decimals}f} ± {(estimate.high - estimate.low) / 2:.{decimals}f}"


def _mean(values: np.ndarray) -> Estimate:
    """A mean over texts with its interval (95 %, normal)."""
    mean = float(values.mean())
    half = float(1.96 * values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return Estimate(mean, mean - half, mean + half)

"""How much it matters what was chosen where the paper is silent or contradicts itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.evaluation.aopc import areas, removal_drops
from hf_gradexplain.evaluation.reading import read_blocks
from hf_gradexplain.jobs.arguments import SEVEN
from recipes.paper.results import Figure, Result

SAID = {
    "chosen": "as chosen",
    "word": "unit word",
    "position": "ties by position",
    "predicted": "predicted class",
    "logit": "objective logit",
    "prob": "objective prob",
}
"""The settings, as column names have them."""

KS = (10, 50)
"""Where texts that are shorter than K are left out, too."""


def choice_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """AOPC at the short k of every method under every setting, each differing from the first in one thing alone."""
    rows = []
    for method in SEVEN:
        cells = {said: shown(results[name].at(method, results[name].short_k)) for name, said in SAID.items()}
        rows.append({"method": method, **cells})
    return pd.DataFrame(rows)


def correlation_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """The median r with leave-one-out of every method under every setting."""
    methods = [method for method in SEVEN if method != "loo"]
    return pd.DataFrame(
        [{"method": m, **{said: shown(results[name].r(m), 2) for name, said in SAID.items()}} for m in methods]
    )


def ranking(result: Result) -> list[str]:
    """The seven methods from the best to the worst by AOPC at the short k."""
    return sorted(SEVEN, key=lambda method: -result.at(method, result.short_k).value)


def moved(results: Mapping[str, Result]) -> dict[str, list[str]]:
    """By setting, the methods whose difference from the chosen setting is more than both intervals have room for."""
    base = results["chosen"]
    return {
        SAID[name]: [m for m in SEVEN if _apart(base.at(m, base.short_k), result.at(m, result.short_k))]
        for name, result in results.items()
        if name != "chosen"
    }


def sign_of_loo(result: Result) -> tuple[Figure, Figure]:
    """AOPC at the short k of leave-one-out with the sign of the paper's figures, and with that of its Eq. 7.

    Removing the highest first under the opposite sign is removing the lowest first.
    """
    curves = result.curves[(result.curves["method"] == "loo") & (result.curves["k"] == result.short_k)]
    rows = curves.set_index("curve")[["aopc", "ci_low", "ci_high"]]
    return Figure(*rows.loc["removal"]), Figure(*rows.loc["negative_first"])


def short_documents(paths: Sequence[Path], methods: Sequence[str] = SEVEN) -> pd.DataFrame:
    """AOPC(K) with the curves of shorter texts going on flat, and over texts of K words or more alone.

    Returns:
        Columns `method`, and for each of `KS` reached by any text `AOPC(K), flat`, `AOPC(K), long texts` and
        `texts, K`, how many there are of the latter.
    """
    found: dict[str, list[np.ndarray]] = {method: [] for method in methods}
    lengths = []
    for block in read_blocks(paths):
        for method in methods:
            found[method].append(areas(removal_drops(block.curves[method]), np.array(KS)))
        lengths.append(block.curves[methods[0]].lengths - 1)
    units, rows = np.concatenate(lengths), []
    for method in methods:
        values, row = np.concatenate(found[method]), dict[str, Any](method=method)
        for place, k in enumerate(KS):
            if (units >= k).any():
                row[f"AOPC({k}), flat"] = values[:, place].mean()
                row[f"AOPC({k}), long texts"] = values[units >= k, place].mean()
                row[f"texts of {k} words"] = int((units >= k).sum())
        rows.append(row)
    return pd.DataFrame(rows)


def lengths_of(paths: Sequence[Path]) -> np.ndarray:
    """How many units each text has."""
    parts = [next(iter(block.curves.values())).lengths - 1 for block in read_blocks(paths)]
    return np.concatenate(parts)


def by_length(paths: Sequence[Path], k: int, parts: int = 4) -> pd.DataFrame:
    """By how much leave-one-out is above SignedGI in AOPC(k), in quarters of the texts by length.

    Returns:
        Columns `words` (the shortest and the longest), `n`, `LOO − SignedGI`, `low`, `high` (95 %, normal).
    """
    gaps, lengths = [], []
    for block in read_blocks(paths):
        loo, gi = (areas(removal_drops(block.curves[m]), np.array([k]))[:, 0] for m in ("loo", "signed_gi"))
        gaps.append(loo - gi)
        lengths.append(block.curves["loo"].lengths - 1)
    gap, units, rows = np.concatenate(gaps), np.concatenate(lengths), []
    for part in np.array_split(np.argsort(units, kind="stable"), parts):
        if len(part) > 1:
            mean, half = gap[part].mean(), 1.96 * gap[part].std(ddof=1) / np.sqrt(len(part))
            words = f"{units[part].min()} to {units[part].max()}"
            rows.append(
                {"words": words, "n": len(part), "LOO − SignedGI": mean, "low": mean - half, "high": mean + half}
            )
    return pd.DataFrame(rows)


def shown(figure: Figure, decimals: int = 3) -> str:
    """A figure with half its interval.

    >>> shown(Figure(0.3311, 0.3209, 0.3402))
    '0.331 ± 0.010'
    """
    if np.isnan(figure.value):
        return "–"
    return f"{figure.value:z.{decimals}f} ± {(figure.high - figure.low) / 2:.{decimals}f}"


def _apart(a: Figure, b: Figure) -> bool:
    return a.high < b.low or b.high < a.low

"""The tables in the words of a reader: one row per method, one sentence per comparison, one sentence for it all."""

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.evaluation.correlation import SIGNIFICANCE
from hf_gradexplain.evaluation.tables import SHORT_K, Tables

NEGLIGIBLE = 0.001
"""A difference in AOPC that its three decimals do not show."""


def summary_table(tables: Tables) -> pd.DataFrame:
    """One row per method.

    AOPC of the top units with its interval, and over the whole curve; then Pearson's r with leave-one-out: its median
    over documents, the share of significant ones, as they are and with the false discovery rate controlled, and how
    many documents have none.
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
                "by FDR": None if r is None else r["fraction_significant_fdr"],
                "no r": None if r is None else r["n_undefined"],
            }
        )
    return pd.DataFrame(rows).astype({"median r": float, "p ≤ .05": float, "by FDR": float, "no r": "Int64"})


def headline(tables: Tables) -> str:
    """The result in a sentence: the best methods, which are those that cannot be told from the best one.

    That is said by the paired tests; without them, by the best one's interval. A difference may be real and yet
    `NEGLIGIBLE`: then both are named.
    """
    summary = summary_table(tables)
    aopc = summary.columns[1]
    best = summary.loc[summary[aopc].idxmax()]
    if len(tables.comparisons):
        worse = _worse_than(str(best["method"]), tables.comparisons)
        equals = summary[~summary["method"].isin(worse)]
    else:
        equals = summary[summary[aopc] >= best["low"]]
    equals = equals.sort_values(aopc, ascending=False)["method"]
    find = "finds" if len(equals) == 1 else "find"
    text = (
        f"Over {int(tables.aopc['n'].max()):,} texts, {_listed(equals)} {find} the words that matter most to the model"
    )
    text += f": {aopc} up to {best[aopc]:.3f} [{best['low']:.3f}, {best['high']:.3f}]"
    if len(tables.chance):
        low, high = tables.chance.set_index("k").loc[int(aopc[5:-1]), ["low", "high"]]
        return text + f"; 95 % of random orders have {low:.3f} to {high:.3f}."
    random = summary[summary["method"] == "random"]
    return text + (f"; random order has {random[aopc].item():.3f}." if len(random) else ".")


def findings(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Every comparison as a sentence, the greatest difference first: `K`, `difference`, `adjusted p`."""
    ordered = comparisons.sort_values(["k", "difference"], ascending=[True, False], kind="stable")
    rows = [(row["k"], _finding(row), p_value(row["p_adjusted"])) for row in ordered.to_dict("records")]
    return pd.DataFrame(rows, columns=["K", "difference", "adjusted p"])


def with_intervals(table: pd.DataFrame, *names: str, decimals: int = 3) -> pd.DataFrame:
    """The table with the ends of the intervals in the cells of what they are of.

    Args:
        table: Any table; the ends of column `x` stand in `x_ci_low` and `x_ci_high`, or in `ci_low` and `ci_high`.
        names: The columns that have intervals.
        decimals: How many are shown.
    """
    for name in names:
        prefix = f"{name}_" if f"{name}_ci_low" in table.columns else ""
        low, high = f"{prefix}ci_low", f"{prefix}ci_high"
        cells = [interval(*row, decimals) for row in zip(table[name], table[low], table[high], strict=True)]
        table = table.assign(**{name: cells}).drop(columns=[low, high])
    return table


def p_value(p: float) -> str:
    """A p-value to read; an en dash where there is none.

    >>> p_value(0.0123), p_value(1e-9)
    ('0.012', '< 0.001')
    """
    if np.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def ends_summary(curves: pd.DataFrame) -> pd.DataFrame:
    """One row per method: its three curves up to the quoted `K`, each with its interval."""
    names = {"removal": "comprehensiveness", "sufficiency": "sufficiency", "negative_first": "lowest first"}
    short = min(SHORT_K, int(curves["k"].max()))
    found = with_intervals(curves[curves["k"] == short], "aopc").pivot(index="method", columns="curve", values="aopc")
    found = found.loc[curves["method"].unique(), list(names)].rename(columns=lambda name: f"{names[name]}({short})")
    return found.rename_axis(columns=None).reset_index()


def baseline_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """One row per method, one column per baseline: the method's rank under it, and its AOPC."""
    cells = table.assign(cell=[f"{rank}. {aopc:z.3f}" for rank, aopc in zip(table["rank"], table["aopc"], strict=True)])
    names = table["baseline"].unique()
    ranks = cells.pivot(index="method", columns="baseline", values="cell").loc[:, names]
    best_first = table.loc[table["baseline"] == names[0], "method"]
    return ranks.loc[best_first].rename_axis(columns=None).reset_index()


def correlation_summary(correlation: pd.DataFrame) -> pd.DataFrame:
    """One row per method and coefficient, intervals in the cells and under short names."""
    short = {"fraction_significant": "p ≤ .05", "fraction_significant_fdr": "by FDR", "n": "n", "n_undefined": "none"}
    shown = with_intervals(correlation, "median", "mean", decimals=2).rename(columns=short)
    return shown[["method", "coefficient", "median", "mean", *short.values()]]


def normalised_summary(normalised: pd.DataFrame) -> pd.DataFrame:
    """One row per method: NAOPC with its interval, and the AOPCs of which it is made."""
    shown = with_intervals(normalised, "naopc")[["method", "naopc", "aopc", "lower", "upper", "n"]]
    return shown.rename(columns={"naopc": "NAOPC", "aopc": "AOPC(U)", "lower": "worst order", "upper": "best order"})


def interval(value: float, low: float, high: float, decimals: int = 3) -> str:
    """A number with its interval; an en dash where there is none.

    >>> interval(0.3311, 0.3209, 0.3402)
    '0.331 [0.321, 0.340]'
    """
    return "–" if np.isnan(value) else f"{value:z.{decimals}f} [{low:z.{decimals}f}, {high:z.{decimals}f}]"


def _finding(row: Mapping[Hashable, Any]) -> str:
    method, other = row["method"], row["other"]
    leading = -math.floor(math.log10(row["difference"])) if row["difference"] else 0
    size = interval(row["difference"], row["ci_low"], row["ci_high"], decimals=min(max(leading, 3), 6))
    if row["p_adjusted"] <= SIGNIFICANCE:
        return f"{method} above {other} by {size}"
    return f"{method} and {other} not told apart: {size}"


def _worse_than(best: str, comparisons: pd.DataFrame) -> set[str]:
    """The methods that a test tells from the best one, at the shorter `K`, and that are visibly worse."""
    rows = comparisons[comparisons["k"] == comparisons["k"].min()]
    real = (rows["p_adjusted"] <= SIGNIFICANCE) & (rows["difference"] >= NEGLIGIBLE)
    rows = rows[(rows["method"] == best) & real]
    return set(rows["other"])


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last

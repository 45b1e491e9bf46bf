"""Readable summaries of the tables: one row per method, a sentence per comparison, and a headline."""

import math
from collections.abc import Hashable, Mapping
from typing import Any, Literal

import pandas as pd

from hf_gradexplain.evaluation.bootstrap import ENOUGH, MIN_DOCUMENTS
from hf_gradexplain.evaluation.comparisons import holm
from hf_gradexplain.evaluation.correlation import SIGNIFICANCE
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.options import UNIT_NOUNS
from hf_gradexplain.viz.tables import MISSING, decimals_of, join_words, with_interval, with_minus

NEGLIGIBLE = 0.001
"""Differences in AOPC below this share of the range of outputs are invisible in the decimals that are shown."""

MATTERS = 0.02
"""A difference in AOPC of this share of the range of outputs, which is 1 for probabilities, matters: if the interval of
a difference contains it, more texts are needed."""

Comparison = Literal["above", "below", "level", "unclear"]


def summary_table(tables: Tables) -> pd.DataFrame:
    """Return one row per method.

    The first columns are AOPC at `SHORT_K` with its interval, and AOPC at the largest `K`. The others are about
    Pearson's r with leave-one-out: the median over documents, the share of documents with a significant r, the same
    share with control of the false discovery rate, and the number of documents without an r.
    """
    short, longest = tables.short_k, tables.long_k
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
    """Return the result in a sentence: the best method, and all methods that do not differ significantly from it.

    The paired tests decide which methods differ. Without paired tests, a method differs if its AOPC is below the
    interval of the best method. Methods whose difference is significant but below `NEGLIGIBLE` are named as well.
    A method is named only if its interval lies above 0 and, if `random` was evaluated, it is significantly above
    `random`. `random` itself is never named. If no method is left, or if there is `nothing_to_compare`, the sentence
    says so. For a single text, it says that one text shows nothing about the model.
    """
    summary = summary_table(tables)
    aopc = f"AOPC({tables.short_k})"
    n = int(tables.aopc["n"].max())
    if reason := nothing_to_compare(tables):
        return reason
    if n < MIN_DOCUMENTS:
        return _of_one_text(summary, tables.decimals) + _of_random_orders(tables, summary)
    best = summary.loc[summary[aopc].idxmax()]
    if len(tables.comparisons):
        worse = _worse_than(str(best["method"]), tables)
        equals = summary[~summary["method"].isin(worse)]
    else:
        equals = summary[summary[aopc] >= best["low"]]
    unproven = [name for name, verdict in compared_with(tables, "random").items() if verdict != "above"]
    praised = equals[(equals["low"] > 0) & ~equals["method"].isin(["random", *unproven])].sort_values(
        aopc, ascending=False
    )
    units = f"{UNIT_NOUNS[tables.unit]}s"
    if len(praised):
        best, find = praised.iloc[0], "finds" if len(praised) == 1 else "find"
        text = f"Over {n:,} texts, {join_words(praised['method'])} {find} the {units} that matter most to the model: "
        text += f"{aopc} up to "
    else:
        text = f"Over {n:,} texts, no method was shown to find the {units} that matter most to the model: "
        text += f"{aopc} at most "
    shown = with_interval(best[aopc], best["low"], best["high"], f".{tables.decimals}f")
    return text + shown + _of_random_orders(tables, summary)


def nothing_to_compare(tables: Tables) -> str:
    """Return a sentence if all orders of removal are equal: no text has two units, or no unit is removed; empty if not.

    The number of units is unknown, and not looked at, if `tables.document_counts` is empty.
    """
    if tables.document_counts.get("longest", 2) <= 1:
        n = int(tables.aopc["n"].max())
        texts = f"None of the {n:,} texts has" if n > 1 else "The only text does not have"
        return f"{texts} more than one unit, so there is nothing to compare."
    return "" if tables.long_k else "No unit was removed, so there is nothing to compare: choose a max_k of 1 or more."


def _of_one_text(summary: pd.DataFrame, decimals: int) -> str:
    """Return the beginning of the headline of a single text: its highest AOPC, which is that of no other text."""
    aopc, others = summary.columns[1], summary[summary["method"] != "random"]
    best = summary.loc[(others if len(others) else summary)[aopc].idxmax()]
    highest = f"the highest {aopc} is {best[aopc]:z.{decimals}f} ({best['method']})"
    return "One text shows nothing about the model: evaluate more texts. " + with_minus(f"On this text, {highest}")


def _of_random_orders(tables: Tables, summary: pd.DataFrame) -> str:
    """Return the end of the headline, with the AOPC of random orders if they were measured."""
    spec = f"z.{tables.decimals}f"
    if len(tables.chance):
        low, high = tables.chance.set_index("k").loc[tables.short_k, ["low", "high"]]
        return with_minus(f"; 95 % of random orders have {low:{spec}} to {high:{spec}}.")
    random = summary[summary["method"] == "random"]
    aopc = f"AOPC({tables.short_k})"
    return with_minus(f"; random order has {random[aopc].item():{spec}}.") if len(random) else "."


def compared_with(tables: Tables, other: str) -> dict[str, Comparison]:
    """Return how each method compares with the method `other`; empty without paired tests.

    The paired tests at `SHORT_K` decide this, after Holm's correction for the tests against `other` alone.
    `above` and `below` are significant differences; with fewer than `ENOUGH` texts, no method is `below` the method
    `random`, but `unclear`. A method without a significant difference is `unclear` if its 95 %
    interval contains a difference that matters (see `MATTERS`), because more texts may show such a difference. It is
    also `unclear` with fewer than `ENOUGH` texts, without a test (p is NaN), and if there is `nothing_to_compare`.
    Otherwise the method is `level`.
    """
    if not len(tables.comparisons):
        return {}
    comparable = not nothing_to_compare(tables)
    rows = tables.short_comparisons
    rows = rows[(rows["method"] == other) | (rows["other"] == other)]
    verdicts: dict[str, Comparison] = {}
    for row, p in zip(rows.to_dict("records"), holm(rows["p"].to_numpy()), strict=True):
        above, enough = row["other"] == other, row["n"] >= ENOUGH
        if p <= SIGNIFICANCE and (above or enough or other != "random"):
            verdict: Comparison = "above" if above else "below"
        else:
            largest = max(abs(row["ci_low"]), abs(row["ci_high"]))
            small = largest < MATTERS * tables.output_range or largest == 0
            verdict = "level" if small and enough and comparable and not math.isnan(p) else "unclear"
        verdicts[row["method"] if above else row["other"]] = verdict
    return verdicts


def no_better_than_random(tables: Tables) -> list[str]:
    """Return the methods that are level with `random` or below it; empty if `random` was not evaluated."""
    return [name for name, verdict in compared_with(tables, "random").items() if verdict in ("level", "below")]


def unclear_against_random(tables: Tables) -> list[str]:
    """Return the methods that more texts may tell from `random`: those that are `unclear` against it.

    Empty if `random` was not evaluated, or if there is `nothing_to_compare`.
    """
    if nothing_to_compare(tables):
        return []
    return [name for name, verdict in compared_with(tables, "random").items() if verdict == "unclear"]


def findings(comparisons: pd.DataFrame, decimals: int = 3) -> pd.DataFrame:
    """Return one row per paired test, by ascending `K`, then with the largest difference first.

    The columns are `K`; `difference`, the difference in words, with `decimals` as in `finding`; and `adjusted p`.
    """
    ordered = comparisons.sort_values(["k", "difference"], ascending=[True, False], kind="stable")
    rows = [(row["k"], finding(row, decimals), p_value(row["p_adjusted"])) for row in ordered.to_dict("records")]
    return pd.DataFrame(rows, columns=["K", "difference", "adjusted p"])


def best_compared(tables: Tables) -> list[str]:
    """Return a sentence for each method compared with the method of the highest AOPC, at `SHORT_K`.

    There are none without paired tests, as for a single text.
    """
    if not len(tables.comparisons):
        return []
    rows = tables.short_comparisons.dropna(subset="p")
    summary = summary_table(tables)
    best = summary.loc[summary.iloc[:, 1].idxmax(), "method"]
    rows = rows[(rows["method"] == best) | (rows["other"] == best)].sort_values("difference", kind="stable")
    records = rows.to_dict("records")
    return [f"{finding(row, tables.decimals)}, adjusted p {p_value(row['p_adjusted'])}" for row in records]


def with_intervals(table: pd.DataFrame, *names: str, decimals: int = 3) -> pd.DataFrame:
    """Return a table with each value and its interval in one cell.

    Args:
        table: Any table; the interval of column `x` is in `x_ci_low` and `x_ci_high`, or in `ci_low` and `ci_high`.
        names: The columns that have intervals.
        decimals: Number of decimals.
    """
    for name in names:
        prefix = f"{name}_" if f"{name}_ci_low" in table.columns else ""
        low, high = f"{prefix}ci_low", f"{prefix}ci_high"
        numbers = zip(table[name], table[low], table[high], strict=True)
        cells = [with_interval(*row, f".{decimals}f") for row in numbers]
        table = table.assign(**{name: cells}).drop(columns=[low, high])
    return table


def in_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with every value and its interval in one cell, see `with_intervals`.

    The interval of a column `X` is in the columns `X_ci_low` and `X_ci_high`. The columns `ci_low` and `ci_high` have
    the interval of the column before them.
    """
    columns = list(table.columns)
    named = [column for column in columns if f"{column}_ci_low" in columns]
    return with_intervals(table, *named, *(columns[columns.index("ci_low") - 1 :][:1] if "ci_low" in columns else []))


def p_value(p: float) -> str:
    """Format a p-value; NaN is an en dash.

    >>> p_value(0.0123), p_value(1e-9)
    ('0.012', '< 0.001')
    """
    if math.isnan(p):
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def ends_summary(tables: Tables) -> pd.DataFrame:
    """Return one row per method: AOPC of its three curves at `SHORT_K`, each with its interval."""
    names = {"removal": "comprehensiveness", "sufficiency": "sufficiency", "negative_first": "lowest first"}
    curves, short = tables.curves, tables.short_k
    cells = with_intervals(curves[curves["k"] == short], "aopc", decimals=tables.decimals)
    table = cells.pivot(index="method", columns="curve", values="aopc")
    table = table.loc[curves["method"].unique(), list(names)].rename(columns=lambda name: f"{names[name]}({short})")
    return table.rename_axis(columns=None).reset_index()


def baseline_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per method and one column per baseline: the method's rank and its AOPC."""
    numbers = zip(table["rank"], table["aopc"], strict=True)
    spec = f"z.{decimals_of(table['aopc'])}f"
    cells = table.assign(cell=[f"{rank}. {with_minus(format(aopc, spec))}" for rank, aopc in numbers])
    names = table["baseline"].unique()
    ranks = cells.pivot(index="method", columns="baseline", values="cell").loc[:, names]
    best_first = table.loc[table["baseline"] == names[0], "method"]
    return ranks.loc[best_first].rename_axis(columns=None).reset_index()


def correlation_summary(correlation: pd.DataFrame) -> pd.DataFrame:
    """Return one row per method and coefficient, with intervals in the cells and short column names."""
    short = {"fraction_significant": "p ≤ .05", "fraction_significant_fdr": "by FDR", "n": "n", "n_undefined": "none"}
    shown = with_intervals(correlation, "median", "mean", decimals=2).rename(columns=short)
    return shown[["method", "coefficient", "median", "mean", *short.values()]]


def normalised_summary(normalised: pd.DataFrame) -> pd.DataFrame:
    """Return one row per method: NAOPC with its interval, and the AOPCs that it is computed from."""
    shown = with_intervals(normalised, "naopc")[["method", "naopc", "aopc", "lower", "upper", "n"]]
    return shown.rename(columns={"naopc": "NAOPC", "aopc": "AOPC(U)", "lower": "worst order", "upper": "best order"})


def finding(row: Mapping[Hashable, Any], decimals: int = 3) -> str:
    """Return a row of the paired tests in words, see `hf_gradexplain.evaluation.comparisons.PairedSums`.

    The difference has `decimals`, or up to three more to show its first digit. If p is NaN, there was no test.
    """
    method, other = row["method"], row["other"]
    leading = -math.floor(math.log10(row["difference"])) if row["difference"] else decimals
    spec = f".{min(max(leading, decimals), decimals + 3)}f"
    size = with_interval(row["difference"], row["ci_low"], row["ci_high"], spec)
    if row["p_adjusted"] <= SIGNIFICANCE:
        return f"{method} above {other} by {size}"
    if math.isnan(row["p_adjusted"]):
        return f"too few texts to compare {method} with {other}: {size}"
    return f"no significant difference between {method} and {other}: {size}"


def _worse_than(best: str, tables: Tables) -> set[str]:
    """Return the methods that are worse than the method `best` in the paired tests, significantly and visibly."""
    tests = tables.short_comparisons
    worse = (tests["p_adjusted"] <= SIGNIFICANCE) & (tests["difference"] >= NEGLIGIBLE * tables.output_range)
    rows = tests[(tests["method"] == best) & worse]
    return set(rows["other"])

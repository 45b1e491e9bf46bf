"""Plot explanations and evaluations with matplotlib.

Every function draws on the axes `ax`, or on new axes, and returns the axes. For example,
`plots.aopc(result).figure.savefig("x.svg")` writes a file. If `ax` is given, pyplot is not used. The colours suit all
kinds of colour vision, and a method has the same colour and marker in every figure.

The result of an evaluation can be given as `Explainer.evaluate` returns it, as the folder of a run, or as a table.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from hf_gradexplain.errors import choose
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.explanation.correlation import COEFFICIENTS
from hf_gradexplain.interactions.result import Interactions
from hf_gradexplain.viz.canvas import INK, MUTED, WIDTH, add_note, drawing_on
from hf_gradexplain.viz.comparison import at_k, default_looks, draw_by_cost, draw_two_runs, runs_size
from hf_gradexplain.viz.curves import AOPC_SIZE, draw_aopc
from hf_gradexplain.viz.figures import MOST_BARS, bars_size, correlation_size, draw_correlation
from hf_gradexplain.viz.heatmap import draw_heatmap, draw_interactions, heatmap_size, interactions_size

Result = Any
"""An evaluation: what `Explainer.evaluate` returns, the folder of a run, or one of its tables."""

__all__ = ["aopc", "arcs", "bar", "correlation", "faithfulness_by_cost", "heatmap", "interactions", "text", "two_runs"]


def text(
    explanation: Explanation, method: str | Sequence[str] | None = None, *, ax: Axes | None = None, width: float = WIDTH
) -> Axes:
    """Draw the coloured text, wrapped, one row per method.

    Args:
        explanation: The explanation.
        method: The method whose scores are shown, or several methods, which get a row each; None for all.
        ax: The axes to draw on, from their top left corner; None for new ones as high as the text.
        width: The width of new axes, in inches.

    Returns:
        The axes.

    Raises:
        GradexplainError: The explanation has no scores of this method.
    """
    return explanation.draw_text(ax, method, width=width)


def bar(
    explanation: Explanation, method: str | None = None, *, ax: Axes | None = None, max_units: int = MOST_BARS
) -> Axes:
    """Draw the scores of one method as bars, with the units from top to bottom in the order of the text.

    Args:
        explanation: The explanation.
        method: The method whose scores are drawn; None for the first one.
        ax: The axes to draw on; None for new ones.
        max_units: The largest number of bars. If the text has more units, those with the largest `|score|` are drawn.

    Returns:
        The axes.

    Raises:
        GradexplainError: The explanation has no scores of this method.
    """
    with drawing_on(ax, bars_size(min(len(explanation.units), max_units))) as axes:
        explanation.draw_bars(axes, method, max_units=max_units)
    return axes


def heatmap(values: pd.DataFrame, *, ax: Axes | None = None, max_units: int = 30, title: str = "") -> Axes:
    """Draw gradient times input as a heatmap, with a row per unit and a column per embedding dimension.

    Blue values support the target, vermilion values oppose it. The colours are saturated at the 99.5th percentile of
    `|value|`.

    Args:
        values: `(U, D)` with the units as index, as `Explainer.gradient_times_input` returns it.
        ax: The axes to draw on; None for new ones.
        max_units: The largest number of rows. If the text has more units, those with the largest `|sum|` are drawn.
        title: The title.

    Returns:
        The axes.
    """
    with drawing_on(ax, heatmap_size(min(len(values), max_units))) as axes:
        draw_heatmap(axes, values, title=title, max_units=max_units)
    return axes


def arcs(interactions: Interactions, *, ax: Axes | None = None, width: float = WIDTH) -> Axes:
    """Draw the strongest interactions of a text, from `Explainer.interactions`, as arcs below its words.

    A solid arc means that each of the two words supports the class more when the other word is removed. A dashed arc
    means that each supports the class less.

    Args:
        interactions: The interactions.
        ax: The axes to draw on, from their top left corner; None for new ones as high as the arcs.
        width: The width of new axes, in inches.

    Returns:
        The axes.
    """
    return interactions.draw_arcs(ax, width=width)


def interactions(values: pd.DataFrame, *, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw how pairs of a query word and a document word support the score together, from `Ranking.table`.

    A blue value means that the two words together raise the score by more than the sum of their single effects; a
    vermilion value means by less.

    Args:
        values: `(q, d)` with the words of the query as its index, and those of the document as its columns.
        ax: The axes to draw on; None for new ones.
        title: The title.

    Returns:
        The axes.
    """
    with drawing_on(ax, interactions_size(*values.shape)) as axes:
        draw_interactions(axes, values, title=title)
    return axes


def aopc(result: Result, *, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw AOPC(k) against k: a curve per method with its 95 % interval, and the random band if it was measured.

    Args:
        result: An evaluation, the folder of a run, or a table with the columns method, k, aopc, ci_low, ci_high and n.
        ax: The axes to draw on; None for new ones. The names of the curves are written to its right.
        title: The title.

    Returns:
        The axes.

    Raises:
        ValueError: The result has no such table.
    """
    with drawing_on(ax, AOPC_SIZE) as axes:
        draw_aopc(axes, _table(result, "aopc"), _table(result, "chance", required=False), title=title)
    return axes


def correlation(result: Result, *, coefficient: str = "pearson", ax: Axes | None = None, title: str = "") -> Axes:
    """Draw how each method's scores correlate with leave-one-out: a histogram of documents per method.

    Args:
        result: An evaluation, or the folder of a run.
        coefficient: `pearson`, `spearman` or `kendall`.
        ax: The axes to draw on; None for new ones. The median, the share of texts with a significant correlation, and
            the number of texts without a coefficient are written to its right.
        title: The title.

    Returns:
        The axes.

    Raises:
        ValueError: The coefficient is unknown, or the result has no correlations, which need `loo` and another method.
    """
    choose("coefficient", coefficient, COEFFICIENTS)
    summary, histograms = _table(result, "correlation"), _table(result, "correlation_histograms")
    if not len(summary):
        raise ValueError("Expected correlations with leave-one-out, got none; evaluate loo and another method.")
    with drawing_on(ax, correlation_size(summary)) as axes:
        draw_correlation(axes, summary, histograms, coefficient=coefficient, title=title)
    return axes


def two_runs(
    first: Result,
    second: Result,
    *,
    names: tuple[str, str] = ("first", "second"),
    k: int | None = None,
    ax: Axes | None = None,
    title: str = "",
) -> Axes:
    """Draw AOPC(k) of the same methods in two runs, with 95 % intervals.

    Overlapping intervals do not mean that there is no difference: if the runs share their texts, compare them with
    `hf_gradexplain.compare_runs`.

    Args:
        first: An evaluation, the folder of a run, or a table of AOPC.
        second: Another evaluation, folder or table.
        names: The names of the runs in the legend.
        k: The number of removed units; None for 10, or for the largest k that both runs have if that is smaller.
        ax: The axes to draw on; None for new ones.
        title: The title.

    Returns:
        The axes.

    Raises:
        ValueError: The runs share no method, or have no such `k`.
    """
    tables = [_table(first, "aopc"), _table(second, "aopc")]
    with drawing_on(ax, runs_size(tables[0]["method"].nunique())) as axes:
        draw_two_runs(axes, *tables, names=names, k=_short_k(*tables) if k is None else k, title=title)
    return axes


def faithfulness_by_cost(
    result: Result,
    cost: Mapping[str, float],
    *,
    k: int | None = None,
    ax: Axes | None = None,
    cost_label: str = "passes over the model per text",
    title: str = "",
) -> Axes:
    """Draw AOPC(k) of each method against its cost: the best methods are at the top left.

    Args:
        result: An evaluation, the folder of a run, or a table of AOPC.
        cost: The cost of each method, above 0, such as passes or seconds per text. Methods without a cost are left out.
        k: The number of removed units; None for 10, or for the largest k if that is smaller.
        ax: The axes to draw on; None for new ones. The legend is to its right.
        cost_label: What the cost is.
        title: The title.

    Returns:
        The axes.

    Raises:
        ValueError: No method has a cost, a cost is not above 0, or the result has no such `k`.
    """
    table = _table(result, "aopc")
    k = _short_k(table) if k is None else k
    rows = at_k(table, k).rename(columns={"aopc": "value", "ci_low": "low", "ci_high": "high"})
    points = rows.assign(cost=rows.index.map(cost)).dropna(subset="cost")
    if points.empty or (points["cost"] <= 0).any():
        raise ValueError(f"Expected costs above 0 for some of {list(rows.index)}, got {dict(cost)}; give cost.")
    with drawing_on(ax, (6.4, 3.8)) as axes:
        draw_by_cost(axes, points, default_looks(list(points.index)))
        axes.axhline(0, color=MUTED, linewidth=0.8, zorder=0)
        axes.grid(axis="y")
        axes.set_title(title, pad=19)
        add_note(axes, "95 % intervals over documents")
        axes.set_xticks(sorted(set(points["cost"])))
        axes.set_xlabel(cost_label)
        axes.set_ylabel(f"AOPC({k})")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, labelcolor=INK, borderaxespad=0)
    return axes


def _table(result: Result, name: str, *, required: bool = True) -> pd.DataFrame:
    """Return a table of an evaluation or of the folder of a run; return a result that is a table itself unchanged.

    Raises:
        ValueError: The result has no such table.
    """
    if isinstance(result, pd.DataFrame):
        table = result if name == "aopc" else None
    elif isinstance(result, str | PathLike):
        path = Path(result) / f"{name}.parquet"
        table = pd.read_parquet(path) if path.exists() else None
    else:
        table = getattr(getattr(getattr(result, "run", None), "tables", result), name, None)
    if required and (table is None or not len(table.columns)):
        raise ValueError(
            f"Expected an evaluation or the folder of a run with a table {name!r}, got "
            f"{result if isinstance(result, str | PathLike) else type(result).__name__!r}; evaluate it first."
        )
    return pd.DataFrame() if table is None else table


def _short_k(*tables: pd.DataFrame) -> int:
    """Return 10, or the largest number of removed units that all tables have if that is smaller."""
    return min(10, *(int(table["k"].max()) for table in tables))

"""Correlation histograms and the scores of one text, in matplotlib, without global state or a display."""

from collections.abc import Sequence
from textwrap import wrap

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray

from hf_gradexplain.viz.canvas import INK, MUTED, STYLE, add_note, require_columns
from hf_gradexplain.viz.palette import AGAINST, AMOUNT, FOR, method_styles
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import format_score, with_interval


@matplotlib.style.context(STYLE)
def correlation_figure(
    correlation: pd.DataFrame, histograms: pd.DataFrame, *, coefficient: str = "pearson", title: str = ""
) -> Figure:
    """Draw how each method's scores correlate with leave-one-out: one histogram of documents per method.

    Above each histogram are the median with its interval, the share of significant documents among those with a
    defined coefficient (without correction and with the false discovery rate controlled), and the number of documents
    whose coefficient is undefined.

    Args:
        correlation: One row per method and coefficient, with the columns method, coefficient, median, median_ci_low,
            median_ci_high, fraction_significant, fraction_significant_fdr, n and n_undefined.
        histograms: One row per method, coefficient and bin, with the columns method, coefficient, low, high and n.
        coefficient: The coefficient to draw.
        title: The title of the figure.

    Raises:
        ValueError: A column is missing.
    """
    ends = ("median", "median_ci_low", "median_ci_high", "fraction_significant", "fraction_significant_fdr")
    require_columns(correlation, "method", "coefficient", *ends, "n", "n_undefined")
    require_columns(histograms, "method", "coefficient", "low", "high", "n")
    summary = correlation[correlation["coefficient"] == coefficient].set_index("method")
    bins = histograms[histograms["coefficient"] == coefficient]
    rows = max(1, -(-len(summary) // 4))
    columns = max(1, -(-len(summary) // rows))
    figure = Figure(figsize=(max(1 + 2.3 * columns, 5), 0.7 + 2.1 * rows), layout="constrained")
    figure.suptitle(one_line(title, width=int(12 * figure.get_figwidth())), x=0.02, ha="left")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(summary) :]:
        axes.set_visible(False)
    styles = method_styles(map(str, summary.index))
    for axes, (method, row) in zip(grid.flat, summary.iterrows(), strict=False):
        color = styles[str(method)].color
        axes.set_title(one_line(str(method), width=28), color=color, weight="bold", pad=37)
        _draw_histogram(axes, bins[bins["method"] == method], row, color)
        _add_summary(axes, row)
    figure.supxlabel(f"{one_line(coefficient).capitalize()} correlation with leave-one-out", size="medium")
    figure.supylabel("Share of documents", size="medium")
    return figure


@matplotlib.style.context(STYLE)
def explanation_figure(
    units: Sequence[str],
    scores: ArrayLike,
    *,
    title: str = "",
    signed: bool = True,
    sides: tuple[str, str] = ("supports", "opposes"),
    max_units: int = 24,
    note: str = "",
) -> Figure:
    """Draw the scores of one document as horizontal bars, with its units from top to bottom in reading order.

    Positive scores are blue, negative ones vermilion and hatched, unsigned ones purple. Of a longer document only the
    `max_units` units with the largest `|score|` are drawn, in reading order, and the label of the axis says so.

    Args:
        units: The units' texts.
        scores: One finite number per unit, shape `(U,)`.
        title: The title of the figure.
        signed: Whether the scores have a sign.
        sides: The names of positive and of negative scores.
        max_units: The largest number of bars.
        note: A sentence below the bars.

    Raises:
        ValueError: The number of scores is not the number of units, or a score is not finite.
    """
    values = np.asarray(scores, dtype=float)
    if values.shape != (len(units),) or not np.isfinite(values).all():
        raise ValueError(
            f"Expected {len(units)} finite scores, one per unit, got shape {values.shape} with "
            f"{np.isfinite(values).sum()} finite; leave out units without a score."
        )
    shown = np.sort(np.argsort(-np.abs(values), kind="stable")[:max_units])
    figure = Figure(figsize=(6.4, 1.1 + 0.24 * max(len(shown), 1)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(one_line(title, width=64), pad=20 if signed else 8)
    below = [] if len(shown) == len(units) else [f"the {len(shown)} strongest of {len(units):,} units"]
    axes.set_xlabel("\n".join([*below, *wrap(one_line(note), 72)]), color=MUTED)
    _draw_bars(axes, [one_line(units[index], width=28) for index in shown], values[shown], sides if signed else None)
    return figure


def _draw_histogram(axes: Axes, bins: pd.DataFrame, row: pd.Series, color: str) -> None:
    axes.set_xlim(-1, 1)
    axes.grid(axis="y")
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.xaxis.set_major_locator(FixedLocator([-1, 0, 1]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if row["n"]:
        share = bins["n"] / (row["n"] + row["n_undefined"])
        axes.bar(bins["low"], share, bins["high"] - bins["low"], align="edge", color=color, alpha=0.55)
        axes.axvline(row["median"], color=color, linewidth=2)


def _add_summary(axes: Axes, row: pd.Series) -> None:
    """Write the median, the significant share and the undefined documents above a histogram."""
    lines = [f"undefined for {row['n_undefined']:,} of {row['n'] + row['n_undefined']:,}"]
    if row["n"]:
        significant = row[["fraction_significant", "fraction_significant_fdr"]]
        lines[:0] = [
            f"median {with_interval(row['median'], row['median_ci_low'], row['median_ci_high'], '.2f')}",
            f"p ≤ .05 for {significant.iloc[0]:.0%}; by FDR {significant.iloc[1]:.0%}",
        ]
    add_note(axes, "\n".join(lines))


def _draw_bars(axes: Axes, labels: Sequence[str], values: NDArray[np.float64], sides: tuple[str, str] | None) -> None:
    """Draw one bar per unit; `sides` are the names of positive and of negative scores, None without signs."""
    signed = sides is not None
    rows = np.arange(len(values))
    colors = np.where(values < 0, AGAINST, FOR) if signed else np.full(len(values), AMOUNT)
    bars = axes.barh(rows, values, color=colors, height=0.72)
    for bar, value in zip(bars, values, strict=True):
        bar.set(hatch="////" if signed and value < 0 else None, edgecolor="white", linewidth=0)
    axes.bar_label(bars, [format_score(value, signed) for value in values], padding=3, size="small", color=MUTED)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    if sides is not None:
        for text, side in ((f"← {sides[1]}  ", "right"), (f"  {sides[0]} →", "left")):
            axes.text(0, 1, text, transform=axes.get_xaxis_transform(), ha=side, va="bottom", size="small", color=MUTED)
    axes.set_yticks(rows, labels)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.xaxis.set_ticks([])
    axes.margins(x=0.12, y=0.02)
    axes.invert_yaxis()

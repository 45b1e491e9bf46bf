"""Draw correlation histograms and the scores of one text with matplotlib, without global state or a display."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator
from numpy.typing import ArrayLike, NDArray

from hf_gradexplain.viz.canvas import INK, MUTED, STYLE, require_columns
from hf_gradexplain.viz.palette import AGAINST, AMOUNT, FOR, LineStyle, method_styles
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import format_estimate, with_interval

MOST_BARS = 24
"""The largest number of units in a figure of their scores, by default."""


@matplotlib.style.context(STYLE)
def correlation_figure(
    correlation: pd.DataFrame, histograms: pd.DataFrame, *, coefficient: str = "pearson", title: str = ""
) -> Figure:
    """Draw in a new figure how each method's scores correlate with leave-one-out; see `draw_correlation`."""
    figure = Figure(figsize=correlation_size(correlation), layout="constrained")
    draw_correlation(figure.add_subplot(), correlation, histograms, coefficient=coefficient, title=title)
    return figure


def correlation_size(correlation: pd.DataFrame) -> tuple[float, float]:
    """Return width and height of the figure of correlations, in inches."""
    return 7.2, 1.2 + 0.62 * correlation["method"].nunique() if "method" in correlation.columns else 3.0


def draw_correlation(
    axes: Axes, correlation: pd.DataFrame, histograms: pd.DataFrame, *, coefficient: str = "pearson", title: str = ""
) -> None:
    """Draw how each method's scores correlate with leave-one-out: one row per method, a histogram of documents.

    All histograms have the same scale. To the right of each histogram are

    - the median with its interval;
    - the share of significant documents among those with a defined coefficient, without correction and with control of
      the false discovery rate;
    - the number of documents with an undefined coefficient.

    Args:
        axes: The axes to draw on.
        correlation: One row per method and coefficient, with the columns method, coefficient, median, median_ci_low,
            median_ci_high, fraction_significant, fraction_significant_fdr, n and n_undefined.
        histograms: One row per method, coefficient and bin, with the columns method, coefficient, low, high and n.
        coefficient: The coefficient to draw.
        title: The title.

    Raises:
        ValueError: A column is missing.
    """
    ends = ("median", "median_ci_low", "median_ci_high", "fraction_significant", "fraction_significant_fdr")
    require_columns(correlation, "method", "coefficient", *ends, "n", "n_undefined")
    require_columns(histograms, "method", "coefficient", "low", "high", "n")
    rows = correlation[correlation["coefficient"] == coefficient].set_index("method")
    bins = histograms[histograms["coefficient"] == coefficient]
    of = rows["n"] + rows["n_undefined"]
    largest = float((bins["n"] / bins["method"].map(of)).max()) if len(bins) else 1.0
    styles = method_styles(map(str, rows.index))
    for number, (method, row) in enumerate(rows.iterrows()):
        _draw_histogram(axes, bins[bins["method"] == method], row, len(rows) - 1 - number, styles[str(method)], largest)
    axes.set_title(one_line(title, width=76))
    axes.set_xlim(-1, 1)
    axes.set_ylim(-0.1, max(len(rows), 1))
    axes.axvline(0, color=MUTED, linewidth=0.8, zorder=0)
    names = [one_line(str(name), width=28) for name in rows.index[::-1]]
    axes.set_yticks(np.arange(len(rows)) + 0.3, names)
    axes.xaxis.set_major_locator(FixedLocator([-1, -0.5, 0, 0.5, 1]))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    scale = f"; highest bar: {largest:.0%} of the documents" if len(bins) else ""
    axes.set_xlabel(f"{one_line(coefficient).capitalize()} correlation with leave-one-out{scale}")


@matplotlib.style.context(STYLE)
def bars_figure(charts: Sequence[Mapping[str, Any]], *, max_units: int) -> Figure:
    """Draw the scores of one document for several classes in one figure, each chart below the previous one.

    Args:
        charts: For each chart, the arguments of `draw_bars`.
        max_units: The largest number of bars of a chart.
    """
    width, height = bars_size(min(len(charts[0]["units"]), max_units))
    figure = Figure(figsize=(width, height * len(charts)), layout="constrained")
    for axes, chart in zip(figure.subplots(len(charts), squeeze=False).flat, charts, strict=True):
        draw_bars(axes, **chart, max_units=max_units)
    return figure


def bars_size(count: int) -> tuple[float, float]:
    """Return width and height of a figure with this number of bars, in inches."""
    return 6.4, 1.1 + 0.24 * max(count, 1)


def draw_bars(
    axes: Axes,
    units: Sequence[str],
    scores: ArrayLike,
    *,
    title: str = "",
    signed: bool = True,
    sides: tuple[str, str] = ("supports", "opposes"),
    max_units: int,
    note: str = "",
    margins: ArrayLike = (),
) -> None:
    """Draw the scores of one document as horizontal bars, with its units from top to bottom in reading order.

    Positive scores are blue, negative scores vermilion and hatched, unsigned scores purple. If the document has more
    than `max_units` units, only those with the largest `|score|` are drawn, in reading order, and the label of the axis
    says so. Estimated scores have error bars.

    Args:
        axes: The axes to draw on.
        units: The units' texts.
        scores: One finite number per unit, shape `(U,)`.
        title: The title of the figure.
        signed: Whether the scores have a sign.
        sides: The names of positive and of negative scores.
        max_units: The largest number of bars.
        note: A sentence below the bars.
        margins: Half the width of the 95 % interval of each score, shape `(U,)`, with 0 for exact scores; empty if all
            scores are exact.

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
    axes.set_title("\n".join(wrap(one_line(title, width=128), 64)), pad=20 if signed else 8)
    below = [] if len(shown) == len(units) else [f"the {len(shown)} strongest of {len(units):,} units"]
    axes.set_xlabel("\n".join([*below, *wrap(one_line(note), 72)]), color=MUTED)
    half = np.zeros(len(values)) if np.size(margins) == 0 else np.asarray(margins, dtype=float)
    labels = [one_line(units[index], width=28) for index in shown]
    _draw_bars(axes, labels, values[shown], half[shown], sides if signed else None)


def _draw_histogram(
    axes: Axes, bins: pd.DataFrame, row: pd.Series, base: int, style: LineStyle, largest: float
) -> None:
    """Draw the histogram of a method from the height `base` up, with the numbers to its right."""
    axes.axhline(base, color=MUTED, linewidth=0.5)
    lines = [f"undefined for {row['n_undefined']:,} of {row['n'] + row['n_undefined']:,}"]
    if row["n"]:
        share = bins["n"] / (row["n"] + row["n_undefined"])
        width = bins["high"] - bins["low"]
        axes.bar(bins["low"], 0.86 * share / largest, width, base, align="edge", color=style.color, alpha=0.55)
        axes.plot([row["median"]] * 2, [base, base + 0.86], color=style.color, linewidth=2)
        significant = row[["fraction_significant", "fraction_significant_fdr"]]
        lines[:0] = [
            f"median {with_interval(row['median'], row['median_ci_low'], row['median_ci_high'], '.2f')}",
            f"p ≤ .05 for {significant.iloc[0]:.0%}; by FDR {significant.iloc[1]:.0%}",
        ]
    said: dict[str, Any] = {"size": "small", "color": MUTED, "va": "center", "transform": axes.get_yaxis_transform()}
    axes.text(1.02, base + 0.43, "\n".join(lines), linespacing=1.15, **said)


def _draw_bars(
    axes: Axes,
    labels: Sequence[str],
    values: NDArray[np.float64],
    margins: NDArray[np.float64],
    sides: tuple[str, str] | None,
) -> None:
    """Draw one bar per unit; `sides` are the names of positive and of negative scores, None without signs."""
    signed = sides is not None
    rows = np.arange(len(values))
    colors = np.where(values < 0, AGAINST, FOR) if signed else np.full(len(values), AMOUNT)
    error_bars: dict[str, Any] = {"xerr": margins, "ecolor": INK, "capsize": 2.5} if margins.any() else {}
    bars = axes.barh(rows, values, color=colors, height=0.72, **error_bars)
    for bar, value in zip(bars, values, strict=True):
        bar.set(hatch="////" if signed and value < 0 else None, edgecolor="white", linewidth=0)
    shown = [format_estimate(*both, signed) for both in zip(values, margins, strict=True)]
    axes.bar_label(bars, shown, padding=3, size="small", color=MUTED)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    if sides is not None:
        for text, side in ((f"← {sides[1]}  ", "right"), (f"  {sides[0]} →", "left")):
            axes.text(0, 1, text, transform=axes.get_xaxis_transform(), ha=side, va="bottom", size="small", color=MUTED)
    axes.set_yticks(rows, labels)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.xaxis.set_ticks([])
    axes.margins(x=0.24 if error_bars else 0.12, y=0.02)  # room for the numbers
    axes.invert_yaxis()

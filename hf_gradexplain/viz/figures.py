"""The figures of an evaluation, in matplotlib: no global state, no display, the same bytes for the same numbers."""

from collections.abc import Sequence
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, PercentFormatter, ScalarFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from hf_gradexplain.viz.canvas import INK, MUTED, STYLE
from hf_gradexplain.viz.palette import AGAINST, AMOUNT, FOR, LineStyle, method_styles
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import format_score


@matplotlib.style.context(STYLE)
def aopc_figure(aopc: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw AOPC(k) over k, one curve per method with its confidence band.

    Curves are named at their right ends, from the highest final value to the lowest. From 30 units on, k is
    drawn on a logarithmic axis (linear below 1, so that k = 0 has its place): the first few units decide, the
    last hundred hardly change the curve.

    Args:
        aopc: Long form, one row per method and k, with the columns method, k, aopc, ci_low, ci_high, n.
        title: Text above the figure.

    Raises:
        ValueError: If a column is missing.
    """
    _require(aopc, "method", "k", "aopc", "ci_low", "ci_high", "n")
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(one_line(title, width=88), pad=19)
    axes.set_xlabel("k, number of highest-scored units masked")
    axes.set_ylabel("AOPC(k), mean drop of the target's probability")
    axes.grid(axis="y")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    curves = {str(name): curve.sort_values("k") for name, curve in aopc.groupby("method", sort=False)}
    styles = method_styles(curves)
    for place, (method, curve) in enumerate(curves.items()):
        _draw_curve(axes, method, curve, styles[method], place / max(len(curves), 1))
    _scale_k(axes, int(aopc["k"].max()) if len(aopc) else 1)
    _name_curves(axes, {method: curve["aopc"].iloc[-1] for method, curve in curves.items()}, styles)
    _note(axes, _sample_size(aopc["n"]))
    return figure


@matplotlib.style.context(STYLE)
def correlation_figure(
    correlations: pd.DataFrame, *, coefficient: str = "pearson", title: str = "", alpha: float = 0.05
) -> Figure:
    """Draw how each method's scores correlate with leave-one-out: one histogram of documents per method.

    Above each histogram stand its median, the share of documents with `p_value <= alpha` among those with a
    defined coefficient, and how many documents have none.

    Args:
        correlations: One row per method and document, with the columns method, `coefficient` (in [-1, 1],
            NaN where undefined) and p_value (of that coefficient).
        coefficient: Name of the column to draw.
        title: Text above the figure.
        alpha: Level of significance.

    Raises:
        ValueError: If a column is missing.
    """
    _require(correlations, "method", coefficient, "p_value")
    panels = {str(name): panel for name, panel in correlations.groupby("method", sort=False)}
    rows = max(1, -(-len(panels) // 4))
    columns = max(1, -(-len(panels) // rows))
    figure = Figure(figsize=(max(1 + 2.3 * columns, 5), 0.7 + 1.9 * rows), layout="constrained")
    figure.suptitle(one_line(title, width=int(12 * figure.get_figwidth())), x=0.02, ha="left")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    styles = method_styles(panels)
    for axes, (method, panel) in zip(grid.flat, panels.items(), strict=False):
        axes.set_title(one_line(method, width=28), color=styles[method].color, weight="bold", pad=26)
        _draw_histogram(axes, panel[coefficient].to_numpy(float, na_value=np.nan), styles[method].color)
        _describe(axes, panel[coefficient], panel["p_value"] <= alpha, alpha)
    figure.supxlabel(f"{one_line(coefficient).capitalize()} correlation with leave-one-out", size="medium")
    figure.supylabel("Share of documents", size="medium")
    return figure


@matplotlib.style.context(STYLE)
def explanation_figure(
    units: Sequence[str], scores: ArrayLike, *, title: str = "", signed: bool = True, max_units: int = 24
) -> Figure:
    """Draw the scores of one document as horizontal bars, its units from top to bottom in reading order.

    Support is blue, opposition vermilion and hatched, unsigned scores purple. Of a longer document the
    `max_units` units with the largest `|score|` are drawn, still in reading order, and the axis says so.

    Args:
        units: The units' texts.
        scores: One finite number per unit, shape `(U,)`.
        title: Text above the figure.
        signed: Whether positive scores support the target and negative ones oppose it.
        max_units: How many bars there may be.

    Raises:
        ValueError: If there are not as many scores as units, or one of them is not finite.
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
    axes.set_xlabel(
        "" if len(shown) == len(units) else f"the {len(shown)} strongest of {len(units):,} units", color=MUTED
    )
    _draw_bars(axes, [one_line(units[index], width=28) for index in shown], values[shown], signed)
    return figure


def _require(frame: pd.DataFrame, *columns: str) -> None:
    if missing := [column for column in columns if column not in frame.columns]:
        raise ValueError(f"Expected the columns {list(columns)}, got {list(frame.columns)}; add {missing}.")


def _note(axes: Axes, text: str) -> None:
    """Write small print between the title and the axes."""
    axes.annotate(text, (0, 1), (0, 5), "axes fraction", "offset points", size="small", color=MUTED)


def _draw_curve(axes: Axes, method: str, curve: pd.DataFrame, style: LineStyle, place: float) -> None:
    """Draw one curve, its markers shifted by `place` in [0, 1) so that coinciding curves show in turn."""
    axes.fill_between(curve["k"], curve["ci_low"], curve["ci_high"], color=style.color, alpha=0.13, linewidth=0)
    axes.plot(
        curve["k"],
        curve["aopc"],
        color=style.color,
        linestyle=style.dash,
        linewidth=1.6,
        marker=style.marker,
        markersize=5,
        markevery=(0.12 * place, 0.12),
        clip_on=False,
        label=method,
    )


def _scale_k(axes: Axes, longest: int) -> None:
    axes.set_xlim(0, max(longest, 1))
    if longest < 30:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    steps = [0, *(digit * 10**power for power in range(7) for digit in (1, 2, 5))]
    axes.xaxis.set_major_locator(FixedLocator([step for step in steps if step <= longest]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())


def _name_curves(axes: Axes, ends: dict[str, float], styles: dict[str, LineStyle]) -> None:
    """Write each curve's name, sample and final value right of its end, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    methods = sorted(ends, key=lambda method: ends[method])
    heights = (np.array([ends[method] for method in methods]) - low) / (high - low)
    for method, end, height in zip(methods, heights, _spread(heights, gap=0.052), strict=True):
        color, dash, marker = styles[method]
        place: dict[str, Any] = {"color": color, "transform": axes.transAxes, "clip_on": False}
        axes.add_artist(Line2D([1.005, 1.035], [end, height], linewidth=0.6, **place))
        axes.add_artist(
            Line2D([1.035, 1.105], [height] * 2, linestyle=dash, marker=marker, markersize=5, markevery=[], **place)
        )
        axes.add_artist(Line2D([1.07], [height], marker=marker, markersize=5, **place))
        axes.text(1.12, height, f"{one_line(method, width=28)}  {ends[method]:.3f}", va="center", **place)


def _spread(positions: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Move ascending positions as little as possible (least squares) until all are `gap` apart within [0, 1]."""
    steps = gap * np.arange(len(positions))
    room = max(1 - gap * (len(positions) - 1), 0)
    return np.clip(isotonic_regression(positions - steps).x, 0, room) + steps


def _sample_size(n: pd.Series) -> str:
    if n.empty:
        return "no documents"
    low, high = int(n.min()), int(n.max())
    return f"n = {low:,}" + (f" to {high:,}" if high > low else "") + "; bands: confidence interval"


def _draw_histogram(axes: Axes, values: NDArray[np.float64], color: str) -> None:
    defined = values[~np.isnan(values)]
    axes.set_xlim(-1, 1)
    axes.grid(axis="y")
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.xaxis.set_major_locator(FixedLocator([-1, 0, 1]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if len(defined):
        weights = np.full(len(defined), 1 / len(values))
        axes.hist(np.clip(defined, -1, 1), bins=20, range=(-1, 1), weights=weights, color=color, alpha=0.55)
        axes.axvline(float(np.median(defined)), color=color, linewidth=2)


def _describe(axes: Axes, coefficient: pd.Series, significant: pd.Series, alpha: float) -> None:
    defined = coefficient.notna()
    lines = [f"undefined for {(~defined).sum():,} of {len(defined):,}"]
    if defined.any():
        share = significant[defined].mean()
        lines.insert(0, f"median {coefficient.median():.2f}; {share:.0%} with p ≤ {alpha:g}")
    _note(axes, "\n".join(lines))


def _draw_bars(axes: Axes, labels: Sequence[str], values: NDArray[np.float64], signed: bool) -> None:
    rows = np.arange(len(values))
    colors = np.where(values < 0, AGAINST, FOR) if signed else np.full(len(values), AMOUNT)
    bars = axes.barh(rows, values, color=colors, height=0.72)
    for bar, value in zip(bars, values, strict=True):
        bar.set(hatch="////" if signed and value < 0 else None, edgecolor="white", linewidth=0)
    axes.bar_label(bars, [format_score(value, signed) for value in values], padding=3, size="small", color=MUTED)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    if signed:
        for text, side in (("← speaks against  ", "right"), ("  speaks for →", "left")):
            axes.text(0, 1, text, transform=axes.get_xaxis_transform(), ha=side, va="bottom", size="small", color=MUTED)
    axes.set_yticks(rows, labels)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.xaxis.set_ticks([])
    axes.margins(x=0.12, y=0.02)
    axes.invert_yaxis()

"""Draw removal curves with matplotlib, without global state or a display; equal numbers give equal bytes."""

from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, ScalarFormatter
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from hf_gradexplain.viz.canvas import INK, MUTED, STYLE, add_note, require_columns
from hf_gradexplain.viz.palette import METHOD_STYLES, LineStyle, method_styles
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import decimals_of, with_minus

AOPC_SIZE = (8.0, 4.6)
"""Width and height of the figure of AOPC, in inches."""

ENDS = {
    "negative_first": ("Lowest-scored units removed first: lower is better", "k, number of lowest-scored units masked"),
    "sufficiency": ("Highest-scored units kept alone: lower is better", "k, number of highest-scored units kept"),
}
"""The heading and the axis label of each panel of `ends_figure`."""


@matplotlib.style.context(STYLE)
def aopc_figure(aopc: pd.DataFrame, chance: pd.DataFrame | None = None, *, title: str = "") -> Figure:
    """Draw AOPC(k) over k in a figure of its own; see `draw_aopc`."""
    figure = Figure(figsize=AOPC_SIZE, layout="constrained")
    draw_aopc(figure.add_subplot(), aopc, chance, title=title)
    return figure


def draw_aopc(axes: Axes, aopc: pd.DataFrame, chance: pd.DataFrame | None = None, *, title: str = "") -> None:
    """Draw AOPC(k) over k, one curve per method with its confidence band, and the band of random orders.

    The names of the curves are written to the right of their ends, from the highest final value to the lowest. From 30
    units on, the axis of k is logarithmic (and linear below 1, to include k = 0): the first few units matter most, and
    the last hundred hardly change the curve.

    Args:
        axes: The axes to draw on.
        aopc: Long form, one row per method and k, with the columns method, k, aopc, ci_low, ci_high, n.
        chance: The band of AOPC for 95 % of random seeds, with the columns k, low, high. No band is drawn if it is None
            or has no rows.
        title: The title.

    Raises:
        ValueError: A column is missing.
    """
    axes.set_title(one_line(title, width=88), pad=19)
    has_band = chance is not None and len(chance) > 0
    if has_band:
        _draw_random_band(axes, chance)
    _draw_curves(axes, aopc)
    axes.set_xlabel("k, number of highest-scored units masked")
    axes.set_ylabel("AOPC(k), mean drop of the target's probability")
    add_note(axes, _sample_size(aopc["n"]) + ("; hatched: 95 % of all random orders" if has_band else ""))


@matplotlib.style.context(STYLE)
def ends_figure(curves: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw the curves of removing the lowest-scored units first, and of keeping the highest-scored units alone.

    Args:
        curves: The columns that `aopc_figure` takes, and a column curve: `negative_first` is drawn above, `sufficiency`
            below.
        title: The title of the figure.

    Raises:
        ValueError: A column is missing.
    """
    require_columns(curves, "curve", "n")
    figure = Figure(figsize=(8, 8.6), layout="constrained")
    figure.suptitle(one_line(title, width=88), x=0.02, ha="left")
    for axes, (name, (heading, label)) in zip(figure.subplots(2, 1), ENDS.items(), strict=True):
        panel = curves[curves["curve"] == name]
        axes.set_title(heading, pad=19)
        _draw_curves(axes, panel)
        axes.set_xlabel(label)
        axes.set_ylabel("drop of the target's probability, mean over 0 … k")
        add_note(axes, _sample_size(panel["n"]))
    return figure


def _draw_curves(axes: Axes, aopc: pd.DataFrame) -> None:
    """Draw the curve of every method, with its name at the right end."""
    require_columns(aopc, "method", "k", "aopc", "ci_low", "ci_high", "n")
    axes.grid(axis="y")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    curves = {str(name): curve.sort_values("k") for name, curve in aopc.groupby("method", sort=False)}
    styles = method_styles(curves)
    for i, (method, curve) in enumerate(curves.items()):
        _draw_curve(axes, method, curve, styles[method], i / max(len(curves), 1))
    _scale_k(axes, int(aopc["k"].max()) if len(aopc) else 1)
    _name_curves(axes, {method: curve["aopc"].iloc[-1] for method, curve in curves.items()}, styles)


def _draw_random_band(axes: Axes, chance: pd.DataFrame) -> None:
    """Draw the band of random orders, hatched, below all curves."""
    require_columns(chance, "k", "low", "high")
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": METHOD_STYLES["random"].color, "linewidth": 0.4}
    axes.fill_between(chance["k"], chance["low"], chance["high"], hatch="//////", label="chance", **look)


def _draw_curve(axes: Axes, method: str, curve: pd.DataFrame, style: LineStyle, shift: float) -> None:
    """Draw one curve; `shift` in [0, 1) moves its markers along it, so that equal curves can be told apart."""
    axes.fill_between(curve["k"], curve["ci_low"], curve["ci_high"], color=style.color, alpha=0.13, linewidth=0)
    axes.plot(
        curve["k"],
        curve["aopc"],
        color=style.color,
        linestyle=style.dash,
        linewidth=1.6,
        marker=style.marker,
        markersize=5,
        markevery=(0.12 * shift, 0.12),
        clip_on=False,
        label=method,
    )


def _scale_k(axes: Axes, longest: int) -> None:
    """Scale the axis of k, which is logarithmic from 30 units on."""
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
    """Write each curve's name, line style and final value to the right of its end, without overlaps."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    spec = f"z.{decimals_of(ends.values())}f"
    methods = sorted(ends, key=lambda method: ends[method])
    heights = (np.array([ends[method] for method in methods]) - low) / (high - low)
    for method, end, height in zip(methods, heights, _spread(heights, gap=0.052), strict=True):
        color, dash, marker = styles[method]
        look: dict[str, Any] = {"color": color, "transform": axes.transAxes, "clip_on": False}
        axes.add_artist(Line2D([1.005, 1.035], [end, height], linewidth=0.6, **look))
        axes.add_artist(Line2D([1.035, 1.105], [height] * 2, linestyle=dash, **look))
        axes.add_artist(Line2D([1.07], [height], marker=marker, markersize=5, **look))
        name = f"{one_line(method, width=28)}  {with_minus(format(ends[method], spec))}"
        axes.text(1.12, height, name, va="center", **{**look, "color": INK})


def _spread(positions: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Move ascending positions as little as possible (least squares) until all are `gap` apart within [0, 1]."""
    steps = gap * np.arange(len(positions))
    room = max(1 - gap * (len(positions) - 1), 0)
    return np.clip(isotonic_regression(positions - steps).x, 0, room) + steps


def _sample_size(n: pd.Series) -> str:
    """Return the note about the number of documents and the bands."""
    if n.empty:
        return "no documents"
    low, high = int(n.min()), int(n.max())
    return f"n = {low:,}" + (f" to {high:,}" if high > low else "") + "; bands: confidence interval"

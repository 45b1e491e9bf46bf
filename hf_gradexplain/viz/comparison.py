"""Comparisons of AOPC: two runs, and faithfulness by cost."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from hf_gradexplain.viz.canvas import INK, MUTED, require_columns
from hf_gradexplain.viz.palette import AGAINST, FOR, method_styles
from hf_gradexplain.viz.sanitize import one_line

_SPREAD = 1.2
"""Methods of the same cost are drawn next to each other, and their places on the axis differ by this factor."""


_RUNS = ((0.12, FOR, "o"), (-0.12, AGAINST, "D"))
"""For each of two runs: how far above the middle of a row its points are drawn, their colour and their marker."""


class Look(NamedTuple):
    """The look of a method's point: colour and shape of its marker, colour of the marker's inside, and name."""

    color: str
    marker: str
    inside: str
    name: str


def at_k(aopc: pd.DataFrame, k: int) -> pd.DataFrame:
    """Return the rows of AOPC(k), `aopc, ci_low, ci_high`, with the methods as index.

    Raises:
        ValueError: A column is missing, or no row has this `k`.
    """
    require_columns(aopc, "method", "k", "aopc", "ci_low", "ci_high")
    rows = aopc[aopc["k"] == k].set_index("method")[["aopc", "ci_low", "ci_high"]]
    if rows.empty:
        largest = aopc["k"].max() if len(aopc) else 0
        raise ValueError(f"Expected rows with k = {k}, but the largest k is {largest}; give a smaller k.")
    return rows


def runs_size(count: int) -> tuple[float, float]:
    """Return width and height of a figure with this number of methods, in inches."""
    return 6.4, 1.5 + 0.36 * max(count, 1)


def draw_two_runs(
    axes: Axes, first: pd.DataFrame, second: pd.DataFrame, *, names: tuple[str, str], k: int, title: str = ""
) -> None:
    """Draw AOPC(k) of the same methods in two runs: a row per method, with a point and its interval for each run.

    The methods are ordered by their values in the first run, the highest at the top. Methods of only one run are left
    out.

    Args:
        axes: The axes to draw on.
        first: AOPC of the first run: the columns method, k, aopc, ci_low, ci_high.
        second: AOPC of the second run.
        names: The names of the runs.
        k: The number of removed units.
        title: The title.

    Raises:
        ValueError: A column or `k` is missing, or the runs share no method.
    """
    tables = [at_k(first, k), at_k(second, k)]
    shared = tables[0].index[tables[0].index.isin(tables[1].index)]
    if not len(shared):
        raise ValueError(
            f"Expected runs that share a method, got {list(tables[0].index)} and {list(tables[1].index)}; "
            "evaluate the same methods in both."
        )
    order = tables[0].loc[shared, "aopc"].sort_values().index
    heights = np.arange(len(order))
    for row, (left, right) in enumerate(zip(*(table.loc[order, "aopc"] for table in tables), strict=True)):
        axes.plot([left, right], [row + 0.12, row - 0.12], color=MUTED, linewidth=0.8, zorder=1)
    for table, name, (shift, color, marker) in zip(tables, names, _RUNS, strict=True):
        value, low, high = table.loc[order].to_numpy(dtype=float).T
        axes.errorbar(
            value, heights + shift, xerr=[value - low, high - value], color=color, marker=marker, markersize=6,
            linestyle="none", elinewidth=1.2, label=one_line(str(name), width=40), zorder=3,
        )  # fmt: skip
    axes.set_yticks(heights, [one_line(str(method), width=28) for method in order])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.axvline(0, color=MUTED, linewidth=0.8, zorder=0)
    axes.grid(axis="x")
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_xlabel(f"AOPC({k}), with 95 % intervals")
    axes.set_title(one_line(title, width=64), pad=22)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.1, handletextpad=0.4)


def draw_by_cost(axes: Axes, points: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    """Draw the value of each method with its interval against the method's cost, on a logarithmic axis of costs.

    Args:
        axes: The axes to draw on.
        points: The columns cost, value, low and high, with the methods as index; costs are above 0.
        looks: The look of each method.
    """
    places = _places(points["cost"].to_dict())
    for method, row in points.iterrows():
        color, marker, inside, name = looks[str(method)]
        bars = [[row["value"] - row["low"]], [row["high"] - row["value"]]]
        axes.errorbar(
            places[method], row["value"], bars, color=color, marker=marker, markersize=9 if marker == "*" else 6.5,
            linestyle="none", elinewidth=1.1, markerfacecolor=inside, markeredgewidth=1.4, label=name, zorder=3,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def default_looks(methods: list[str]) -> dict[str, Look]:
    """Return the looks of methods in the colours and marks of their curves."""
    styles = method_styles(methods)
    return {m: Look(styles[m].color, styles[m].marker, styles[m].color, one_line(m, width=28)) for m in methods}


def _places(costs: Mapping[Any, float]) -> dict[Any, float]:
    """Return the place of each method on the axis of costs; methods of equal cost are next to each other."""
    places = {}
    for method, cost in costs.items():
        same = [m for m, x in costs.items() if x == cost]
        places[method] = cost * _SPREAD ** (same.index(method) - (len(same) - 1) / 2)
    return places

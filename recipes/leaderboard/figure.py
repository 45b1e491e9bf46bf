"""The figure: faithfulness against cost, for light and for dark pages."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib.style
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hf_gradexplain.viz.canvas import STYLE
from hf_gradexplain.viz.comparison import Look, draw_by_cost
from recipes.leaderboard.candidates import WITH_COPIES
from recipes.leaderboard.measured import Measured, Part


class Theme(NamedTuple):
    """Colours of a page."""

    paper: str
    ink: str
    muted: str
    grid: str
    colors: dict[str, str]


LIGHT = Theme(
    paper="#ffffff",
    ink="#262626",
    muted="#6b6b6b",
    grid="#e6e6e6",
    colors={
        "blue": "#0072b2",
        "red": "#d55e00",
        "green": "#007a57",
        "purple": "#7b4ea3",
        "yellow": "#a87a00",
        "gray": "#757575",
    },
)
DARK = Theme(
    paper="#0d1117",
    ink="#e6edf3",
    muted="#9198a1",
    grid="#30363d",
    colors={
        "blue": "#58b4f0",
        "red": "#ff8a3d",
        "green": "#35c79a",
        "purple": "#bb96e8",
        "yellow": "#e0b23c",
        "gray": "#9198a1",
    },
)
THEMES = {"light": LIGHT, "dark": DARK}

LOOKS: dict[str, tuple[str, str, bool]] = {
    "loo": ("ink", "*", True),
    "signed_gi": ("blue", "o", True),
    "gi_detached": ("yellow", "^", True),
    "attn_lrp": ("red", "s", True),
    "cp_lrp": ("green", "D", True),
    "ig_attn": ("red", "s", False),
    "ig_cp": ("green", "D", False),
    "integrated_gradients": ("purple", "P", True),
    "smoothgrad": ("gray", "v", True),
    "sa_l2": ("gray", "x", True),
    "occlusion": ("gray", "o", False),
    "shapley": ("blue", "P", False),
    "kernel_shap": ("purple", "^", False),
    "partition_shapley": ("green", "v", False),
    "lime": ("yellow", "D", False),
    "gradient_shap": ("red", "X", False),
}
"""The looks of the methods in the figure: the colour, the marker, and whether the marker is filled.

Names that differ only in their number look the same: `shapley` stands for `shapley_200` and `shapley_1000`. Methods
that rank words nearly like one of these methods (`gi_prob`, the other norms) are only in the tables."""

NAMES = {
    "ig_attn": "ig_attn, 3 and 5 steps",
    "ig_cp": "ig_cp, 3 and 5 steps",
    "integrated_gradients": "integrated_gradients, 20 steps",
    "loo": "loo (leave-one-out)",
}
"""Names in the legend that differ from the names in `LOOKS`."""

COLUMNS = 2


def leaderboard_figure(entries: Sequence[Measured], theme: Theme) -> Figure:
    """Draw the faithfulness of each method against its number of passes, a panel per entry.

    Faithfulness is AOPC(10) on the scale where random is 0 and leave-one-out is 1, with 95 % intervals. For methods
    that run many masked copies, it is measured on fewer texts, on the scale of random and leave-one-out on these texts.
    """
    with matplotlib.style.context(STYLE):
        rows = -(-len(entries) // COLUMNS)
        figure = Figure(figsize=(7, 1.3 + 2.5 * rows), layout="constrained", facecolor=theme.paper)
        panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, entry in zip(panels, entries, strict=False):
            _panel(axes, entry, theme)
        for axes in panels[len(entries) :]:
            axes.set_visible(False)
        for axes in panels[max(len(entries) - COLUMNS, 0) : len(entries)]:
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("passes over the model per text", color=theme.ink, size=10.5)
        for axes in panels[::COLUMNS]:
            axes.set_ylabel("relative AOPC(10)", color=theme.ink, size=10.5)
        _legend(figure, list(panels[: len(entries)]), theme)
    return figure


def _panel(axes: Axes, entry: Measured, theme: Theme) -> None:
    axes.set_facecolor(theme.paper)
    axes.set_title(entry.entry.title, color=theme.ink, size=12)
    axes.grid(axis="y", color=theme.grid)
    for level, style in ((0, (0, (1, 2))), (1, "solid")):
        axes.axhline(level, color=theme.ink, linewidth=0.9, linestyle=style, zorder=1)
    points = pd.concat([_points(entry, "verdict"), *([_points(entry.masking, "all")] if entry.masking else [])])
    points = points[~points.index.duplicated()].sort_values("order")
    draw_by_cost(axes, points, {m: _look(m, theme) for m in points.index})
    axes.set_xlim(0.55, 3000)
    axes.set_xticks([1, 5, 20, 100, 500, 2000])
    axes.tick_params(colors=theme.muted, labelsize=10.5)
    for spine in axes.spines.values():
        spine.set_color(theme.muted)


def _points(entry: Measured, part: Part) -> pd.DataFrame:
    """Return the cost and the relative AOPC of each method that has a look.

    The cost of a method with a fixed number of masked copies is this number, even if fewer copies ran on some texts. So
    methods with the same number are drawn next to each other.
    """
    shown = [m for m in entry.methods if _family(m) in LOOKS]
    estimates = [entry.relative(m, part).estimate[:3] for m in shown]
    points = pd.DataFrame(estimates, index=shown, columns=["value", "low", "high"])
    order = [list(LOOKS).index(_family(m)) for m in shown]
    cost = [WITH_COPIES[m].source.max_evals if m in WITH_COPIES else entry.passes(m) for m in shown]  # type: ignore[attr-defined]
    return points.assign(cost=cost, order=order)


def _family(method: str) -> str:
    """Return the name of a method in `LOOKS`.

    >>> _family("shapley_200"), _family("sa_l2")
    ('shapley', 'sa_l2')
    """
    return re.sub(r"_\d+$", "", method)


def _look(method: str, theme: Theme) -> Look:
    """Return how a method looks on a page of this theme."""
    color, marker, filled = LOOKS[_family(method)]
    paint = theme.ink if color == "ink" else theme.colors[color]
    return Look(paint, marker, paint if filled else theme.paper, NAMES.get(_family(method), _family(method)))


def _legend(figure: Figure, panels: Sequence[Axes], theme: Theme) -> None:
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        list(handles.values()), list(handles), loc="outside upper center", ncols=2, frameon=False,
        labelcolor=theme.ink, fontsize=10.5,
    )  # fmt: skip

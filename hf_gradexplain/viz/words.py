"""The figure of the words of a model."""

import math
from collections.abc import Sequence

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hf_gradexplain.viz.canvas import INK, MUTED, STYLE, require_columns
from hf_gradexplain.viz.palette import AGAINST, FOR
from hf_gradexplain.viz.sanitize import one_line

GROUPS = 12
"""The largest number of groups that are drawn."""

WIDTH = 8.8
"""The width of the figure in inches, also for a single group, so that pages do not enlarge the figure."""


@matplotlib.style.context(STYLE)
def words_figure(words: pd.DataFrame, *, title: str = "", x: str = "mean share of the score") -> Figure:
    """Draw the words of each group as bars with their intervals, one chart per group, two side by side.

    Args:
        words: One row per group and word, in the order in which they are drawn, with the columns group, word, share,
            share_ci_low, share_ci_high, others and n. Groups after the twelfth are left out.
        title: The title.
        x: The label of the axis of shares.

    Raises:
        ValueError: A column is missing, or there is no row.
    """
    require_columns(words, "group", "word", "share", "share_ci_low", "share_ci_high", "others", "n")
    groups = list(dict.fromkeys(words["group"]))[:GROUPS]
    if not groups:
        raise ValueError("Expected words, got a table without rows; draw words that were found.")
    columns = min(len(groups), 2)
    parts = [words[words["group"] == group] for group in groups]
    rows = math.ceil(len(groups) / columns)
    height = 0.8 + rows * (0.7 + 0.21 * max(map(len, parts)))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, squeeze=False).flat
    for ax, group, part in zip(axes, groups, parts, strict=False):
        draw_words(ax, part, title=str(group))
    for ax in axes[len(groups) :]:
        ax.remove()
    figure.suptitle(one_line(title, width=90), x=0.01, ha="left", size=10)
    figure.supxlabel(f"{x}; ticks: mean of all words of the same texts", size="small", color=MUTED)
    return figure


def draw_words(axes: Axes, words: pd.DataFrame, *, title: str = "") -> None:
    """Draw words as horizontal bars with intervals, and the mean share of all words of the same texts as ticks."""
    places = np.arange(len(words))
    share = words["share"].to_numpy()
    ends = np.abs(words[["share_ci_low", "share_ci_high"]].to_numpy().T - share)
    axes.barh(places, share, color=np.where(share < 0, AGAINST, FOR), height=0.7)
    axes.errorbar(share, places, xerr=ends, fmt="none", ecolor=INK, elinewidth=0.9, capsize=2)
    axes.plot(words["others"], places, "|", color="white", markersize=8, markeredgewidth=2.2)
    axes.plot(words["others"], places, "|", color=INK, markersize=8, markeredgewidth=0.9)
    axes.set_yticks(places, _labels(words["word"].tolist(), words["n"].tolist()))
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_title(one_line(title, width=44))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.margins(y=0.02)
    axes.invert_yaxis()


def _labels(words: Sequence[str], counts: Sequence[int]) -> list[str]:
    return [f"{one_line(word, width=22)} ({n:,})" for word, n in zip(words, counts, strict=True)]

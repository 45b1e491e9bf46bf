"""Heatmaps of gradient times input (units by embedding dimensions) and of interactions (units by units)."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from hf_gradexplain.viz.canvas import INK
from hf_gradexplain.viz.palette import AGAINST, FOR
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import format_score

SIDES = LinearSegmentedColormap.from_list("sides", [AGAINST, "#ffffff", FOR])
"""The colours of values: vermilion against the target, blue for the target, white for 0."""


def heatmap_size(count: int) -> tuple[float, float]:
    """Return width and height of a figure with this number of units, in inches."""
    return 6.4, 1.3 + 0.24 * max(count, 1)


def draw_heatmap(axes: Axes, values: pd.DataFrame, *, title: str = "", max_units: int) -> None:
    """Draw one row per unit and one column per embedding dimension, with each row's sum beside its unit.

    Full colour stands for the 99.5th percentile of `|value|`, so that a single large value does not make all others
    pale. If the text has more than `max_units` units, only those with the largest `|sum|` are drawn, in the order of
    the text.

    Args:
        axes: The axes to draw on.
        values: `(U, D)` with the units' texts as its index.
        title: The title.
        max_units: The largest number of rows.
    """
    sums = values.to_numpy(dtype=float).sum(axis=1)
    shown = np.sort(np.argsort(-np.abs(sums), kind="stable")[:max_units])
    numbers = values.to_numpy(dtype=float)[shown]
    axes.set_title(one_line(title, width=64))
    labels = [f"{one_line(str(values.index[u]), width=20)}  {format_score(sums[u], signed=True)}" for u in shown]
    axes.set_yticks(range(len(shown)), labels)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    left_out = "" if len(shown) == len(values) else f"; the {len(shown)} strongest of {len(values):,} units"
    axes.set_xlabel(f"embedding dimension; beside each unit: its sum{left_out}")
    if numbers.size:
        top = float(np.percentile(np.abs(numbers), 99.5)) or float(np.abs(numbers).max()) or 1.0
        image = axes.imshow(numbers, cmap=SIDES, vmin=-top, vmax=top, aspect="auto", interpolation="nearest")
        figure: Any = axes.get_figure()
        figure.colorbar(image, ax=axes, label="gradient × input", extend="both", fraction=0.04, pad=0.02)


def interactions_size(rows: int, columns: int) -> tuple[float, float]:
    """Return width and height of a figure with this number of words, in inches."""
    return 2.6 + 0.3 * max(columns, 1), 1.8 + 0.3 * max(rows, 1)


def draw_interactions(axes: Axes, values: pd.DataFrame, *, title: str = "") -> None:
    """Draw one row per word of a query and one column per word of a document.

    Args:
        axes: The axes to draw on.
        values: `(q, d)` with the words of the query as its index, and those of the document as its columns.
        title: The title.
    """
    numbers = values.to_numpy(dtype=float)
    axes.set_title(one_line(title, width=64))
    axes.set_yticks(range(numbers.shape[0]), [one_line(str(word), width=20) for word in values.index])
    axes.set_xticks(range(numbers.shape[1]), [one_line(str(word), width=20) for word in values.columns], rotation=90)
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    if numbers.size:
        top = float(np.abs(numbers).max()) or 1.0
        image = axes.imshow(numbers, cmap=SIDES, vmin=-top, vmax=top, aspect="auto", interpolation="nearest")
        figure: Any = axes.get_figure()
        figure.colorbar(image, ax=axes, label="logits", fraction=0.04, pad=0.02)

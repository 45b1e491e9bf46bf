"""Draw the figures of the paper from our results."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, ScalarFormatter

from hf_gradexplain.attribution.descriptions import PAPER_METHODS
from hf_gradexplain.viz.canvas import INK, MUTED, STYLE
from hf_gradexplain.viz.heatmap import SIDES
from hf_gradexplain.viz.palette import AGAINST, FOR, METHOD_STYLES
from hf_gradexplain.viz.sanitize import one_line
from recipes.paper.constants import DATASETS, METHODS, MODELS, Setting
from recipes.paper.decay import DISTANCE_EDGES, SCORES, SMALLEST_SIZE
from recipes.paper.results import Result

BINS = np.linspace(-1, 1, 41).tolist()
POOLING_STYLES = {"last": (AGAINST, "o"), "mean": ("#009e73", "s"), "max": (FOR, "D")}


@matplotlib.style.context(STYLE)
def curves_figure(results: Mapping[Setting, Sequence[Result]]) -> Figure:
    """Draw figure 1: AOPC over the number of removed words, a row per dataset and a column per model.

    Lines are means over trainings; bands go from the lowest end of the trainings' intervals to the highest end.
    """
    figure, grid = _grid(height=6.6, sharey="row")
    for setting, axes in grid.items():
        for method in PAPER_METHODS:
            tables = [x.aopc[x.aopc["method"] == method].set_index("k") for x in results[setting]]
            joined = pd.concat(tables, axis=1, keys=range(len(tables)), join="inner")
            by_name = joined.swaplevel(axis=1)
            _line(
                axes,
                method,
                by_name["aopc"].mean(axis=1),
                by_name["ci_low"].min(axis=1),
                by_name["ci_high"].max(axis=1),
            )
        axes.axhline(0, color=MUTED, linewidth=0.8)
        _scale_k(axes, int(joined.index.max()))
        axes.set_title(setting.title)
    _name_bottom(figure, "K, number of highest-scored words removed")
    figure.supylabel("AOPC(K)", size="medium")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


@matplotlib.style.context(STYLE)
def correlations_figure(correlations: Mapping[Setting, Mapping[str, np.ndarray]]) -> Figure:
    """Draw figure 2: the correlation with leave-one-out over texts, for SignedGI and SA (L1).

    Args:
        correlations: By setting and method, the r of all texts that have one.
    """
    figure, grid = _grid(height=5.6)
    for setting, axes in grid.items():
        for method in ("signed_gi", "sa_l1"):
            r, color = correlations[setting][method], METHOD_STYLES[method].color
            weights = np.full(len(r), 1 / max(len(r), 1))
            axes.hist(r, BINS, weights=weights, color=color, alpha=0.55, label=METHODS[method])
            if len(r):
                axes.axvline(float(np.median(r)), color=color, linewidth=1.4, linestyle=METHOD_STYLES[method].dash)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_xlim(-1, 1)
        axes.set_title(setting.title)
    _name_bottom(figure, "r with leave-one-out; lines: medians")
    figure.supylabel("Share of the texts that have an r", size="medium")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


@matplotlib.style.context(STYLE)
def frequency_figure(word_gradients: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw figure 3a: the gradient of a word by its frequency in the text, a panel per model.

    Args:
        word_gradients: By model, columns `times` and `relative` (the gradient divided by the gradient of a word that
            occurs once).
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = figure.subplots(1, len(word_gradients), sharey=True)
    for axes, (model, words) in zip(panels, word_gradients.items(), strict=True):
        times = sorted(words["times"].unique())
        groups = [words.loc[words["times"] == t, "relative"].to_numpy() for t in times]
        axes.plot([0.5, max(times) + 0.5], [0.5, max(times) + 0.5], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
        style: dict[str, Any] = {"color": FOR, "linewidth": 1.2}
        axes.boxplot(
            groups, positions=times, widths=0.5, showfliers=False, whis=(5, 95),
            boxprops=style, whiskerprops=style, capprops=style, medianprops={"color": AGAINST, "linewidth": 1.8},
        )  # fmt: skip
        axes.set_title(MODELS[model])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xticks(times, [str(t) for t in times])
        axes.grid(axis="y")
    figure.supxlabel("Occurrences of the word in its text", size="medium")
    figure.supylabel("Gradient (L1), once = 1", size="medium")
    return figure


@matplotlib.style.context(STYLE)
def review_figure(reviews: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw figure 3b: the example review, a row per model and method, blue for and vermilion against the class."""
    rows = [(f"{MODELS[m]}, {METHODS[k]}", reviews[m]["scores"][k]) for k in ("loo", "signed_gi") for m in MODELS]
    words = [one_line(word, width=12) for word in reviews["fasttext"]["words"]]
    values = np.array([np.asarray(scores) / max(np.abs(scores).max(), 1e-30) for _, scores in rows])
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(values, cmap=SIDES, vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(words)), words, rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    for label in axes.get_xticklabels():
        label.set_fontweight("bold" if label.get_text() in ("great", "bad") else "normal")
    for row, column in np.ndindex(*values.shape):
        shade = "white" if abs(values[row, column]) > 0.65 else INK
        axes.text(column, row, f"{values[row, column]:+z.1f}", ha="center", va="center", size=7, color=shade)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, label="score over the row's largest", ticks=[-1, 0, 1], fraction=0.025)
    return figure


@matplotlib.style.context(STYLE)
def decay_figure(to_end: Mapping[str, pd.DataFrame], to_nearer: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the size of scores by distance from the end of the text and from the nearer end, a line per pooling.

    Args:
        to_end: `recipes.paper.decay.by_distance` by pooling, from the end of the text.
        to_nearer: `recipes.paper.decay.by_distance` by pooling, from the nearer end.
    """
    figure = Figure(figsize=(9.6, 6.4), layout="constrained")
    heads = {"gradient": "Gradient (L2)", "loo": "Leave-one-out", "signed_gi": "SignedGI"}
    rows = {"to the end of the text": to_end, "to the nearer end": to_nearer}
    panels = figure.subplots(len(rows), len(heads), sharey=True)
    for row, (title, tables) in zip(panels, rows.items(), strict=True):
        for axes, (name, head) in zip(row, heads.items(), strict=True):
            for pooling, table in tables.items():
                _decay_line(axes, table, name, pooling)
            axes.axhline(1, color=MUTED, linewidth=0.8)
            axes.set_yscale("log")
            axes.set_ylim(*_decay_limits([*to_end.values(), *to_nearer.values()]))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:g}"))
            axes.set_xticks(
                range(len(DISTANCE_EDGES) - 1), [f"{a}–{b - 1}" for a, b in pairwise(DISTANCE_EDGES)], rotation=30
            )
            axes.set_xlabel(f"words {title}")
            axes.set_title(head)
            axes.grid(axis="y")
    figure.supylabel("Size of a word's score, mean of its text = 1", size="medium")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _decay_limits(tables: Sequence[pd.DataFrame]) -> tuple[float, float]:
    """Return limits that include all sizes down to `SMALLEST_SIZE`, and at least 0.1 to 2."""
    sizes = np.concatenate([[0.15, 1.3], *(table[name].to_numpy(dtype=float) for table in tables for name in SCORES)])
    sizes = sizes[sizes > 0]
    return max(SMALLEST_SIZE, sizes.min() / 1.5), 1.5 * sizes.max()


def _decay_line(axes: Axes, table: pd.DataFrame, name: str, pooling: str) -> None:
    color, marker = POOLING_STYLES[pooling]
    x = np.searchsorted(DISTANCE_EDGES, table["from"])
    axes.fill_between(x, table[f"{name}_ci_low"], table[f"{name}_ci_high"], color=color, alpha=0.15, linewidth=0)
    axes.plot(x, table[name], color=color, marker=marker, markersize=5, label=f"pooling {pooling}")


def _grid(height: float, sharey: Any = True) -> tuple[Figure, dict[Setting, Axes]]:
    figure = Figure(figsize=(10.5, height), layout="constrained")
    panels = figure.subplots(len(DATASETS), len(MODELS), sharey=sharey)
    settings = [Setting(model, dataset) for dataset in DATASETS for model in MODELS]
    for axes in panels.flat:
        axes.grid(axis="y")
    return figure, dict(zip(settings, panels.flat, strict=True))


def _name_bottom(figure: Figure, text: str) -> None:
    for axes in figure.axes[-len(MODELS) :]:
        axes.set_xlabel(text)


def _line(axes: Axes, method: str, mean: pd.Series, low: pd.Series, high: pd.Series) -> None:
    style = METHOD_STYLES[method]
    axes.fill_between(mean.index, low, high, color=style.color, alpha=0.13, linewidth=0)
    offset = PAPER_METHODS.index(method) / len(PAPER_METHODS)
    axes.plot(
        mean.index, mean, color=style.color, linestyle=style.dash, linewidth=1.5, marker=style.marker, markersize=4,
        markevery=(0.14 * offset, 0.14), label=METHODS[method],
    )  # fmt: skip


def _scale_k(axes: Axes, longest: int) -> None:
    axes.set_xlim(0, max(longest, 1))
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    axes.xaxis.set_major_locator(FixedLocator([k for k in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500) if k <= longest]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())

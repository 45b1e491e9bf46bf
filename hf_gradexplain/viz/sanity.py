"""The figure of how explanations change as the layers of a model are randomised."""

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hf_gradexplain.viz.canvas import MUTED, STYLE, add_note, require_columns
from hf_gradexplain.viz.palette import LineStyle, method_styles
from hf_gradexplain.viz.sanitize import one_line

_NAMES = 28
"""The number of characters of a layer's name that are shown."""


@matplotlib.style.context(STYLE)
def randomisation_figure(randomisation: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw the median correlation of each method's scores with those of the trained model, layer by layer.

    The first point of a curve is the trained model itself. At the right end, a mark shows the correlation between two
    random models.

    Args:
        randomisation: Long form, with the columns method, order, step, layer, against, values, median, ci_low, ci_high
            and n. Only rows of the cascading order and of the scores themselves (not of their absolute values) are
            drawn.
        title: The title.

    Raises:
        ValueError: A column is missing.
    """
    columns = ("method", "order", "step", "layer", "against", "values", "median", "ci_low", "ci_high", "n")
    require_columns(randomisation, *columns)
    rows = randomisation[(randomisation["order"] == "cascading") & (randomisation["values"] == "scores")]
    trained = rows[rows["against"] == "the model"]
    random = rows[rows["against"] != "the model"].set_index("method")["median"]
    layers = trained.drop_duplicates("step").sort_values("step")["layer"]
    figure = Figure(figsize=(max(6.4, 3.4 + 0.55 * len(layers)), 4.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(one_line(title, width=76), pad=19)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.grid(axis="y")
    styles = method_styles(map(str, trained["method"].unique()))
    for method, style in styles.items():
        _draw_method(axes, method, trained[trained["method"] == method], style, random.get(method, np.nan))
    names = [one_line(str(name), width=_NAMES) for name in layers]
    axes.set_xticks(range(len(names) + 2), ["none", *names, "two random\nmodels"], rotation=35, ha="right")
    axes.set_ylim(min(-0.25, float(trained["ci_low"].min()) - 0.05), 1.05)
    axes.set_ylabel("Spearman's correlation with the model's scores")
    axes.set_xlabel("layers with random parameters, from the output to the embeddings")
    add_note(axes, f"median over {int(trained['n'].max()):,} texts, with its 95 % interval")
    figure.legend(loc="outside right center", frameon=False)
    return figure


def _draw_method(axes: Axes, method: str, curve: pd.DataFrame, style: LineStyle, two_random: float) -> None:
    """Draw the curve of a method, its band, and the mark of two random models."""
    curve = curve.sort_values("step")
    steps = [0, *curve["step"]]
    line = {"color": style.color, "linestyle": style.dash, "linewidth": 1.6, "marker": style.marker, "markersize": 4}
    axes.plot(steps, [1.0, *curve["median"]], label=one_line(method, width=_NAMES), **line)
    axes.fill_between(curve["step"], curve["ci_low"], curve["ci_high"], color=style.color, alpha=0.13, linewidth=0)
    axes.plot([len(steps)], [two_random], color=style.color, marker=style.marker, markersize=5)

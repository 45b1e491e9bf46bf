"""Draw the pictures of docs/what-the-numbers-mean.md, for light and for dark pages, with a small transformer."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hf_gradexplain import Explainer
from hf_gradexplain.corpus.synthetic import make_corpus
from hf_gradexplain.evaluation import Measures
from hf_gradexplain.evaluation.documents import EvaluatedDocument
from hf_gradexplain.evaluation.evaluate import evaluate_batch
from hf_gradexplain.files import atomic_write_bytes
from hf_gradexplain.options import Options
from hf_gradexplain.training.small_transformer import small_transformer
from hf_gradexplain.viz.canvas import STYLE, figure_bytes
from recipes.leaderboard.figure import THEMES, Theme

TEXT = "Plain kites battered the lanterns. Nobody at the square expected the visitors, nor the spotless gales."
"""A text of the test split of the generated corpus, of the class `weather`."""
METHOD, REFERENCE = "attn_lrp", "loo"
RANDOM_ORDERS = 50
SHOWN = 8
"""Number of words up to which curves are drawn."""
LABELLED = 6
"""Number of words that are labelled in the plot of the correlation."""

Corner = Literal["center right", "lower right"]
Draw = Callable[[Axes, EvaluatedDocument, Theme], None]


def write_figures(folder: Path) -> list[Path]:
    """Draw all pictures into `figures/` of a folder and return their files: `removal-light.png`, ..."""
    document = evaluated(Explainer(*small_transformer(make_corpus().train)), TEXT)
    paths = []
    for name, draw in PICTURES.items():
        for theme_name, theme in THEMES.items():
            paths.append(folder / "figures" / f"{name}-{theme_name}.png")
            atomic_write_bytes(paths[-1], figure_bytes(picture(draw, document, theme), "png"))
    return paths


def evaluated(explainer: Explainer, text: str) -> EvaluatedDocument:
    """Explain a text and compute its removal curves, in both directions and in random orders."""
    measures = Measures(random_orders=RANDOM_ORDERS, both_ends=True)
    scored = next(explainer.run([text], Options((METHOD, REFERENCE), "word_type")))
    return evaluate_batch(scored, [0], [None], measures)[0]


def picture(draw: Draw, document: EvaluatedDocument, theme: Theme) -> Figure:
    """Return a figure in the colours of a page."""
    names = ("text.color", "axes.titlecolor", "axes.labelcolor", "xtick.color", "ytick.color", "legend.labelcolor")
    with matplotlib.style.context([*STYLE, dict.fromkeys(names, theme.ink)]):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained", facecolor=theme.paper)
        axes = figure.add_subplot(facecolor=theme.paper)
        axes.grid(axis="y", color=theme.grid)
        for spine in axes.spines.values():
            spine.set_color(theme.muted)
        draw(axes, document, theme)
    return figure


def draw_removal(axes: Axes, document: EvaluatedDocument, theme: Theme) -> None:
    """Draw the probability while words are removed; the area above the curve of the method is the AOPC."""
    curve, by_chance = document.curves[METHOD], document.random_orders["mean"]
    ks = _draw_curves(axes, curve, by_chance, theme, first="nothing", legend="center right")
    _label_words(axes, document, "without: {}", "+ {}")
    axes.fill_between(ks, curve[ks], curve[0], color=theme.colors["red"], alpha=0.18, linewidth=0)
    axes.annotate("AOPC: this area,\ndivided by its width", (2.4, 0.4))
    axes.set_title("Highest words removed first: an early fall is good")


def draw_kept(axes: Axes, document: EvaluatedDocument, theme: Theme) -> None:
    """Draw the probability while only the highest words are kept; the area above the curve is the sufficiency."""
    curve, by_chance = document.negative_first[METHOD][::-1], document.random_orders["mean"][::-1]
    ks = _draw_curves(axes, curve, by_chance, theme, first="no word", legend="lower right")
    _label_words(axes, document, "only: {}", "+ {}")
    axes.axhline(curve[-1], color=theme.muted, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.fill_between(ks, curve[ks], curve[-1], color=theme.colors["red"], alpha=0.18, linewidth=0)
    axes.set_title("Only the highest words kept: an early rise is good")


def draw_correlation(axes: Axes, document: EvaluatedDocument, theme: Theme) -> None:
    """Draw each word as a point at its two scores."""
    scores = document.explanation.scores
    reference, values = scores[REFERENCE], scores[METHOD]
    axes.axhline(0, color=theme.muted, linewidth=0.7)
    axes.axvline(0, color=theme.muted, linewidth=0.7)
    axes.plot(reference, values, "o", color=theme.colors["red"], markersize=6)
    for unit in np.argsort(-np.abs(reference))[:LABELLED]:
        axes.annotate(
            document.explanation.units[unit].text, (reference[unit], values[unit]), (6, -3),
            textcoords="offset points",
        )  # fmt: skip
    axes.margins(x=0.15, y=0.1)
    axes.set_xlabel("score by leave-one-out")
    axes.set_ylabel(f"score by {METHOD}")
    correlation = document.correlations[METHOD]
    axes.set_title(f"One point per word: Pearson's r = {correlation['pearson']:.2f}")


PICTURES: dict[str, Draw] = {"removal": draw_removal, "kept": draw_kept, "correlation": draw_correlation}


def _draw_curves(
    axes: Axes, curve: NDArray[np.float64], by_chance: NDArray[np.float64], theme: Theme, *, first: str, legend: Corner
) -> NDArray[np.int64]:
    """Draw the curves of the method and of random orders, and return their `k`."""
    ks = np.arange(min(SHOWN + 1, len(curve)))
    axes.plot(ks, by_chance[ks], color=theme.muted, linestyle=(0, (4, 2)), marker="x", label="random order")
    axes.plot(ks, curve[ks], color=theme.colors["red"], marker="s", markersize=5, label=METHOD)
    axes.set_ylim(-0.03, 1.05)
    axes.set_ylabel("probability of the class")
    axes.set_xticks(ks, [first, *[""] * (len(ks) - 1)])
    axes.legend(frameon=False, loc=legend)
    return ks


def _label_words(axes: Axes, document: EvaluatedDocument, first: str, further: str) -> None:
    """Name the words below the axis, in the order of their scores."""
    explanation = document.explanation
    order = np.argsort(-explanation.scores[METHOD], kind="stable")
    words = [explanation.units[unit].text for unit in order]
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    labels[1:] = [first.format(words[0]), *(further.format(word) for word in words[1 : len(labels) - 1])]
    axes.set_xticks(axes.get_xticks(), labels, rotation=45, ha="right", rotation_mode="anchor")

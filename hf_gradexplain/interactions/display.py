"""Display interactions as the coloured text with arcs below it, and as a table."""

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Group
from rich.text import Text as Line

from hf_gradexplain.explanation import Explanation
from hf_gradexplain.interactions.indices import IndexName
from hf_gradexplain.options import UNIT_NOUNS
from hf_gradexplain.viz.arcs import Diagram
from hf_gradexplain.viz.arcs_figure import arcs_figure, arcs_height, draw_arcs
from hf_gradexplain.viz.arcs_html import to_html
from hf_gradexplain.viz.canvas import WIDTH, figure_bytes, new_figure
from hf_gradexplain.viz.notebook import show
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import text_table
from hf_gradexplain.viz.terminal import summary_table

SHOWN = 6
"""The largest number of pairs that are shown."""

_NAMES: dict[IndexName, str] = {
    "second_difference": "second differences",
    "shapley_taylor": "Shapley-Taylor indices",
    "shapley_interaction": "Shapley interaction indices",
}

_ARCS, _VALUES = ("solid arcs", "dashed arcs"), ("positive values", "negative values")
"""What positive and negative values are called in a picture and in a table."""

_FAINT = 0.05
"""Pairs whose value is below this share of the largest value are not drawn."""

_ADDITIVE = 1e-4
"""If no value reaches this share of the largest effect of one word, effects count as adding up."""

_ROUNDING = 1e-6
"""If no value is larger than this, or for regression than this share of the output, effects count as adding up."""


class DisplayedInteractions:
    """The methods of `Interactions` that display it; `Interactions` describes the attributes."""

    explanation: Explanation
    index: IndexName
    pairs: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    draws: int
    rises: np.ndarray
    copies: int

    @property
    def order(self) -> np.ndarray:
        """The positions of the pairs in `pairs` by descending `|value|`; equal values in the order of the text."""
        order: np.ndarray = np.argsort(-np.abs(self.values), kind="stable")
        return order

    @property
    def is_additive(self) -> bool:
        """Whether all values are 0 up to rounding, that is, the effects of the words simply add up."""
        largest = float(np.abs(self.values).max(initial=0.0))
        single = float(np.nanmax(np.abs(self.rises), initial=0.0))
        output = abs(float(self.explanation.probabilities[self.explanation.target]))
        rounding = _ROUNDING * (output if self.explanation.regression else 1)
        return largest <= max(_ADDITIVE * single, rounding)

    def show(self) -> None:
        """Display the coloured text, arcs below it and a table, as HTML in a notebook and as text in a terminal."""
        show(self.to_html(), self.to_rich())

    def to_html(self) -> Markup:
        """Return the coloured text, arcs below it and a table as escaped HTML without scripts."""
        table = text_table(*self._table())
        arcs = to_html(self._diagram(), title=self._title, sentences=self._sentences(_ARCS), table=table)
        return Markup("\n").join([self.explanation.to_html(self.explanation.method), arcs])

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_rich(self) -> Group:
        """Return the coloured text and a table of pairs for a terminal."""
        frame, formats = self._table()
        lines = [Line(one_line(self._title), style="bold"), *map(Line, map(one_line, self._sentences(_VALUES)))]
        table = [summary_table(frame, formats=formats)] if len(frame) else []
        return Group(self.explanation.to_rich(self.explanation.method), "", *lines, *table)

    def to_svg(self, *, width: float = WIDTH) -> str:
        """Draw the coloured text and arcs below it as an SVG picture.

        Args:
            width: The width in inches. The text wraps, and the words above the arcs are made smaller if they do not
                fit.
        """
        return figure_bytes(self._figure(width), "svg").decode()

    def to_png(self, *, width: float = WIDTH) -> bytes:
        """Draw the coloured text and arcs below it as a PNG picture, with 200 dots per inch; see `to_svg`."""
        return figure_bytes(self._figure(width), "png")

    def draw_arcs(self, ax: Axes | None = None, *, width: float = WIDTH) -> Axes:
        """Draw the arcs alone on matplotlib axes; see `hf_gradexplain.plots.arcs`."""
        diagram, sentences = self._diagram(), self._sentences(_ARCS)
        if ax is None:
            ax = new_figure((width, arcs_height(diagram, sentences, width))).add_axes((0, 0, 1, 1))
        draw_arcs(ax, diagram, sentences=sentences)
        return ax

    def _figure(self, width: float) -> Figure:
        rows, heading = self.explanation.rows_and_heading(self.explanation.method)
        return arcs_figure(rows, heading, self._diagram(), sentences=self._sentences(_ARCS), width=width)

    def _diagram(self) -> Diagram:
        """Return the strongest pairs as arcs; none if the effects of the words add up."""
        least = np.inf if self.is_additive else _FAINT * np.abs(self.values).max(initial=0.0)
        shown = [pair for pair in self.order[:SHOWN] if abs(self.values[pair]) >= least]
        pairs = [(int(i), int(j)) for i, j in self.pairs[shown]]
        return Diagram.of([unit.text for unit in self.explanation.units], pairs, self.values[shown].tolist())

    @property
    def _title(self) -> str:
        noun = UNIT_NOUNS.get(self.explanation.unit, "unit")
        pairs = f"{len(self.pairs):,} pair{'s' * (len(self.pairs) != 1)}"
        return f"{_NAMES[self.index]} of {pairs} of {noun}s, for {self.explanation.question}"

    def _sentences(self, sides: tuple[str, str]) -> list[str]:
        """Return what the values mean.

        Args:
            sides: What positive and negative values are called.
        """
        if not len(self.pairs):
            return ["the text has fewer than two units: there are no pairs"]
        if self.is_additive:
            return ["no pair interacts: the effects of removing its two units add up"]
        target, (more, less) = self.explanation.question, sides
        averaged = "" if self.index == "second_difference" else ", on average over what else is removed"
        sampled = f"; from {self.draws:,} random orders, with standard errors" if self.draws else ""
        shown, pairs = min(SHOWN, len(self.pairs)), len(self.pairs)
        return [
            f"{more}: if one of the two is removed, the other supports {target} by this much more; {less}: by this much"
            f" less{averaged}",
            f"where both support {target}, {more} mark words that can replace each other, and {less} words that count "
            "only together",
            f"{'the only pair' if pairs == 1 else f'the {shown} strongest of {pairs:,} pairs'}{sampled}",
        ]

    def _table(self) -> tuple[pd.DataFrame, dict[str, str]]:
        """Return the strongest pairs as they are shown, and the formats of the numbers."""
        pairs, values = self.pairs[self.order[:SHOWN]], self.values[self.order[:SHOWN]]
        words = [[unit.text for unit in self.explanation.units][u] for u in pairs.ravel()]
        first, second = self.rises[pairs].T if len(pairs) else np.zeros((2, 0))
        numbers = {"interaction": values}
        if self.draws:
            numbers["error"] = self.errors[self.order[:SHOWN]]
        numbers |= {"without first": first, "without second": second}
        if self.index == "second_difference":
            numbers["without both"] = first + second + values
        formats = {name: "z#.2g" if name == "error" else "+z#.3g" for name in numbers}
        return pd.DataFrame({"first": words[::2], "second": words[1::2], **numbers}), formats

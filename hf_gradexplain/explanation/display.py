"""Display an explanation in a notebook or a terminal, as HTML, and as a figure."""

from collections.abc import Sequence
from dataclasses import replace
from math import nan
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Group

from hf_gradexplain.attribution.signed import is_signed
from hf_gradexplain.explanation.correlation import REFERENCE, correlate
from hf_gradexplain.explanation.parts import Divided
from hf_gradexplain.text.unit import Message, scores_in_text
from hf_gradexplain.viz.canvas import WIDTH, figure_bytes, new_figure
from hf_gradexplain.viz.figures import MOST_BARS, bars_figure, draw_bars
from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.highlight import to_html
from hf_gradexplain.viz.highlight_terminal import to_rich
from hf_gradexplain.viz.notebook import show
from hf_gradexplain.viz.segments import Row, Segment
from hf_gradexplain.viz.tables import with_minus
from hf_gradexplain.viz.text_figure import add_text_axes, draw_text, text_figure


class Displayed(Divided):
    """The methods of an explanation that display it; `Explanation` describes the attributes."""

    messages: tuple[Message, ...]
    dtype: str
    why: str
    mask: str
    label: int | None

    def segments(self, method: str | None = None) -> list[Segment]:
        """Split the text into segments: the units with their scores, and the text between them, which has no score.

        Joined in order, the texts of the segments give the whole text. If a character is split into several tokens, its
        score is the sum of the scores of these tokens.

        Args:
            method: The method whose scores are used; None for the first one.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        method = self._method(method)
        scores, margins = (scores_in_text(self.units, x) for x in (self.scores[method], self.margins(method)))
        spans = sorted((span, u) for u, unit in enumerate(self.units) for span in unit.spans if span[0] < span[1])
        segments, end = [], 0
        for (start, stop), unit in spans:
            segments += [Segment(self.text[end:start], None)] if end < start else []
            segments.append(Segment(self.text[start:stop], float(scores[unit]), float(margins[unit])))
            end = stop
        return segments + ([Segment(self.text[end:], None)] if end < len(self.text) else [])

    def show(self, method: str | Sequence[str] | None = None) -> None:
        """Display the text with coloured units, as HTML in a notebook and as text in a terminal.

        Args:
            method: The method whose scores are shown, or several methods, which get a row each; None for all.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        show(self.to_html(method), self.to_rich(method))

    def to_html(self, method: str | Sequence[str] | None = None) -> Markup:
        """Return the text with coloured units as an escaped HTML fragment, which needs no scripts or other files.

        Args:
            method: The method whose scores are shown, or several methods, which get a row each; None for all.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        return to_html(*self.rows_and_heading(method))

    def to_rich(self, method: str | Sequence[str] | None = None) -> Group:
        """Return the text with coloured units for a terminal; see `to_html`."""
        return to_rich(*self.rows_and_heading(method))

    def to_svg(self, method: str | Sequence[str] | None = None, *, width: float = WIDTH) -> str:
        """Draw the text with coloured units as an SVG picture, with the same content as `to_html`.

        Args:
            method: The method whose scores are shown, or several methods, which get a row each; None for all.
            width: The width in inches; the text wraps.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        return figure_bytes(self._text_figure(method, width), "svg").decode()

    def to_png(self, method: str | Sequence[str] | None = None, *, width: float = WIDTH) -> bytes:
        """Draw the text with coloured units as a PNG picture, with 200 dots per inch; see `to_svg`."""
        return figure_bytes(self._text_figure(method, width), "png")

    def draw_text(
        self, ax: Axes | None = None, method: str | Sequence[str] | None = None, *, width: float = WIDTH
    ) -> Axes:
        """Draw the text with coloured units on matplotlib axes; see `hf_gradexplain.plots.text`."""
        shown = self.rows_and_heading(method)
        if ax is None:
            ax = add_text_axes(new_figure((width, 1)), *shown)
        draw_text(ax, *shown)
        return ax

    def _text_figure(self, method: str | Sequence[str] | None, width: float) -> Figure:
        return text_figure(*self.rows_and_heading(method), width=width)

    def to_figure(self, method: str | None = None, *, max_units: int = MOST_BARS) -> Figure:
        """Draw the scores as a bar chart per class, with the units from top to bottom in the order of the text.

        Examples:
            >>> import numpy as np
            >>> from hf_gradexplain.explanation.explanation import Explanation
            >>> from hf_gradexplain.text.unit import Unit
            >>> explanation = Explanation(
            ...     text="good film",
            ...     units=(Unit("good", ((0, 4),)), Unit("film", ((5, 9),))),
            ...     scores={"signed_gi": np.array([0.5, -0.25])},
            ...     target=1,
            ...     target_label="positive",
            ...     prediction=1,
            ...     probabilities=np.array([0.25, 0.75]),
            ...     objective="loss",
            ...     unit="word",
            ... )
            >>> figure = explanation.to_figure()
            >>> figure.axes[0].get_title(loc="left")
            'signed_gi → positive (p = 0.750)'

            `figure.savefig("explanation.png")` writes it to a file.

        Args:
            method: The method whose scores are drawn; None for the first one.
            max_units: The largest number of bars. If the text has more units, those with the largest `|score|` are
                drawn.

        Returns:
            A matplotlib figure, which is not registered with pyplot.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        return bars_figure([each._bars(method) for each in self.by_class().values()], max_units=max_units)

    def draw_bars(self, ax: Axes, method: str | None = None, *, max_units: int = MOST_BARS) -> None:
        """Draw the scores as bars on matplotlib axes; see `hf_gradexplain.plots.bar`."""
        draw_bars(ax, **self._bars(method), max_units=max_units)

    def _bars(self, method: str | None) -> dict[str, Any]:
        """Return the arguments for drawing the bar chart of a method."""
        row = self._row(self._method(method))
        heading = self._heading([row])
        return {
            "units": [unit.text for unit in self.units],
            "scores": self.scores[row.method],
            "title": f"{row.method} → {heading.target}" + (f" ({heading.verdict})" if heading.verdict else ""),
            "signed": row.signed,
            "sides": row.sides,
            "note": "; ".join(filter(None, (row.remark, row.certainty))),
            "margins": self.margins(row.method),
        }

    def _repr_html_(self) -> str:
        return self.to_html()

    def rows_and_heading(self, method: str | Sequence[str] | None) -> tuple[list[Row], Heading]:
        """Return the rows that are displayed, one per class and method, and the heading above them.

        Args:
            method: The method whose scores are shown, or several methods, which get a row each; None for all.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        asked = list(self.scores) if method is None else [method] if isinstance(method, str) else list(method)
        names = [self._method(name) for name in asked]
        if not self.classes:
            rows = [self._row(name) for name in names]
            return rows, self._heading(rows)
        rows = [each._class_row(name, alone=len(names) == 1) for each in self.by_class().values() for name in names]
        heading, subject = self._heading(rows), f"{len(self.classes) + 1} classes"
        return rows, replace(
            heading,
            target=f"{names[0]} → {subject}" if len(names) == 1 else subject,
            probability=None,
            output=None,
            prediction=self.prediction_label,
            runner_up="",
            other=float(self.probabilities[self.prediction]),
            against="",
        )

    def _class_row(self, method: str, *, alone: bool) -> Row:
        """Return the row of a class, titled by its name and probability, and by the method unless only one is shown."""
        number = with_minus(f"{self.probabilities[self.target]:z.3f}")
        title = f"{self.question} ({number})"
        return replace(self._row(method), title=title if alone else f"{title} · {method}")

    def _row(self, method: str) -> Row:
        scores, signed = self.scores[method], is_signed(method)
        below_zero = not signed and bool((scores < 0).any())
        return Row(
            self.segments(method),
            method=method,
            signed=signed or below_zero,
            sides=("positive", "negative") if below_zero else Row.sides,
            correlation=self._correlation(method),
            remark=self.remark(method),
            certainty=self.certainty(method),
            parts=self.shown_parts(method),
            check=self.self_check[method].sentence() if method in self.self_check else "",
            warning=self.warning(method),
        )

    def _correlation(self, method: str) -> float | None:
        """Return the rank correlation with leave-one-out; NaN if it is undefined, None if `loo` is not in `scores`."""
        if REFERENCE not in self.scores or method == REFERENCE:
            return None
        scores, reference = self.scores[method], self.scores[REFERENCE]
        (correlation,) = correlate(scores[None], reference, "spearman", self.dtype)
        return nan if correlation.r is None else correlation.r

    def _heading(self, rows: Sequence[Row]) -> Heading:
        """Return the heading that is shown above these rows."""
        predicted, number = self.prediction == self.target, float(self.probabilities[self.target])
        other = None if self.regression else self._most_probable_other()
        return Heading(
            target=self.question,
            probability=None if self.regression else number,
            output=number if self.regression else None,
            prediction="" if other is None or predicted else self.prediction_label,
            runner_up=self._class_name(other) if predicted else "",
            other=None if other is None else float(self.probabilities[other]),
            against="" if self.against in (None, other) else self.against_label,
            against_probability=None if self.against is None else float(self.probabilities[self.against]),
            label=self._class_name(self.label) if self.has_classes else "",
            right=self.label == self.prediction,
            unit=self.unit,
            objective=self.objective,
            mask=self.mask,
            dtype=self.dtype,
            truncated_at=self.truncated_at if self.unread else None,
            length=len(self.text),
            not_read=self.unread,
            remedy="stride=64, for example, reads the whole text" if self.fits_windows else "",
            reading=self.reading,
            speakers=tuple((message.start, message.role) for message in self.messages),
            without_units=not self.units,
            why=self.why if any(self.why.startswith(f"auto chose {row.method}:") for row in rows) else "",
        )

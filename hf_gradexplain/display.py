"""How an explanation is shown: in a notebook, in a terminal, as HTML and as a figure."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import choose
from hf_gradexplain.remarks import incomplete, remark
from hf_gradexplain.self_check import SelfCheck
from hf_gradexplain.text.data import Unit
from hf_gradexplain.viz.figures import explanation_figure
from hf_gradexplain.viz.highlight import Heading, Segment, to_html, to_rich
from hf_gradexplain.viz.notebook import show


class Displayed:
    """The displays of an explanation. `hf_gradexplain.explanation.Explanation` describes the attributes."""

    text: str
    units: tuple[Unit, ...]
    scores: Mapping[str, np.ndarray]
    target_label: str
    target: int
    probabilities: np.ndarray
    objective: str
    unit: str
    truncated_at: int | None
    prediction_label: str
    regression: bool
    dtype: str
    why: str
    self_check: Mapping[str, SelfCheck]
    completeness: Mapping[str, float]

    @property
    def method(self) -> str:
        """The method that `show` and the other displays show by default: the first one of `scores`."""
        return next(iter(self.scores))

    def segments(self, method: str | None = None) -> list[Segment]:
        """Split the text into segments: units with their scores, and the text between units without a score.

        The texts of all segments, joined in order, give the text.

        Args:
            method: The method whose scores are used; the first one if None.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        scores = self.scores[self._method(method)]
        spans = sorted((span, u) for u, unit in enumerate(self.units) for span in unit.spans if span[0] < span[1])
        segments, end = [], 0
        for (start, stop), unit in spans:
            segments += [Segment(self.text[end:start], None)] if end < start else []
            segments.append(Segment(self.text[start:stop], float(scores[unit])))
            end = stop
        return segments + ([Segment(self.text[end:], None)] if end < len(self.text) else [])

    def show(self, method: str | None = None) -> None:
        """Display the text with coloured units, as HTML in a notebook and as text in a terminal.

        Args:
            method: The method whose scores are shown; the first one if None.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        segments, heading, signed = self._parts(method)
        show(self.to_html(method), to_rich(segments, heading=heading, signed=signed))

    def to_html(self, method: str | None = None) -> Markup:
        """Return the text with coloured units as a self-contained HTML fragment, without scripts and escaped.

        Args:
            method: The method whose scores are shown; the first one if None.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        segments, heading, signed = self._parts(method)
        return to_html(segments, heading=heading, signed=signed)

    def to_figure(self, method: str | None = None, *, max_units: int = 24) -> Figure:
        """Draw the scores as a bar chart, with the units from top to bottom in the order of the text.

        Example:
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
            method: The method whose scores are drawn; the first one if None.
            max_units: The largest number of bars. Of a longer text, the units with the largest `|score|` are drawn.

        Returns:
            A matplotlib figure, which is not registered with pyplot.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        _, heading, signed = self._parts(method)
        verdict = f" ({heading.verdict})" if heading.verdict else ""
        return explanation_figure(
            [unit.text for unit in self.units],
            self.scores[heading.method],
            title=f"{heading.method} → {heading.target}{verdict}",
            signed=signed,
            sides=heading.sides,
            max_units=max_units,
            note=heading.remark,
        )

    def _repr_html_(self) -> str:
        return self.to_html()

    def warning(self, method: str | None = None) -> str:
        """Return a sentence if the scores of a method should not be trusted; otherwise an empty string.

        The reason is that they do not add up to the rise of the loss within 5 %, or a failed self-check.

        Args:
            method: The method; the first one if None.
        """
        method = self._method(method)
        gap, check = self.completeness.get(method, 0.0), self.self_check.get(method)
        return "; ".join(part for part in (incomplete(method, gap), check.warning() if check else "") if part)

    def remark(self, method: str | None = None) -> str:
        """Return a sentence if the scores of a method are all equal or close to 0; otherwise an empty string.

        Args:
            method: The method; the first one if None.
        """
        method = self._method(method)
        return remark(
            self.scores[method],
            unit=self.unit,
            objective=self.objective,
            probability=None if self.regression else float(self.probabilities[self.target]),
            signed=method not in METHODS or METHODS[method].signed,
        )

    def _parts(self, method: str | None) -> tuple[list[Segment], Heading, bool]:
        """Return the segments, the heading, and whether the scores are signed, for the renderers."""
        method = self._method(method)
        heading = Heading(
            method=method,
            target=self.target_label,
            probability=None if self.regression else float(self.probabilities[self.target]),
            output=float(self.probabilities[self.target]) if self.regression else None,
            prediction="" if self.regression else self.prediction_label,
            unit=self.unit,
            objective=self.objective,
            dtype=self.dtype,
            truncated_at=self.truncated_at,
            without_units=not self.units,
            why=self.why if self.why.startswith(f"auto chose {method}:") else "",
            remark=self.remark(method),
            check=self.self_check[method].sentence() if method in self.self_check else "",
            warning=self.warning(method),
        )
        signed = method not in METHODS or METHODS[method].signed
        if not signed and (self.scores[method] < 0).any():
            return self.segments(method), replace(heading, sides=("positive", "negative")), True
        return self.segments(method), heading, signed

    def _method(self, method: str | None) -> str:
        return self.method if method is None else choose("method", method, self.scores)

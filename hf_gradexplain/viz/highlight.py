"""One explained text and its renderers: HTML for notebooks and pages, rich text for terminals."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from markupsafe import Markup
from rich.console import Group
from rich.text import Text

from hf_gradexplain.viz.palette import AGAINST, AMOUNT, FOR
from hf_gradexplain.viz.sanitize import one_line, visible
from hf_gradexplain.viz.templating import HTML

Role = Literal["for", "against", "amount", "unread", ""]

_MEANING: dict[Role, str] = {"for": "speaks for", "against": "speaks against", "amount": "sensitive to"}
_COLORS: dict[Role, str] = {"for": FOR, "against": AGAINST, "amount": AMOUNT}
_TERMINAL_COLORS: dict[Role, str] = {"for": "#2b8cd6", "against": "#d9730d", "amount": "#a06fd0"}
"""Lighter, to be read on black as well as on white."""
_TERMINAL_MARKS: dict[Role, str] = {"for": "underline", "against": "italic", "amount": "underline"}


@dataclass(frozen=True)
class Segment:
    """A piece of an explained text; the pieces of a text, joined in order, are the text.

    Attributes:
        text: The characters, as they stand in the text.
        score: The score of the unit they are part of, or `None` for what is no unit: whitespace, special
            tokens, what the model did not read.

    Raises:
        ValueError: If `score` is not finite.
    """

    text: str
    score: float | None = None

    def __post_init__(self) -> None:
        if self.score is not None and not isfinite(self.score):
            raise ValueError(
                f"Expected a finite score for {self.text!r}, got {self.score}; give None to what is no unit."
            )


@dataclass(frozen=True)
class Heading:
    """What stands above an explained text. Empty parts are left out.

    Attributes:
        method: Name of the explanation method.
        target: Label of the class that is explained.
        probability: The model's probability of `target`, where there is one.
        prediction: Label the model decides for.
        unit: What has one score: "token", "word" or "word_type".
        objective: What was differentiated: "loss", "logit" or "prob".
        truncated_at: Character offset where the model stopped reading; what follows is shown in grey.
    """

    method: str = ""
    target: str = ""
    probability: float | None = None
    prediction: str = ""
    unit: str = ""
    objective: str = ""
    truncated_at: int | None = None

    @property
    def verdict(self) -> str:
        """How the prediction relates to the target, such as "p = 0.932, as predicted"."""
        parts = [] if self.probability is None else [f"p = {self.probability:.3f}"]
        if self.prediction:
            parts.append("as predicted" if self.prediction == self.target else f"predicted: {self.prediction}")
        return ", ".join(parts)

    @property
    def details(self) -> str:
        """How it was explained, and what of the text was not read."""
        parts = [f"{name} {value}" for name, value in (("unit", self.unit), ("objective", self.objective)) if value]
        if self.truncated_at is not None:
            parts.append(f"truncated: the model stopped reading at character {self.truncated_at:,}")
        return " · ".join(parts)


def to_html(
    segments: Sequence[Segment],
    *,
    heading: Heading | None = None,
    signed: bool = True,
    legend: bool = True,
    top: int = 5,
) -> Markup:
    """Render an explained text as an HTML fragment that needs nothing else: no script, no file, no font.

    A unit's background is as strong as `|score| / max |score|` of the text, blue with a solid line where it
    supports the target, vermilion with a dashed line where it opposes it, so that it can be read in grey
    too. Unsigned scores are purple. Each unit's score is its tooltip. The text is escaped, isolated from the
    page's direction, and keeps its white space; its control characters are shown. The colours are laid over
    the page's own background and serve light and dark pages alike.

    Args:
        segments: The text in pieces, in order. There may be none.
        heading: What to say above the text.
        signed: Whether positive scores support the target and negative ones oppose it. Otherwise all scores
            are amounts, at least 0.
        legend: Whether to explain the colours.
        top: How many of the strongest units to list for each side; 0 lists none.

    Returns:
        The fragment, marked as safe for jinja2 and markupsafe.

    Raises:
        ValueError: If `signed` is false and a score is negative.
    """
    heading = heading or Heading()
    spans = _spans(segments, heading.truncated_at, signed)
    return Markup(
        HTML.get_template("highlight.html.jinja").render(
            heading=heading,
            spans=spans,
            strongest=_strongest(spans, signed, top),
            roles=_sides(signed) if legend else (),
            peak=_format(max((abs(span.score) for span in spans if span.score is not None), default=0.0)),
            meaning=_MEANING,
            format_score=_format_signed if signed else _format,
        )
    )


def to_rich(
    segments: Sequence[Segment],
    *,
    heading: Heading | None = None,
    signed: bool = True,
    legend: bool = True,
    top: int = 5,
) -> Group:
    """Render an explained text for a terminal; arguments, colours and errors as for `to_html`.

    Without colours, support is underlined and opposition in italics; without any styles, in a file or a
    pipe, the list of the strongest units still says what counted. Markup and escape sequences inside the
    text are shown, never obeyed.
    """
    heading = heading or Heading()
    spans = _spans(segments, heading.truncated_at, signed)
    title = Text.assemble((one_line(heading.method), "bold"), "  ", (one_line(heading.target), "bold"))
    title.append("  " + one_line(heading.verdict))
    lines = [title, Text(one_line(heading.details), style="dim")]
    lines = [line for line in lines if line.plain.strip()]
    body = Text.assemble(*((visible(span.text), _terminal_style(span)) for span in spans))
    return Group(*lines, body, *_footer(spans, signed, legend, top))

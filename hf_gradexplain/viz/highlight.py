"""One explained text and its renderers: HTML for notebooks and pages, rich text for terminals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from markupsafe import Markup
from rich.console import Group
from rich.text import Text

from hf_gradexplain.viz.palette import AGAINST, AMOUNT, FOR
from hf_gradexplain.viz.sanitize import one_line, visible
from hf_gradexplain.viz.tables import format_score
from hf_gradexplain.viz.templating import HTML

Role = Literal["for", "against", "amount", "unread", ""]

_PHRASES: dict[Role, str] = {"for": "supports", "against": "opposes", "amount": "most sensitive"}
_COLORS: dict[Role, str] = {"for": FOR, "against": AGAINST, "amount": AMOUNT}
_CSS_COLORS = {role: " ".join(map(str, bytes.fromhex(color[1:]))) for role, color in _COLORS.items()}
"""The colours as decimals for CSS `rgb()`, where each unit adds its own opacity."""
_TERMINAL_STYLES: dict[Role, tuple[str, str]] = {
    "for": ("#2b8cd6", "underline"),
    "against": ("#d9730d", "italic"),
    "amount": ("#a06fd0", "underline"),
}
"""A colour that is readable on black and on white, and a mark for terminals without colours."""
_TERMINAL_STEPS = (0.1, 0.35, 0.7)
"""The strengths from which a unit is coloured, bold, and on full colour."""


@dataclass(frozen=True)
class Segment:
    """A piece of an explained text. All pieces of a text, joined in order, give the text.

    Attributes:
        text: The characters of the piece.
        score: The score of the unit that the piece belongs to, or None if it belongs to none: whitespace, special
            tokens, and text that the model did not read.

    Raises:
        ValueError: `score` is not finite.
    """

    text: str
    score: float | None = None

    def __post_init__(self) -> None:
        if self.score is not None and not isfinite(self.score):
            raise ValueError(
                f"Expected a finite score for {self.text!r}, got {self.score}; use None for text outside of units."
            )


@dataclass(frozen=True)
class _Shade:
    """A piece of text with its look.

    Attributes:
        text: The characters.
        role: The side of its score, or "unread"; empty if neither.
        strength: `|score| / max |score|` of the text, in [0, 1].
        score: The formatted score; empty if there is none.
    """

    text: str
    role: Role = ""
    strength: float = 0.0
    score: str = ""


@dataclass(frozen=True)
class Heading:
    """The text above an explained text, and the remarks below it. Empty parts are left out.

    Attributes:
        method: The name of the attribution method.
        target: The label of the explained class.
        probability: The model's probability of `target`, if there is one.
        prediction: The label of the predicted class.
        unit: The kind of unit: "token", "word" or "word_type".
        objective: The function that was explained: "loss", "logit" or "prob".
        dtype: The compute dtype of the model; shown if it is less exact than float32.
        truncated_at: The number of characters that the model read; the rest is shown in grey. None if it read all.
        without_units: Whether the text has no units.
        sides: The names of positive and of negative scores in the legend.
        why: Why the method was chosen.
        remark: A sentence below the legend if all scores are equal or close to 0.
        check: The result of the self-check, below the remark.
        warning: A warning about the explanation, below the self-check.
        output: The model's output for `target`, if that is no probability.
    """

    method: str = ""
    target: str = ""
    probability: float | None = None
    prediction: str = ""
    unit: str = ""
    objective: str = ""
    dtype: str = ""
    truncated_at: int | None = None
    without_units: bool = False
    sides: tuple[str, str] = (_PHRASES["for"], _PHRASES["against"])
    why: str = ""
    remark: str = ""
    check: str = ""
    warning: str = ""
    output: float | None = None

    @property
    def phrases(self) -> dict[Role, str]:
        """The text of the legend for supporting, opposing and unsigned scores."""
        return {**_PHRASES, "for": self.sides[0], "against": self.sides[1]}

    @property
    def verdict(self) -> str:
        """The probability or output and the prediction, such as "p = 0.932, as predicted"."""
        numbers = {"p": self.probability, "output": self.output}
        parts = [f"{name} = {value:.3f}" for name, value in numbers.items() if value is not None]
        if self.prediction:
            parts.append("as predicted" if self.prediction == self.target else f"predicted: {self.prediction}")
        return ", ".join(parts)

    @property
    def details(self) -> str:
        """The unit and the objective, and remarks such as a truncated text."""
        parts = [f"{name} {value}" for name, value in (("unit", self.unit), ("objective", self.objective)) if value]
        if self.dtype not in ("", "float32", "float64"):
            parts.append(f"computed in {self.dtype}")
        if self.truncated_at is not None:
            parts.append(f"truncated: the model read only the first {self.truncated_at:,} characters")
        if self.why:
            parts.append(self.why)
        if self.without_units:
            parts.append("no scores: the model read no words of this text")
        return " · ".join(parts)


def to_html(
    segments: Sequence[Segment],
    *,
    heading: Heading | None = None,
    signed: bool = True,
    legend: bool = True,
    top: int = 5,
) -> Markup:
    """Render an explained text as a self-contained HTML fragment without scripts, files or fonts.

    The opacity of a unit's background is `|score| / max |score|` of the text; the legend states this scale. Units that
    support the target are blue with a solid line, units that oppose it vermilion with a dashed line, which also shows
    the sign without colours; unsigned scores are purple. The tooltip of a unit is its score. The text is escaped,
    isolated from the direction of the page, and keeps its whitespace; control characters become visible. The colours
    are transparent and work on light and dark pages.

    Args:
        segments: The pieces of the text, in order; may be empty.
        heading: The text above the explained text.
        signed: Whether positive scores support the target and negative ones oppose it. If not, all scores are at
            least 0.
        legend: Whether to explain the colours and list the strongest units.
        top: The number of units per side in the legend.

    Returns:
        The fragment, marked as safe for jinja2 and markupsafe.

    Raises:
        ValueError: `signed` is false and a score is negative.
    """
    heading = heading or Heading()
    template = HTML.get_template("highlight.html.jinja")
    return Markup(
        template.render(
            heading=heading,
            shades=_shades(segments, heading.truncated_at, signed),
            legend=_legend(segments, signed, top) if legend else {},
            scale=_scale(segments, signed) if legend else (),
            phrases=heading.phrases,
            colors=_CSS_COLORS,
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
    """Render an explained text for a terminal, with the arguments, colours and errors of `to_html`.

    Without colours, units that support the target are underlined and units that oppose it are in italics. Without any
    styles, in a file or a pipe, the legend still lists the strongest units. Markup and escape sequences in the text are
    shown, never obeyed.
    """
    heading = heading or Heading()
    subject = " → ".join(one_line(part) for part in (heading.method, heading.target) if part)
    lines = [
        Text.assemble((subject, "bold"), "  " if subject else "", one_line(heading.verdict)),
        Text(one_line(heading.details), style="dim"),
    ]
    lines = [line for line in lines if line.plain]
    shades = _shades(segments, heading.truncated_at, signed)
    lines.append(Text.assemble("\n", *((visible(shade.text), _terminal_style(shade)) for shade in shades), "\n"))
    for role, units in (_legend(segments, signed, top) if legend else {}).items():
        line = Text(heading.phrases[role], style=" ".join(_TERMINAL_STYLES[role]))
        listed = ", ".join(f"{unit} {score}" for unit, score in units) or "none"
        lines.append(Text.assemble(line, " " * (16 - len(line)), listed))
    if legend and (peak := _peak(segments)):
        full = format_score(peak, signed=False)
        steps = (format_score(step * peak, signed=False) for step in _TERMINAL_STEPS)
        scale = "from {}, bold from {}, full from {}; the largest |score| is {}".format(*steps, full)
        lines.append(Text.assemble(("colour", "dim"), " " * 10, scale))
    if heading.remark:
        lines.append(Text(one_line(heading.remark), style="bold"))
    if heading.check:
        lines.append(Text.assemble(("self-check", "dim"), " " * 6, one_line(heading.check)))
    if heading.warning:
        lines.append(Text(one_line(heading.warning), style="bold"))
    return Group(*lines)


def _shades(segments: Sequence[Segment], truncated_at: int | None, signed: bool) -> Iterator[_Shade]:
    """Yield the pieces with their roles and strengths; text after `truncated_at` is unread."""
    peak, start = _peak(segments) or 1.0, 0
    for segment in segments:
        length = len(segment.text)
        cut = length if truncated_at is None else min(max(truncated_at - start, 0), length)
        start += length
        if segment.score is None:
            yield _Shade(segment.text[:cut])
        else:
            role = _role(segment.score, signed)
            strength = float(abs(segment.score) / peak)
            yield _Shade(segment.text[:cut], role, strength, format_score(segment.score, signed))
        if cut < length:
            yield _Shade(segment.text[cut:], "unread")


def _peak(segments: Sequence[Segment]) -> float:
    """Return the largest `|score|`; 0 if there is none."""
    return float(max((abs(segment.score) for segment in segments if segment.score is not None), default=0.0))


def _scale(segments: Sequence[Segment], signed: bool) -> tuple[str, ...]:
    """Return the scores at the ends of the colour scale; empty if all are zero."""
    peak = _peak(segments)
    if not peak:
        return ()
    return (format_score(-peak, signed), format_score(peak, signed)) if signed else ("0", format_score(peak, signed))


def _role(score: float, signed: bool) -> Role:
    if not signed and score < 0:
        raise ValueError(f"Expected unsigned scores of at least 0, got {score}; pass signed=True for signed scores.")
    if score == 0:
        return ""
    return ("for" if score > 0 else "against") if signed else "amount"


def _legend(segments: Sequence[Segment], signed: bool, top: int) -> dict[Role, list[tuple[str, str]]]:
    """Return the strongest distinct units of each side, with their scores."""
    scored = dict.fromkeys((segment.text, segment.score) for segment in segments if segment.score)
    ranked = sorted(scored, key=lambda unit: -abs(unit[1]))
    sides: tuple[Role, ...] = ("for", "against") if signed else ("amount",)
    return {
        side: [
            (one_line(text, width=32), format_score(score, signed))
            for text, score in [unit for unit in ranked if _role(unit[1], signed) == side][:top]
        ]
        for side in sides
    }


def _terminal_style(shade: _Shade) -> str:
    """Return the style of a piece; with growing strength: plain, coloured and marked, bold, bold on full colour."""
    if shade.role == "unread":
        return "dim"
    colored, bold, full = _TERMINAL_STEPS
    if not shade.role or shade.strength < colored:
        return ""
    color, mark = _TERMINAL_STYLES[shade.role]
    if shade.strength < bold:
        return f"{color} {mark}"
    return f"bold {color} {mark}" if shade.strength < full else f"bold #000000 on {color} {mark}"

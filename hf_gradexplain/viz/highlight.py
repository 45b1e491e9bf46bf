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

_PHRASES: dict[Role, str] = {"for": "speaks for", "against": "speaks against", "amount": "most sensitive"}
_COLORS: dict[Role, str] = {"for": FOR, "against": AGAINST, "amount": AMOUNT}
_CSS_COLORS = {role: " ".join(map(str, bytes.fromhex(color[1:]))) for role, color in _COLORS.items()}
"""As the decimals of CSS `rgb()`, which take a unit's own opacity."""
_TERMINAL_STYLES: dict[Role, tuple[str, str]] = {
    "for": ("#2b8cd6", "underline"),
    "against": ("#d9730d", "italic"),
    "amount": ("#a06fd0", "underline"),
}
"""Colour, to be read on black as well as on white, and the mark that stays where there are no colours."""


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
class _Shade:
    """A piece of text as it is shown.

    Attributes:
        text: The characters.
        role: Which side the piece takes; empty where it takes none.
        strength: `|score| / max |score|` of the text, in [0, 1].
        score: The score as a reader sees it; empty where there is none.
    """

    text: str
    role: Role = ""
    strength: float = 0.0
    score: str = ""


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
        dtype: What the model computed in; shown if it is less exact than float32.
        truncated_at: Character offset where the model stopped reading; what follows is shown in grey.
        without_units: Whether the text holds nothing that could have a score.
        sides: What the legend calls positive and negative scores.
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

    @property
    def phrases(self) -> dict[Role, str]:
        """What the legend calls each role."""
        return {**_PHRASES, "for": self.sides[0], "against": self.sides[1]}

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
        if self.dtype not in ("", "float32", "float64"):
            parts.append(f"computed in {self.dtype}")
        if self.truncated_at is not None:
            parts.append(f"truncated: the model stopped reading at character {self.truncated_at:,}")
        if self.without_units:
            parts.append("the model read no word of the text, so that none has a score")
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
    too; unsigned scores are purple. Each unit's score is its tooltip. The text is escaped, isolated from the
    page's direction, and keeps its white space; its control characters are shown. The colours are laid over
    the page's own background and serve light and dark pages alike.

    Args:
        segments: The text in pieces, in order. There may be none.
        heading: What to say above the text.
        signed: Whether positive scores support the target and negative ones oppose it. Otherwise all scores
            are amounts, at least 0.
        legend: Whether to explain the colours and list the strongest units.
        top: How many units the legend lists per side.

    Returns:
        The fragment, marked as safe for jinja2 and markupsafe.

    Raises:
        ValueError: If `signed` is false and a score is negative.
    """
    heading = heading or Heading()
    template = HTML.get_template("highlight.html.jinja")
    return Markup(
        template.render(
            heading=heading,
            shades=_shades(segments, heading.truncated_at, signed),
            legend=_legend(segments, signed, top) if legend else {},
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
    """Render an explained text for a terminal; arguments, colours and errors are those of `to_html`.

    Without colours, support is underlined and opposition in italics; without any styles, in a file or a
    pipe, the legend still lists the strongest units. Markup and escape sequences inside the text are shown,
    never obeyed.
    """
    heading = heading or Heading()
    claim = " → ".join(one_line(part) for part in (heading.method, heading.target) if part)
    lines = [
        Text.assemble((claim, "bold"), "  " if claim else "", one_line(heading.verdict)),
        Text(one_line(heading.details), style="dim"),
    ]
    lines = [line for line in lines if line.plain]
    shades = _shades(segments, heading.truncated_at, signed)
    lines.append(Text.assemble("\n", *((visible(shade.text), _terminal_style(shade)) for shade in shades), "\n"))
    for role, units in (_legend(segments, signed, top) if legend else {}).items():
        line = Text(heading.phrases[role], style=" ".join(_TERMINAL_STYLES[role]))
        listed = ", ".join(f"{unit} {score}" for unit, score in units) or "none"
        lines.append(Text.assemble(line, " " * (16 - len(line)), listed))
    return Group(*lines)


def _shades(segments: Sequence[Segment], truncated_at: int | None, signed: bool) -> Iterator[_Shade]:
    """Cut the text where reading stopped and turn scores into roles and strengths."""
    peak = max((abs(segment.score) for segment in segments if segment.score is not None), default=0) or 1.0
    start = 0
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


def _role(score: float, signed: bool) -> Role:
    if not signed and score < 0:
        raise ValueError(f"Expected unsigned scores of at least 0, got {score}; pass signed=True for signed ones.")
    if score == 0:
        return ""
    return ("for" if score > 0 else "against") if signed else "amount"


def _legend(segments: Sequence[Segment], signed: bool, top: int) -> dict[Role, list[tuple[str, str]]]:
    """List the strongest different units of each side, as shown and with their scores."""
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
    """Grow louder with the strength: plain, coloured and marked, bold, bold on full colour."""
    if shade.role == "unread":
        return "dim"
    if not shade.role or shade.strength < 0.1:
        return ""
    color, mark = _TERMINAL_STYLES[shade.role]
    if shade.strength < 0.35:
        return f"{color} {mark}"
    return f"bold {color} {mark}" if shade.strength < 0.7 else f"bold #000000 on {color} {mark}"

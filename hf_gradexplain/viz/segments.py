"""The pieces of an explained text, and their look: the side and the strength of each score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Literal, NamedTuple

from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.palette import AGAINST, AMOUNT, FOR
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import format_estimate, with_minus

Role = Literal["for", "against", "amount", "unread", "speaker", ""]

PHRASES: dict[Role, str] = {"for": "supports", "against": "opposes", "amount": "high score"}
"""The names of supporting, opposing and unsigned scores in the legend."""

COLORS: dict[Role, str] = {"for": FOR, "against": AGAINST, "amount": AMOUNT}


@dataclass(frozen=True)
class Segment:
    """A piece of an explained text. All pieces of a text, joined in order, give the text.

    Attributes:
        text: The characters of the piece.
        score: The score of the unit that the piece belongs to, or None if it belongs to none: whitespace, special
            tokens, and text that the model did not read.
        margin: Half the width of the 95 % interval of the score; 0 if the score is exact.

    Raises:
        ValueError: `score` is not finite.
    """

    text: str
    score: float | None = None
    margin: float = 0.0

    def __post_init__(self) -> None:
        if self.score is not None and not isfinite(self.score):
            raise ValueError(
                f"Expected a finite score for {self.text!r}, got {self.score}; use None for text outside of units."
            )


class Part(NamedTuple):
    """A text, sentence or clause with the sum of its scores.

    Attributes:
        depth: The number of larger parts that contain this part.
        text: Its characters, on one line.
        score: The formatted sum.
    """

    depth: int
    text: str
    score: str


@dataclass(frozen=True)
class Row:
    """The scores of one method over the text, and what is said about them.

    Attributes:
        segments: The pieces of the text, in order; may be empty.
        method: The name of the method.
        title: The name of the row if several rows are shown; by default the name of the method.
        signed: Whether positive scores support the target and negative ones oppose it. If not, all scores are at
            least 0.
        sides: The names of positive and of negative scores.
        correlation: The rank correlation with leave-one-out; None if that was not computed, NaN if it is undefined.
        remark: A sentence if the scores are all the same, or all close to 0; otherwise empty.
        certainty: How sure the scores are, if they are estimated from random draws.
        parts: The sentences and clauses of the text, for a method that scores them as well.
        check: The result of the self-check.
        warning: A warning about the scores.

    Raises:
        ValueError: `signed` is false and a score is negative.
    """

    segments: Sequence[Segment]
    method: str = ""
    signed: bool = True
    sides: tuple[str, str] = (PHRASES["for"], PHRASES["against"])
    correlation: float | None = None
    remark: str = ""
    certainty: str = ""
    parts: Sequence[Part] = ()
    check: str = ""
    warning: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        lowest = min((segment.score for segment in self.segments if segment.score is not None), default=0.0)
        if not self.signed and lowest < 0:
            raise ValueError(
                f"Expected unsigned scores of at least 0, got {lowest}; pass signed=True for signed scores."
            )

    @property
    def name(self) -> str:
        """The name of the row if several rows are shown."""
        return self.title or self.method

    @property
    def phrases(self) -> dict[Role, str]:
        """The text of the legend for each role of this row."""
        return {"for": self.sides[0], "against": self.sides[1]} if self.signed else {"amount": PHRASES["amount"]}

    @property
    def agreement(self) -> str:
        """The rank correlation in words; empty without one."""
        if self.correlation is None:
            return ""
        return f"ρ = {with_minus(format(self.correlation, 'z.2f'))}" if isfinite(self.correlation) else "ρ undefined"

    @property
    def correlated(self) -> str:
        """The rank correlation as a phrase; empty without one."""
        return f"rank correlation with leave-one-out {self.agreement}" if self.agreement else ""

    @property
    def peak(self) -> float:
        """The largest `|score|`; 0 if there is none."""
        return float(max((abs(s.score) for s in self.segments if s.score is not None), default=0.0))

    def role(self, score: float) -> Role:
        """Return the side of a score; empty for 0."""
        if score == 0:
            return ""
        return ("for" if score > 0 else "against") if self.signed else "amount"

    def strongest(self, top: int) -> dict[Role, list[tuple[str, str]]]:
        """Return the `top` strongest units of each side with their scores, each text once, with its largest score."""
        sides: dict[Role, dict[str, str]] = {role: {} for role in self.phrases}
        for segment in sorted((s for s in self.segments if s.score), key=lambda s: -abs(s.score or 0)):
            side, text = sides[self.role(segment.score or 0)], one_line(segment.text, width=32)
            if len(side) < top:
                side.setdefault(text, format_estimate(segment.score or 0, segment.margin, self.signed))
        return {role: list(units.items()) for role, units in sides.items()}


def phrases_of(rows: Sequence[Row]) -> dict[Role, str]:
    """Return what the colours of all rows mean, by role: "supports", or "supports or positive" if rows differ."""
    phrases: dict[Role, dict[str, None]] = {}
    for row in rows:
        for role, phrase in row.phrases.items():
            phrases.setdefault(role, {})[phrase] = None
    return {role: " or ".join(names) for role, names in phrases.items()}


@dataclass(frozen=True)
class Shade:
    """A piece of text with its look.

    Attributes:
        text: The characters.
        role: The side of its score, or "unread" for text that the model did not read. "speaker" stands for the role of
            a message, which is not part of the text. Empty for other text.
        strength: `|score| / max |score|` of the row, in [0, 1].
        score: The formatted score; empty if there is none.
    """

    text: str
    role: Role = ""
    strength: float = 0.0
    score: str = ""


def shades(row: Row, heading: Heading) -> Iterator[Shade]:
    """Yield the pieces of a row with their looks; in a conversation, the role of each message comes before it."""
    speakers = {start: one_line(role, width=32) for start, role in heading.speakers}
    borders = sorted({*speakers, *(offset for span in heading.unread_spans for offset in span)})
    peak, start = row.peak or 1.0, 0
    for segment in row.segments:
        length = len(segment.text)
        cuts = [0, *(border - start for border in borders if 0 < border - start < length), length]
        for first, last in pairwise(cuts):
            if start + first in speakers:
                yield Shade(speakers.pop(start + first), "speaker")
            text = segment.text[first:last]
            if any(a <= start + first < b for a, b in heading.unread_spans):
                yield Shade(text, "unread")
            elif segment.score is None:
                yield Shade(text)
            else:
                strength = float(abs(segment.score) / peak)
                shown = format_estimate(segment.score, segment.margin, row.signed)
                yield Shade(text, row.role(segment.score), strength, shown)
        start += length
    yield from (Shade(role, "speaker") for role in speakers.values())  # of empty messages at the end

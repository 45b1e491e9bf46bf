"""Diagrams of pairs of words, with an arc below the words for each pair: the places of words and arcs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Literal, NamedTuple

from hf_gradexplain.viz.palette import LESS, MORE
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import with_minus
from hf_gradexplain.viz.typesetting import Font, text_width

Side = Literal["more", "less"]

COLORS: dict[Side, str] = {"more": MORE, "less": LESS}
"""The colours of positive and of negative values."""

TEXT, NUMBER = 10.5, 8.5
"""Font sizes of words and of values, in points."""

STEP = 22.0
"""The distance of an arc from the next lower arc in points, with room for a value."""

TOP = 1.5 * TEXT
"""Points from the top of the words to the beginning of the arcs."""

BEND = 0.75
"""How far a curve goes towards its control points, as a share of their distance."""

_GAPS, _LENGTH = (11.0, 30.0), 380.0
"""The smallest and the largest gap between words, and the length of a line up to which gaps grow, in points."""

_PORT, _WIDTH = 5.0, 20
"""The distance between the ends of arcs at the same word, in points; the largest number of characters of a word."""

_LEFT_OUT = "…"
"""The mark for left-out words between two words."""


@dataclass(frozen=True)
class Arc:
    """The arc of a pair of words.

    Attributes:
        first: The number of the first word in the diagram, from 0.
        second: The number of the second word, which is later in the text.
        value: The value of the pair, which is not 0.
        strength: `|value|` as a share of the largest `|value|` of the diagram.
        level: How far below the words the arc is, from 1; arcs that overlap have different levels.
        start: Where the arc begins, in points from the middle of the first word.
        end: Where the arc ends, in points from the middle of the second word.
    """

    first: int
    second: int
    value: float
    strength: float = 1.0
    level: int = 1
    start: float = 0.0
    end: float = 0.0

    @property
    def side(self) -> Side:
        """Whether the value is positive or negative."""
        return "more" if self.value > 0 else "less"

    @property
    def label(self) -> str:
        """The value with two digits and its sign."""
        return with_minus(f"{self.value:+#.2g}".rstrip("."))

    @property
    def width(self) -> float:
        """The width of the line, in points."""
        return 0.8 + 2.4 * self.strength

    @property
    def lowest(self) -> float:
        """The vertical distance of the arc's lowest point from its ends, in points; the value is written below it."""
        return STEP * self.level - NUMBER


class Place(NamedTuple):
    """A word on a line, or the mark of words that are left out: its characters, its left end and width in points."""

    text: str
    left: float
    width: float
    is_word: bool

    @property
    def middle(self) -> float:
        """The middle of the word, in points."""
        return self.left + self.width / 2


@dataclass(frozen=True)
class Diagram:
    """Words and arcs below them.

    Attributes:
        words: The words, in the order of the text.
        apart: For each word, whether words before it are left out.
        arcs: The arcs.
    """

    words: tuple[str, ...]
    apart: tuple[bool, ...]
    arcs: tuple[Arc, ...]

    @classmethod
    def of(cls, units: Sequence[str], pairs: Sequence[tuple[int, int]], values: Sequence[float]) -> "Diagram":
        """Return the diagram of some pairs of the units of a text.

        Args:
            units: The texts of all units.
            pairs: The pairs to draw, each with the earlier unit first.
            values: The values of the pairs, none of them 0.
        """
        shown = sorted({unit for pair in pairs for unit in pair})
        number = {unit: k for k, unit in enumerate(shown)}
        peak = max(map(abs, values), default=1.0)
        arcs = [Arc(number[i], number[j], x, abs(x) / peak) for (i, j), x in zip(pairs, values, strict=True)]
        apart = tuple(unit > before + 1 for before, unit in zip([-1, *shown], shown, strict=False))
        words = tuple(one_line(units[unit], width=_WIDTH) or " " for unit in shown)
        return cls(words, apart, tuple(_with_ports(_with_levels(arcs))))

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The places of the words on one line, and of the marks for left-out words between them."""
        texts = [
            (text, text is word)
            for word, apart in zip(self.words, self.apart, strict=True)
            for text in ((_LEFT_OUT, word) if apart else (word,))
        ]
        widths = [text_width(text, Font(TEXT, "")) for text, _ in texts]
        least, most = _GAPS
        gap = min(most, max(least, (_LENGTH - sum(widths)) / max(1, len(widths) - 1)))
        lefts = [sum(widths[:k]) + k * gap for k in range(len(widths))]
        places = zip(texts, lefts, widths, strict=True)
        return tuple(Place(text, left, width, is_word) for (text, is_word), left, width in places)

    @property
    def middles(self) -> tuple[float, ...]:
        """The middle of each word on one line, in points."""
        return tuple(place.middle for place in self.places if place.is_word)

    @property
    def length(self) -> float:
        """The width of all words on one line, in points."""
        return max((place.left + place.width for place in self.places), default=0.0)

    @property
    def depth(self) -> int:
        """The number of levels of arcs."""
        return max((arc.level for arc in self.arcs), default=0)

    def ends(self, arc: Arc) -> tuple[float, float]:
        """Return where an arc begins and ends, in points from the left."""
        return self.middles[arc.first] + arc.start, self.middles[arc.second] + arc.end


def _with_levels(arcs: Iterable[Arc]) -> list[Arc]:
    """Give arcs that overlap different levels; an arc is lower than the arcs that it encloses.

    Each arc takes the first free level, the shortest arcs first. An arc that another one encloses overlaps arcs of all
    levels above it, and so does the other one, which is therefore lower.
    """
    placed: list[Arc] = []
    for arc in sorted(arcs, key=lambda arc: (arc.second - arc.first, arc.first)):
        above = {other.level for other in placed if other.first < arc.second and arc.first < other.second}
        free = (level for level in count(1) if level not in above)
        placed.append(replace(arc, level=next(free)))
    return placed


def _with_ports(arcs: Sequence[Arc]) -> list[Arc]:
    """Place the ends of arcs at the same word next to each other, so that no arc crosses an arc that it encloses."""

    def port(arc: Arc, word: int) -> float:
        to_left = sorted((other for other in arcs if other.second == word), key=lambda other: other.level)
        to_right = sorted((other for other in arcs if other.first == word), key=lambda other: -other.level)
        ends = [*to_left, *to_right]
        return _PORT * (ends.index(arc) - (len(ends) - 1) / 2)

    return [replace(arc, start=port(arc, arc.first), end=port(arc, arc.second)) for arc in arcs]

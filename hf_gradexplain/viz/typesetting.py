"""Break a text into lines, and compute the place of each word in a picture of a given width."""

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from hf_gradexplain.viz.canvas import FONTS
from hf_gradexplain.viz.sanitize import visible
from hf_gradexplain.viz.segments import Shade

_BASE = 0.72
"""The distance of the baseline from the top of its line, relative to the height of the line."""

Part = tuple[str, Shade | None]
"""Characters, and the look of the unit that they belong to."""


class Font(NamedTuple):
    """How characters are drawn: the size in points, the colour and the weight."""

    size: float
    color: str
    weight: str = "normal"


@dataclass(frozen=True)
class Piece:
    """Characters at one place, in points right of and below the top left corner of the page.

    Attributes:
        text: The characters, on one line.
        left: The distance of their left end from the left side.
        base: The distance of their baseline from the top.
        width: Their width.
        font: The font.
        shade: The look of the unit that they belong to; None if they belong to none.
    """

    text: str
    left: float
    base: float
    width: float
    font: Font
    shade: Shade | None = None


@dataclass
class Page:
    """Words set in lines of `width` points.

    Attributes:
        width: The width of a line.
        leading: The height of the current line and of the lines after it.
        pieces: The pieces placed so far.
        left: Where the next piece begins.
        top: The top of the current line.
    """

    width: float
    leading: float
    pieces: list[Piece] = field(default_factory=list)
    left: float = 0.0
    top: float = 0.0

    def write(self, parts: Iterable[Part], font: Font) -> None:
        """Write after the text so far; lines break at white space, or inside a word that is longer than a line."""
        for word in _words(parts):
            if word[0][0] == "\n":
                self.end_line()
                continue
            length = sum(text_width(text, font) for text, _ in word)
            if self.left and self.left + length > self.width:
                self.end_line()
                if word[0][0].isspace():
                    continue
            for text, shade in word:
                for piece in self._fitting(text, font):
                    width = text_width(piece, font)
                    if self.left and self.left + width > self.width:
                        self.end_line()
                    base = self.top + _BASE * self.leading
                    self.pieces.append(Piece(piece, self.left, base, width, font, shade))
                    self.left += width

    def write_line(self, text: str, font: Font) -> None:
        """Write text and end the line; do nothing for an empty text."""
        if text:
            self.write([(text, None)], font)
            self.end_line()

    def end_line(self) -> None:
        """Begin a new line."""
        self.left, self.top = 0.0, self.top + self.leading

    def _fitting(self, text: str, font: Font) -> Iterator[str]:
        """Split a word that is longer than a line into pieces that fit."""
        while len(text) > 1 and (width := text_width(text, font)) > self.width:
            count = max(int(0.96 * len(text) * self.width / width), 1)  # screens round letters to whole pixels
            yield text[:count]
            text = text[count:]
        yield text


def _words(parts: Iterable[Part]) -> Iterator[Sequence[Part]]:
    """Yield line feeds, white space and words; a word may have several parts, such as a unit and a comma."""
    word: list[Part] = []
    for text, shade in parts:
        for run in re.findall(r"\n|[^\S\n]+|\S+", visible(text)):
            if run.isspace():
                if word:
                    yield word
                yield [(run.replace("\t", "    "), shade)]
                word = []
            else:
                word.append((run, shade))
    if word:
        yield word


@lru_cache(maxsize=10_000)
def text_width(text: str, font: Font) -> float:
    """Return the width of characters in points; a character that no font has is as wide as the box drawn for it."""
    properties = FontProperties(family=FONTS, size=font.size, weight=font.weight)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        return text_to_path.get_text_width_height_descent(text, properties, ismath=False)[0]

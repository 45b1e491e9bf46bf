"""The characters of several texts, in arrays."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hf_gradexplain.text.scripts import inside_graphemes, is_letter, is_spaceless, may_combine

BLANK, SPACELESS, LETTER, COMBINING, _KNOWN = (1 << k for k in range(5))
"""Bits of the class of a character: white space; any character of a script without spaces; a letter, digit or mark of
another script; a character that may be part of a grapheme of several characters."""

_AROUND = "\0"
"""A character of no class, which stands before and after each text."""

_CLASSES = np.zeros(sys.maxunicode + 1, np.uint8)
"""The class of each character, computed when the character occurs for the first time; 0 before."""


def classes_of(codes: np.ndarray) -> np.ndarray:
    """Return the classes of characters, given their code points.

    >>> [bool(c & LETTER) for c in classes_of(np.array([ord(c) for c in "aé1电 ,"]))]
    [True, True, True, False, False, False]
    """
    classes = _CLASSES[codes]
    if not classes.all():
        for code in np.unique(codes[classes == 0]).tolist():
            c = chr(code)
            bits = (
                c.isspace() * BLANK | is_spaceless(c) * SPACELESS | is_letter(c) * LETTER | may_combine(c) * COMBINING
            )
            _CLASSES[code] = bits | _KNOWN
        classes = _CLASSES[codes]
    return classes


@dataclass(frozen=True, eq=False)
class Characters:
    """The characters of several texts. An offset counts from the beginning of `text`, not of a single text.

    Attributes:
        text: The texts, joined; before, between and after them stands a character that belongs to no text.
        starts: `(B,)` the offset at which each text begins.
        classes: The class of each character: bits such as `BLANK`.
        blanks: The number of white-space characters before each offset.
    """

    text: str
    starts: np.ndarray
    classes: np.ndarray
    blanks: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Characters":
        """Return the characters of texts without lone surrogates."""
        text = _AROUND.join(["", *texts, ""])
        classes = classes_of(np.frombuffer(text.encode("utf-32-le"), np.uint32))
        blanks = np.zeros(len(text) + 1, np.int64)
        np.cumsum(classes & BLANK, out=blanks[1:])
        starts = np.cumsum([1, *(len(each) + 1 for each in texts)])[:-1]
        return cls(text, starts, classes, blanks)

    def have(self, kind: int, offsets: np.ndarray) -> np.ndarray:
        """Return whether the characters at these offsets are of a class."""
        return (self.classes[offsets] & kind).astype(bool)

    def are_blank(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return whether spans are empty or all white space."""
        return self.blanks[ends] - self.blanks[starts] == ends - starts

    def strip(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return spans without white space at both ends; spans of white space only are not changed."""
        todo = np.flatnonzero(self.have(BLANK, starts) | self.have(BLANK, ends - 1))
        todo = todo[~self.are_blank(starts[todo], ends[todo])]
        if len(todo):
            starts, ends = starts.copy(), ends.copy()
            visible = np.flatnonzero((self.classes & BLANK) == 0)
            starts[todo] = visible[np.searchsorted(visible, starts[todo])]
            ends[todo] = visible[np.searchsorted(visible, ends[todo]) - 1] + 1
        return starts, ends

    def widen(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return spans, extended to include the whole of graphemes that they divide."""
        if self._borders is None:
            return starts, ends
        before = np.searchsorted(self._borders, starts, "right") - 1
        return self._borders[before], self._borders[np.searchsorted(self._borders, ends)]

    def grapheme_end(self, text: int, offset: int) -> int:
        """Return the end of the grapheme that an offset in a text divides; the offset itself if it divides none."""
        start = self.starts[text]
        return int(self.widen(start, start + offset)[1] - start)

    @cached_property
    def _borders(self) -> np.ndarray | None:
        """The offsets that are not inside a grapheme; None if none is inside."""
        combining = np.flatnonzero(self.classes & COMBINING)
        if not len(combining):
            return None
        border = np.ones(len(self.text) + 1, bool)
        for i in np.unique(np.searchsorted(self.starts, combining, "right") - 1).tolist():
            start = self.starts[i]
            end = self.starts[i + 1] - 1 if i + 1 < len(self.starts) else len(self.text) - 1
            border[[start + k for k in inside_graphemes(self.text[start:end])]] = False
        return np.flatnonzero(border)

"""Colours and line styles, the same in every figure, for all kinds of colour vision and for print."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from zlib import crc32

FOR = "#0072b2"
"""Evidence for the target: the blue of Okabe and Ito's palette for all kinds of colour vision."""
AGAINST = "#d55e00"
"""Evidence against the target: the vermilion of the same palette."""
AMOUNT = "#7b4ea3"
"""Unsigned scores."""
MORE = "#009e73"
"""Pairs of words whose joint removal has a larger effect than their single removals in sum: the palette's green."""
LESS = "#cc5fa0"
"""Pairs of words whose joint removal has a smaller effect: the palette's purple, a little darker."""


class LineStyle(NamedTuple):
    """The look of one method's curve; two methods differ in more than the colour."""

    color: str
    dash: Any
    marker: str


METHOD_STYLES: dict[str, LineStyle] = {
    "random": LineStyle("#757575", (0, (1, 1.6)), "x"),
    "loo": LineStyle("#1a1a1a", "solid", "D"),
    "signed_gi": LineStyle(FOR, "solid", "o"),
    "sa_raw": LineStyle(AGAINST, (0, (6, 1.5, 1.2, 1.5)), "v"),
    "sa_l1": LineStyle("#009e73", "solid", "s"),
    "sa_l2": LineStyle("#b0568f", (0, (5, 2)), "^"),
    "sa_linf": LineStyle("#a87a00", (0, (1.5, 1.5)), "P"),
}
"""The paper's seven methods. The three norms nearly coincide; solid, dashed and dotted lines keep each one visible."""

_FALLBACKS = (
    LineStyle("#56a0d3", (0, (7, 2)), "h"),
    LineStyle("#6a3d9a", "solid", "X"),
    LineStyle("#8c564b", (0, (3, 1.5)), "d"),
    LineStyle("#00707a", (0, (6, 1.5, 1.2, 1.5)), "p"),
    LineStyle("#c2185b", (0, (1.5, 1.5)), "<"),
    LineStyle("#5d7a00", "solid", ">"),
    LineStyle("#3949ab", (0, (4, 1.2, 1.2, 1.2, 1.2, 1.2)), "*"),
    LineStyle("#a1433a", (0, (7, 2)), "8"),
)


def method_styles(methods: Iterable[str]) -> dict[str, LineStyle]:
    """Return the line style of every method, the same in every figure and every run.

    Each method of `METHOD_STYLES` has a fixed style. Any other name is hashed to a fallback style, or to the next free
    one if another method of the same figure has that style. From the ninth such name on, styles repeat.
    """
    styles: dict[str, LineStyle] = {}
    for method in methods:
        start = crc32(method.encode(errors="replace"))
        candidates = [_FALLBACKS[(start + step) % len(_FALLBACKS)] for step in range(len(_FALLBACKS))]
        free = (style for style in candidates if style not in styles.values())
        styles[method] = METHOD_STYLES.get(method) or next(free, candidates[0])
    return styles

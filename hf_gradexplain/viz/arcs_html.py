"""Pairs of words as arcs in HTML: below the words on a wide page, to their right on a narrow page."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from hf_gradexplain.viz.arcs import BEND, COLORS, NUMBER, STEP, TEXT, TOP, Arc, Diagram, Side
from hf_gradexplain.viz.tables import TextTable
from hf_gradexplain.viz.templating import HTML

_PIXELS = 1.4
"""Pixels per point. With this number, words are about as large as the text around them."""

_LINE, _STEP = 1.9 * TEXT, 16.0
"""The distance from a word to the next one below it, and from an arc to the next one to its right, in points."""

_PAD = 4.0
"""Points beside the words."""


class Curve(NamedTuple):
    """An arc of a drawing: its path, its look and its tooltip."""

    side: Side
    width: str
    path: str
    title: str


class Label(NamedTuple):
    """Text of a drawing; its role is `word`, `left-out` or `value`."""

    role: str
    text: str
    x: str
    y: str
    size: float
    anchor: str


class Drawing(NamedTuple):
    """A drawing: its kind (`wide` or `narrow`), its width in pixels, its view box, and its content."""

    kind: str
    width: str
    box: str
    curves: list[Curve]
    labels: list[Label]


def to_html(diagram: Diagram, *, title: str, sentences: Sequence[str] = (), table: TextTable | None = None) -> Markup:
    """Render arcs as a self-contained HTML fragment without scripts, files or fonts; every string is escaped.

    On a wide page, the words are on one line with the arcs below them. On a narrow page, the words are below each other
    with the arcs to their right. Text has the colour of the page, and the colours of arcs work on light and dark pages.
    Arcs of positive values are solid, arcs of negative values dashed.

    Args:
        diagram: The words and arcs; a diagram without arcs is left out.
        title: The title.
        sentences: The sentences below the arcs, a paragraph each.
        table: The table below the sentences; None for no table.
    """
    drawings = [_wide(diagram), _narrow(diagram)] if diagram.arcs else []
    template = HTML.get_template("arcs.html.jinja")
    return Markup(template.render(drawings=drawings, title=title, sentences=sentences, table=table, colors=COLORS))


def _wide(diagram: Diagram) -> Drawing:
    """Draw the words on one line, and the arcs with their values below."""
    width, height = diagram.length + 2 * _PAD, TOP + STEP * diagram.depth + NUMBER
    curves, labels = [], []
    for place in diagram.places:
        role = "word" if place.is_word else "left-out"
        labels.append(Label(role, place.text, _written(place.middle), _written(TEXT), TEXT, "middle"))
    for arc in diagram.arcs:
        (start, end), bottom = diagram.ends(arc), TOP + arc.lowest / BEND
        curves.append(_curve(diagram, arc, [(start, TOP), (start, bottom), (end, bottom), (end, TOP)]))
        y = TOP + arc.lowest + 1.1 * NUMBER
        labels.append(Label("value", arc.label, _written((start + end) / 2), _written(y), NUMBER, "middle"))
    return Drawing("wide", *_frame(-_PAD, width, height), curves, labels)


def _narrow(diagram: Diagram) -> Drawing:
    """Draw one word per line, with the arcs to the right and the values as tooltips."""
    right = max(place.width for place in diagram.places)
    curves, labels, left = [], [], right + _PAD
    for line, word in enumerate(diagram.words):
        labels.append(Label("word", word, _written(right), _written(_LINE * (line + 0.7)), TEXT, "end"))
    for arc in diagram.arcs:
        start, end = _LINE * (arc.first + 0.5) + arc.start, _LINE * (arc.second + 0.5) + arc.end
        out = left + _STEP * arc.level / BEND
        curves.append(_curve(diagram, arc, [(left, start), (out, start), (out, end), (left, end)]))
    width, height = left + _STEP * (diagram.depth + 0.5), _LINE * len(diagram.words)
    return Drawing("narrow", *_frame(0, width, height), curves, labels)


def _frame(left: float, width: float, height: float) -> tuple[str, str]:
    """Return the width in pixels and the view box."""
    return f"{_PIXELS * width:.0f}", f"{left:.1f} 0 {width:.1f} {height:.1f}"


def _curve(diagram: Diagram, arc: Arc, points: Sequence[tuple[float, float]]) -> Curve:
    """Return a curve through the first and the last of four points; the others are its control points."""
    start, *others = (f"{_written(x)} {_written(y)}" for x, y in points)
    title = f"{diagram.words[arc.first]} · {diagram.words[arc.second]}: {arc.label}"
    return Curve(arc.side, _written(arc.width), f"M{start}C{' '.join(others)}", title)


def _written(number: float) -> str:
    return f"{number:.1f}"

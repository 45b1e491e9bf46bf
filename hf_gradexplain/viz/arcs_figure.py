"""Draw pairs of words as arcs below the words with matplotlib: alone, or below an explained text."""

from collections.abc import Sequence
from typing import Any, cast

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Affine2D, ScaledTranslation

from hf_gradexplain.viz.arcs import BEND, COLORS, NUMBER, STEP, TEXT, TOP, Arc, Diagram
from hf_gradexplain.viz.canvas import INK, MUTED, STYLE, WIDTH
from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.segments import Row
from hf_gradexplain.viz.text_figure import add_text_axes, draw_text
from hf_gradexplain.viz.typesetting import Font, Page

_MARGIN = 10.0
"""Points around the diagram of a figure."""

_DASH = (0, (3.2, 1.8))


def arcs_height(diagram: Diagram, sentences: Sequence[str], width: float) -> float:
    """Return the height of a diagram and of the sentences below it, in inches.

    Args:
        diagram: The words and arcs.
        sentences: The sentences.
        width: The width, in inches.
    """
    return (_depth(diagram, 72 * width - 2 * _MARGIN) + _notes(sentences, width).top + 2 * _MARGIN) / 72


@matplotlib.style.context(STYLE)
def arcs_figure(
    rows: Sequence[Row], heading: Heading, diagram: Diagram, *, sentences: Sequence[str] = (), width: float = WIDTH
) -> Figure:
    """Draw an explained text with arcs below it as a picture, as high as its content.

    Args:
        rows: The methods' scores over the text.
        heading: The text above the rows.
        diagram: The words and arcs.
        sentences: The sentences below the arcs.
        width: The width in inches.
    """
    figure = Figure(figsize=(width, 1))
    text = add_text_axes(figure, rows, heading)
    above, below = figure.get_figheight(), arcs_height(diagram, sentences, width)
    figure.set_figheight(above + below)
    left, bottom, across, high = text.get_position().bounds
    text.set_position((left, (below + bottom * above) / (above + below), across, high * above / (above + below)))
    draw_text(text, rows, heading)
    draw_arcs(figure.add_axes((0, 0, 1, below / (above + below))), diagram, sentences=sentences)
    return figure


@matplotlib.style.context(STYLE)
def draw_arcs(axes: Axes, diagram: Diagram, *, sentences: Sequence[str] = ()) -> None:
    """Draw words on one line, with arcs below them and sentences at the bottom, from the top left corner of the axes.

    Arcs of positive values are green and solid, arcs of negative values purple and dashed. If the words together are
    wider than the axes, they are drawn smaller.

    Args:
        axes: The axes to draw on.
        diagram: The words and arcs.
        sentences: The sentences.
    """
    axes.set_axis_off()
    figure: Any = axes.get_figure(root=True)
    if layout := figure.get_layout_engine():
        layout.execute(figure)
    width = 72 * axes.get_window_extent().width / figure.dpi - 2 * _MARGIN
    shrink, corner = _shrink(diagram, width), cast(Any, axes.transAxes)
    inches = Affine2D().scale(1 / 72) + figure.dpi_scale_trans + ScaledTranslation(0, 1, corner)
    moved = Affine2D().scale(shrink).translate(_MARGIN, -_MARGIN)
    look: dict[str, Any] = {"transform": moved + inches, "clip_on": False, "in_layout": False}
    for place in diagram.places:
        color = INK if place.is_word else MUTED
        axes.text(
            place.middle, -TEXT, place.text, size=shrink * TEXT, color=color, ha="center", parse_math=False, **look
        )
    for arc in diagram.arcs:
        _draw_arc(axes, diagram, arc, shrink, look)
    plain = Affine2D().translate(_MARGIN, -_MARGIN - _depth(diagram, width))
    look |= {"transform": plain + inches}
    for piece in _notes(sentences, (width + 2 * _MARGIN) / 72).pieces:
        size, color, _ = piece.font
        axes.text(piece.left, -piece.base, piece.text, size=size, color=color, parse_math=False, **look)


def _draw_arc(axes: Axes, diagram: Diagram, arc: Arc, shrink: float, look: dict[str, Any]) -> None:
    """Draw an arc and its value."""
    start, end = diagram.ends(arc)
    control = -TOP - arc.lowest / BEND
    path = Path([(start, -TOP), (start, control), (end, control), (end, -TOP)], [Path.MOVETO, *[Path.CURVE4] * 3])
    dash: Any = _DASH if arc.side == "less" else "solid"
    style: dict[str, Any] = {"color": COLORS[arc.side], "linewidth": arc.width, "linestyle": dash, "capstyle": "butt"}
    axes.add_artist(PathPatch(path, fill=False, **style, **look))
    place: dict[str, Any] = {"ha": "center", "va": "top", "size": shrink * NUMBER, "color": INK, "parse_math": False}
    halo = [withStroke(linewidth=2, foreground="white", alpha=0.85)]
    axes.text((start + end) / 2, -TOP - arc.lowest - 2, arc.label, path_effects=halo, **place, **look)


def _shrink(diagram: Diagram, width: float) -> float:
    return min(1.0, width / max(diagram.length, 1.0))


def _depth(diagram: Diagram, width: float) -> float:
    """Return the height of the words and arcs, in points."""
    return _shrink(diagram, width) * (TOP + STEP * diagram.depth + NUMBER) if diagram.arcs else 0.0


def _notes(sentences: Sequence[str], width: float) -> Page:
    """Set the sentences in lines."""
    page = Page(72 * width - 2 * _MARGIN, 1.55 * NUMBER)
    for sentence in sentences:
        page.write_line(sentence, Font(NUMBER, INK))
    return page

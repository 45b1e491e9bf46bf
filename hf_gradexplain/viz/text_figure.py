"""An explained text in matplotlib: lines of coloured words, one row per method."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any
from unicodedata import bidirectional

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import Affine2D, ScaledTranslation

from hf_gradexplain.viz.canvas import INK, MUTED, STYLE, WIDTH
from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.segments import COLORS, Row, Shade, phrases_of, shades
from hf_gradexplain.viz.typesetting import Font, Page, Piece

TEXT, NAME, NOTE = 10.5, 9.5, 8.5
"""Font sizes in points: at least 8 pixels in a picture of the usual width that is shown 390 pixels wide."""

_FONTS: dict[str, Font] = {"": Font(TEXT, INK), "unread": Font(TEXT, MUTED), "speaker": Font(NOTE, MUTED)}
"""The fonts of a text, of text that the model did not read, and of the roles in a conversation."""

_TALL, _LOW = 1.75 * TEXT, 1.55 * NOTE
"""Heights of lines in points: of coloured words, with room for the lines below the words, and of notes."""

_GAP = 5.0
"""Points between rows."""

_MARGIN = 10.0
"""The margin around the text of a new figure, in points."""

_ORDER = "words of right-to-left scripts are drawn from left to right here; HTML shows their usual order"

_OPACITY = 0.65
"""The opacity of the strongest unit's background, as in HTML."""


@matplotlib.style.context(STYLE)
def text_figure(rows: Sequence[Row], heading: Heading, *, width: float = WIDTH) -> Figure:
    """Draw an explained text as a picture that is as high as its content; see `draw_text`.

    Args:
        rows: The methods' scores over the same text.
        heading: The text above the rows.
        width: The width in inches.
    """
    figure = Figure(figsize=(width, 1))
    draw_text(add_text_axes(figure, rows, heading), rows, heading)
    return figure


@matplotlib.style.context(STYLE)
def add_text_axes(figure: Figure, rows: Sequence[Row], heading: Heading) -> Axes:
    """Make a figure as high as the text needs, and return axes that fill it up to a margin."""
    width = figure.get_figwidth()
    height = _layout(rows, heading, 72 * width - 2 * _MARGIN).top / 72
    margin = _MARGIN / 72
    figure.set_figheight(height + 2 * margin)
    inside = (margin / width, margin / (height + 2 * margin), 1 - 2 * margin / width, height / (height + 2 * margin))
    return figure.add_axes(inside)


@matplotlib.style.context(STYLE)
def draw_text(axes: Axes, rows: Sequence[Row], heading: Heading) -> None:
    """Draw an explained text from the top left corner of the axes, wrapped at the current width of the axes.

    The background of a unit has the opacity `|score| / max |score|` of its row. The line below a unit is dashed if the
    unit opposes the target. Words of right-to-left scripts are drawn from left to right, and a note says so.
    """
    axes.set_axis_off()
    figure: Any = axes.get_figure(root=True)
    if layout := figure.get_layout_engine():
        layout.execute(figure)  # which sets the width of the axes
    corner: Any = axes.transAxes
    points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans + ScaledTranslation(0, 1, corner)
    look: dict[str, Any] = {"transform": points, "clip_on": False, "in_layout": False}
    for piece in _layout(rows, heading, 72 * axes.get_window_extent().width / figure.dpi).pieces:
        if piece.shade and piece.shade.role in COLORS:
            _draw_shade(axes, piece, piece.shade, look)
        size, color, weight = piece.font
        axes.text(piece.left, -piece.base, piece.text, size=size, color=color, weight=weight, parse_math=False, **look)


def _draw_shade(axes: Axes, piece: Piece, shade: Shade, look: dict[str, Any]) -> None:
    """Draw the background of a unit and the line below it."""
    size, color = piece.font.size, COLORS[shade.role]
    bottom = -piece.base - 0.32 * size
    box: dict[str, Any] = {"color": color, "alpha": _OPACITY * shade.strength, "linewidth": 0, **look}
    axes.add_artist(Rectangle((piece.left, bottom), piece.width, 1.4 * size, **box))
    ends = [piece.left + 0.5, piece.left + piece.width - 0.5]
    line: dict[str, Any] = {"color": color, "alpha": shade.strength, "linewidth": 1.4, "solid_capstyle": "butt", **look}
    dash: Any = (0, (2.2, 1.4)) if shade.role == "against" else "solid"
    axes.add_artist(Line2D(ends, [bottom, bottom], linestyle=dash, **line))


def _layout(rows: Sequence[Row], heading: Heading, width: float) -> Page:
    """Set the heading, the rows and the legend in lines of `width` points."""
    page, single = Page(width, _TALL), rows[0] if len(rows) == 1 else None
    subject = " → ".join(part for part in (single.method if single else "", heading.target) if part)
    page.write([(f"{subject}  ", None)], Font(TEXT, INK, "bold"))
    page.write([(heading.verdict, None)], Font(NOTE, MUTED))
    page.end_line()
    page.leading = _LOW
    details = " · ".join(part for part in (heading.details, single.correlated if single else "") if part)
    page.write_line(details, Font(NOTE, MUTED))
    page.write_line(heading.reading, Font(NOTE, INK))
    page.write_line(heading.unread, Font(NAME, COLORS["against"], "bold"))
    for number, row in enumerate(rows):
        page.top += _GAP
        if single is None:
            page.write([(f"{row.name}  ", None)], Font(NAME, INK, "bold"))
            page.write_line(row.agreement or " ", Font(NOTE, MUTED))
        _write_row(page, row, heading, unread=number == 0)
    page.top += _GAP
    _write_legend(page, rows)
    return page


def _write_row(page: Page, row: Row, heading: Heading, *, unread: bool) -> None:
    """Write the coloured text, and what is said about its scores."""
    page.leading = _TALL
    for role, run in groupby(shades(row, heading), key=lambda shade: shade.role if shade.role in _FONTS else ""):
        if role != "unread" or unread:
            page.write([(f"{s.text}: " if role == "speaker" else s.text, s) for s in run], _FONTS[role])
    page.end_line()
    page.leading = _LOW
    page.write_line(row.remark, Font(NOTE, INK, "bold"))
    for part in row.parts:
        page.write_line(f"{'    ' * part.depth}{part.score}  {part.text}", Font(NOTE, INK))
    page.write_line(row.certainty and f"certainty: {row.certainty}", Font(NOTE, MUTED))
    page.write_line(row.check and f"self-check {row.check}", Font(NOTE, MUTED))
    page.write_line(row.warning, Font(NOTE, INK, "bold"))


def _write_legend(page: Page, rows: Sequence[Row]) -> None:
    for role, phrase in phrases_of(rows).items():
        page.write([(phrase, Shade(phrase, role, 1.0)), ("   ", None)], Font(NOTE, INK))
    scope = "of each row" if len(rows) > 1 else "of this text"
    rho = "; ρ: rank correlation (Spearman) with leave-one-out" if any(row.agreement for row in rows) else ""
    page.write_line(f"full colour at the largest score {scope}{rho}", Font(NOTE, MUTED))
    if any(bidirectional(letter) in ("R", "AL") for segment in rows[0].segments for letter in segment.text):
        page.write_line(_ORDER, Font(NOTE, INK, "bold"))

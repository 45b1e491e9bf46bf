"""An explained text as HTML, for notebooks and pages: the same text once per method."""

from collections.abc import Sequence
from math import ceil

from markupsafe import Markup

from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.segments import COLORS, Row, Shade, phrases_of, shades
from hf_gradexplain.viz.tables import format_score
from hf_gradexplain.viz.templating import HTML

_CSS_COLORS = {role: " ".join(map(str, bytes.fromhex(color[1:]))) for role, color in COLORS.items()}
"""The colours as decimal numbers for CSS `rgb()`, to which each unit adds its own opacity."""

_COLUMNS = 30
"""About how many characters a line has on the narrowest page."""

_ONE, _SEVERAL = 20, 10
"""How many lines of a text fit into its box, whose height the style limits: for one method and for several."""


def to_html(rows: Sequence[Row], heading: Heading | None = None, *, legend: bool = True, top: int = 5) -> Markup:
    """Render an explained text as a self-contained HTML fragment without scripts, files or fonts.

    The opacity of a unit's background is `|score| / max |score|` of its row; the legend states this scale. Units that
    support the target are blue with a solid line, units that oppose it vermilion with a dashed line. The lines show the
    sign also without colours. Unsigned scores are purple. The tooltip of a unit is its score. The text is escaped,
    isolated from the direction of the page, and keeps its whitespace; control characters become visible. The colours
    are transparent and work on light and dark pages. On a narrow page, the names of methods are above their rows. A
    long text is in a box that scrolls, also by keyboard.

    Args:
        rows: The methods' scores over the same text. A single method is named in the heading, several methods beside
            their rows. Text that the model did not read is shown in the first row only.
        heading: The text above the rows.
        legend: Whether to explain the colours and, for a single method, to list the strongest units.
        top: The number of supporting units and of opposing units in the legend.

    Returns:
        The fragment, marked as safe for jinja2 and markupsafe.
    """
    heading = heading or Heading()
    single = rows[0] if len(rows) == 1 else None
    shaded = [
        [shade for shade in shades(row, heading) if number == 0 or shade.role != "unread"]
        for number, row in enumerate(rows)
    ]
    shown = _SEVERAL if len(rows) > 1 else _ONE
    return Markup(
        HTML.get_template("highlight.html.jinja").render(
            heading=heading,
            details=" · ".join(part for part in (heading.details, single.correlated if single else "") if part),
            correlated=any(row.agreement for row in rows),
            method=single.method if single else "",
            rows=[(row, pieces, _lines(pieces) > shown) for row, pieces in zip(rows, shaded, strict=True)],
            several=len(rows) > 1,
            legend=single.strongest(top) if legend and single else {},
            scale=_scale(single) if legend and single else (),
            phrases=phrases_of(rows) if legend else {},
            colors=_CSS_COLORS,
        )
    )


def _lines(pieces: Sequence[Shade]) -> int:
    """Return about how many lines a text has on the narrowest page."""
    return sum(max(1, ceil(len(line) / _COLUMNS)) for line in "".join(piece.text for piece in pieces).split("\n"))


def _scale(row: Row) -> tuple[str, ...]:
    """Return the scores at the ends of the colour scale; empty if all are zero."""
    if not row.peak:
        return ()
    ends = (-row.peak, row.peak) if row.signed else (0.0, row.peak)
    return tuple(format_score(end, row.signed) for end in ends)

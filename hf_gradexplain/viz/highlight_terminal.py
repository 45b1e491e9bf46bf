"""An explained text for the terminal: the same text once per method."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.sanitize import one_line, visible
from hf_gradexplain.viz.segments import Role, Row, Shade, shades
from hf_gradexplain.viz.tables import format_score

_STYLES: dict[Role, tuple[str, str]] = {
    "for": ("#2b8cd6", "underline"),
    "against": ("#d9730d", "italic"),
    "amount": ("#a06fd0", "underline"),
}
"""For each role, a colour that is readable on black and on white, and a style for terminals without colours."""

_STEPS = (0.1, 0.35, 0.7)
"""The strengths from which a unit is coloured, is bold, and has a coloured background."""

_LABEL = 16
"""The width of the labels below a text, in columns."""


def to_rich(rows: Sequence[Row], heading: Heading | None = None, *, legend: bool = True, top: int = 5) -> Group:
    """Render an explained text for a terminal, with the arguments and colours of `to_html`.

    Without colours, units that support the target are underlined and units that oppose it are in italics. Without any
    styles, in a file or a pipe, the lines below each row still list its strongest units. Markup and escape sequences in
    the text are shown as they are, and have no effect.
    """
    heading = heading or Heading()
    single = rows[0] if len(rows) == 1 else None
    lines: list[RenderableType] = [*_heading(heading, single)]
    for number, row in enumerate(rows):
        if single is None:
            lines.append(Text.assemble("\n", (one_line(row.name), "bold"), "  ", row.agreement))
        pieces = [s for s in shades(row, heading) if number == 0 or s.role != "unread"]
        text = Text.assemble(*((_text(shade), _style(shade)) for shade in pieces))
        lines.append(Text.assemble("\n", text, "\n") if single else text)
        lines += _below(row, (top if single else min(top, 3)) if legend else 0, scale=legend and single is not None)
    if legend and len(rows) > 1:
        lines += ["", _scale_of_rows(rows)]
    return Group(*lines)


def _heading(heading: Heading, single: Row | None) -> Iterator[Text]:
    """Yield the lines above the text that are not empty."""
    subject = " → ".join(one_line(part) for part in (single.method if single else "", heading.target) if part)
    details = " · ".join(part for part in (heading.details, single.correlated if single else "") if part)
    for line in (
        Text.assemble((subject, "bold"), "  " if subject else "", one_line(heading.verdict)),
        Text(one_line(details), style="dim"),
        Text(one_line(heading.reading)),
        Text(one_line(heading.unread), style=f"bold #000000 on {_STYLES['against'][0]}"),
    ):
        if line.plain:
            yield line


def _below(row: Row, top: int, *, scale: bool) -> Iterator[RenderableType]:
    """Yield what is said about a row: remark, strongest units, colours, parts, certainty, self-check and warning."""
    grid = Table.grid("", "", padding=0)
    grid.columns[0].min_width = _LABEL
    grid.columns[1].overflow = "fold"
    for role, units in (row.strongest(top) if top else {}).items():
        listed = ", ".join(f"{unit} {score}" for unit, score in units) or "none"
        grid.add_row(Text.assemble((row.phrases[role], " ".join(_STYLES[role]))), Text(listed))
    if scale and row.peak:
        steps = (format_score(step * row.peak, signed=False) for step in _STEPS)
        full = format_score(row.peak, signed=False)
        said = "from {}, bold from {}, full from {}; the largest |score| is {}".format(*steps, full)
        grid.add_row(Text("colour", style="dim"), Text(said))
    for number, part in enumerate(row.parts):
        label = Text("" if number else "parts", style="dim")
        grid.add_row(label, Text(f"{'  ' * part.depth}{part.score}  {part.text}"))
    if row.certainty:
        grid.add_row(Text("certainty", style="dim"), Text(one_line(row.certainty)))
    if row.check:
        grid.add_row(Text("self-check", style="dim"), Text(one_line(row.check)))
    if row.remark:
        yield Text(one_line(row.remark), style="bold")
    if grid.row_count:
        yield grid
    if row.warning:
        yield Text(one_line(row.warning), style="bold")


def _scale_of_rows(rows: Sequence[Row]) -> Text:
    """Return the legend of several rows."""
    steps = (f"{step:.0%}" for step in _STEPS)
    said = "colour from {}, bold from {}, full from {} of the largest |score| of each row".format(*steps)
    rho = "; ρ: rank correlation (Spearman) with leave-one-out" if any(row.agreement for row in rows) else ""
    return Text(f"{said}{rho}", style="dim")


def _text(shade: Shade) -> str:
    return f"{shade.text}: " if shade.role == "speaker" else visible(shade.text)


def _style(shade: Shade) -> str:
    """Return the style of a piece: plain, coloured, bold, or bold on a coloured background, by growing strength."""
    if shade.role in ("unread", "speaker"):
        return "dim"
    colored, bold, full = _STEPS
    if not shade.role or shade.strength < colored:
        return ""
    color, mark = _STYLES[shade.role]
    if shade.strength < bold:
        return f"{color} {mark}"
    return f"bold {color} {mark}" if shade.strength < full else f"bold #000000 on {color} {mark}"

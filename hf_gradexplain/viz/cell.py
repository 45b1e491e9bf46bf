"""A title, sentences, a table and a figure, as HTML for a cell of a notebook and as text for a terminal."""

from base64 import b64encode
from collections.abc import Sequence

from markupsafe import Markup

from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import TextTable
from hf_gradexplain.viz.templating import HTML


def cell_html(
    *, title: str, sentences: Sequence[str] = (), table: TextTable, figure: bytes | None = None, alt: str = ""
) -> Markup:
    """Return a self-contained HTML fragment without scripts, for light and dark pages; every string is escaped.

    Args:
        title: The title.
        sentences: The sentences between the title and the table, a paragraph each.
        table: The table, which scrolls if the page is too narrow for it.
        figure: An SVG file, shown below the table on white paper.
        alt: The alternative text of the figure: what it shows.
    """
    image = b64encode(figure).decode() if figure is not None else ""
    template = HTML.get_template("cell.html.jinja")
    return Markup(template.render(title=title, sentences=sentences, table=table, image=image, alt=alt))


def cell_text(*, title: str, sentences: Sequence[str] = (), table: TextTable) -> str:
    r"""Return title, sentences and table as plain text, a line per row; columns are as wide as their longest cell.

    >>> table = TextTable(("method", "n"), (("loo", "10"), ("random", "9")), (False, True), 0)
    >>> print(cell_text(title="All", table=table))
    All
    <BLANKLINE>
    method   n
    loo     10
    random   9
    """
    lines = [table.headers, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    columns = list(zip(widths, table.numeric, strict=True))

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, (width, numeric) in zip(cells, columns, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([*map(one_line, (title, *sentences)), "", *map(line, lines)])

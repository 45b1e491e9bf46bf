"""A title, sentences, a table and a figure, as HTML for a cell of a notebook."""

from base64 import b64encode
from collections.abc import Sequence

from markupsafe import Markup

from hf_gradexplain.viz.tables import TextTable
from hf_gradexplain.viz.templating import HTML


def cell_html(*, title: str, sentences: Sequence[str] = (), table: TextTable, figure: bytes | None = None) -> Markup:
    """Return a self-contained HTML fragment without scripts, for light and dark pages; every string is escaped.

    Args:
        title: The title.
        sentences: What stands between the title and the table, a paragraph each.
        table: The table, which scrolls where the page is too narrow for it.
        figure: An SVG file, shown below the table on white paper.
    """
    image = b64encode(figure).decode() if figure is not None else ""
    template = HTML.get_template("cell.html.jinja")
    return Markup(template.render(title=title, sentences=sentences, table=table, image=image))

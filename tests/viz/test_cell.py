"""Tables with sentences for the cells of a notebook and for a terminal."""

import pandas as pd

from hf_gradexplain.viz.cell import cell_html, cell_text
from hf_gradexplain.viz.tables import text_table

TABLE = text_table(pd.DataFrame({"method": ["<b>", "b\x1b[31m"], "n": [1.5, -1000]}))


def test_html_holds_title_sentences_table_and_figure():
    html = cell_html(title="A <title>", sentences=["One <i>.", "Two."], table=TABLE, figure=b"<svg/>")
    assert "<bdi>A &lt;title&gt;</bdi>" in html
    assert html.index("One &lt;i&gt;.") < html.index("Two.") < html.index("<table>") < html.index("<img")
    assert '<th scope="row"><bdi>&lt;b&gt;</bdi></th><td class="number"><bdi>1.500</bdi></td>' in html
    assert "−1000.000" in html
    assert "data:image/svg+xml;base64,PHN2Zy8+" in html
    assert "\x1b" not in html
    assert "<img" not in cell_html(title="A", table=TABLE)


def test_text_has_aligned_columns_and_nothing_that_a_terminal_obeys():
    text = cell_text(title="A\x1b[31m title", sentences=["One."], table=TABLE)
    assert text.splitlines() == [
        "A␛[31m title",
        "One.",
        "",
        "method          n",
        "<b>         1.500",
        "b␛[31m  −1000.000",
    ]


def test_lines_of_text_have_no_blanks_at_their_ends():
    table = text_table(pd.DataFrame({"n": [1, 2], "what": ["long text", "x"]}))
    assert cell_text(title="A", table=table).splitlines() == ["A", "", "n  what", "1  long text", "2  x"]

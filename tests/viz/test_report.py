import base64
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import yaml
from markdown_it import MarkdownIt
from markupsafe import Markup

from hf_gradexplain.viz.highlight import to_html
from hf_gradexplain.viz.report import render_card, render_report
from hf_gradexplain.viz.segments import Row, Segment

HOSTILE = '" onload="x </title><script>alert(1)</script> | `x` [l](javascript:x)\n---\n# h \x1b[31m\u202e\ud800 {{ 7 }}'
IN_A_TABLE = HOSTILE.replace("\ud800", "")  # pandas refuses lone surrogates itself
TABLE = pd.DataFrame({"method": ["loo", IN_A_TABLE], "median": [-0.25, np.nan]})
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def report(**changes):
    arguments = {
        "title": "Which methods can be trusted?",
        "headline": "signed_gi can.",
        "facts": {"Model": "textcnn"},
        "tables": {"Correlation": TABLE},
        "figures": {"Curves": SVG},
        "explanations": [to_html([Row([Segment("good", 1.0)])])],
        "notes": ["One note."],
    }
    return render_report(**(arguments | changes))


def card(**changes):
    arguments = {
        "title": "Which methods can be trusted?",
        "metadata": {"tags": ["explainability"]},
        "headline": "signed_gi can.",
        "facts": {"Model": "textcnn"},
        "tables": {"Correlation": TABLE},
        "figures": {"Curves": "figures/aopc.svg"},
        "replay": "python recipes/evaluate.py run.yaml",
        "notes": ["One note."],
    }
    return render_card(**(arguments | changes))


def hostile_arguments():
    return {
        "title": HOSTILE,
        "headline": HOSTILE,
        "facts": {HOSTILE: HOSTILE},
        "tables": {HOSTILE: TABLE.rename(columns={"method": IN_A_TABLE})},
        "notes": [HOSTILE],
    }


class Elements(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, html):
        super().__init__()
        self.seen = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, tuple(name for name, _ in attrs)))


def front_matter_and_body(text):
    _, head, body = re.split(r"^---$", text, maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(head), body


def markdown_structure(text):
    """Return the block types of a card in order, and the set of inline types."""
    tokens = MarkdownIt("commonmark").enable("table").parse(front_matter_and_body(text)[1])
    inside = {child.type for token in tokens for child in token.children or ()} - {"text", "text_special"}
    return [token.type for token in tokens], inside


def test_the_parts_of_a_report_are_in_order():
    html = report()
    parts = ["<h1>", "signed_gi can.", "textcnn", "Curves", "Correlation", "One note.", "+1.00"]
    assert sorted(parts, key=html.index) == parts


def test_report_shows_undefined_values_and_counts_them():
    html = report()
    assert "<bdi>−0.250</bdi>" in html
    assert '<td class="number"><bdi>–</bdi></td>' in html
    assert "– marks 1 undefined value." in html


def test_a_report_has_no_scripts_and_no_requests():
    html = report()
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html
    assert not re.search(r"<script|<link|<iframe|<object|url\(|@import", html)
    assert set(re.findall(r'(?:src|href)="(\w+:)', html)) == {"data:"}


def test_the_figures_of_a_report_are_in_the_page():
    images = re.findall('<img src="data:image/svg\\+xml;base64,([^"]*)" alt="([^"]*)">', report())
    assert [(base64.b64decode(image), alt) for image, alt in images] == [(SVG, "Curves")]


def test_a_report_escapes_every_input():
    html = report(figures={HOSTILE: SVG}, explanations=[HOSTILE], **hostile_arguments())
    assert Elements(html).seen == Elements(report(explanations=["plain"])).seen
    assert not re.search("[\x1b\u202e\ud800]", html)


def test_an_empty_report_is_a_page():
    html = report(headline="", facts={}, tables={}, figures={}, explanations=[], notes=[])
    assert "<h2>Results" not in html
    assert html.startswith("<!DOCTYPE html>")
    assert html.endswith("</html>\n")


def test_a_plain_string_is_not_inserted_as_html():
    assert "&lt;b&gt;" in report(explanations=["<b>"])
    assert "<b>safe</b>" in report(explanations=[Markup("<b>safe</b>")])


@pytest.mark.parametrize("render", [report, card])
def test_same_input_gives_the_same_bytes_and_formats_apply(render):
    assert render() == render()
    assert "25.0%" in render(formats={"Correlation": {"median": ".1%"}})
    with pytest.raises(ValueError, match=r"names tables \['Corelation'\], but the tables are \['Correlation'\]"):
        render(formats={"Corelation": {}})


def test_card_is_markdown_with_metadata_table_figure_and_command():
    metadata, body = front_matter_and_body(card())
    assert metadata == {"tags": ["explainability"]}
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    kinds = [token.type for token in tokens]
    assert kinds.count("td_open") == 4
    assert [token.content for token in tokens if token.type == "code_block"] == [
        "python recipes/evaluate.py run.yaml\n"
    ]
    images = [child for token in tokens for child in token.children or () if child.type == "image"]
    assert [image.attrs["src"] for image in images] == ["figures/aopc.svg"]
    assert "– marks 1 undefined value." in body


def test_lines_of_a_command_have_no_blanks_at_their_ends():
    assert "\n    first\n\n    second ␛\n" in card(replay="first  \n\nsecond \x1b")


def test_a_card_keeps_its_structure_with_any_input():
    metadata = {"tags": [HOSTILE], HOSTILE: HOSTILE}
    changes = hostile_arguments() | {"metadata": metadata, "replay": f"{HOSTILE}\n```\n# x"}
    hostile = card(figures={HOSTILE: "figures/a) ](javascript:x).svg"}, **changes)
    assert "](figures/a%29%20%5D%28javascript%3Ax%29.svg)" in hostile
    assert markdown_structure(hostile) == markdown_structure(card())
    assert list(front_matter_and_body(hostile)[0]) == ["tags", HOSTILE]
    assert not re.search("[\x1b\u202e\ud800]", hostile)


def test_metadata_of_other_than_plain_types_is_refused():
    with pytest.raises(yaml.YAMLError):
        card(metadata={"value": np.float64(1.0)})


def test_an_empty_card_keeps_its_sections():
    text = card(headline="", facts={}, tables={"Nothing": pd.DataFrame()}, figures={}, notes=[], metadata={})
    assert "## What the numbers mean" in text
    assert text.endswith("\n")


@pytest.mark.parametrize("results", [False, True])
def test_a_page_without_results_begins_with_the_explained_documents(results):
    tables = {"AOPC": pd.DataFrame({"method": ["loo"]})} if results else {}
    page = render_report(title="T", facts={}, tables=tables, figures={}, explanations=[Markup("<p>words</p>")])
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<p>words</p>") == 1
    assert "<dt>Sign</dt>" in page
    assert ("<dt>AOPC(K)</dt>" in page) is results
    assert (page.index("Explained documents") < page.index("What the numbers mean")) is not results

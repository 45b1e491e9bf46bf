"""The page of a decision in Chromium: one sheet of paper, its marks, and narrow screens."""

import base64
import re
from dataclasses import replace

import pytest

from hf_gradexplain.viz.evidence import EvidencePage, render_evidence
from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.segments import Row, Segment
from hf_gradexplain.viz.tables import TextTable
from tests.helpers.browser import browser

PAGE = EvidencePage(
    subject="Text 1 of a model on some data",
    title="The model chose “Sports”",
    decision=["The model gave “Sports” a probability of 95 %."],
    warnings=[],
    words=["“goal” speaks most for “Sports”."],
    table=TextTable(
        ("", "word", "times", "speaks", "share of all scores", "probability without it"),
        tuple((str(n), "extraordinarily", "2", "against", "12 % [11, 13]", "95.0 → 41.2 %") for n in range(1, 11)),
        (True, False, True, False, True, True),
        0,
    ),
    rule="The list has the largest scores. " * 4,
    row=Row([Segment("goal", 2.0), Segment(" of the "), Segment("market", -1.0), Segment(" team " * 60)]),
    heading=Heading(length=400),
    checks={f"What was measured {n}": ["Fine. " * 60] for n in range(4)},
    limits=["It describes the model, not the world, and it may be wrong about that as well."] * 6,
    contact="",
    facts={f"Fact {n}": "value of the fact" for n in range(18)},
    hashes={f"hash {n}": "0" * 64 for n in range(7)},
    files={f"file {n}": "0" * 64 for n in range(3)},
    note="This page documents what the model computed.",
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


def opened(chromium, folder, page, **size):
    file = folder / "page.html"
    file.write_text(render_evidence(page), encoding="utf-8")
    chromium.resize(**size)
    chromium.open(file, ready="document.readyState === 'complete'")


def sheets(chromium):
    pdf = base64.b64decode(chromium.send("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"])
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_the_main_words_are_listed_in_the_table_only():
    assert 'class="legend"' not in render_evidence(PAGE)


def test_a_short_text_takes_one_sheet_and_a_long_one_is_shown_whole(chromium, tmp_path):
    opened(chromium, tmp_path, PAGE, width=1280)
    assert sheets(chromium) == 1
    long = replace(PAGE, row=Row([Segment("goal", 2.0), Segment(" a long text" * 2000)]))
    opened(chromium, tmp_path, long, width=1280)
    assert sheets(chromium) > 3
    assert chromium.run("getComputedStyle(document.querySelector('.hfgx .text')).maxHeight") == "none"


def test_marks_are_signs_lines_and_colours_that_print(chromium, tmp_path):
    opened(chromium, tmp_path, PAGE, width=1280, media="print")
    look = "(s, p) => getComputedStyle(document.querySelector('.hfgx .text .' + s), p)"
    assert chromium.run(f"({look})('for', '::before').content") == '"+"'
    assert chromium.run(f"({look})('against', '::before').content") == '"−"'
    styles = [chromium.run(f"({look})('{side}').borderBottomStyle") for side in ("for", "against")]
    assert styles == ["solid", "dashed"]
    assert chromium.run(f"({look})('for').printColorAdjust") == "exact"
    assert chromium.texts("p.hfgx .u") == ["speaks for it", "speaks against it"]


def test_it_fits_a_narrow_screen_and_a_dark_one(chromium, tmp_path):
    opened(chromium, tmp_path, PAGE, width=390, dark=True)
    assert chromium.run("document.documentElement.scrollWidth") == 390
    assert chromium.run("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
    assert chromium.run("document.querySelector('.contact .line') !== null")
    opened(chromium, tmp_path, replace(PAGE, contact="Jane", warnings=["Do not trust it."]), width=390)
    assert chromium.texts(".contact bdi") == ["Jane"]
    assert chromium.texts(".warning bdi") == ["Do not trust it."]

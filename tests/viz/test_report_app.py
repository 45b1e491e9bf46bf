"""The report with scripts, in headless Chromium."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from hf_gradexplain.viz.pieces import mark_pieces
from hf_gradexplain.viz.report_app import chart
from hf_gradexplain.viz.sanitize import visible
from tests.helpers.browser import browser
from tests.helpers.hostile import strings
from tests.helpers.report_pages import KS, LABELS, METHODS, curves, make_document, render, report_page

WORDS = ("good", "bad", "market", "game", "😀", "naïve", "中文", "the", "a", "b")

DOCUMENTS = [
    make_document(row, [WORDS[(row * 3 + step) % len(WORDS)] + ("s" if row % 5 == 0 else "") for step in range(4)])
    for row in range(64)
]

STRUCTURE = """
[...document.querySelectorAll("body *")].filter(element => element.tagName !== "SCRIPT").map(element =>
  `${element.tagName}.${element.getAttribute("class") ?? ""}[${[...element.attributes].map(a => a.name).sort()}]`)
"""

TEXTS_WITH_LOW_CONTRAST = """
(() => {
  const parse = color => color.match(/[\\d.]+/g).map(Number);
  const over = (top, below) => { const a = top[3] ?? 1; return [0, 1, 2].map(i => a * top[i] + (1 - a) * below[i]); };
  const background = element => {
    const below = element.parentElement ? background(element.parentElement) : [255, 255, 255];
    return over(parse(getComputedStyle(element).backgroundColor), below);
  };
  const light = color => {
    const [r, g, b] = color.map(c => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join("").trim();
    const style = getComputedStyle(element);
    if (!text || !element.checkVisibility() || element.disabled || element.tagName === "SCRIPT") continue;
    const below = background(element);
    const own = element instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(over(parse(own), below)), light(below)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push([element.tagName, element.className, text, (a + 0.05) / (b + 0.05)]);
  }
  return low;
})()
"""

N_CONTROLS = """
[...document.querySelectorAll("a[href], button, input:not([type=radio]), input:checked, select, summary, [tabindex]")]
  .filter(element => element.checkVisibility() && !element.disabled).length
"""

FOCUSED = """
(() => {
  const element = document.activeElement;
  const looks = [element, element.nextElementSibling ?? element].map(each => getComputedStyle(each));
  const isMarked = looks.some(look => look.outlineStyle !== "none" && look.opacity !== "0");
  return [[...document.querySelectorAll("*")].indexOf(element), isMarked];
})()
"""
"""The place of the focused element in the page, and whether it or the element after it has an outline."""

OPEN_ALL = "document.querySelectorAll('details').forEach(d => { d.open = true; })"

SETTLE = "new Promise(resolve => setTimeout(resolve, 80))"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.resize(1280)
        yield page


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(DOCUMENTS), encoding="utf-8")
    return path


@pytest.fixture
def page(chromium, path):
    chromium.resize(1280)
    chromium.open(path)
    return chromium


def shown_rows(page):
    """Return the row numbers of the listed documents, once a search has come to an end."""
    page.run(SETTLE)
    return [int(text[1:]) for text in page.texts(".list .row")]


def choose(page, label, text):
    """Choose the entry that begins with `text` of the select with this label."""
    field = f"[...document.querySelectorAll('.field')].find(f => f.textContent.startsWith({label!r}))"
    page.run(
        f"(() => {{ const select = {field}.querySelector('select');"
        f"select.value = [...select.options].find(o => o.textContent.startsWith({text!r})).value;"
        "select.dispatchEvent(new Event('change')); })()"
    )


def search(page, text):
    page.enter("input[type=search]", text, "input")


def text_of(document):
    return "".join(text for text, _ in document.pieces)


def policy_of(html):
    return re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[1].replace("&#39;", "'")


def test_the_policy_allows_exactly_the_style_and_the_script_of_the_page(path):
    html = path.read_text(encoding="utf-8")
    parts = {tag: re.search(rf"<{tag}>(.*?)</{tag}>", html, re.S)[1] for tag in ("style", "script")}
    digests = {tag: base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for tag, part in parts.items()}
    assert policy_of(html) == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digests['style']}'; "
        f"script-src 'sha256-{digests['script']}'; base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r'\sstyle="|\son\w+="|javascript:|<link|<iframe|@import|url\(', html)


def test_the_page_asks_for_nothing_and_breaks_no_rule_of_its_policy(page, path):
    page.run(OPEN_ALL)
    page.run(SETTLE)
    urls = {e["params"]["request"]["url"] for e in page.events if e.get("method") == "Network.requestWillBeSent"}
    assert {url for url in urls if not url.startswith("data:image/svg+xml")} <= {path.as_uri(), "about:blank"}
    assert [e for e in page.events if e.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")] == []
    assert (
        page.run("document.images.length") == page.run("[...document.images].filter(i => i.naturalWidth).length") == 1
    )


def test_a_text_is_shown_to_the_last_character(page):
    rows = shown_rows(page)
    texts = page.texts(".list summary > .text")
    assert rows == list(range(10))
    assert texts == [text_of(DOCUMENTS[row]) for row in rows]
    units = page.run(
        "[...document.querySelectorAll('.list .document:nth-child(2) .u')].map(u => [u.textContent, u.title])"
    )
    scores = DOCUMENTS[1].scores["signed_gi"]
    shown = [format(score, "+#.3g").replace("-", "−").rstrip(".") for score in scores]
    assert units == [[word, title] for (word, _), title in zip(list(DOCUMENTS[1].pieces)[::2], shown, strict=False)]


def test_search_and_filters_show_what_a_plain_loop_finds(page):
    def expect(condition):
        matching = [document.row for document in DOCUMENTS if condition(document)]
        assert 0 < len(matching) < len(DOCUMENTS)
        assert shown_rows(page) == matching[:10]
        assert page.texts(".status") == [f"{len(matching)} of 64 documents"]

    search(page, "GOODS mark")
    expect(lambda d: "goods" in text_of(d) and "mark" in text_of(d))
    search(page, "#12")
    expect(lambda d: d.row == 12)
    search(page, "")
    choose(page, "True class", "World")
    expect(lambda d: d.label == 0)
    page.click(".check", "wrong")
    expect(lambda d: d.label == 0 and d.prediction != 0)
    choose(page, "True class", "any")
    page.click(".check", "unsure")
    expect(lambda d: d.label != d.prediction and d.confidence < 0.6)
    page.click(".check", "wrong")
    page.click(".check", "truncated")
    expect(lambda d: d.confidence < 0.6 and d.truncated)
    page.click(".check", "unsure")
    page.click(".check", "truncated")
    choose(page, "Predicted class", "Sci/Tech")
    page.click(".check", "method disagrees")
    expect(
        lambda d: d.prediction == 3 and d.correlations["signed_gi"] is not None and d.correlations["signed_gi"] < 0.2
    )
    choose(page, "Method", "sa_l2")
    expect(lambda d: d.prediction == 3 and (d.correlations["sa_l2"] or 1) < 0.2)


def test_documents_are_ordered_and_paged(page):
    for name, key in (
        ("AOPC(2), best", lambda d: -d.areas["signed_gi"]),
        ("AOPC(2), worst", lambda d: d.areas["signed_gi"]),
        ("r with", lambda d: (d.correlations["signed_gi"] is None, d.correlations["signed_gi"])),
        ("least sure", lambda d: d.confidence),
    ):
        choose(page, "Order", name)
        ordered = [document.row for document in sorted(DOCUMENTS, key=key)]
        assert shown_rows(page) == ordered[:10]
        page.enter(".pager input", 7, "change")
        assert shown_rows(page) == ordered[60:]
    choose(page, "Order", "as in")
    page.click(".pager button", "Next")
    assert shown_rows(page) == list(range(10, 20))
    page.enter(".pager input", 7, "change")
    assert shown_rows(page) == [60, 61, 62, 63]
    assert page.run("[...document.querySelectorAll('.pager button')].map(b => b.disabled)") == [False, True]


def test_an_opened_document_has_all_methods_and_its_curve(page):
    page.run("document.querySelector('details.document').open = true")
    page.run(SETTLE)
    assert page.texts(".opened .name bdi") == list(METHODS)
    figures = page.texts(".opened .name span")
    areas = DOCUMENTS[0].areas
    assert figures[2:5] == [f"AOPC(2) {areas['loo']:.3f}", f"AOPC(2) {areas['signed_gi']:.3f}", "r –"]
    assert page.pairs(".opened .key tbody tr") == {
        name: f"{round(curve[3], 4):.3f}" for name, curve in DOCUMENTS[0].curves.items()
    }
    page.run("document.querySelector('details.more').open = true")
    page.run(SETTLE)
    assert page.texts("details.more tbody td:first-child") == [word for word, _ in list(DOCUMENTS[0].pieces)[::2]]


def test_estimates_have_their_margins_in_the_text_and_in_the_table(chromium, tmp_path):
    document = make_document(0, ["good", "film"])
    estimates = replace(
        document,
        scores={**document.scores, "loo": np.array([1.5, -0.25])},
        margins={"loo": np.array([0.125, 0.0])},
    )
    path = tmp_path / "estimates.html"
    path.write_text(render([estimates]), encoding="utf-8")
    chromium.open(path)
    chromium.run(OPEN_ALL)
    chromium.run(SETTLE)
    chromium.run(OPEN_ALL)
    chromium.run(SETTLE)
    titles = chromium.run("[...document.querySelectorAll('.opened .u')].map(unit => unit.title)")
    assert titles[2:4] == ["+1.50±0.13", "−0.250"]
    assert [text for text in chromium.texts("details.more td") if "±" in text] == ["+1.50±0.13"]
    assert chromium.texts("details.more .note") == [
        "± is half the width of the 95 % interval of a score that is estimated from random draws."
    ]
    chromium.click("details.more th button", "loo")
    assert chromium.texts("details.more tbody td:nth-child(3)") == ["+1.50±0.13", "−0.250"]


@pytest.mark.parametrize("width", [390, 1280])
def test_the_rows_of_a_long_text_scroll_together(chromium, tmp_path, width):
    path = tmp_path / "long.html"
    path.write_text(render([make_document(0, ["word"] * 900), make_document(1, ["word"] * 9)]), encoding="utf-8")
    chromium.resize(width)
    chromium.open(path)
    chromium.run(OPEN_ALL)
    chromium.run(SETTLE)
    rows = "[...document.querySelectorAll('.method .text')]"
    sizes = chromium.run(f"{rows}.map(row => [row.scrollHeight > row.clientHeight, row.clientHeight])")
    assert [scrolls for scrolls, _ in sizes] == [True] * len(METHODS) + [False] * len(METHODS)
    assert max(height for _, height in sizes) < 310
    assert chromium.run(f"{rows}[1].scrollBy(0, 120), {SETTLE}.then(() => {rows}.map(row => row.scrollTop))") == [
        *[120] * len(METHODS),
        *[0] * len(METHODS),
    ]
    chromium.run("document.querySelector('details.document summary').focus()")
    chromium.press("Tab", 9)
    assert chromium.run(f"document.activeElement === {rows}[0]")
    chromium.resize(width, media="print")
    assert chromium.run(f"{rows}.every(row => row.scrollHeight === row.clientHeight)")


def test_the_chart_shows_values_and_intervals_and_one_method_alone(page):
    def key():
        return page.pairs("#curves .key tbody tr")

    def expected(k):
        rows = curves()[lambda frame: frame["k"] == k]
        return {r.method: f"{r.aopc:.3f} [{r.ci_low:.3f}, {r.ci_high:.3f}]" for r in rows.itertuples()}

    assert key() == expected(2)
    page.run("document.querySelector('#curves .plot').scrollIntoView({block: 'center'})")
    box = page.run("document.querySelector('#curves svg').getBoundingClientRect().toJSON()")
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=box["right"] - 20, y=box["top"] + 60)
    assert key() == expected(KS[-1])
    page.run("document.querySelector('#curves .plot').focus()")
    page.press("ArrowLeft", 37)
    page.press("ArrowLeft", 37)
    assert key() == expected(1)
    page.click("#curves .key button", "loo")
    faded = "[...document.querySelectorAll('#curves .line')].map(line => line.classList.contains('faded'))"
    assert page.run(faded) == [name != "loo" for name in METHODS]
    page.click("#curves .key button[aria-pressed=true]")
    assert page.run(faded) == [False] * len(METHODS)


def test_a_table_is_sorted_by_a_click_with_undefined_values_last(page):
    def column(number):
        return page.texts(f"#table-1 tbody td:nth-child({number})")

    def click(number):
        page.click(f"#table-1 th:nth-child({number}) button")

    click(2)
    assert column(2) == ["0.400", "0.200", "0.100", "–"]
    click(2)
    assert column(2) == ["0.100", "0.200", "0.400", "–"]
    click(1)
    assert column(1) == sorted(METHODS)
    assert page.run("document.querySelectorAll('[aria-sort]').length") == 1


def test_every_control_is_reached_by_the_tab_key_in_the_order_of_the_page(page):
    page.run("document.querySelectorAll('details').forEach(d => { d.open = d.classList.contains('columns'); })")
    n_wanted = page.run(N_CONTROLS)
    seen = []
    for _ in range(n_wanted):
        page.press("Tab", 9)
        seen.append(page.run(FOCUSED))
    places = [place for place, _ in seen]
    assert places == sorted(set(places))
    assert len(places) == n_wanted
    assert all(is_marked for _, is_marked in seen)
    page.run("document.querySelector('details.document > summary').focus()")
    page.press("Enter", 13, "\r")
    assert page.run("document.querySelector('details.document').open")


def test_the_focus_stays_where_a_key_was_pressed(page):
    page.run("[...document.querySelectorAll('#curves .key button')][1].focus()")
    page.press("Enter", 13, "\r")
    assert page.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    page.run("[...document.querySelectorAll('.pager button')].at(-1).focus()")
    page.press("Enter", 13, "\r")
    assert shown_rows(page) == list(range(10, 20))
    assert page.run("document.activeElement === document.querySelector('.list summary')")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_has_enough_contrast(page, dark):
    page.resize(1280, dark=dark)
    page.run(OPEN_ALL)
    page.run(SETTLE)
    assert page.run("document.querySelectorAll('.u.s20').length") > 10
    assert page.run(TEXTS_WITH_LOW_CONTRAST) == []


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_no_width_needs_horizontal_scrolling(page, width):
    page.resize(width)
    page.run(OPEN_ALL)
    page.run(SETTLE)
    assert page.run("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
    assert page.run("document.querySelector('#curves svg').clientWidth") > 200


def structure(chromium, folder, texts, labels):
    """Return the structure of a page over these texts and labels, with the first documents opened."""
    documents = [make_document(row, [f"x{text}", "y"], labels) for row, text in enumerate(texts)]
    path = folder / "report.html"
    path.write_text(render(documents, report_page(text=f"x{texts[-1]}")), encoding="utf-8", errors="strict")
    chromium.open(path)
    chromium.run(OPEN_ALL)
    chromium.run(SETTLE)
    chromium.run(OPEN_ALL)
    chromium.run(SETTLE)
    shown = chromium.texts(".list summary > .text")
    assert shown == ["".join(visible(piece) for piece, _ in document.pieces) for document in documents[:10]]
    return chromium.run(STRUCTURE)


def same_structure(chromium, folder, n_texts, n_labels):
    chromium.resize(1280)
    harmless = structure(chromium, folder, ["word"] * n_texts, ["label"] * n_labels)
    chromium.events.clear()
    assert len(harmless) > 500
    assert structure(chromium, folder, strings(n_texts, seed=1), strings(n_labels, seed=2)) == harmless
    dialogs = ("Page.javascriptDialogOpening", "Log.entryAdded", "Runtime.exceptionThrown")
    assert [event for event in chromium.events if event.get("method") in dialogs] == []


def test_hostile_texts_and_labels_give_the_same_elements(chromium, tmp_path):
    same_structure(chromium, tmp_path, 120, 120)


@pytest.mark.slow
def test_ten_thousand_hostile_texts_and_two_thousand_labels_give_the_same_elements(chromium, tmp_path):
    same_structure(chromium, tmp_path, 10_000, 2_000)


class Parts(HTMLParser):
    """The classes of the elements of a page, and its text outside of scripts."""

    def __init__(self, html):
        super().__init__()
        self.classes, self.text, self._in_script = [], "", False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self._in_script = tag in ("script", "style")
        self.classes.append(dict(attrs).get("class"))

    def handle_endtag(self, tag):
        self._in_script = False

    def handle_data(self, data):
        self.text += "" if self._in_script else data


def test_without_scripts_the_page_has_its_figures_tables_and_first_documents(path):
    parts = Parts(path.read_text(encoding="utf-8"))
    assert parts.classes.count("document") == 2
    assert parts.classes.count("method") == 2 * len(METHODS)
    assert parts.classes.count("plate") == 2
    images = [base64.b64decode(image) for image in re.findall('svg\\+xml;base64,([^"]*)"', path.read_text())]
    assert [image.startswith((b"<svg", b"<?xml")) for image in images] == [True] * 2
    assert parts.text.count(text_of(DOCUMENTS[1])) == len(METHODS)
    assert "The first 2 of 64 documents." in parts.text
    assert LABELS[DOCUMENTS[1].label] in parts.text


def test_what_people_marked_has_a_line_above_and_only_then_a_legend(chromium, page, tmp_path):
    assert page.texts("#all-documents .caption .marked") == []
    document = make_document(1, ["not", "a", "good", "film"])
    text = text_of(document)
    pieces, marked = mark_pieces(document.pieces, [(text.index("good"), text.index("film"))])
    path = tmp_path / "report.html"
    path.write_text(render([replace(document, pieces=pieces, marked=marked)]), encoding="utf-8")
    chromium.open(path)
    chromium.run(OPEN_ALL)
    chromium.run(SETTLE)
    lines = "getComputedStyle(e).textDecorationLine"
    found = chromium.run(f"[...document.querySelectorAll('.method .marked')].map(e => [e.textContent, {lines}])")
    assert found == [["good", "overline"], [" ", "overline"]] * len(METHODS)
    assert chromium.texts("#all-documents .caption .marked") == ["A line above"]


def test_small_outputs_have_more_digits(chromium, tmp_path):
    """As many as in the report without scripts."""
    document = replace(
        DOCUMENTS[0], prediction=None, label=None, confidence=None, value=-0.00123,
        curves={name: np.full(5, 0.00123) for name in METHODS},
        areas={name: 0.000123 * n for n, name in enumerate(METHODS)},
    )  # fmt: skip
    page = report_page()
    shown = [chart(curves().assign(aopc=0.00234, ci_low=0.0, ci_high=1.0), title="Top", x="k", note="")]
    (tmp_path / "report.html").write_text(render([document], replace(page, charts=shown)), encoding="utf-8")
    chromium.open(tmp_path / "report.html")
    chromium.run("document.querySelector('details.document').open = true")
    chromium.run(SETTLE)
    text = chromium.run("document.body.textContent")
    for part in ("output −0.0012", "AOPC(2) 0.00000", "AOPC(2) 0.00037", "0.0023 [0.0000, 1.0000]"):
        assert part in text
    assert "0.0012" in chromium.texts(".opened .key .value")[0]

"""Arcs below words: where they are, as HTML and as figures."""

import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hf_gradexplain.viz import arcs
from hf_gradexplain.viz.arcs import Diagram
from hf_gradexplain.viz.arcs_figure import arcs_figure, arcs_height, draw_arcs
from hf_gradexplain.viz.arcs_html import _narrow, _wide, to_html
from hf_gradexplain.viz.canvas import WIDTH
from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.segments import Row, Segment
from hf_gradexplain.viz.tables import TextTable
from tests.helpers.hostile import strings

UNITS = ["Oil", "prices", "fall", "as", "the", "bank", "cuts", "rates", "again", "today"]
PAIRS = [(0, 1), (1, 5), (0, 7), (2, 6), (5, 7), (0, 5)]
VALUES = [0.8, -0.4, 0.3, 0.2, -0.1, 0.05]


def diagram(units=UNITS, pairs=PAIRS, values=VALUES):
    return Diagram.of(units, pairs, values)


def drawings(html):
    root = ElementTree.fromstring(str(html).replace("<style>", "<style><![CDATA[").replace("</style>", "]]></style>"))
    return {svg.get("class"): svg for svg in root.iter("{http://www.w3.org/2000/svg}svg")}


def test_only_the_words_of_pairs_are_shown_with_a_mark_between_words_that_are_apart():
    drawn = diagram()
    assert drawn.words == ("Oil", "prices", "fall", "bank", "cuts", "rates")
    assert [place.text for place in drawn.places] == ["Oil", "prices", "fall", "…", "bank", "cuts", "rates"]
    ends = [(place.left, place.left + place.width) for place in drawn.places]
    assert all(end < start for (_, end), (start, _) in pairwise(ends))
    assert diagram(pairs=[(3, 4)], values=[1]).places[0].text == "…"
    assert len(diagram(["…", "…"], [(0, 1)], [1]).middles) == 2


def test_an_arc_joins_its_words_and_has_their_value():
    drawn = diagram()
    found = {(drawn.words[arc.first], drawn.words[arc.second]): arc for arc in drawn.arcs}
    assert {pair: arc.value for pair, arc in found.items()} == {
        (UNITS[i], UNITS[j]): x for (i, j), x in zip(PAIRS, VALUES, strict=True)
    }
    assert found["Oil", "prices"].side == "more"
    assert found["prices", "bank"].side == "less"
    assert arcs.Arc(0, 1, 0.0).side == "less"
    assert found["prices", "bank"].label == "−0.40"
    assert found["Oil", "prices"].strength == 1
    assert found["prices", "bank"].strength == pytest.approx(0.5)
    assert found["Oil", "prices"].width > found["prices", "bank"].width


def test_a_single_arc_joins_the_middles_of_its_words_with_the_thickest_line():
    drawn = Diagram(("aa", "b"), (False, False), (arcs.Arc(0, 1, 2.0),))
    (arc,) = drawn.arcs
    assert drawn.ends(arc) == drawn.middles
    assert (arc.width, arc.lowest, drawn.depth) == (pytest.approx(3.2), 22 - 8.5, 1)


def test_arcs_above_each_other_have_different_levels_and_none_crosses_one_that_it_encloses():
    pairs = list(combinations(range(5), 2))
    drawn = diagram(pairs=pairs, values=[1.0] * len(pairs))
    for one, other in combinations(drawn.arcs, 2):
        if one.first < other.second and other.first < one.second:
            assert one.level != other.level
        for outer, inner in ((one, other), (other, one)):
            if outer.first <= inner.first and inner.second <= outer.second:
                assert outer.level > inner.level
                (left, right), (start, end) = drawn.ends(outer), drawn.ends(inner)
                assert left < start < end < right
    assert diagram(pairs=[(0, 1), (1, 2), (3, 4)], values=[1, 1, 1]).depth == 1
    drawn = diagram(pairs=[(0, 2), (2, 3), (1, 3)], values=[1, 1, 1])
    assert {(arc.first, arc.second): arc.level for arc in drawn.arcs} == {(0, 2): 1, (2, 3): 1, (1, 3): 2}


def test_html_has_the_arcs_for_wide_and_for_narrow_pages():
    table = TextTable(("first", "interaction"), (("Oil", "+0.8"),), (False, True), 0)
    html = to_html(diagram(), title="a & b", sentences=["solid: more"], table=table)
    assert "a &amp; b" in html
    assert "solid: more" in html
    assert '<td class="number"><bdi>+0.8</bdi></td>' in html
    found = drawings(html)
    svg = "{http://www.w3.org/2000/svg}"
    assert list(found) == ["wide", "narrow"]
    for drawing in found.values():
        left, top, width, height = map(float, drawing.get("viewBox").split())
        paths, texts = drawing.findall(f"{svg}path"), drawing.findall(f"{svg}text")
        assert len(paths) == len(PAIRS)
        assert {path.get("class") for path in paths} == {"more", "less"}
        assert "prices · bank: −0.40" in {path.find(f"{svg}title").text for path in paths}
        for x, y in ((float(text.get("x")), float(text.get("y"))) for text in texts):
            assert left <= x <= left + width
            assert top <= y <= top + height
    assert len(found["wide"].findall(f"{svg}text[@class='value']")) == len(PAIRS)
    assert not drawings(to_html(diagram(pairs=[], values=[]), title="none"))


def test_the_value_of_an_arc_is_between_it_and_the_next_lower_one():
    drawn, svg = diagram(), "{http://www.w3.org/2000/svg}"
    wide = drawings(to_html(drawn, title="levels"))["wide"]
    paths, values = wide.findall(f"{svg}path"), wide.findall(f"{svg}text[@class='value']")
    rows = {}
    for arc, path, value in zip(drawn.arcs, paths, values, strict=True):
        assert value.text == arc.label
        a, b, c, d = map(float, re.findall(r"[-\d.]+", path.get("d"))[1::2])
        rows[arc.level] = (a + 3 * b + 3 * c + d) / 8, float(value.get("y"))  # the middle of a Bézier curve
    assert sorted(rows) == [1, 2, 3, 4]
    for level, (curve, baseline) in rows.items():
        assert curve < baseline - float(values[0].get("font-size"))
        assert level == 4 or baseline < rows[level + 1][0]


def test_hostile_words_stay_text():
    for start in range(0, 120, 8):
        units = strings(120)[start : start + 8]
        html = to_html(diagram(units, [(0, 7), (2, 5)], [1, -1]), title=units[1], sentences=units)
        root = ElementTree.fromstring(str(html).replace("<style>", "<!--").replace("</style>", "-->"))
        kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert kinds <= {"figure", "figcaption", "b", "bdi", "svg", "path", "title", "text", "p"}


def test_figures_hold_all_words_and_values_on_their_axes():
    drawn, width = diagram([f"{unit} with more words" for unit in UNITS]), 4.0
    sentences = ["a sentence that is longer than the line, and so is broken into two of them, at a blank"]
    figure = Figure((width, arcs_height(drawn, sentences, width)))
    axes = figure.add_axes((0, 0, 1, 1))
    draw_arcs(axes, drawn, sentences=sentences)
    box, renderer = axes.get_window_extent(), FigureCanvasAgg(figure).get_renderer()
    for text in axes.texts:
        extent = text.get_window_extent(renderer)
        assert box.x0 <= extent.x0
        assert extent.x1 <= box.x1 + 1
        assert box.y0 - 1 <= extent.y0
        assert extent.y1 <= box.y1 + 1
    assert {arc.label for arc in drawn.arcs} | {*drawn.words} <= {text.get_text() for text in axes.texts}
    assert arcs_height(drawn, [], width) < arcs_height(drawn, sentences, width)
    assert arcs_height(diagram(pairs=[], values=[]), [], width) < 0.3


@pytest.fixture
def six_points_per_character(monkeypatch):
    monkeypatch.setattr(arcs, "text_width", lambda text, font: 6.0 * len(text))


def test_without_words_nothing_has_a_size():
    empty = Diagram.of([], [], [])
    assert (empty.length, empty.depth, empty.places, empty.middles) == (0, 0, (), ())


@pytest.mark.parametrize(("width", "gap"), [(170.0, 30), (180.0, 20), (185.0, 11)])
def test_the_gap_between_two_wide_words(monkeypatch, width, gap):
    monkeypatch.setattr(arcs, "text_width", lambda text, font: width)
    assert Diagram.of(["a", "b"], [(0, 1)], [1.0]).length == 2 * width + gap


@pytest.mark.parametrize(
    ("n", "length", "gap"),
    [(3, 1, 30.0), (5, 10, 20.0), (10, 10, 11.0), (1, 3, None)],  # (380 - 5 * 60) / 4 = 20
)
def test_gaps_fill_a_line_of_380_points_between_their_limits(six_points_per_character, n, length, gap):
    drawn = diagram(["x" * length] * n, [(i, i + 1) for i in range(n - 1)] or [(0, 0)], [1.0] * max(n - 1, 1))
    assert [b.left - a.left - a.width for a, b in pairwise(drawn.places)] == [gap] * (n - 1)
    assert drawn.length == 6 * length * n + (gap or 0) * (n - 1)


def test_long_words_are_cut_after_twenty_characters_and_empty_ones_are_blanks():
    assert diagram(["x" * 20, "x" * 21, "\n"], [(0, 1), (1, 2)], [1, 1]).words == ("x" * 20, "x" * 19 + "…", " ")
    empty = diagram([], [], [])
    assert (empty.length, empty.depth, empty.middles) == (0, 0, ())


def small():
    """Words of 12, 6 and 6 points with gaps of 30; the arc to the third word is below the one to the second."""
    return diagram(["aa", "b", "c"], [(0, 2), (0, 1)], [1.0, -0.5])


def test_a_wide_drawing_in_numbers(six_points_per_character):
    drawing = _wide(small())
    assert (drawing.width, drawing.box) == ("129", "-4.0 0 92.0 68.2")  # 1.4 * 92; 15.75 + 2 * 22 + 8.5
    assert drawing.curves == [
        ("less", "2.0", "M8.5 15.8C8.5 33.8 45.0 33.8 45.0 15.8", "aa · b: −0.50"),
        ("more", "3.2", "M3.5 15.8C3.5 63.1 81.0 63.1 81.0 15.8", "aa · c: +1.0"),
    ]
    words = [("word", text, x, "10.5", 10.5, "middle") for text, x in (("aa", "6.0"), ("b", "45.0"), ("c", "81.0"))]
    values = [("value", "−0.50", "26.8", "38.6", 8.5, "middle"), ("value", "+1.0", "42.2", "60.6", 8.5, "middle")]
    assert drawing.labels == words + values


def test_a_narrow_drawing_in_numbers(six_points_per_character):
    drawing = _narrow(small())
    assert (drawing.width, drawing.box) == ("78", "0.0 0 56.0 59.8")  # 1.4 * 56; 3 lines of 1.9 * 10.5
    assert [curve.path for curve in drawing.curves] == [
        "M16.0 12.5C37.3 12.5 37.3 29.9 16.0 29.9",
        "M16.0 7.5C58.7 7.5 58.7 49.9 16.0 49.9",
    ]
    assert drawing.labels == [
        ("word", text, "12.0", y, 10.5, "end") for text, y in (("aa", "14.0"), ("b", "33.9"), ("c", "53.9"))
    ]


@pytest.mark.parametrize(("points", "shrink"), [(104, 1.0), (62, 0.5)])  # the words take 84, the margins 20
def test_a_figure_in_numbers(six_points_per_character, points, shrink):
    assert arcs_height(small(), [], points / 72) * 72 == pytest.approx(20 + shrink * 68.25)
    figure = Figure((points / 72, 2), dpi=72)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_arcs(axes, small(), sentences=["note"])

    def place(artist, xy):
        x, y = artist.get_transform().transform(xy)
        return (x - 10) / shrink, (144 - 10 - y) / shrink

    texts = {text.get_text(): (text, text.get_size()) for text in axes.texts}
    for name, x in (("aa", 6), ("b", 45), ("c", 81)):
        text, size = texts[name]
        assert place(text, text.get_position()) == pytest.approx((x, 10.5))
        assert size == pytest.approx(shrink * 10.5)
    value, size = texts["+1.0"]
    assert place(value, value.get_position()) == pytest.approx((42.25, 15.75 + 35.5 + 2))
    assert size == pytest.approx(shrink * 8.5)
    note, size = texts["note"]
    assert note.get_transform().transform(note.get_position())[0] == pytest.approx(10)
    assert 0 < note.get_transform().transform(note.get_position())[1] < 144 - 10 - shrink * 68.25
    assert size == 8.5
    shallow, deep = axes.artists or axes.patches
    assert [patch.get_linewidth() for patch in (shallow, deep)] == [2.0, 3.2]
    assert deep.get_linestyle() in ("-", "solid")
    assert shallow.get_linestyle() == (0, (3.2, 1.8))
    control = 15.75 + 35.5 / 0.75
    expected = [(3.5, 15.75), (3.5, control), (81, control), (81, 15.75)]
    for xy, where in zip(deep.get_path().vertices, expected, strict=True):
        assert place(deep, xy) == pytest.approx(where)


def test_arcs_are_drawn_in_a_part_of_a_figure():
    """The layout is that of the whole figure, which alone has a size."""
    figure = Figure(figsize=(6, 3), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subfigures(1, 2)
    left.subplots()
    axes, drawn = right.subplots(), diagram()
    draw_arcs(axes, drawn)
    assert axes.get_figure(root=False) is right
    assert {arc.label for arc in drawn.arcs} | {*drawn.words} <= {text.get_text() for text in axes.texts}


def test_arcs_stand_below_the_text_that_they_explain():
    figure = arcs_figure([Row([Segment("aa b c", 1.0)])], Heading("positive"), small(), sentences=["note"])
    text, below = figure.axes
    height = figure.get_figheight()
    assert figure.get_figwidth() == WIDTH == 5.6
    assert below.get_position().bounds == pytest.approx((0, 0, 1, arcs_height(small(), ["note"], WIDTH) / height))
    assert text.get_position().y0 > below.get_position().y1

import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.highlight import to_html as rows_to_html
from hf_gradexplain.viz.highlight_terminal import _style
from hf_gradexplain.viz.highlight_terminal import to_rich as rows_to_rich
from hf_gradexplain.viz.segments import Row, Segment, phrases_of, shades
from tests.helpers.browser import browser

REVIEW = [
    Segment("Gripping", 2.0),
    Segment(",  "),
    Segment("not", -1.0),
    Segment("\n\t"),
    Segment("dull", 0.0),
    Segment("."),
]
HOSTILE = (
    "<script>alert('x')</script> \" onload=x {{ 7*7 }} [bold]b[/bold] :smile: \x1b[31mred\x9b0m\x00 \u202egnp.exe\ud800"
)


def to_html(segments, *, heading=None, legend=True, top=5, **row):
    return rows_to_html([Row(segments, **row)], heading, legend=legend, top=top)


def to_rich(segments, *, heading=None, legend=True, top=5, **row):
    return rows_to_rich([Row(segments, **row)], heading, legend=legend, top=top)


class Page(HTMLParser):
    """A parsed fragment: its tags, its attributes, and the characters of the explained text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.units, self.text, self._inside = [], [], [], "", False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append(dict(attrs))
        if tag == "div":
            self._inside = ("class", "text") in attrs
        elif tag == "span" and self._inside:
            self.units.append(dict(attrs))

    def handle_endtag(self, tag):
        self._inside = self._inside and tag != "div"

    def handle_data(self, data):
        self.text += data if self._inside else ""


def printed(renderable, **settings):
    file = io.StringIO()
    Console(file=file, width=200, **settings).print(renderable)
    return file.getvalue()


def test_segments_join_to_the_text_with_its_whitespace():
    assert Page(to_html(REVIEW)).text == "".join(segment.text for segment in REVIEW)
    assert "Gripping,  not\n" in printed(to_rich(REVIEW))


@pytest.mark.parametrize("cut", range(21))
def test_truncation_keeps_the_text_and_greys_the_rest(cut):
    page = Page(to_html(REVIEW, heading=Heading(truncated_at=cut)))
    text = "".join(segment.text for segment in REVIEW)
    assert page.text == text
    assert ({"class": "unread"} in page.units) == (cut < len(text))


def test_strength_is_relative_to_the_strongest_unit():
    gripping, negation, dull = Page(to_html(REVIEW)).units
    assert gripping == {"class": "u for", "style": "--s:1.000", "title": "+2.00"}
    assert negation == {"class": "u against", "style": "--s:0.500", "title": "−1.00"}
    assert dull == {"class": "u ", "style": "--s:0.000", "title": "0"}


@pytest.mark.parametrize("scores", [(0.0, 0.0), (1e308, 1e-308), (5e-324, 0.0), (np.float32(3), np.float32(-1))])
def test_extreme_scores_keep_their_strength_in_range(scores):
    page = Page(to_html([Segment("a", scores[0]), Segment(" "), Segment("b", scores[1])]))
    strengths = [float(unit["style"].removeprefix("--s:")) for unit in page.units]
    assert max(strengths) == (1.0 if any(scores) else 0.0)
    assert min(strengths) >= 0


def test_unsigned_scores_have_one_colour():
    html = to_html([Segment("a", 2.0), Segment("b", 1.0)], signed=False)
    assert [unit["class"] for unit in Page(html).units] == ["u amount", "u amount"]
    assert "high score" in html
    assert "supports" not in html


@pytest.mark.parametrize("render", [to_html, to_rich])
def test_negative_unsigned_score_is_refused(render):
    with pytest.raises(ValueError, match=r"at least 0, got -1\.0; pass signed=True"):
        render(REVIEW, signed=False)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), np.float32("nan")])
def test_a_score_that_is_not_finite_is_refused(score):
    with pytest.raises(ValueError, match="Expected a finite score for 'film', got"):
        Segment("film", score)


def test_hostile_text_is_only_shown_by_a_browser():
    names = dict.fromkeys(("target", "prediction", "runner_up", "label", "unit", "objective", "why"), HOSTILE)
    said = dict.fromkeys(("method", "remark", "certainty", "check", "warning"), HOSTILE)
    page = Page(to_html([Segment(HOSTILE, 1.0), Segment(HOSTILE)], heading=Heading(**names), **said))
    shown = HOSTILE.replace("\x1b", "␛").replace("\x9b", "�").replace("\x00", "␀").translate({0x202E: "�", 0xD800: "�"})
    assert page.text == 2 * shown
    assert "script" not in page.tags
    assert {name for attributes in page.attributes for name in attributes} <= {"class", "style", "title", "dir"}


def test_hostile_text_is_only_shown_by_a_terminal():
    names = dict.fromkeys(("target", "prediction", "runner_up", "label", "unit", "objective", "why"), HOSTILE)
    said = dict.fromkeys(("method", "remark", "certainty", "check", "warning"), HOSTILE)
    output = printed(to_rich([Segment(HOSTILE, 1.0), Segment(HOSTILE)], heading=Heading(**names), **said))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800]", output)
    assert "[bold]b[/bold] :smile: ␛[31mred" in output


@pytest.mark.parametrize("signed", [True, False])
def test_empty_text_renders(signed):
    assert Page(to_html([], signed=signed)).text == ""
    assert "none" in printed(to_rich([], signed=signed))
    assert Page(to_html([Segment(" ")], signed=signed)).text == " "


def test_heading_says_that_a_text_has_no_units():
    remark = "no scores: the model read no words of this text"
    for without in (True, False):
        heading = Heading("World", unit="word", without_units=without)
        assert (remark in to_html([], heading=heading)) is without
        assert (remark in printed(to_rich([], heading=heading))) is without


def test_heading_says_what_was_explained():
    heading = Heading("World", 0.98765, unit="word", objective="loss", truncated_at=12345, length=20000, why="chosen")
    for rendered in (to_html(REVIEW, heading=heading), printed(to_rich(REVIEW, heading=heading))):
        assert "p = 0.988" in rendered
        assert "unit word · objective loss · chosen" in rendered
        assert "NOT READ: characters 12,345 to 20,000 of 20,000 (38 % of the text, in grey)" in rendered
    assert "<figcaption>" not in to_html(REVIEW)
    assert "<strong" not in to_html(REVIEW, heading=Heading("World"))


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"probability": 0.7}, "p = 0.700"),
        ({"output": -0.25}, "output = −0.250"),
        ({"probability": 0.7, "runner_up": "Sports", "other": 0.2}, "p = 0.700, runner-up: Sports 0.200"),
        ({"probability": 0.2, "prediction": "Sports", "other": 0.7}, "p = 0.200, predicted: Sports 0.700"),
        ({"probability": 0.7, "label": "World", "right": True}, "p = 0.700, true label: World, as predicted"),
        ({"probability": 0.7, "label": "Sports"}, "p = 0.700, true label: Sports, wrongly predicted"),
    ],
)
def test_the_verdict_names_the_other_class_and_the_true_label(fields, verdict):
    assert Heading("World", **fields).verdict == verdict
    assert verdict in to_html(REVIEW, heading=Heading("World", **fields))
    assert verdict in printed(to_rich(REVIEW, heading=Heading("World", **fields)))


def test_legend_lists_each_of_the_strongest_units_once():
    scores = [("b", 1.0), ("a", 3.0), ("b", 2.0), ("c", -2.0), ("d", 0.5), ("a", -1.0)]
    segments = [Segment(word, score) for word, score in scores]
    assert [line.rstrip() for line in printed(to_rich(segments, top=3)).splitlines()[-3:-1]] == [
        "supports        a +3.00, b +2.00, d +0.500",
        "opposes         c −2.00, a −1.00",
    ]
    assert "supports" not in to_html(segments, legend=False) + printed(to_rich(segments, legend=False))


def test_the_sign_shows_without_colours():
    output = printed(to_rich(REVIEW), force_terminal=True, no_color=True)
    assert re.search(r"\x1b\[1;4mGripping", output)
    assert re.search(r"\x1b\[1;3mnot", output)
    assert "dashed" in to_html(REVIEW)


def test_the_fragment_has_no_scripts_and_no_requests():
    html = to_html(REVIEW)
    assert not re.search(r"<script|<link|<img|url\(|@import|https?:", html)


def test_a_long_document_and_a_long_word_render():
    words = [Segment("long " * 20, 1.0)] * 5000
    assert len(Page(to_html(words)).units) == 5000
    assert "x" * 200 in printed(to_rich([Segment("x" * 1000, 1.0)]))


def test_the_legend_states_the_scale_of_the_colours():
    words = {"full": 2.0, "bold": 0.8, "marked": -0.3, "plain": 0.1}
    segments = [Segment(word, score) for word, score in words.items()]
    output = printed(to_rich(segments), force_terminal=True, color_system="truecolor")
    assert "colour          from 0.200, bold from 0.700, full from 1.40; the largest |score| is 2.00" in printed(
        to_rich(segments)
    )
    assert re.search(r"\x1b\[1;4;[^m]*48;[^m]*mfull\x1b", output)
    assert re.search(r"\x1b\[1;4;38;[^m]*mbold\x1b", output)
    assert re.search(r"\x1b\[3;38;[^m]*mmarked\x1b", output)
    assert "\x1b[0mplain\n" in output
    ends = r'<data>([^<]*)</data><span class="scale (\w+)"></span><data>([^<]*)</data>'
    assert re.search(ends, to_html(segments)).groups() == ("−2.00", "signed", "+2.00")
    assert re.search(ends, to_html(segments[:2], signed=False)).groups() == ("0", "unsigned", "2.00")


@pytest.mark.parametrize("segments", [[], [Segment("bad", 0.0)], [Segment("bad")]], ids=["empty", "zero", "no units"])
def test_scores_of_zero_have_no_scale(segments):
    assert Row(segments).peak == 0
    assert "largest" not in printed(to_rich(segments)) + to_html(segments)


def test_the_remark_is_shown_as_text():
    remark = f"all words score 0 {HOSTILE}"
    assert "<strong><bdi>all words score 0 &lt;script&gt;" in to_html(REVIEW, remark=remark)
    assert "all words score 0 <script>" in printed(to_rich(REVIEW, remark=remark))
    assert "<strong>" not in to_html(REVIEW)


def rows():
    """Return three methods over one text: one signed, one unsigned, one of other sides."""
    words = ["Gripping", ",  ", "not", "\n", "dull"]

    def segments(*scores):
        return [Segment(word, score) for word, score in zip(words, scores, strict=True)]

    return [
        Row(segments(2.0, None, -1.0, None, 0.0), method="loo"),
        Row(segments(0.2, None, 0.4, None, 0.1), method="sa_l2", signed=False, correlation=-0.5, check="without 'not'"),
        Row(segments(1.0, None, 2.0, None, -4.0), method="sa_raw", sides=("positive", "negative"), correlation=np.nan),
    ]


def test_several_methods_are_rows_over_the_same_text():
    heading = Heading("positive", 0.9)
    html, shown = rows_to_html(rows(), heading), printed(rows_to_rich(rows(), heading))
    assert Page(html).text == 3 * "Gripping,  not\ndull"
    assert html.count("<figcaption>") == html.count("<style>") == 1
    assert [name in html and name in shown for name in ("loo", "sa_l2", "sa_raw", "self-check", "without 'not'")]
    strengths = [unit["style"] for unit in Page(html).units]
    assert strengths == [f"--s:{x:.3f}" for x in (1, 0.5, 0, 0.5, 1, 0.25, 0.25, 0.5, 1)]  # each row by its own largest
    assert " → " not in html  # no method stands for all


def test_several_methods_have_one_legend_and_their_rank_correlations():
    for rendered in (rows_to_html(rows()), printed(rows_to_rich(rows()))):
        assert "ρ = −0.50" in rendered
        assert "ρ undefined" in rendered
        assert rendered.count("rank correlation (Spearman) with leave-one-out") == 1
        assert "rank correlation" not in rendered.replace("rank correlation (Spearman) with leave-one-out", "")
    key = re.search(r'<div class="key">(.*?)</div>', rows_to_html(rows()), re.DOTALL)[1]
    phrases = re.findall(r'<span class="u (\w+)"[^>]*>([^<]*)</span>', key)
    assert phrases == [
        ("for", "supports or positive"),
        ("against", "opposes or negative"),
        ("amount", "high score"),
    ]
    assert "ρ" not in rows_to_html(rows()[:1] * 2)


def test_estimates_have_their_margins_and_a_sentence_says_how_sure_they_are():
    sure = "the top 2 words are told apart from the others"
    estimates = [Segment("Gripping", 2.0, 0.25), Segment(" "), Segment("not", -1.0, 0.031), Segment("dull", 0.5)]
    row = Row(estimates, method="shapley", certainty=sure)
    assert [unit["title"] for unit in Page(rows_to_html([row])).units[:3]] == ["+2.00±0.25", "−1.00±0.031", "+0.500"]
    for rendered in (re.sub("<[^>]+>", "", rows_to_html([row])), printed(rows_to_rich([row]))):
        listed = re.findall(r"(?:Gripping|not|dull) [+−][0-9.±]+", rendered)
        assert listed == ["Gripping +2.00±0.25", "dull +0.500", "not −1.00±0.031"]
    for rows in ([row], [row, Row(REVIEW, method="loo")]):
        assert rows_to_html(rows).count("certainty") == printed(rows_to_rich(rows)).count("certainty") == 1
        assert sure in rows_to_html(rows)
        assert sure in printed(rows_to_rich(rows))


def test_a_single_method_says_its_rank_correlation_in_words():
    html = rows_to_html(rows()[1:2])
    assert "rank correlation with leave-one-out ρ = −0.50" in html
    assert "rank correlation with leave-one-out ρ = −0.50" in printed(rows_to_rich(rows()[1:2]))


def test_there_is_no_table_and_no_list_which_notebooks_style():
    assert not {"table", "ul", "ol", "dl"} & {*Page(rows_to_html(rows())).tags, *Page(to_html(REVIEW)).tags}


def test_the_part_that_was_not_read_is_in_the_first_row_only():
    page = Page(rows_to_html(rows(), Heading(truncated_at=14, length=19)))
    assert page.text == "Gripping,  not\ndull" + 2 * "Gripping,  not"
    output = printed(rows_to_rich(rows(), Heading(truncated_at=14, length=19)))
    assert output.count("\ndull") == 1


@pytest.mark.parametrize("width", [80, 50])
def test_a_narrow_terminal_wraps_the_words_below_a_text_beside_their_label(width):
    units = [Segment(f"word{number}", float(number)) for number in range(1, 12)]
    file = io.StringIO()
    Console(file=file, width=width).print(rows_to_rich([Row(units)] * 2))
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    (start,) = {number for number, line in enumerate(lines) if line.startswith("supports")} & set(range(8))
    assert lines[start].startswith("supports        word11 +11.0")
    if width == 50:
        assert lines[start + 1].startswith(16 * " " + "+9.00") or lines[start + 1].startswith(16 * " " + "word")


def numbered(n=9):
    return [Segment(f"w{number}", sign * (number + 1.0)) for number in range(n) for sign in (1, -1)]


@pytest.mark.parametrize(("count", "listed"), [(1, 5), (2, 3)])
def test_five_units_of_each_side_are_listed_or_three_of_several_methods(count, listed):
    rendered = printed(rows_to_rich([Row(numbered(), "loo")] * count))
    supports = [line for line in rendered.splitlines() if line.startswith("supports")]
    assert [line.count("w") for line in supports] == [listed] * count
    assert supports[0].startswith("supports        w8 +9.00, w7 +8.00, w6 +7.00")
    page = rows_to_html([Row(numbered(), "loo")])
    assert re.findall(r"w\d \+\d.00", re.sub("<[^>]+>", "", str(page))) == [f"w{8 - i} +{9 - i}.00" for i in range(5)]
    one = printed(rows_to_rich([Row(numbered(), "loo")] * count, top=1))
    assert [line.count("w") for line in one.splitlines() if line.startswith("supports")] == [1] * count


@pytest.mark.parametrize(
    ("score", "style"),
    [
        (0.099, ""), (0.1, "#2b8cd6 underline"), (0.349, "#2b8cd6 underline"), (0.35, "bold #2b8cd6 underline"),
        (0.699, "bold #2b8cd6 underline"), (0.7, "bold #000000 on #2b8cd6 underline"), (-0.1, "#d9730d italic"),
    ],
)  # fmt: skip
def test_stronger_units_stand_out_more(score, style):
    shades_of = list(shades(Row([Segment("a", 1.0), Segment("b", score)]), Heading()))
    assert _style(shades_of[1]) == style


def test_the_legend_of_several_methods_says_the_steps():
    rendered = printed(rows_to_rich([Row(REVIEW, "loo"), Row(REVIEW, "sa")]))
    assert "colour from 10%, bold from 35%, full from 70% of the largest |score| of each row\n" in rendered


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        (Heading(truncated_at=3, length=10), "NOT READ: characters 3 to 10 of 10 (70 % of the text, in grey)"),
        (Heading(truncated_at=0, length=1), "NOT READ: characters 0 to 1 of 1 (100 % of the text, in grey)"),
        (Heading(truncated_at=0), "NOT READ: characters 0 to 0 of 0 (1 % of the text, in grey)"),
        (
            Heading(truncated_at=999, length=1000, remedy="do"),
            "characters 999 to 1,000 of 1,000 (1 % of the text, in grey); do",
        ),
        (
            Heading(not_read=((0, 3), (5, 6)), truncated_at=5, length=1234),
            "4 of 1,234 characters: the chat template drops it, or it is truncated",
        ),
        (Heading(not_read=((5, 6), (7, 9)), truncated_at=5, length=10), "3 of 10 characters: it is truncated"),
        (
            Heading(speakers=((0, "user"),), not_read=((1, 2),), length=10),
            "1 of 10 characters: the chat template drops it",
        ),
        (Heading(without_units=True, unit="word_type"), "no scores: the model read no words of this text"),
        (Heading(without_units=True, unit="other"), "no scores: the model read no words of this text"),
        (Heading(), ""),
    ],
)
def test_what_was_not_read_in_words(heading, said):
    assert heading.unread.endswith(said)
    assert bool(heading.unread) == bool(said)


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        (Heading(unit="word", objective="loss"), "unit word · objective loss"),
        (Heading(mask="deletion"), "mask deletion"),
        (Heading(dtype="float32"), ""),
        (Heading(dtype="float64"), ""),
        (Heading(dtype="float16", why="chosen"), "computed in float16 · chosen"),
    ],
)
def test_the_details_of_a_heading(heading, said):
    assert heading.details == said


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"output": -0.0001}, "output = 0.000"),
        ({"output": -0.5}, "output = −0.500"),
        ({"probability": 0.5, "against": "a"}, "p = 0.500, against: a"),
        ({"probability": 0.5, "against": "a", "against_probability": 0.25}, "p = 0.500, against: a 0.250"),
        ({"prediction": "b", "other": 0.75}, "predicted: b 0.750"),
        ({}, ""),
    ],
)
def test_the_verdict_of_a_heading(fields, verdict):
    assert Heading(**fields).verdict == verdict


def test_rows_say_their_name_and_correlation():
    assert Row([], "loo", title="without").name == "without"
    assert Row([], "loo").name == "loo"
    assert Row([], correlation=-0.004).agreement == "ρ = 0.00"
    assert Row([]).agreement == Row([]).correlated == ""
    assert Row([], correlation=0.5).correlated == "rank correlation with leave-one-out ρ = 0.50"
    assert Row([]).peak == 0
    assert Row([Segment("a", -3.0), Segment("b")]).peak == 3
    row = Row([Segment("a", 1.0)], sides=("more", "less"))
    assert phrases_of([row, Row([]), Row([], signed=False)]) == {
        "for": "more or supports", "against": "less or opposes", "amount": "high score",
    }  # fmt: skip
    assert [row.role(score) for score in (1, 0, -1)] == ["for", "", "against"]
    assert [Row([], signed=False).role(score) for score in (1, 0)] == ["amount", ""]


def test_the_strongest_units_are_on_one_line_of_32_characters():
    row = Row([Segment("x" * 32, 1.0), Segment("y" * 33, 2.0), Segment("y" * 33, 3.0), Segment("zero", 0.0)])
    assert row.strongest(2) == {"for": [("y" * 31 + "…", "+3.00"), ("x" * 32, "+1.00")], "against": []}
    speakers = Heading(speakers=((0, "r" * 33),))
    assert next(shades(Row([Segment("a")]), speakers)).text == "r" * 31 + "…"


FOCUS = {"tabindex", "role", "aria-label"}


def boxes(html):
    """Return the attributes of the boxes of the text, in the order of the page."""
    return [each for each in Page(html).attributes if each.get("class") == "text"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", 1),
        ("a" * 30, 1),
        ("a" * 31, 2),
        ("a" * 300, 10),
        ("a" * 301, 11),
        ("a" * 600, 20),
        ("a" * 601, 21),
        ("\n" * 9, 10),
        ("\n" * 10, 11),
        ("a\n" * 19, 20),
        ("a\n" * 20, 21),
        ("a" * 31 + "\n" + "a" * 540, 20),
        ("a" * 31 + "\n" + "a" * 541, 21),
    ],
)
def test_a_text_that_may_scroll_can_be_focused(text, lines):
    """Otherwise, some browsers do not scroll it by keyboard."""
    segments = [Segment(text[:7], 1.0), Segment(text[7:])]
    plain, focused = {"class": "text", "dir": "auto"}, {"tabindex": "0", "role": "region"}
    (one,) = boxes(to_html(segments, method="loo"))
    assert one == (plain | focused | {"aria-label": "text with scores of loo"} if lines > 20 else plain)
    (nameless,) = boxes(to_html(segments))
    assert nameless == (plain | focused | {"aria-label": "text with scores"} if lines > 20 else plain)
    several = boxes(rows_to_html([Row(segments, "loo"), Row(segments, "gi_l2", title="gi_l2 of World")]))
    names = ("loo", "gi_l2 of World")
    labels = [{"aria-label": f"text with scores of {name}"} for name in names]
    assert several == [plain | focused | label if lines > 10 else plain for label in labels]


def test_what_a_row_does_not_show_does_not_make_it_scroll():
    """Text that the model did not read is in the first row only."""
    rows = [Row([Segment("bad", 1.0), Segment("a" * 600)], method) for method in ("loo", "signed_gi")]
    first, second = boxes(rows_to_html(rows, Heading(truncated_at=3)))
    assert set(first) >= FOCUS
    assert not FOCUS & set(second)


def test_a_hostile_name_of_a_long_text_stays_a_name():
    page = to_html([Segment("bad " * 300, 1.0)], method=HOSTILE)
    (box,) = boxes(page)
    assert set(box) == {"class", "dir", *FOCUS}
    assert box["aria-label"].startswith("text with scores of <script>alert('x')</script> \" onload=x {{ 7*7 }}")
    assert "script" not in Page(page).tags


def test_every_box_that_scrolls_on_a_narrow_page_can_be_focused(tmp_path):
    words = "The film is good, and the music of it is not bad at all. "
    texts = [(words * 20)[:n] for n in range(40, 1000, 80)] + ["a\n" * n for n in range(5, 30, 5)]
    rows = [[Row([Segment(text, 1.0)], method) for method in ("loo", "signed_gi")] for text in texts]
    pages = [rows_to_html(both[:n]) for both in rows for n in (1, 2)]
    path = tmp_path / "page.html"
    path.write_text('<meta charset="utf-8"><meta name="viewport" content="width=device-width">' + "".join(pages))
    with browser(tmp_path / "profile") as chromium:
        chromium.resize(320)
        chromium.open(path, "document.readyState === 'complete'")
        boxes = "[...document.querySelectorAll('.text')]"
        scrolls = chromium.run(f"{boxes}.map(box => box.scrollHeight > box.clientHeight)")
        focused = chromium.run(f"{boxes}.map(box => box.tabIndex === 0)")
    assert len(scrolls) == 3 * len(texts)
    assert any(scrolls)
    assert not all(focused)
    assert [number for number, scrolled in enumerate(scrolls) if scrolled and not focused[number]] == []

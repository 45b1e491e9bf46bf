import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from hf_gradexplain.viz.highlight import Heading, Segment, to_html, to_rich

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
    assert negation == {"class": "u against", "style": "--s:0.500", "title": "-1.00"}
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
    assert "most sensitive" in html
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
    heading = Heading(method=HOSTILE, target=HOSTILE, prediction=HOSTILE, unit=HOSTILE, objective=HOSTILE)
    page = Page(to_html([Segment(HOSTILE, 1.0), Segment(HOSTILE)], heading=heading))
    shown = HOSTILE.replace("\x1b", "␛").replace("\x9b", "�").replace("\x00", "␀").translate({0x202E: "�", 0xD800: "�"})
    assert page.text == 2 * shown
    assert "script" not in page.tags
    assert {name for attributes in page.attributes for name in attributes} <= {"class", "style", "title", "dir"}


def test_hostile_text_is_only_shown_by_a_terminal():
    heading = Heading(method=HOSTILE, target=HOSTILE, prediction=f"not {HOSTILE}", unit=HOSTILE)
    output = printed(to_rich([Segment(HOSTILE, 1.0), Segment(HOSTILE)], heading=heading))
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
        heading = Heading("loo", "World", unit="word", without_units=without)
        assert (remark in to_html([], heading=heading)) is without
        assert (remark in printed(to_rich([], heading=heading))) is without


def test_heading_says_what_was_explained():
    heading = Heading("sa_l2", "World", 0.98765, "Sports", "word", "loss", truncated_at=12345)
    for rendered in (to_html(REVIEW, heading=heading), printed(to_rich(REVIEW, heading=heading))):
        assert "p = 0.988, predicted: Sports" in rendered
        assert "unit word · objective loss · truncated: the model read only the first 12,345 characters" in rendered
    assert "as predicted" in to_html(REVIEW, heading=Heading(target="World", prediction="World"))
    assert "<figcaption>" not in to_html(REVIEW)


def test_legend_lists_each_of_the_strongest_units_once():
    segments = [Segment(word, score) for word, score in [("b", 1.0), ("a", 3.0), ("b", 1.0), ("c", -2.0), ("d", 0.5)]]
    assert printed(to_rich(segments, top=3)).splitlines()[-3:-1] == [
        "supports        a +3.00, b +1.00, d +0.500",
        "opposes         c -2.00",
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
    assert re.search(ends, to_html(segments)).groups() == ("-2.00", "signed", "+2.00")
    assert re.search(ends, to_html(segments[:2], signed=False)).groups() == ("0", "unsigned", "2.00")


@pytest.mark.parametrize("segments", [[], [Segment("bad", 0.0)], [Segment("bad")]], ids=["empty", "zero", "no units"])
def test_scores_of_zero_have_no_scale(segments):
    assert "largest" not in printed(to_rich(segments)) + to_html(segments)


def test_the_remark_is_shown_as_text():
    heading = Heading(remark=f"all words score 0 {HOSTILE}")
    assert "<strong><bdi>all words score 0 &lt;script&gt;" in to_html(REVIEW, heading=heading)
    assert "all words score 0 <script>" in printed(to_rich(REVIEW, heading=heading))
    assert "<strong>" not in to_html(REVIEW)

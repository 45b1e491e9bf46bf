"""Where the lines of an explained text are in a picture, with characters that are all half as wide as they are high."""

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hf_gradexplain.viz.canvas import INK, MUTED, WIDTH
from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.palette import AGAINST, AMOUNT, FOR
from hf_gradexplain.viz.segments import Row, Segment
from hf_gradexplain.viz.text_figure import _layout, draw_text, text_figure
from tests.helpers.full_row import full_row

TALL, LOW = 18.375, 13.175  # 1.75 * 10.5 and 1.55 * 8.5
ROW = Row([Segment("good", 2.0), Segment(" "), Segment("bad", -1.0), Segment(" of", 0.0)], "loo")

pytestmark = pytest.mark.usefixtures("half_as_wide_as_high")


def lines(page):
    """The text of each line, the distance of its top from that of the page, its size, colour and weight."""
    found = {}
    for piece in page.pieces:
        found.setdefault(piece.base, []).append(piece)
    return [("".join(piece.text for piece in line), base, *line[0].font) for base, line in found.items()]


def base(top, leading):
    return pytest.approx(top + 0.72 * leading)


def test_the_lines_of_one_method():
    row = full_row(ROW.segments)
    heading = Heading("pos", 0.75, unit="word", reading="in windows", without_units=True)
    page = _layout([row], heading, 2000)
    said = ["loo → pos  p = 0.750", "unit word · rank correlation with leave-one-out ρ = 0.50", "in windows"]
    said += ["no scores: the model read no words of this text", "good bad of", "remark", "+1.0  all", "    +0.5  some"]
    said += ["certainty: sure", "self-check passed", "warning"]
    said += [
        "supports   opposes   full colour at the largest score of this text; ρ: rank correlation (Spearman) with "
        "leave-one-out"
    ]
    top = TALL + 3 * LOW + 5
    bases = [base(0, TALL), *(base(TALL + i * LOW, LOW) for i in range(3)), base(top, TALL)]
    bases += [base(top + TALL + i * LOW, LOW) for i in range(6)] + [base(top + TALL + 6 * LOW + 5, LOW)]
    looks = [(10.5, INK, "bold"), (8.5, MUTED, "normal"), (8.5, INK, "normal"), (9.5, AGAINST, "bold")]
    looks += [(10.5, INK, "normal"), (8.5, INK, "bold"), *[(8.5, INK, "normal")] * 2, *[(8.5, MUTED, "normal")] * 2]
    looks += [(8.5, INK, "bold"), (8.5, INK, "normal")]
    assert lines(page) == [(text, top, *look) for text, top, look in zip(said, bases, looks, strict=True)]
    assert page.top == pytest.approx(top + TALL + 7 * LOW + 5)


def test_the_lines_of_two_methods():
    other = Row(ROW.segments, "sa", title="sensitivity", correlation=-0.25)
    page = _layout([ROW, other], Heading("pos", truncated_at=8, length=11), 2000)
    assert [(text, size, color) for text, _, size, color, _ in lines(page)] == [
        ("pos  ", 10.5, INK),
        ("NOT READ: characters 8 to 11 of 11 (27 % of the text, in grey)", 9.5, AGAINST),
        ("loo   ", 9.5, INK),
        ("good bad of", 10.5, INK),
        ("sensitivity  ρ = −0.25", 9.5, INK),
        ("good bad", 10.5, INK),  # what was not read is shown once
        (
            "supports   opposes   full colour at the largest score of each row; ρ: rank correlation (Spearman) with "
            "leave-one-out",
            8.5,
            INK,
        ),
    ]


@pytest.mark.parametrize(("text", "said"), [("שלום", True), ("سلام", True), ("word", False)])
def test_a_line_says_that_right_to_left_words_stand_from_left_to_right(text, said):
    (*_, last) = lines(_layout([Row([Segment(text, 1.0)])], Heading(), 2000))
    assert last[0].startswith("words of right-to-left scripts are drawn from left to right") is said


def test_words_have_a_background_and_a_line_below():
    figure = Figure((4, 3), dpi=72)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_text(axes, [ROW], Heading())
    good, bad = [box for box in axes.artists + axes.patches if isinstance(box, Rectangle)][:2]
    base = 18.375 + 5 + 0.72 * 18.375  # below the title and the gap
    for box, left, width, opacity in ((good, 0, 21, 0.65), (bad, 26.25, 15.75, 0.325)):
        found = box.get_data_transform().transform([box.get_xy(), (box.get_x() + box.get_width(), 0)])
        assert (found[0][0], found[1][0]) == pytest.approx((left, left + width))
        assert 216 - found[0][1] == pytest.approx(base + 0.32 * 10.5)
        assert box.get_height() == pytest.approx(1.4 * 10.5)
        assert box.get_alpha() == pytest.approx(opacity)
    for line, left, width, opacity in zip(axes.lines, (0, 26.25), (21, 15.75), (1, 0.5), strict=False):
        assert line.get_xdata() == pytest.approx([left + 0.5, left + width - 0.5])
        assert line.get_ydata() == pytest.approx([-base - 0.32 * 10.5] * 2)
        assert (line.get_alpha(), line.get_linewidth()) == (opacity, 1.4)
    assert [line.get_color() for line in axes.lines[:2]] == [FOR, AGAINST]
    assert [line.get_linestyle() for line in axes.lines[:2]] == ["-", "--"]
    assert len(axes.lines) == 4, "two words and two names of the legend"


def test_an_unsigned_row_has_one_colour():
    figure = Figure((4, 3), dpi=72)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_text(axes, [Row([Segment("good", 2.0)], "sa", signed=False)], Heading())
    assert {line.get_color() for line in axes.lines} == {AMOUNT}
    assert {"high", "score"} <= {text.get_text() for text in axes.texts}


def test_a_picture_is_as_high_as_its_text_with_margins_of_ten_points():
    figure = text_figure([ROW], Heading())
    height = 72 * figure.get_figheight()
    assert figure.get_figwidth() == WIDTH == 5.6
    (axes,) = figure.axes
    across, points = 72 * WIDTH, _layout([ROW], Heading(), 72 * WIDTH - 20).top
    assert height == pytest.approx(points + 20)
    expected = (10 / across, 10 / height, 1 - 20 / across, points / height)
    assert axes.get_position().bounds == pytest.approx(expected)
    assert text_figure([ROW], Heading(), width=3.0).get_figwidth() == 3
    many = [Row([Segment("a " * 36, 1.0)])]  # 18 words, each 10.5 points wide with its blank, fit into 196 points
    points = _layout(many, Heading(), 196).top
    assert points < _layout(many, Heading(), 186).top
    assert 72 * text_figure(many, Heading(), width=3.0).get_figheight() == pytest.approx(points + 20)

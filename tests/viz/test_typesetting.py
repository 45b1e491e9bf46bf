"""Words in lines, with a font whose characters are all half as wide as they are high."""

import pytest

from hf_gradexplain.viz.segments import Shade
from hf_gradexplain.viz.typesetting import Font, Page, text_width

FONT = Font(10, "black")  # 5 points per character
U, V = Shade("u", "for", 1.0), Shade("v", "against", 0.5)

pytestmark = pytest.mark.usefixtures("half_as_wide_as_high")


def lines(page):
    """The pieces of each line, with their left ends."""
    found = {}
    for piece in page.pieces:
        found.setdefault(piece.base, []).append((piece.text, piece.left))
    return list(found.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ab cd", [[("ab", 0), (" ", 10), ("cd", 15)]]),  # 25 points fill the line
        ("abc cd", [[("abc", 0), (" ", 15)], [("cd", 0)]]),
        ("abcde fg", [[("abcde", 0)], [("fg", 0)]]),  # the blank that does not fit is left out
        ("a\nb", [[("a", 0)], [("b", 0)]]),
        ("a\tb", [[("a", 0), ("    ", 5)], [("b", 0)]]),  # a tab is four blanks
        ("abcdefg", [[("abcd", 0)], [("efg", 0)]]),  # 0.96 * 7 * 25 / 35 = 4.8
        ("abcdef", [[("abcd", 0)], [("ef", 0)]]),
        ("", []),
    ],
)
def test_lines_break_at_white_space_or_inside_a_word_that_is_longer_than_a_line(text, expected):
    page = Page(25, 20)
    page.write([(text, None)], FONT)
    assert lines(page) == expected


def test_a_word_of_several_parts_stays_together_and_each_part_keeps_its_look():
    page = Page(30, 20)
    page.write([("a ", None), ("bcd", U), ("ef", V), (" g", None)], FONT)
    assert lines(page) == [[("a", 0), (" ", 5)], [("bcd", 0), ("ef", 15), (" ", 25)], [("g", 0)]]
    assert [piece.shade for piece in page.pieces] == [None, None, U, V, None, None]
    assert [piece.width for piece in page.pieces] == [5, 5, 15, 10, 5, 5]
    assert page.pieces[2].font is FONT


def test_a_letter_that_is_wider_than_a_line_has_one_of_its_own():
    page = Page(4, 20)
    page.write([("abc", None)], FONT)
    assert lines(page) == [[("a", 0)], [("b", 0)], [("c", 0)]]


def test_lines_are_as_high_as_the_leading_and_the_baseline_is_at_72_percent():
    page = Page(100, 20)
    page.write([("a", None)], FONT)
    assert (page.left, page.top) == (5, 0)
    page.end_line()
    assert (page.left, page.top) == (0, 20)
    page.write_line("", FONT)
    assert page.top == 20
    page.leading = 10
    page.write_line("b", FONT)
    assert page.top == 30
    assert [piece.base for piece in page.pieces] == pytest.approx([14.4, 27.2])


def test_widths_grow_with_the_size_and_no_font_has_to_have_a_character():
    assert text_width("word", Font(20, "black")) == pytest.approx(2 * text_width("word", Font(10, "red")), rel=0.01)
    assert text_width("word", Font(10, "black", "bold")) > text_width("word", FONT)
    assert text_width("𒀀", FONT) > 0
    assert text_width("$x^2$", FONT) > text_width("$x^", FONT), "never mathematics"

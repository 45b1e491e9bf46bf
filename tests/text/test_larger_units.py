"""The spans of sentences, clauses and given units, as offsets in all parts of a text."""

import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.larger_units import larger_units
from hf_gradexplain.text.texts import DividedText


@pytest.mark.parametrize("unit", ["word", "word_type", "token"])
def test_words_and_tokens_have_no_spans(unit):
    assert larger_units(unit, [("A b. C d.",)], ["A b. C d."]) is None


def test_each_part_is_divided_by_itself():
    """Offsets count from the first part; one character separates two parts."""
    parts = [("One, two. Three.", "Four.", "Five"), ("",), ("Six",)]
    assert larger_units("sentence", parts, ["", "", ""]) == [[(0, 9), (10, 16), (17, 22), (23, 27)], [], [(0, 3)]]
    clauses = larger_units("clause", parts, ["", "", ""])
    assert [span for span in clauses[0] if span[0] >= 10] == [(10, 16), (17, 22), (23, 27)]
    assert [start for start, _ in clauses[0]][:2] == [0, 5]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (9, [(0, 3), (4, 7)]),
        (7, [(0, 3), (4, 7)]),
        (6, [(0, 3), (4, 6)]),
        (5, [(0, 3), (4, 5)]),
        (4, [(0, 3)]),
        (0, []),
    ],
)
def test_given_spans_end_where_the_text_is_not_read_any_more(length, expected):
    text = DividedText("bad film.", ((0, 3), (4, 7)))
    assert larger_units("custom", [("bad film."[:length],)], [text]) == [expected]


def test_given_spans_of_a_pair_count_its_separator():
    text = DividedText(("bad", "film"), ((0, 3), (4, 8)))
    assert larger_units("custom", [("bad", "film")], [text]) == [[(0, 3), (4, 8)]]


def test_given_units_need_spans():
    with pytest.raises(GradexplainError, match=r"unit='custom' needs the spans of the units: .* give units=\[\.\.\.\]"):
        larger_units("custom", [("a",)], ["a"])

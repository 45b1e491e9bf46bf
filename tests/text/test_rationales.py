"""Rationales as datasets have them become spans, or are refused with the row and how to fix it."""

import numpy as np
import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.rationales import read_mask, read_rationales, read_spans

TEXT = "Dull,  and very slow."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        ([], []),
        ([[0, 4]], ["Dull"]),
        ([(11, 15), (0, 4)], ["Dull", "very"]),
        ([{"start": 0, "end": 4}, {"start": 16, "end": 20}], ["Dull", "slow"]),
        ({"start": [0, 16], "end": [4, 20]}, ["Dull", "slow"]),
        ("[[0, 4]]", ["Dull"]),
        (np.array([[0, 4], [11, 15]]), ["Dull", "very"]),
        ([[0, 4.0]], ["Dull"]),
        ([[0, 3], [2, 4]], ["Dull"]),
        ([[0, 2], [2, 4]], ["Du", "ll"]),
        ([[[0, 4]], [[0, 5], [11, 15]]], ["Dull,", "very"]),
        ([[[0, 4]], [[0, 5], [11, 15]], []], ["Dull"]),
        ([[{"start": 0, "end": 4}], [[0, 4]], [[7, 10]]], ["Dull"]),
        ([[], []], []),
    ],
)
def test_spans(value, expected):
    assert [TEXT[a:b] for a, b in read_spans(value, TEXT, "row 0")] == expected


def test_offsets_are_plain_numbers():
    """JSON knows no numbers of NumPy."""
    several = read_spans([[[0, 4]], [[0, 5], [11, 15]]], TEXT, "row 0")
    arrays = read_spans(np.array([[0, 4], [11, 15]]), TEXT, "row 0"), read_mask(np.array([0.0, 1, 0, 1]), TEXT, "row 0")
    assert {type(offset) for spans in (several, *arrays) for span in spans for offset in span} == {int}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        ([], []),
        ([0, 0, 0, 0], []),
        ([1, 0, 0, 1], ["Dull,", "slow."]),
        ([True, True, False, True], ["Dull,  and", "slow."]),
        ("[0, 0, 1, 1]", ["very slow."]),
        (np.array([0.0, 1.0, 0.0, 0.0]), ["and"]),
        ([[1, 0, 0, 1], [1, 0, 1, 0]], ["Dull,", "very slow."]),
        ([[1, 0, 0, 1], [1, 0, 1, 0], [0, 0, 0, 0]], ["Dull,"]),
    ],
)
def test_masks(value, expected):
    assert [TEXT[a:b] for a, b in read_mask(value, TEXT, "row 0")] == expected


def test_the_words_of_a_mask_are_those_between_white_space_of_any_kind():
    text = "\u00a0a\tb\nc\u3000d "
    assert len(text.split()) == 4
    assert [text[a:b] for a, b in read_mask([1, 0, 1, 0], text, "")] == ["a", "c"]


def test_offsets_of_a_pair_and_a_conversation_count_in_the_joined_text():
    pair, chat = ("one two", "three"), [{"role": "user", "content": "one two"}, {"role": "x", "content": "three"}]
    for text in (pair, chat):
        assert read_mask([0, 1, 1], text, "") == ((4, 13),)
        assert read_spans([[8, 13]], text, "") == ((8, 13),)


SPANS = "give a list of spans [start, end], offsets of characters"
MASK = "give a list with a 0 or 1 for each of its words"


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (read_spans, 3, f"the rationale of row 7 is of type int: {SPANS}"),
        (read_spans, {"a": 1}, f"the rationale of row 7 is of type dict: {SPANS}"),
        (read_spans, "[" * 100_000, "the rationale of row 7 is the string"),
        *(
            (
                read_spans,
                {"start": start, "end": end},
                f"start and end of the rationale of row 7 are not two lists of the same length: {SPANS}",
            )
            for start, end in [([3], []), ([3], 5), (3, [5])]
        ),
        (read_spans, {"start": 3, "end": None}, f"the rationale of row 7 has (3, None), which is no span: {SPANS}"),
        (read_spans, "Dull", f"the rationale of row 7 is the string 'Dull': {SPANS}"),
        (read_spans, [0, 1, 0, 0], f"the rationale of row 7 has 0, which is no span: {SPANS}"),
        (read_spans, [[1, 2, 3]], f"the rationale of row 7 has [1, 2, 3], which is no span: {SPANS}"),
        (read_spans, [[0, 4.5]], f"the rationale of row 7 has [0, 4.5], which is no span: {SPANS}"),
        (read_spans, [{"start": 1}], f"the rationale of row 7 has {{'start': 1}}, which is no span: {SPANS}"),
        *(
            (
                read_spans,
                [span],
                f"the rationale of row 7 has the span {span}, but its text has 21 characters: give spans with "
                "0 <= start < end <= 21",
            )
            for span in ([-1, 4], [4, 4], [4, 22])
        ),
        (
            read_mask,
            [0, 1, 0],
            "the mask of row 7 has 3 numbers, but its text has 4 words between white space (text.split()): give one 0 "
            "or 1 for each, or spans of characters in rationale_column",
        ),
        (read_mask, [0, 1, 0, 0, 1], "the mask of row 7 has 5 numbers, but its text has 4 words"),
        (read_mask, [[0, 1, 0, 0], []], "the mask of row 7 has 0 numbers, but its text has 4 words"),
        (read_mask, [0, 2, 0, 1], f"the mask of row 7 has 2, which is neither 0 nor 1: {MASK}"),
        (read_mask, 0.5, f"the rationale of row 7 is of type float: {MASK}"),
    ],
)
def test_what_is_no_rationale_is_refused(read, value, message):
    with pytest.raises(GradexplainError) as error:
        read(value, TEXT, "row 7")
    assert str(error.value).startswith(message)


def test_each_text_needs_its_rationale():
    assert read_rationales([[[0, 4]], None], [TEXT, "b"]) == [((0, 4),), ()]
    assert read_rationales([[0, 4]], [TEXT], single=True) == [((0, 4),)]
    with pytest.raises(GradexplainError) as error:
        read_rationales([[[0, 4]]], [TEXT, "b"])
    assert str(error.value) == (
        "2 texts need 2 rationales, but got 1: give a list of spans per text, and an empty list for a text where "
        "nothing is marked"
    )

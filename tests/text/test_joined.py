"""Documents of several sequences, against positions that were counted by hand."""

import numpy as np
import pytest

from hf_gradexplain.text.data import NO_UNIT, Document
from hf_gradexplain.text.joined import Piece, join, rows, side_by_side, unread_of
from hf_gradexplain.text.unit import Message, Occurrences, Unit

N, UNKNOWN = NO_UNIT, 1


def document(text, words, ids, unit_of, surfaces=None, messages=()):
    """Return a document whose units occur once each: `words` are their spans."""
    units = np.arange(len(words))
    occurrences = Occurrences(text, units, np.array(words).reshape(-1, 2), surfaces or {}, len(words), messages)
    row_of, unit_of_row = rows(np.array(unit_of), np.array(ids))
    return Document(text, occurrences, {"input_ids": np.array(ids)}, np.array(unit_of), row_of, unit_of_row)


def test_a_row_is_a_token_of_a_unit():
    row_of, unit_of_row = rows(np.array([N, 1, 0, 1, 1, N]), np.array([2, 8, 9, 8, 7, 3]))
    assert (row_of.tolist(), unit_of_row.tolist()) == ([N, 2, 0, 2, 1, N], [0, 1, 1])
    none, empty = rows(np.array([N]), np.array([2]))
    assert (none.tolist(), empty.tolist()) == ([N], [])


WHOLE = "bad film bad"
FIRST = document("bad fi ok", [(0, 3), (4, 6), (7, 9)], [2, 5, 6, 9, 3], [N, 0, 1, 2, N])
SECOND = document("is bad film bad", [(0, 2), (3, 6), (7, 11), (12, 15)], [8, 5, 6, 7, 5], [0, 1, 2, 2, 3])
PIECES = [[Piece(0, 6, 0)], [Piece(3, 6, 0), Piece(7, 15, 4)]]


def test_words_at_the_same_place_are_one_unit_as_long_as_the_longest():
    """The first sequence has lost the end of the text; "ok" and "is" are words of a template."""
    joined = join(WHOLE, [FIRST, SECOND], PIECES, types=False, unknown=UNKNOWN)
    assert joined.units == (Unit("bad", ((0, 3),)), Unit("film", ((4, 8),)), Unit("bad", ((9, 12),)))
    assert joined.unit_of.tolist() == [N, 0, 1, N, N, N, 0, 1, 1, 2]
    assert joined.row_of.tolist() == [N, 0, 1, N, N, N, 0, 1, 2, 3]
    assert joined.unit_of_row.tolist() == [0, 1, 1, 2]
    assert joined.sequence_of.tolist() == [0] * 5 + [1] * 5
    assert joined.inputs["input_ids"].tolist() == [2, 5, 6, 9, 3, 8, 5, 6, 7, 5]
    assert (joined.text, joined.truncated_at, joined.pair_start) == (WHOLE, None, None)


def test_the_order_of_the_sequences_is_not_that_of_the_units():
    joined = join(WHOLE, [SECOND, FIRST], PIECES[::-1], types=False, unknown=UNKNOWN)
    assert [unit.text for unit in joined.units] == ["bad", "film", "bad"]
    assert joined.unit_of.tolist() == [N, 0, 1, 1, 2, N, 0, 1, N, N]


def test_equal_words_are_one_unit_as_word_types():
    joined = join(WHOLE, [FIRST, SECOND], PIECES, types=True, unknown=UNKNOWN)
    assert joined.units == (Unit("bad", ((0, 3), (9, 12))), Unit("film", ((4, 8),)))
    assert joined.unit_of.tolist() == [N, 0, 1, N, N, N, 0, 1, 1, 0]


@pytest.mark.parametrize(("unknown", "expected"), [(5, [0, 1, 0]), (None, [0, 0, 0]), (6, [0, 0, 0])])
def test_the_unknown_token_stands_for_different_words(unknown, expected):
    three = document("one two one", [(0, 3), (4, 7), (8, 11)], [5, 5, 5], [0, 1, 2])
    joined = join("one two one", [three], [[Piece(0, 11, 0)]], types=True, unknown=unknown)
    assert joined.unit_of.tolist() == expected


def test_pieces_are_moved_and_words_must_lie_inside_of_them():
    """A word that goes beyond the piece on either side is no unit."""
    one = document("xx ab cd yy", [(0, 2), (3, 5), (6, 8), (9, 11)], [4, 5, 6, 7], [0, 1, 2, 3])
    joined = join("...ab cd", [one], [[Piece(3, 8, 3)]], types=False, unknown=None)
    assert joined.units == (Unit("ab", ((3, 5),)), Unit("cd", ((6, 8),)))
    for piece, expected in ((Piece(4, 8, 0), [N, N, 0, N]), (Piece(3, 7, 0), [N, 0, N, N]), (Piece(9, 9, 0), [N] * 4)):
        assert join("........", [one], [[piece]], types=False, unknown=None).unit_of.tolist() == expected


def test_tokens_without_characters_are_told_apart_by_their_number():
    """Two of them stand before the word, in both sequences; each keeps its own surface."""
    parts = [document("a", [(0, 0), (0, 0), (0, 1)], [5, 6, 7], [0, 1, 2], {0: "▁", 1: "<0xE9>"}) for _ in range(2)]
    joined = join("a", parts, [[Piece(0, 1, 0)]] * 2, types=False, unknown=None)
    assert [unit.text for unit in joined.units] == ["▁", "<0xE9>", "a"]
    assert joined.unit_of.tolist() == [0, 1, 2] * 2
    types = join("a", parts, [[Piece(0, 1, 0)]] * 2, types=True, unknown=None)
    assert [unit.text for unit in types.units] == ["▁", "<0xE9>", "a"]


def test_a_word_is_not_mixed_up_with_a_token_before_it_that_has_no_characters():
    """Only the first sequence has such a token."""
    first = document("a", [(0, 0), (0, 1)], [5, 7], [0, 1], {0: "▁"})
    second = document("a", [(0, 1)], [7], [0])
    joined = join("a", [first, second], [[Piece(0, 1, 0)]] * 2, types=False, unknown=None)
    assert ([unit.text for unit in joined.units], joined.unit_of.tolist()) == (["▁", "a"], [0, 1, 1])


def test_of_equally_long_units_the_first_counts():
    parts = [document("a", [(0, 0)], [i], [0], {0: surface}) for i, surface in ((5, "▁"), (6, "_"))]
    joined = join("a", parts, [[Piece(0, 1, 0)]] * 2, types=True, unknown=None)
    assert [unit.text for unit in joined.units] == ["▁"]


def test_nothing_inside_of_the_pieces():
    joined = join("", [FIRST], [[]], types=False, unknown=None)
    assert (joined.units, joined.unit_of.tolist(), joined.occurrences.spans.shape) == ((), [N] * 5, (0, 2))


def test_documents_side_by_side():
    messages = (Message("user", 0, 3),), (Message("query", 0, 2), Message("document", 3, 5))
    one = document("bad", [(0, 3)], [2, 5, 5], [N, 0, 0], messages=messages[0])
    two = document("bad a", [(0, 3), (4, 5), (5, 5)], [5, 6, 7, 3], [0, 1, 2, N], {2: "▁"}, messages[1])
    both = side_by_side([one, two, one])
    assert both.text == "bad\nbad a\nbad"
    assert [(unit.text, unit.spans) for unit in both.units] == [
        ("bad", ((0, 3),)),
        ("bad", ((4, 7),)),
        ("a", ((8, 9),)),
        ("▁", ((9, 9),)),
        ("bad", ((10, 13),)),
    ]
    assert both.unit_of.tolist() == [N, 0, 0, 1, 2, 3, N, N, 4, 4]
    assert both.row_of.tolist() == [N, 0, 0, 1, 2, 3, N, N, 4, 4]
    assert both.unit_of_row.tolist() == [0, 1, 2, 3, 4]
    assert both.sequence_of.tolist() == [0] * 3 + [1] * 4 + [2] * 3
    assert both.occurrences.messages == (
        Message("user", 0, 3),
        Message("query", 4, 6),
        Message("document", 7, 9),
        Message("user", 10, 13),
    )
    plain = document("bad", [(0, 3)], [5], [0])
    assert side_by_side([one, plain]).occurrences.messages == ()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([(0, 3), (4, 8), (9, 12)], ()),
        ([(0, 3), (9, 12)], ()),  # between the units nothing is cut
        ([(0, 3)], ((4, 12),)),
        ([(4, 8)], ((0, 3), (9, 12))),
        ([(9, 12)], ((0, 8),)),
        ([], ((0, 12),)),
    ],
)
def test_what_is_not_read_lies_before_or_behind_the_units(words, expected):
    assert unread_of(document("bad film bad", words, [], []), [Message("document", 0, 12)]) == expected


def test_each_part_is_looked_at_by_itself():
    """White space is nothing that could be read, and units of other parts do not count."""
    parts = [Message("query", 0, 5), Message("document", 6, 14)]
    assert unread_of(document("  one\ntwo old ", [(2, 5), (6, 9)], [], []), parts) == ((10, 13),)
    assert unread_of(document("  one\ntwo old ", [(10, 13)], [], []), parts) == ((2, 5), (6, 9))
    assert unread_of(document("      two old ", [(6, 9), (10, 13)], [], []), parts) == ()
    astride = document("  one\ntwo old ", [(4, 9)], [], [])  # belongs to neither
    assert unread_of(astride, parts) == ((2, 5), (6, 13))

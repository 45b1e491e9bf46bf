"""Units, their places, and the numbers of their messages."""

import numpy as np
import pytest

from hf_gradexplain.text.unit import Message, Occurrences, Unit, UnitPlaces, make_units, scores_in_text

MESSAGES = (Message("user", 0, 4), Message("assistant", 5, 9), Message("user", 10, 12))


def test_units_without_messages_have_no_role():
    assert make_units([], []) == []
    assert make_units(["a", "b"], [((0, 1), (4, 5)), ((2, 3),)]) == [
        Unit("a", ((0, 1), (4, 5)), None, None),
        Unit("b", ((2, 3),), None, None),
    ]


@pytest.mark.parametrize(
    ("start", "message", "role"),
    [(0, 0, "user"), (4, 0, "user"), (5, 1, "assistant"), (9, 1, "assistant"), (11, 2, "user")],
)
def test_a_unit_belongs_to_the_message_in_which_it_first_begins(start, message, role):
    spans = ((start, start + 1), (11, 12))
    assert make_units(["a"], [spans], MESSAGES) == [Unit("a", spans, message, role)]


def test_the_later_bytes_of_a_character_add_to_its_first():
    """Only tokens that are empty, directly follow the character and are shown as it is belong to it."""
    units = [Unit("電", ((0, 1),)), Unit("電", ((1, 1),)), Unit("電", ((1, 1),)), Unit("!", ((1, 2),))]
    units += [
        Unit("x", ((2, 2),)),
        Unit("y", ((2, 2),)),
        Unit("y", ((3, 3),)),
        Unit("電", ((3, 4),)),
        Unit("電", ((4, 5),)),
    ]
    scores = np.array([[1.0, 2, 4, 8, 16, 32, 64, 128, 256], [0.0, 0, 1, 0, 0, 0, 0, 0, 0]])
    expected = [[7, 2, 4, 8, 16, 32, 64, 128, 256], [1, 0, 1, 0, 0, 0, 0, 0, 0]]
    assert scores_in_text(units, scores).tolist() == expected
    assert scores_in_text(units, scores[0].astype(np.float32)).dtype == np.float64
    assert scores.tolist()[0][0] == 1  # the argument is left alone
    assert scores_in_text([Unit("", ((0, 0),))], np.array([3])).tolist() == [3]
    assert scores_in_text([], np.zeros((2, 0))).shape == (2, 0)


def occurrences(messages=()):
    """`bad film bad`, and a token without characters behind it."""
    spans = np.array([[0, 3], [4, 8], [9, 12], [12, 12]])
    return Occurrences("bad film bad", np.array([0, 1, 0, 2]), spans, {2: "▁"}, 3, messages)


def test_occurrences_are_grouped_by_unit():
    places = occurrences().places()
    assert (places.texts, places.counts.tolist()) == (["bad", "film", "▁"], [2, 1, 1])
    assert places.spans.tolist() == [[0, 3], [9, 12], [4, 8], [12, 12]]
    assert places.owners().tolist() == [0, 0, 1, 2]
    assert places.firsts().tolist() == [[0, 3], [4, 8], [12, 12]]
    again = UnitPlaces.of(places.units())
    assert (again.texts, again.counts.tolist(), again.spans.tolist()) == (
        places.texts, places.counts.tolist(), places.spans.tolist()
    )  # fmt: skip
    assert UnitPlaces.of(()).units() == ()


def test_units_of_occurrences():
    assert occurrences().units() == (
        Unit("bad", ((0, 3), (9, 12))),
        Unit("film", ((4, 8),)),
        Unit("▁", ((12, 12),)),
    )
    offsets = [offset for unit in occurrences().units() for span in unit.spans for offset in span]
    assert {type(offset) for offset in offsets} == {int}  # JSON knows no NumPy numbers
    found = occurrences((Message("user", 0, 3), Message("system", 4, 12))).units()
    assert [(unit.message, unit.role) for unit in found] == [(0, "user"), (1, "system"), (1, "system")]
    none = Occurrences("", np.zeros(0, int), np.zeros((0, 2), int), {}, 0)
    assert none.units() == ()
    assert none.messages == ()


def test_places_of_units_as_arrays():
    units = [Unit("bad", ((0, 3), (9, 12))), Unit("film", ((4, 8),)), Unit("▁", ((12, 12),))]
    places = UnitPlaces.of(units)
    assert (places.texts, places.counts.tolist()) == (["bad", "film", "▁"], [2, 1, 1])
    assert places.spans.tolist() == [[0, 3], [9, 12], [4, 8], [12, 12]]
    assert places.owners().tolist() == [0, 0, 1, 2]
    assert places.firsts().tolist() == [[0, 3], [4, 8], [12, 12]]
    assert (places.units(), places.messages) == (tuple(units), ())
    none = UnitPlaces.of([])
    assert (none.spans.shape, none.firsts().shape, none.owners().shape, none.units()) == ((0, 2), (0, 2), (0,), ())

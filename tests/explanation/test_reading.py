"""What the model read of a text: made-up offsets and windows."""

import json
from dataclasses import replace

import pytest

from hf_gradexplain.explanation import Explanation
from hf_gradexplain.explanation.classes import SIDES
from hf_gradexplain.text.unit import Message, UnitPlaces, Window
from tests.explanation.test_explanation import explanation_of

CONVERSATION = (Message("user", 0, 20),)
WINDOWS = (Window(0, 8, 6), Window(4, 1200, 6))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"windows": WINDOWS}, "read in 2 windows of 6 tokens, whose logits are averaged"),
        (
            {"windows": WINDOWS, "deciding": (0, 1)},
            "read in 2 windows of 6 tokens; the maximum of neg comes from window 2 (characters 4 to 1,200)",
        ),
        (
            {"windows": WINDOWS, "deciding": (0, 1), "against": 0},
            "read in 2 windows of 6 tokens; the maximum of neg comes from window 2 (characters 4 to 1,200) and of pos "
            "comes from window 1 (characters 0 to 8)",
        ),
    ],
)
def test_windows_are_told_in_a_sentence(changes, said):
    assert explanation_of(**changes).reading == said


@pytest.mark.parametrize(
    ("changes", "spans", "fits"),
    [
        ({}, (), False),
        ({"truncated_at": 13}, ((13, 20),), True),
        ({"truncated_at": 0}, (), True),  # the first unit begins there
        ({"truncated_at": 20}, (), True),  # inside of the last character
        ({"truncated_at": 8}, ((8, 10),), True),
        ({"truncated_at": 8, "pair_start": 8}, ((8, 10),), True),
        ({"truncated_at": 8, "pair_start": 10}, ((8, 10),), False),
        ({"truncated_at": 15}, ((15, 20),), True),
        ({"truncated_at": 13, "unread": ((3, 4),), "messages": CONVERSATION}, ((3, 4),), False),
        ({"truncated_at": 13, "messages": CONVERSATION}, ((13, 20),), False),
        ({"unread": ((3, 4),), "messages": CONVERSATION}, ((3, 4),), False),
        ({"truncated_at": 13, "class_names": SIDES, "against": 0}, ((13, 20),), False),  # a side of a preference
        ({"truncated_at": 13, "class_names": SIDES[::-1], "against": 0}, ((13, 20),), True),
        ({"truncated_at": 13, "class_names": SIDES}, ((13, 20),), True),  # a classifier may have such names
    ],
)
def test_what_is_not_read_ends_where_the_next_unit_begins(changes, spans, fits):
    explanation = explanation_of("bad film, bad, or so", **changes)
    assert explanation.unread == spans
    assert explanation.fits_windows == fits
    places = replace(explanation, units=UnitPlaces.of(explanation.units), unread=changes.get("unread", ()))
    assert places.unread == spans
    record = explanation.to_dict()
    assert record.get("unread", []) == [list(span) for span in spans]
    assert Explanation.from_dict(json.loads(json.dumps(record))).unread == spans
    if "unread" not in changes:
        record.pop("unread", None)  # older files have the spans of conversations only
        assert Explanation.from_dict(record).unread == spans

"""Texts that cannot be scored are found by halving, and left out."""

import re

import pytest

from hf_gradexplain.engine.leave_out import check_any_scored, leave_out
from hf_gradexplain.errors import GradexplainError, TextError


def scoring(*bad, calls=None):
    def score(rows):
        if calls is not None:
            calls.append(list(rows))
        for row in rows:
            if row in bad:
                raise TextError(f"row {row} is bad")
        return [10 * row for row in rows]

    return score


@pytest.mark.parametrize("bad", [(), (0,), (6,), (2, 3), (0, 3, 6), tuple(range(7))])
def test_all_other_texts_are_scored_in_their_order(bad):
    parts, reasons = leave_out(scoring(*bad), range(7))
    assert [score for part in parts for score in part] == [10 * row for row in range(7) if row not in bad]
    assert reasons == {row: f"row {row} is bad" for row in bad}


def test_texts_are_halved_until_the_bad_one_is_alone():
    calls = []
    assert leave_out(scoring(4, calls=calls), [1, 4, 5]) == ([[10], [50]], {4: "row 4 is bad"})
    assert calls == [[1, 4, 5], [1], [4, 5], [4], [5]]
    calls.clear()
    leave_out(scoring(calls=calls), range(5))
    assert calls == [[0, 1, 2, 3, 4]]


def test_no_text_gives_one_empty_result():
    assert leave_out(scoring(), range(0)) == ([[]], {})


def test_other_errors_are_raised():
    def score(rows):
        raise GradexplainError("not about a text")

    with pytest.raises(GradexplainError, match="not about a text"):
        leave_out(score, range(2))


def test_at_least_one_text_has_to_be_scored():
    check_any_scored({}, 1, "text")
    check_any_scored({1: "a", 0: "b"}, 3, "text")
    with pytest.raises(TextError, match=r"^the only text is left out: a$"):
        check_any_scored({0: "a"}, 1, "text")
    said = "all 2 hybrid documents are left out, for example hybrid document 0: b"
    with pytest.raises(TextError, match=f"^{re.escape(said)}$"):
        check_any_scored({1: "a", 0: "b"}, 2, "hybrid document")

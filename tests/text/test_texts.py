"""Texts as users give them, and what is said about those that are none."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.texts import (
    DividedText,
    as_given,
    checked,
    is_conversation,
    is_text,
    listed,
    messages_of,
    numbered_parts,
    text_parts,
    texts_of,
    undivided,
    whole_text,
    without_surrogates,
)

HELLO = {"role": "user", "content": "Hello"}
COLUMNS = {"role": ["user", "assistant"], "content": ["Hello", "Hi"]}
TWO = [HELLO, {"role": "assistant", "content": "Hi"}]


@pytest.mark.parametrize(
    ("value", "one_text", "conversation"),
    [
        ("a", True, False),
        (("a", "b"), True, False),
        ([HELLO], True, True),
        (np.array([HELLO]), True, True),
        ([], False, False),
        (["a"], False, False),
        ([COLUMNS], False, False),
        ([[HELLO]], False, False),
        ((HELLO,), True, False),
        (HELLO, False, False),
        ({"text": "a"}, True, False),
        ({"text": "a", "text_pair": "b"}, True, False),
        ({"text": None}, True, False),
        ({"text": ["a"]}, False, False),
        ({"text": "a", "label": 1}, False, False),
        ({"text_pair": "a"}, False, False),
        ([{"text": "a"}], False, False),
        ([{"text": "a", "text_pair": "b"}], False, False),
        ([{"text": "a", "label": 1}], False, False),
        ([{"text": float("nan"), "label": 1}], False, False),
        (np.array([{"text": "a"}]), False, False),
        ([{"text": "a", "role": "user"}], True, True),
        ([{"text": ["a"]}], False, False),
        (None, False, False),
    ],
)
def test_what_is_one_text(value, one_text, conversation):
    assert (is_text(value), is_conversation(value)) == (one_text, conversation)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", ["a"]),
        (("a", "b"), [("a", "b")]),
        (TWO, [TWO]),
        (np.array(TWO), [TWO]),
        ([COLUMNS, "a"], [TWO, "a"]),
        ({"text": "a"}, ["a"]),
        ([{"text": "a"}, "b", {"text": "c", "text_pair": "d"}, TWO], ["a", "b", ("c", "d"), TWO]),
        (np.array([{"text": "a"}]), ["a"]),
        ([{"text": "a", "label": 1}], [{"text": "a", "label": 1}]),  # refused later
        (["a", ("b", "c"), [HELLO]], ["a", ("b", "c"), [HELLO]]),
        (iter(["a", "b"]), ["a", "b"]),
        (pd.Series(["a", "b"]), ["a", "b"]),
        ([], []),
    ],
)
def test_texts_become_a_list(value, expected):
    assert listed(value) == expected


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, ("a", None), (float("nan"), "a")])
def test_a_missing_text_is_named(missing):
    pair = missing if isinstance(missing, tuple) else ()
    of_dict = dict(zip(("text", "text_pair"), pair, strict=True)) if pair else {"text": missing}
    for second in (missing, of_dict):
        with pytest.raises(
            GradexplainError, match=r"^text 1 is missing \(None or NaN\): leave it out, or give a str in its"
        ):
            listed(["a", second])
    with pytest.raises(GradexplainError, match=r"^text 7 is missing \(None or NaN\): leave it out, or give a str in"):
        numbered_parts(missing, 7)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (3, "each text must be a str, .*, not int"),
        (("a", "b", "c"), "each text must be a str, .*, not a tuple of 3"),
        (["a"], "each text must be a str, .*, not list"),
        ([{"role": "user"}], "each message needs .* but the content of message 0 is missing"),
    ],
)
def test_one_of_several_texts_that_is_wrong_is_named_by_its_number(wrong, message):
    for several in (["a", wrong], iter(["a", wrong])):
        with pytest.raises(GradexplainError, match=f"^text 1: {message}$"):
            checked(several)
    with pytest.raises(GradexplainError, match=f"^text 7: {message}$"):
        numbered_parts(wrong, 7)


def test_a_single_text_has_no_number():
    assert checked(("a", 3)) == [("a", 3)]
    with pytest.raises(GradexplainError, match="texts must be a str, a tuple of two str"):
        checked(3)


def test_texts_that_can_be_used_are_those_of_the_list():
    texts = ["a", ("b", "c"), TWO, COLUMNS]
    assert checked(texts) == listed(texts)
    assert checked(TWO) == [TWO]
    assert numbered_parts(("a\ud800", "b"), 3) == ("a\ufffd", "b")


def test_numbers_are_not_missing():
    """They are refused later, with their type."""
    assert listed(["a", 1.0]) == ["a", 1.0]


def test_something_else_is_no_list_of_texts():
    with pytest.raises(
        GradexplainError,
        match="texts must be a str, a tuple of two str, a dict of text and text_pair, a list of messages",
    ):
        listed(3)


def test_texts_of_a_dataset():
    assert texts_of({"text": ["a", "b"]}) == ["a", "b"]
    assert texts_of({"text": ["a", "b"], "text_pair": ["c", "d"]}) == [("a", "c"), ("b", "d")]
    divided = texts_of({"text": ["ab", "c"], "spans": [[[0, 1], [1, 2]], []]})
    assert divided == [DividedText("ab", ((0, 1), (1, 2))), DividedText("c", ())]
    assert texts_of({"text": [divided[0]], "spans": [[[0, 2]]]}) == [DividedText("ab", ((0, 2),))]


def test_the_text_itself():
    assert as_given("a") == "a"
    assert as_given(COLUMNS) == TWO
    assert as_given(HELLO) == HELLO
    assert type(as_given(np.array(TWO))) is list
    assert undivided(DividedText("a", ())) == "a"
    assert undivided(("a", "b")) == ("a", "b")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a",)),
        ("", ("",)),
        (("a", "b"), ("a", "b")),
        (TWO, ("Hello", "Hi")),
        (DividedText(("a", "b"), ()), ("a", "b")),
        ("a\ud800b", ("a\ufffdb",)),
        (("é", "\udfff"), ("é", "\ufffd")),
        ([{"role": "user", "content": "\ud83d"}], ("\ufffd",)),
    ],
)
def test_the_parts_of_a_text(text, parts):
    assert text_parts(text) == parts
    assert whole_text(text) == "\n".join(parts)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (3, "int"),
        (None, "NoneType"),
        (("a", 3), "int"),
        (("a",), "a tuple of 1"),
        (("a", "b", "c"), "a tuple of 3"),
        ((3, "b", "c"), "int"),
        ((), "a tuple of 0"),
        ([["a"]], "list"),
        (["a"], "list"),
    ],
)
def test_what_is_no_text_is_named(text, kind):
    expected = (
        f"each text must be a str, a tuple of two str, a dict of text and text_pair, or a list of messages, not {kind}"
    )
    with pytest.raises(GradexplainError, match=f"^{expected}$"):
        text_parts(text)


@pytest.mark.parametrize(
    ("row", "fix"),
    [
        ({"text": "a", "label": 1}, ": for rows of a dataset, give [row['text'] for row in rows]"),
        ({"sentence": "a", "label": 1}, ": for rows of a dataset, give [row['sentence'] for row in rows]"),
        (
            {"id": 3, "premise": "a", "hypothesis": "b"},
            ": for rows of a dataset, give [row['premise'] for row in rows]",
        ),
        ({"label": 1}, ""),
        ({}, ""),
        ({"text": None, "label": 1}, ": for rows of a dataset, give [row['text'] for row in rows]"),
        (
            {"text": "a", "text_pair": "b", "label": 1},
            ": for rows of a dataset, give [(row['text'], row['text_pair']) for row in rows]",
        ),
        ({"label": 1, "review": "a"}, ": for rows of a dataset, give [row['review'] for row in rows]"),
        (
            {"title": "b", "text": ["a"], "label": 1},
            ": for rows of a dataset, give [row['text'] for row in rows]",
        ),
        ({"role": "user", "text": "a"}, ""),
    ],
)
def test_rows_of_a_dataset_are_refused_with_what_to_give(row, fix):
    expected = "each text must be a str, a tuple of two str, a dict of text and text_pair, or a list of messages"
    with pytest.raises(GradexplainError) as caught:
        text_parts(row)
    assert str(caught.value) == f"{expected}, not dict{fix}"
    if fix:
        with pytest.raises(GradexplainError) as caught:
            checked([row, row])
        assert str(caught.value) == f"text 0: {expected}, not dict{fix}"


def test_messages_keep_their_entries_but_none():
    given = [{"role": "user", "content": "\ud800", "tool": None, "name": "Ann"}, HELLO]
    assert messages_of(given) == [{"role": "user", "content": "\ufffd", "name": "Ann"}, HELLO]
    assert messages_of([{"role": "\udfff", "content": ""}]) == [{"role": "\ufffd", "content": ""}]
    assert given[0]["content"] == "\ud800"


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], "a conversation needs at least one message, such as {'role': 'user', 'content': 'Hello'}, but has none"),
        ([HELLO, "a"], "each message must be a mapping such as {'role': 'user', 'content': 'Hello'}, not str"),
        ([HELLO, {"role": "user"}], "but the content of message 1 is missing"),
        ([{"content": "a"}], "but the role of message 0 is missing"),
        ([{"role": 3, "content": "a"}], "but the role of message 0 is of type int"),
        ([{"role": None, "content": "a"}], "but the role of message 0 is missing"),
        ([{"role": "user", "content": ["a"]}], "the content of message 0 is a list: only texts can be explained"),
        ([{"role": "user", "content": np.array(["a"])}], "the content of message 0 is a list"),
        ([{"role": ["user"], "content": "a"}], "the role of message 0 is a list"),
    ],
)
def test_what_is_wrong_with_a_message_is_said(messages, expected):
    with pytest.raises(GradexplainError) as caught:
        messages_of(messages)
    assert expected in str(caught.value)


def test_only_lone_surrogates_are_replaced():
    assert without_surrogates("a\ud800\udc00\ud7ff\ue000😀") == "a\ufffd\ufffd\ud7ff\ue000😀"
    text = "plain"
    assert without_surrogates(text) is text
    assert not is_text(SimpleNamespace(text="a"))

"""Which columns hold conversations."""

import pytest
from datasets import Dataset

from hf_gradexplain.corpus import holds_conversations

MESSAGE = {"role": "user", "content": "bad film"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([MESSAGE], True),
        ([{**MESSAGE, "name": "Ann"}], True),
        ("bad film", False),
        (MESSAGE, False),
        (["bad", "film"], False),
        ([{"role": "user", "text": "bad film"}], False),
    ],
)
def test_a_conversation_is_a_list_of_messages_with_a_role_and_a_content(value, expected):
    assert holds_conversations(Dataset.from_dict({"text": [value, value]}), "text") is expected


def test_messages_of_different_keys_are_a_conversation():
    rows = Dataset.from_list([{"text": [MESSAGE, {**MESSAGE, "name": "Ann"}]}, {"text": [MESSAGE]}])
    assert holds_conversations(rows, "text")

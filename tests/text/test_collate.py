"""Documents become batches: padding, the numbers of units and rows, and which documents share a batch."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hf_gradexplain.text.collate import (
    collate,
    counted_ids,
    first_of_each,
    padding_values,
    plan_batches,
    special_tokens,
)
from hf_gradexplain.text.data import NO_UNIT, PREDICTED, Document
from hf_gradexplain.text.unit import Occurrences


def tokenizer(**given):
    """Ids 0 pad, 1 unk, 2 cls and 3 sep, as far as a collation asks for them."""
    usual = {"padding_side": "right", "pad_token_id": 0, "unk_token_id": 1, "pad_token_type_id": 0}
    return SimpleNamespace(**(usual | {"all_special_ids": [0, 1, 2, 3]} | given))


def document(ids, unit_of, row_of, unit_of_row, sequence_of=None):
    units = max([*unit_of, -1]) + 1
    occurrences = Occurrences("a" * units, np.arange(units), np.array([[u, u + 1] for u in range(units)]), {}, units)
    inputs = {
        "input_ids": np.array(ids),
        "attention_mask": np.ones(len(ids), int),
        "token_type_ids": np.ones(len(ids), int),
    }
    numbers = (np.array(x) for x in (unit_of, row_of, unit_of_row))
    return Document("a" * units, occurrences, inputs, *numbers, sequence_of=sequence_of)


N = NO_UNIT
LONG = document([2, 7, 8, 7, 3], [N, 0, 0, 1, N], [N, 0, 1, 2, N], [0, 0, 1])
SHORT = document([2, 9, 3], [N, 0, N], [N, 0, N], [0])


def test_shorter_texts_are_padded_on_the_right():
    batch = collate([LONG, SHORT], [1, None], tokenizer(pad_token_id=5, pad_token_type_id=4))
    assert batch.inputs["input_ids"].tolist() == [[2, 7, 8, 7, 3], [2, 9, 3, 5, 5]]
    assert batch.inputs["attention_mask"].tolist() == [[1] * 5, [1, 1, 1, 0, 0]]
    assert batch.inputs["token_type_ids"].tolist() == [[1] * 5, [1, 1, 1, 4, 4]]
    assert list(batch.inputs) == ["input_ids", "attention_mask", "token_type_ids"]
    assert batch.units.unit_of.tolist() == [[2, 0, 0, 1, 2], [2, 0, 2, 2, 2]]
    assert batch.units.row_of.tolist() == [[3, 0, 1, 2, 3], [3, 0, 3, 3, 3]]
    assert batch.units.unit_of_row.tolist() == [[0, 0, 1], [0, 2, 2]]
    assert (batch.units.count.tolist(), batch.units.size, batch.units.text_of) == ([2, 1], 2, None)
    assert (batch.lengths.tolist(), batch.target.tolist()) == ([5, 3], [1, PREDICTED])
    assert (batch.seed, batch.padded_left, batch.sequences, batch.against) == (0, False, None, None)
    assert batch.documents == (LONG, SHORT)
    assert {x.device.type for x in batch.inputs.values()} == {"cpu"}


def test_counts_of_special_tokens_are_plain_numbers():
    assert {type(count) for counts in special_tokens([SHORT], tokenizer()) for count in counts} == {int}


def test_or_on_the_left():
    batch = collate([SHORT, LONG], [0, 0], tokenizer(padding_side="left"), seed=3, against=[1, 2])
    assert batch.inputs["input_ids"].tolist() == [[0, 0, 2, 9, 3], [2, 7, 8, 7, 3]]
    assert batch.units.unit_of.tolist() == [[2, 2, 2, 0, 2], [2, 0, 0, 1, 2]]
    assert batch.units.unit_of_row.tolist() == [[0, 2, 2], [0, 0, 1]]  # rows of units are always padded on the right
    assert (batch.padded_left, batch.seed, batch.against.tolist()) == (True, 3, [1, 2])


def test_a_text_of_several_sequences():
    several = document(
        [2, 7, 3, 2, 8, 9, 3], [N, 0, N, N, 1, 0, N], [N, 0, N, N, 1, 2, N], [0, 1, 0], np.repeat([0, 1], [3, 4])
    )
    batch = collate([SHORT, several], [0, 1], tokenizer())
    assert batch.inputs["input_ids"].tolist() == [[2, 9, 3, 0], [2, 7, 3, 0], [2, 8, 9, 3]]
    assert batch.units.unit_of.tolist() == [[2, 0, 2, 2], [2, 0, 2, 2], [2, 1, 0, 2]]
    assert (batch.units.text_of.tolist(), batch.lengths.tolist()) == ([0, 1, 1], [3, 3, 4])
    assert batch.sequences is not None
    assert batch.target.dtype == torch.int64


@pytest.mark.parametrize(("pad", "expected"), [(5, 5), (0, 0), (None, 0)])
def test_padding_without_a_padding_token_is_zero(pad, expected):
    assert padding_values(tokenizer(pad_token_id=pad, pad_token_type_id=3)) == {
        "input_ids": expected,
        "token_type_ids": 3,
    }


def test_special_tokens_are_counted_in_each_sequence():
    two = document([2, 3, 2, 2, 1, 0], [N] * 6, [N] * 6, [], np.repeat([0, 1], [2, 4]))
    assert counted_ids(tokenizer()) == (2, 3)
    assert special_tokens([SHORT, two], tokenizer()) == [(1, 1), (1, 1), (2, 0)]
    assert special_tokens([SHORT, two], tokenizer(all_special_ids=[0, 1])) == [(), (), ()]
    assert special_tokens([], tokenizer()) == []


def test_the_first_of_each():
    assert first_of_each([5, 6, 7], [2, 1]) == [5, 7]
    assert first_of_each([5], [1]) == [5]
    assert first_of_each([], []) == []


@pytest.mark.parametrize(
    ("lengths", "tokens", "given", "expected"),
    [
        ([], 10, {}, []),
        ([3, 3, 3], 9, {}, [[0, 1, 2]]),
        ([3, 3, 3], 8, {}, [[0, 1], [2]]),
        ([20, 3], 9, {}, [[1], [0]]),  # longer than the budget
        ([4, 3, 5], 100, {"padded_up_to": 4}, [[1, 0], [2]]),
        ([4, 3, 5], 100, {"padded_up_to": 5}, [[1, 0, 2]]),
        ([2, 4, 4], 11, {"padded_up_to": 9}, [[0, 1], [2]]),  # three of 4 tokens each would be 12
        ([2, 4, 4], 12, {"padded_up_to": 9}, [[0, 1, 2]]),
        ([3, 3, 3, 3], 100, {"kinds": [(1,), (0,), (1,), (0,)]}, [[1, 3], [0, 2]]),
        ([2, 3, 2], 100, {"kinds": [(1,), (0,), (0,)]}, [[2], [1], [0]]),
        ([3, 3, 3], 9, {"counts": [1, 2, 1]}, [[0, 1], [2]]),
        ([3, 3, 3], 8, {"counts": [1, 2, 1]}, [[0], [1], [2]]),
        ([3, 3, 3, 3], 9, {"counts": [2, 2, 1, 1]}, [[0], [1, 2], [3]]),
    ],
)
def test_which_documents_share_a_batch(lengths, tokens, given, expected):
    assert plan_batches(lengths, tokens, **{"padded_up_to": 0, **given}) == expected

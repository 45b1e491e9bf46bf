"""The sums of texts that are read as several sequences."""

from dataclasses import replace

import pytest
import torch

from hf_gradexplain.text.unit_index import Units


def units(text_of=(0, 1, 1)):
    """Two texts: one unit in one sequence, and two units in two sequences; the second unit has two rows."""
    return Units(
        unit_of=torch.tensor([[2, 0, 2, 2], [2, 0, 1, 2], [1, 1, 0, 2]]),
        row_of=torch.tensor([[3, 0, 3, 3], [3, 0, 1, 3], [1, 2, 0, 3]]),
        unit_of_row=torch.tensor([[0, 2, 2], [0, 1, 1]]),
        count=torch.tensor([1, 2]),
        size=2,
        text_of=torch.tensor(text_of),
    )


TOKENS = torch.tensor([[1.0, 2, 4, 8], [16, 32, 64, 128], [256, 512, 1024, 2048]])


def test_sums_over_the_sequences_of_a_text():
    expected = torch.tensor([[2.0, 0], [32 + 1024, 64 + 256 + 512]])
    assert units().sum(TOKENS).equal(expected)
    assert units().sum(torch.stack([TOKENS, -TOKENS], 2)).equal(torch.stack([expected, -expected], 2))
    rows = torch.tensor([[2.0, 0, 0], [32 + 1024, 64 + 256, 512]])
    assert units().sum_rows(torch.stack([TOKENS, -TOKENS], 2)).equal(torch.stack([rows, -rows], 2))


def test_the_largest_of_a_text():
    assert units().largest(torch.tensor([3.0, 1.0, 2.0])).tolist() == [3, 2]
    assert units().largest(torch.tensor([-3.0, -1.0, -2.0])).tolist() == [0, 0]


def test_values_of_texts_for_their_sequences():
    assert units().by_sequence(torch.tensor([[5], [7]])).tolist() == [[5], [7], [7]]


@pytest.mark.parametrize(
    ("text", "sequences", "columns", "expected"),
    [
        (0, [0], slice(0, 3), ([[1, 0, 1]], [[1, 0, 1]], [[0]], [1], 1, [0])),
        (
            1,
            [1, 2],
            slice(0, 4),
            ([[2, 0, 1, 2], [1, 1, 0, 2]], [[3, 0, 1, 3], [1, 2, 0, 3]], [[0, 1, 1]], [2], 2, [0, 0]),
        ),
    ],
)
def test_the_units_of_one_text(text, sequences, columns, expected):
    own = units().only(text, torch.tensor(sequences), columns)
    tensors = own.unit_of, own.row_of, own.unit_of_row, own.count
    assert (*(x.tolist() for x in tensors), own.size, own.text_of.tolist()) == expected
    assert own.real.all()


def test_without_several_sequences_nothing_is_added_up():
    one = replace(
        units(),
        text_of=None,
        unit_of_row=torch.tensor([[0, 2, 2], [0, 1, 1], [0, 1, 1]]),
        count=torch.tensor([1, 2, 2]),
    )
    assert one.sum(TOKENS).tolist() == [[2, 0], [32, 64], [1024, 256 + 512]]
    assert one.sum_rows(TOKENS.unsqueeze(2)).squeeze(2).tolist() == [[2, 0, 0], [32, 64, 0], [1024, 256, 512]]
    values = torch.tensor([-3.0, 1.0, 2.0])
    assert one.largest(values) is one.by_sequence(values) is values
    own = one.only(1, torch.tensor([1]), slice(1, 4))
    assert (own.unit_of.tolist(), own.row_of.tolist(), own.text_of) == ([[0, 1, 2]], [[0, 1, 3]], None)

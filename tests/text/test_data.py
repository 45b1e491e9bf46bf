"""Tests of the records: documents, units and their sums."""

import numpy as np
import pytest
import torch

from hf_gradexplain.classifier.objective import Objective, with_classes
from hf_gradexplain.text.data import NO_UNIT, REST, RUNNER_UP, Batch, Document
from hf_gradexplain.text.unit import Occurrences
from hf_gradexplain.text.unit_index import Units

B, T, D, U, R = 2, 6, 3, 3, 4
UNIT_OF = [[3, 0, 1, 0, 2, 3], [0, 1, 1, 3, 3, 3]]
ROW_OF = [[4, 0, 1, 0, 2, 4], [0, 1, 2, 4, 4, 4]]
UNIT_OF_ROW = [[0, 1, 2, 3], [0, 1, 1, 3]]


@pytest.fixture
def units() -> Units:
    """Two texts: one of three units, the first of them twice; one of two units, the second of two rows."""
    return Units(
        unit_of=torch.tensor(UNIT_OF),
        row_of=torch.tensor(ROW_OF),
        unit_of_row=torch.tensor(UNIT_OF_ROW),
        count=torch.tensor([3, 2]),
        size=U,
    )


def document(ids: tuple[int, ...], text: str = "a") -> Document:
    no_unit = np.full(len(ids), NO_UNIT)
    units = Occurrences(text, np.array([0]), np.array([[0, 1]]), {}, 1)
    return Document(text, units, {"input_ids": np.array(ids)}, no_unit, no_unit, np.array([0]))


def test_sum_adds_the_tokens_of_each_unit(units):
    x = torch.randn(B, T, dtype=torch.float64)
    expected = torch.zeros(B, U, dtype=torch.float64)
    for b in range(B):
        for t in range(T):
            if UNIT_OF[b][t] < U:
                expected[b, UNIT_OF[b][t]] += x[b, t]
    torch.testing.assert_close(units.sum(x), expected, rtol=0, atol=1e-15)


def test_sum_rows_adds_the_occurrences_of_each_row(units):
    x = torch.randn(B, T, D, dtype=torch.float64)
    expected = torch.zeros(B, R, D, dtype=torch.float64)
    for b in range(B):
        for t in range(T):
            if ROW_OF[b][t] < R:
                expected[b, ROW_OF[b][t]] += x[b, t]
    torch.testing.assert_close(units.sum_rows(x), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("reduce", ["sum", "amax"])
def test_over_rows_reduces_the_rows_of_each_unit(units, reduce):
    x = torch.rand(B, R, dtype=torch.float64)
    expected = torch.zeros(B, U, dtype=torch.float64)
    for b in range(B):
        for u in range(U):
            rows = [x[b, r].item() for r in range(R) if UNIT_OF_ROW[b][r] == u]
            expected[b, u] = (sum if reduce == "sum" else max)(rows or [0.0])
    torch.testing.assert_close(units.over_rows(x, reduce), expected, rtol=0, atol=1e-15)


def test_tokens_of_chosen_units_never_hold_a_special_token_or_padding(units):
    chosen = torch.tensor([[True, False, True], [True, True, True], [True, True, True]])
    tokens = units.tokens(chosen, torch.tensor([0, 1, 0]))
    assert tokens.int().tolist() == [[0, 1, 0, 1, 1, 0], [1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 1, 0]]


def test_real_is_false_where_a_text_has_fewer_units(units):
    assert units.real.tolist() == [[True, True, True], [True, True, False]]


def test_sums_over_texts_without_units_are_empty():
    none = Units(
        unit_of=torch.zeros(B, T, dtype=torch.long),
        row_of=torch.zeros(B, T, dtype=torch.long),
        unit_of_row=torch.zeros(B, 0, dtype=torch.long),
        count=torch.zeros(B, dtype=torch.long),
        size=0,
    )
    assert none.sum(torch.ones(B, T)).shape == (B, 0)
    assert none.sum_rows(torch.ones(B, T, D)).shape == (B, 0, D)
    assert none.over_rows(torch.ones(B, 0), "sum").shape == (B, 0)
    assert not none.tokens(torch.zeros(1, 0, dtype=torch.bool), torch.tensor([1])).any()


def test_the_length_of_a_document_is_its_number_of_tokens():
    assert len(document((5, 6, 7))) == 3


def test_random_numbers_depend_only_on_seed_purpose_and_tokens():
    draw = document((5, 6, 7)).rng(0, "random").random()
    assert document((5, 6, 7), "another text").rng(0, "random").random() == draw
    others = [
        document((5, 6, 7)).rng(1, "random").random(),
        document((5, 6, 7)).rng(0, "ties").random(),
        document((5, 6, 8)).rng(0, "random").random(),
    ]
    assert draw not in others
    assert len(set(others)) == 3


def test_the_runner_up_is_not_mistaken_for_the_rest_or_a_class():
    against = torch.tensor([RUNNER_UP, REST, 0])
    batch = Batch((), {}, torch.ones(3), None, torch.tensor([2, 2, 2]), against=against)
    found = with_classes(batch, torch.tensor([[1.0, 2.0, 3.0]] * 3), Objective("contrast", "softmax"))
    assert found.against.tolist() == [1, REST, 0]

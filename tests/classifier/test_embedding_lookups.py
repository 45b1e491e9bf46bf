"""Tests of finding and editing embedding lookups."""

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from hf_gradexplain.classifier.embedding_lookups import edit_lookups, find_lookups, record_linear_inputs
from hf_gradexplain.errors import GradexplainError
from tests.helpers.toys import Toy

IDS = torch.tensor([[7, 8, 9, 10, 11, 12, 13, 14]])
INPUTS = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
CHANGES = [(1, 20), (5, 21)]


def toy_with_lookups(read=None, **parts):
    model = Toy(read)
    for name, part in parts.items():
        setattr(model, name, part.double())
    return model, find_lookups(model, INPUTS, CHANGES)


def fields(lookups):
    return [(x.module, x.call, x.shift, x.time_major, x.table) for x in lookups]


def test_the_word_table_is_found():
    assert fields(toy_with_lookups()[1]) == [("words", 0, 0, False, 0)]


def test_positions_and_segments_through_the_word_table_are_not_words():
    def read(model, ids, mask):
        return model.words(mask) + model.words(ids) + model.words(torch.arange(ids.shape[1]).unsqueeze(0))

    assert fields(toy_with_lookups(read)[1]) == [("words", 1, 0, False, 0)]


def test_a_second_shifted_lookup_shares_the_table():
    lookups = toy_with_lookups(lambda model, ids, mask: model.words(ids) + _shifted(model, ids))[1]
    assert fields(lookups) == [("words", 0, 0, False, 0), ("words", 1, 1, False, 0)]


def _shifted(model, ids):
    start = torch.full_like(ids[:, :1], 2)
    return 0.5 * model.words(torch.cat([start, ids[:, :-1]], 1))


class Adding(nn.Module):
    """Adds vectors of the words to each other, of which no hook sees the second, and vectors of the positions."""

    def __init__(self, positions):
        super().__init__()
        self.first, self.second = nn.Embedding(40, 6), nn.Parameter(torch.rand(40, 6))
        self.positions = nn.Parameter(positions)

    def forward(self, ids):
        return self.first(ids) + self.second[ids] + self.positions[: ids.shape[1]]


@pytest.mark.parametrize(("size", "alike"), [(0.0, True), (1e-4, True), (0.03, False), (1.0, False)])
def test_a_layer_around_the_tables_is_read_unless_it_adds_positions(size, alike):
    def read(model, ids, mask):
        return model.adding(ids)

    torch.manual_seed(0)
    adding = Adding(size * torch.rand(40, 6))
    if alike:
        assert fields(toy_with_lookups(read, adding=adding)[1]) == [("adding", 0, 0, False, 0)]
        return
    with pytest.raises(GradexplainError, match=r"^Toy reads words outside of the layers \['adding.first'\]: it cannot"):
        toy_with_lookups(read, adding=adding)


def test_the_inputs_of_linear_layers_are_recorded_within_the_block_alone():
    torch.manual_seed(0)
    model = nn.ModuleDict({"first": nn.Linear(3, 4), "act": nn.Tanh(), "conv": Conv1D(2, 4)})
    x, last = torch.rand(5, 3), torch.rand(2, 3, requires_grad=True)

    def run(inputs):
        return model["conv"](model["act"](model["first"](inputs)))

    with record_linear_inputs(model) as recorded:
        run(x)
        run(last)
    run(x)
    assert list(recorded) == ["first", "conv"]
    torch.testing.assert_close(recorded["first"], last.detach())
    torch.testing.assert_close(recorded["conv"], model["first"](last).tanh().detach())
    assert not any(inputs.requires_grad for inputs in recorded.values())


def test_tables_with_different_vectors_have_different_numbers():
    lookups = toy_with_lookups(
        lambda model, ids, mask: model.words(ids) + model.more(ids), more=nn.Embedding(40, 6, _weight=torch.rand(40, 6))
    )[1]
    assert fields(lookups) == [("words", 0, 0, False, 0), ("more", 0, 0, False, 1)]


def test_time_major_and_longer_outputs_are_aligned():
    def read(model, ids, mask):
        padded = torch.cat([torch.full_like(ids[:, :2], 3), ids], 1)
        return model.words(padded.T).transpose(0, 1)[:, 2:]

    model, lookups = toy_with_lookups(read)
    assert fields(lookups) == [("words", 0, 2, True, 0)]
    vectors = torch.zeros(0)

    def record(table, words, tokens):
        nonlocal vectors
        vectors = words
        return words

    with torch.no_grad(), edit_lookups(model, lookups, record, IDS):
        model(**INPUTS)
    assert torch.equal(vectors, model.words(IDS))


@pytest.mark.parametrize("time_major", [False, True])
def test_an_edit_changes_the_chosen_words_only(time_major):
    def read(model, ids, mask):
        if time_major:
            return model.words(ids.T).transpose(0, 1)
        return model.words(ids)

    model, lookups = toy_with_lookups(read)
    masked = torch.tensor([[0, 0, 1, 0, 0, 0, 1, 0]]).bool()

    def mask(table, vectors, tokens):
        return vectors.masked_fill(masked[:, tokens].unsqueeze(2), 0)

    with torch.no_grad():
        with edit_lookups(model, lookups, mask, IDS):
            without = model(**INPUTS).logits
        model.words.weight[IDS[masked]] = 0
        assert torch.equal(without, model(**INPUTS).logits)


def test_hooks_are_removed_also_after_an_exception():
    model, lookups = toy_with_lookups()

    def fail(table, vectors, tokens):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), edit_lookups(model, lookups, fail, IDS):
        model(**INPUTS)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_lookup_that_the_model_no_longer_makes_is_an_error():
    model, lookups = toy_with_lookups()
    model.read = lambda model, ids, mask: torch.zeros(*ids.shape, 6, dtype=torch.float64)
    with (
        pytest.raises(
            RuntimeError, match=r"the model no longer calls the embedding lookups .*: create a new Explainer for it"
        ),
        edit_lookups(model, lookups, lambda table, vectors, tokens: vectors, IDS),
    ):
        model(**INPUTS)


def test_a_model_without_a_visible_lookup_is_an_error():
    with pytest.raises(GradexplainError, match="looks up words in no layer that a forward hook can see"):
        toy_with_lookups(lambda model, ids, mask: model.words.weight[ids])


def test_a_model_that_also_reads_words_elsewhere_is_an_error():
    with pytest.raises(GradexplainError, match=r"reads words outside of the layers \['words'\]"):
        toy_with_lookups(lambda model, ids, mask: model.words(ids) + model.words.weight[ids])


def test_a_text_that_is_too_short_is_an_error():
    short = {name: x[:, :3] for name, x in INPUTS.items()}
    with pytest.raises(GradexplainError, match="needs at least 4 tokens and 2 changes: give a longer text"):
        find_lookups(Toy(), short, CHANGES)
    shortest = {name: x[:, :4] for name, x in INPUTS.items()}
    assert fields(find_lookups(Toy(), shortest, [(1, 20), (2, 21)])) == [("words", 0, 0, False, 0)]

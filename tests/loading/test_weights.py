"""Checks of the weights of a model, and what is inside of wrappers."""

import pytest
import torch
from torch import nn

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.loading import weights
from hf_gradexplain.loading.weights import check_shapes, check_weights, unwrap


class Model(nn.Module):
    """A model that names its word vectors."""

    def __init__(self, table):
        super().__init__()
        self.table, self.head = table, nn.Linear(2, 2)

    def get_input_embeddings(self):
        return self.table


@pytest.mark.parametrize("place", [0, 2, 3, 6])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_is_not_finite_is_named_wherever_it_is(place, value, monkeypatch):
    """Also at the borders of the chunks."""
    monkeypatch.setattr(weights, "_CHUNK", 3)
    model = nn.Sequential(nn.Linear(7, 1), nn.Linear(1, 1))
    check_weights(model)
    model[0].weight.data[0, place] = value
    with pytest.raises(GradexplainError, match=r"^weight '0\.weight' is not finite: the checkpoint is corrupt, or its"):
        check_weights(model)


def test_word_vectors_may_not_all_be_zero():
    model = Model(nn.Embedding(3, 2))
    model.table.weight.data.zero_()
    with pytest.raises(GradexplainError, match=r"^the word vectors of Model are all zero: its checkpoint is empty or"):
        check_weights(model)
    model.table.weight.data[2, 1] = 1e-30
    check_weights(model)


@pytest.mark.parametrize(
    "table", [None, "no module", nn.Identity(), nn.Embedding(0, 2), nn.Embedding(2, 2, device="meta")]
)
def test_a_model_may_name_no_word_vectors_that_could_be_looked_at(table):
    model = Model(nn.Identity())
    model.table = table if isinstance(table, nn.Module) else None
    check_weights(model)


def test_a_model_without_such_a_function():
    class Refusing(nn.Linear):
        def get_input_embeddings(self):
            raise NotImplementedError

    check_weights(Refusing(1, 1))
    check_weights(nn.Linear(1, 1))
    check_weights(nn.Linear(2, 2, device="meta"))


def test_other_shapes_are_counted_and_the_first_by_name_is_shown():
    check_shapes([])
    one = ("head.weight", torch.Size([2, 4]), [3, 4])
    with pytest.raises(GradexplainError) as caught:
        check_shapes(iter([one]))
    assert str(caught.value) == (
        "1 weight has another shape than config.json asks for, such as 'head.weight': (2, 4) instead of (3, 4); "
        "correct config.json, or name another checkpoint"
    )
    with pytest.raises(
        GradexplainError, match=r"^2 weights have another shape .*, such as 'a': \(1,\) instead of \(2,\);"
    ):
        check_shapes([one, ("a", (1,), (2,))])


def test_what_is_inside_of_wrappers():
    model = nn.Linear(1, 1)
    compiled = nn.Module()
    compiled._orig_mod = model
    adapted = nn.Module()
    adapted.inner, adapted.get_base_model = model, lambda: model
    prompted = nn.Module()
    prompted.inner, prompted.get_base_model, prompted.prompt = model, lambda: model, nn.Parameter(torch.ones(1))
    assert unwrap(model) is model
    assert unwrap(compiled) is unwrap(adapted) is unwrap(nn.DataParallel(nn.DataParallel(model))) is model
    assert unwrap(prompted) is prompted  # the prompt changes the predictions
    model.get_base_model = "no function"
    assert unwrap(model) is model

"""Numbers of a batch as arrays, and the warning of scores that do not add up."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hf_gradexplain.engine.scored import collect, to_arrays, warn_of_incomplete
from hf_gradexplain.explanation.remarks import COMPLETE_WITHIN
from hf_gradexplain.options import Options
from tests.helpers.tiny import explainer


def test_tensors_become_arrays_in_their_order():
    tensors = [
        torch.tensor([[1.5, 2.0]], dtype=torch.float32, requires_grad=True),
        torch.tensor([[3], [4]]),
        torch.tensor([True, False]),
        torch.tensor(0.5, dtype=torch.float32),
        torch.zeros(0, 3, dtype=torch.float64),
        torch.tensor([7]),
    ]
    arrays = to_arrays(tensors)
    assert [array.tolist() for array in arrays] == [[[1.5, 2.0]], [[3], [4]], [True, False], 0.5, [], [7]]
    assert [array.shape for array in arrays] == [(1, 2), (2, 1), (2,), (), (0, 3), (1,)]
    assert [array.dtype for array in arrays] == [np.float64, np.int64, np.bool_, np.float64, np.float64, np.int64]
    assert to_arrays([]) == []


def said(*gaps):
    """Return the warnings for texts with these gaps of each method."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_incomplete([SimpleNamespace(completeness=gap) for gap in gaps])
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("gap", [0, COMPLETE_WITHIN, -COMPLETE_WITHIN])
def test_small_gaps_are_none(gap):
    assert said({"integrated_gradients": gap}, {}) == []


def test_larger_gaps_are_counted_and_the_largest_is_named():
    own, other = said(
        {"integrated_gradients": 0.25, "cp_lrp": 0.5},
        {"integrated_gradients": -0.75},
        {"integrated_gradients": COMPLETE_WITHIN},
        {},
    )
    assert own.endswith("by up to 75% (on 2 of 3 texts): give more steps, or use another method")
    assert "integrated_gradients should add up" in own
    assert other.endswith("by up to 50% (on 1 of 1 texts): use another method")
    assert "cp_lrp" in other


def test_an_explanation_owns_its_scores_and_its_numbers_are_plain():
    """A view would keep the numbers of the whole batch alive."""
    for explanation in explainer("bert")(["a good film", "a bad film"], ("loo", "shapley"), against=1, target=0):
        assert explanation.scores["loo"].base is None
        assert explanation.sampling["shapley"].errors.base is None
        numbers = explanation.target, explanation.prediction, explanation.against, explanation.sampling["shapley"].draws
        assert {type(number) for number in numbers} == {int}


def test_the_window_that_decides_is_a_plain_number():
    long = " ".join(["good film"] * 40)
    (explanation,) = explainer("bert")([long], "loo", stride=10, pool="max", self_check=False)
    assert {type(number) for number in explanation.deciding} == {int}
    assert len(explanation.deciding) == 3


def test_collected_explanations_are_warned_of():
    """One point of the path is gradient times input, whose scores need not add up."""
    options = Options(("integrated_gradients",), steps=1, self_check=False)
    batches = explainer("bert").run(["the film is good", "bad"], options)
    with pytest.warns(UserWarning, match="integrated_gradients should add up to the rise of the loss"):
        found = collect(batches, labels=[2, 0])
    assert [(len(each.units), each.label) for each in found] == [(4, 2), (1, 0)]

"""The caller's autocast changes nothing: the model computes in the dtype of its weights."""

import numpy as np
import pytest
import torch

from hf_gradexplain.explainer import Explainer
from tests.helpers.tiny import FEW, MOST, TEXTS, make

KINDS = ("bert", "bilstm", "textcnn", "fasttext")


def explained(kind, **options):
    """Return all explanations by a new explainer, which probes the model as well."""
    return Explainer(*make(kind, dtype=torch.float32))(list(TEXTS[:2]), MOST, **FEW, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.filterwarnings("ignore:the scores of integrated_gradients")
def test_scores_are_the_same_inside_the_callers_autocast(kind, dtype):
    expected = explained(kind)
    with torch.autocast("cpu", dtype):
        found = explained(kind)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        for name, scores in other.scores.items():
            np.testing.assert_array_equal(one.scores[name], scores, err_msg=name)


def test_gradients_of_a_very_sure_prediction_do_not_vanish_inside_the_callers_autocast():
    model, tokenizer = make("bert", dtype=torch.float32)
    with torch.no_grad():
        model.classifier.bias[0] += 28.0  # the slope of the loss is below the smallest number of float16
    explainer = Explainer(model, tokenizer)
    with torch.autocast("cpu", torch.float16):
        explanation = explainer(TEXTS[0], ("signed_gi", "attn_lrp", "sa_l2"), self_check=False)
    assert 0 < explanation.probabilities[1:].sum() < 1e-9
    assert all(scores.any() for scores in explanation.scores.values())

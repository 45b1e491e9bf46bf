"""Curves at some numbers of removed units only, and the order of equal scores."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import Dataset

from hf_gradexplain.evaluation.measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.runner import evaluate_texts
from tests.tiny import TEXTS, explainer

OPTIONS = Options(methods=("loo", "signed_gi"), unit="token")
ROWS = Dataset.from_dict({"id": range(len(TEXTS)), "text": list(TEXTS)})


def curves(kind, **measures):
    documents = evaluate_texts(explainer(kind), ROWS, OPTIONS, Measures(**measures))
    return [curve for document in documents for curve in document.curves.values()]


@pytest.mark.parametrize("grid", [(1,), (2, 5, 40), (0, 1, 2, 3)])
def test_a_curve_is_exact_on_the_grid_and_straight_between(grid):
    for whole, some in zip(curves("bert"), curves("bert", k_grid=grid), strict=True):
        n = len(whole) - 1
        known = sorted({0, n, *(k for k in grid if k < n)})
        np.testing.assert_allclose(some[known], whole[known], rtol=1e-12)
        np.testing.assert_allclose(some, np.interp(range(n + 1), known, some[known]), rtol=1e-12)


def test_a_model_with_a_short_cut_is_exact_everywhere():
    for whole, some in zip(curves("textcnn"), curves("textcnn", k_grid=(1,)), strict=True):
        np.testing.assert_array_equal(some, whole)


def test_equal_scores_go_by_position_if_asked_for():
    """A FastText gives all words that occur once the same gradient."""
    text, found = "the film is good and bad", {}
    rows = Dataset.from_dict({"id": [0], "text": [text]})
    for ties in ("random", "position"):
        options = replace(OPTIONS, methods=("sa_l1",), ties=ties)
        found[ties] = evaluate_texts(explainer("fasttext"), rows, options)[0]
    model, tokenizer = explainer("fasttext").model, explainer("fasttext").tokenizer
    with torch.no_grad():
        vectors = model.embedding(tokenizer(text, return_tensors="pt")["input_ids"])
        without = torch.cat([vectors * (torch.arange(6) >= k)[:, None] for k in range(7)])
        probabilities = model(inputs_embeds=without).logits.softmax(-1)[:, found["position"].explanation.target]
    np.testing.assert_allclose(found["position"].curves["sa_l1"], probabilities, rtol=1e-9)
    assert not np.allclose(found["random"].curves["sa_l1"], found["position"].curves["sa_l1"])


def test_other_orders_keep_to_the_grid():
    measures = {"random_orders": 2, "both_ends": True}
    every, some = (
        evaluate_texts(explainer("bert"), ROWS, OPTIONS, Measures(**measures, k_grid=grid)) for grid in ((), (3,))
    )
    for x, y in zip(every, some, strict=True):
        for method in OPTIONS.methods:
            lowest, expected = y.negative_first[method], x.negative_first[method]
            at = [0, *([3] if len(expected) > 3 else []), len(expected) - 1]
            np.testing.assert_allclose(lowest[at], expected[at], rtol=1e-12)

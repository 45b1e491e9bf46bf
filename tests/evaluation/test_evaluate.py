"""Curves at some numbers of removed units, and the order of equal scores."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch import Tensor
from torch.overrides import TorchFunctionMode

from hf_gradexplain.evaluation.evaluate import evaluate_batch
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts
from tests.helpers.plain_rows import plain_row
from tests.helpers.tiny import TEXTS, explainer

OPTIONS = Options(methods=("loo", "signed_gi"), unit="token")
ROWS = Dataset.from_dict({"id": range(len(TEXTS)), "text": list(TEXTS)})


def curves(kind, **measures):
    documents = evaluate_texts(explainer(kind), ROWS, OPTIONS, Measures(**measures))
    return [curve for document in documents for curve in document.curves.values()]


@pytest.mark.parametrize("grid", [(1,), (2, 5, 40), (0, 1, 2, 3)])
def test_a_curve_is_exact_on_the_grid_and_straight_between(grid):
    for exact, on_grid in zip(curves("bert"), curves("bert", k_grid=grid), strict=True):
        n = len(exact) - 1
        known = sorted({0, n, *(k for k in grid if k < n)})
        np.testing.assert_allclose(on_grid[known], exact[known], rtol=1e-12)
        np.testing.assert_allclose(on_grid, np.interp(range(n + 1), known, on_grid[known]), rtol=1e-12)


def test_a_model_with_a_shortcut_is_exact_everywhere():
    for exact, on_grid in zip(curves("textcnn"), curves("textcnn", k_grid=(1,)), strict=True):
        np.testing.assert_array_equal(on_grid, exact)


def test_equal_scores_can_be_removed_in_the_order_of_position():
    """A FastText gives all words that occur once the same gradient."""
    text, documents = "the film is good and bad", {}
    rows, options = Dataset.from_dict({"id": [0], "text": [text]}), replace(OPTIONS, methods=("sa_l1",))
    for ties in ("random", "position"):
        documents[ties] = evaluate_texts(explainer("fasttext"), rows, options, Measures(ties=ties))[0]
    model, tokenizer = explainer("fasttext").model, explainer("fasttext").tokenizer
    with torch.no_grad():
        vectors = model.embedding(tokenizer(text, return_tensors="pt")["input_ids"])
        without = torch.cat([vectors * (torch.arange(6) >= k)[:, None] for k in range(7)])
        probabilities = model(inputs_embeds=without).logits.softmax(-1)[:, documents["position"].explanation.target]
    np.testing.assert_allclose(documents["position"].curves["sa_l1"], probabilities, rtol=1e-9)
    assert not np.allclose(documents["random"].curves["sa_l1"], documents["position"].curves["sa_l1"])


def test_other_orders_use_the_same_grid():
    measures = {"random_orders": 2, "both_ends": True}
    exact, on_grid = (
        evaluate_texts(explainer("bert"), ROWS, OPTIONS, Measures(**measures, k_grid=grid)) for grid in ((), (3,))
    )
    for x, y in zip(exact, on_grid, strict=True):
        for method in OPTIONS.methods:
            lowest, expected = y.negative_first[method], x.negative_first[method]
            at = [0, *([3] if len(expected) > 3 else []), len(expected) - 1]
            np.testing.assert_allclose(lowest[at], expected[at], rtol=1e-12)


class WithoutFloat64(TorchFunctionMode):
    """Refuse float64 tensors outside of the CPU, as the MPS device does."""

    def __init__(self):
        super().__init__()
        self.on_host = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is Tensor.cpu:
            self.on_host.append(args[0].clone())
            return self.on_host[-1]
        if function is Tensor.double or (function is Tensor.to and torch.float64 in args):
            assert any(args[0] is x for x in self.on_host), "Cannot convert a MPS Tensor to float64 dtype"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["fasttext", "textcnn", "bilstm", pytest.param("bert", marks=pytest.mark.slow)])
def test_a_device_without_float64_works(kind, monkeypatch):
    options = replace(
        OPTIONS, methods=("random", "loo", "sa_l2", "smoothgrad", "integrated_gradients", "shapley", "occlusion")
    )
    explain, measures = explainer(kind, dtype=torch.float32), Measures(bounds=True, random_orders=2)
    expected = evaluate_texts(explain, ROWS, options, measures)
    modules = ("averaged_gradients", "sources", "masking.source", "occlusion")
    for module in ("classifier.objective", "perturb.fasttext", *(f"attribution.{name}" for name in modules)):
        monkeypatch.setattr(f"hf_gradexplain.{module}.widest", lambda device: torch.float32, raising=False)
    with WithoutFloat64():
        documents = evaluate_texts(explain, ROWS, options, measures)
    for x, y in zip(expected, documents, strict=True):
        for method in options.methods:
            np.testing.assert_allclose(y.explanation.scores[method], x.explanation.scores[method], rtol=0, atol=1e-5)


def test_numbers_beyond_the_units_of_a_document_do_not_count():
    """Leave-one-out has rounding errors there, which are larger than all scores of a saturated text."""
    for scored in explainer("textcnn").run(list(TEXTS), OPTIONS):
        ids, labels = list(scored.indices), [None] * len(scored.indices)
        real, noise = scored.forward.batch.units.real, {"loo": 7.0, "signed_gi": -8.0}
        noisy = replace(scored, scores={m: x.detach().where(real, noise[m]) for m, x in scored.scores.items()})
        expected, documents = (evaluate_batch(each, ids, labels, Measures()) for each in (scored, noisy))
        assert list(map(plain_row, documents)) == list(map(plain_row, expected))
        assert any(document.signs["signed_gi"]["same"] for document in documents)

"""Tests of the gradient checks: on devices without float64, and their finite differences."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.models.tokenization import train_word_tokenizer
from hf_gradexplain.probing import gradient_checks
from hf_gradexplain.probing.gradient_checks import (
    LENGTHS,
    GradientCheck,
    batch_error,
    documents_without_ties,
    finite_difference_error,
    forward_backward,
    gradient_errors,
    relative_error,
    sample_documents,
)
from hf_gradexplain.probing.probe import probe
from hf_gradexplain.text.collate import collate
from tests.helpers.toys import TOKENIZER, Nested, Toy, TwiceTheGradient


def test_batches_of_a_model_that_cannot_record_gradients_are_compared():
    """NumPy takes no tensor that is part of an autograd graph."""
    model = Toy(mix=lambda x: torch.from_numpy(np.tanh(x.numpy())))
    classifier = probe(Toy(), TOKENIZER).classifier(model, Objective("logit", "softmax"), 100)
    documents = sample_documents(TOKENIZER, [5, 9])
    with frozen_eval_mode(model):
        errors = [batch_error(classifier, documents, TOKENIZER, gradients=gradients) for gradients in (False, True)]
    assert errors == [pytest.approx(0, abs=1e-12), np.inf]


class WithoutFloat64(TorchFunctionMode):
    """As on Apple's mps: tensors can be converted to float64 on the CPU only."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.double and not hasattr(args[0], "on_cpu"):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        out = function(*args, **(kwargs or {}))
        if function is torch.Tensor.cpu:
            out.on_cpu = True
        return out


def test_tensors_are_converted_to_float64_on_the_cpu_only():
    profiles = []
    for mix in (torch.tanh, lambda x: Nested.apply(x)):
        model = Toy(mix=mix).float()
        with WithoutFloat64():
            profiles.append(probe(model, TOKENIZER))
        assert profiles[-1] == probe(model, TOKENIZER)
    assert [profile.no_gradient_reason for profile in profiles] == [None, None]


@pytest.mark.parametrize(
    ("mix", "least", "most"),
    [
        (torch.tanh, 0, 1e-9),
        (lambda x: (1000 + torch.tanh(x)).float().double(), 1e-5, 1e-3),
        (lambda x: TwiceTheGradient.apply(x), 0.45, 0.55),
    ],
    ids=["right", "a part in float32", "twice the gradient"],
)
def test_finite_differences_tell_a_wrong_gradient_from_rounding(mix, least, most):
    """For `2 g`, the norm is compared with a slope that is half of it."""
    explain = Explainer(Toy(), TOKENIZER)
    explain.model.mix = mix
    classifier = explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000)
    batch = collate(sample_documents(TOKENIZER, [10]), [0], TOKENIZER)
    with frozen_eval_mode(explain.model):
        assert least <= finite_difference_error(classifier, forward_backward(classifier, batch)) <= most


@pytest.mark.parametrize("factor", [0.0, float("nan"), float("inf")])
def test_a_gradient_that_is_zero_or_not_finite_has_an_infinite_error(factor):
    grads = (torch.tensor([[[1.0, 2.0]]]) * factor,)
    assert finite_difference_error(None, GradientCheck(None, None, grads, grads)) == float("inf")


@pytest.mark.parametrize("failure", [MemoryError("too large"), RuntimeError("no float64"), None])
def test_without_a_copy_in_float64_there_is_no_rounding_error(failure, monkeypatch):
    explain = Explainer(Toy(mix=lambda x: TwiceTheGradient.apply(x)).float(), TOKENIZER)
    classifier = replace(
        explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000), followed_functions=frozenset()
    )

    def fail(model):
        raise failure

    if failure:
        monkeypatch.setattr(gradient_checks, "deepcopy", fail)
    batch = collate(sample_documents(TOKENIZER, [10]), [0], TOKENIZER)
    with frozen_eval_mode(explain.model):
        error, rounding = gradient_errors(classifier, forward_backward(classifier, batch), 0.1)
    assert error == pytest.approx(0.5, rel=0.1)
    assert (rounding == 0) == (failure is not None)


def test_a_maximum_over_positions_has_no_ties_in_the_documents_that_padding_is_checked_with():
    tokenizer = train_word_tokenizer([" ".join(f"w{i}" for i in range(80))], vocab_size=90)
    documents = documents_without_ties(tokenizer, LENGTHS)
    assert [len(document) for document in documents] == list(LENGTHS)
    for document in documents:
        assert len({*document.inputs["input_ids"].tolist()}) == len(document)
    firsts = [document.inputs["input_ids"][0] for document in documents]
    assert len({*firsts}) == len(LENGTHS)


def test_an_error_is_relative_to_the_largest_expected_value():
    expected, actual = torch.tensor([1e-6, -4e-6]), torch.tensor([2e-6, -4e-6])
    assert relative_error(expected, actual) == pytest.approx(0.25)
    assert relative_error(-expected, -actual) == pytest.approx(0.25)
    assert relative_error(torch.zeros(2), torch.zeros(2)) == 0
    assert relative_error(torch.zeros(2), torch.ones(2)) > 1e6


def test_cosines_are_root_mean_squares_over_tokens_whatever_the_dimension():
    explain = Explainer(Toy(), TOKENIZER)
    classifier = explain.profile.classifier(explain.model, Objective("logit", "softmax"), 10_000)
    (document,) = sample_documents(TOKENIZER, [10])
    with frozen_eval_mode(explain.model):
        check = forward_backward(classifier, collate([document], [0], TOKENIZER))
    g = check.token_gradients()[0].numpy()
    e = explain.model.words.weight.detach().numpy()[document.inputs["input_ids"][document.unit_of >= 0]]
    size = g.shape[-1]

    def by_hand(vectors):
        pairs = [(a, b) for a, b in zip(g, vectors, strict=True) if a.any()]
        cosines = [a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in pairs]
        return float(np.sqrt(size * np.mean(np.square(cosines))))

    assert check.gradient_sum_cosine() == pytest.approx(by_hand(np.ones_like(g)), rel=1e-9)
    assert check.gradient_embedding_cosine() == pytest.approx(by_hand(e), rel=1e-9)

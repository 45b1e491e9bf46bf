"""Tests of the objective against scipy."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit, log_softmax, softmax

from hf_gradexplain.classifier.objective import Objective, gradient_dtype, is_tiny, with_classes
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.text.data import PREDICTED, REST, RUNNER_UP, Batch

LOGITS = np.array([[0.3, -1.2, 2.0], [5.0, 4.0, -3.0]])
TARGET = np.array([1, 0])
LOG_PROBABILITY = {"softmax": lambda x: log_softmax(x, -1), "sigmoid": log_expit, "identity": lambda x: x}
PROBABILITY = {"softmax": lambda x: softmax(x, -1), "sigmoid": expit, "identity": lambda x: x}


@pytest.mark.parametrize("head", PROBABILITY)
def test_probabilities_agree_with_scipy(head):
    probabilities = Objective("loss", head).probability(torch.tensor(LOGITS))
    np.testing.assert_allclose(probabilities, PROBABILITY[head](LOGITS), rtol=1e-14)


@pytest.mark.parametrize("name", ["loss", "logit", "prob"])
@pytest.mark.parametrize("head", PROBABILITY)
def test_losses_agree_with_scipy_and_are_never_averaged(head, name):
    values = {"loss": LOG_PROBABILITY[head], "logit": lambda x: x, "prob": PROBABILITY[head]}[name](LOGITS)
    losses = Objective(name, head).loss(torch.tensor(LOGITS), torch.tensor(TARGET))
    np.testing.assert_allclose(losses, -values[[0, 1], TARGET], rtol=1e-14)


CONTRASTS = {
    ("softmax", REST): lambda x, y: np.log(softmax(x)[y] / (1 - softmax(x)[y])),
    ("sigmoid", REST): lambda x, y: np.log(expit(x[y]) / (1 - expit(x[y]))),
    ("softmax", 2): lambda x, y: np.log(softmax(x)[y] / softmax(x)[2]),
    ("sigmoid", 2): lambda x, y: x[y] - x[2],
}


@pytest.mark.parametrize(("head", "against"), CONTRASTS)
def test_a_contrast_is_the_log_odds_of_the_target_against_the_other_class_or_the_rest(head, against):
    objective, others = Objective("contrast", head), torch.tensor([against, against])
    logits, target = torch.tensor(LOGITS), torch.tensor(TARGET)
    expected = [CONTRASTS[head, against](x, y) for x, y in zip(LOGITS, TARGET, strict=True)]
    np.testing.assert_allclose(-objective.loss(logits, target, others), expected, rtol=1e-12)
    probabilities = objective.target_probability(logits, target, others)
    np.testing.assert_allclose(probabilities, expit(expected), rtol=1e-12)
    if against == REST:
        np.testing.assert_allclose(probabilities, PROBABILITY[head](LOGITS)[[0, 1], TARGET], rtol=1e-12)
    numeric = [
        [
            (CONTRASTS[head, against](x + step, y) - CONTRASTS[head, against](x - step, y)) / 2e-6
            for step in 1e-6 * np.eye(3)
        ]
        for x, y in zip(LOGITS, TARGET, strict=True)
    ]
    np.testing.assert_allclose(objective.slope(logits, target, others), -np.array(numeric), rtol=1e-7, atol=1e-8)


def test_a_contrast_of_a_saturated_prediction_is_exact():
    logits, target = torch.tensor([[800.0, 0.0, 1.0]], dtype=torch.float64), torch.tensor([0])
    objective = Objective("contrast", "softmax")
    assert objective.loss(logits, target, torch.tensor([REST])).item() == np.logaddexp(0.0, 1.0) - 800
    assert objective.slope(logits, target, torch.tensor([REST]))[0, 0] == -1


def test_the_runner_up_is_the_highest_scored_class_other_than_the_target():
    logits = torch.tensor([[3.0, 1.0, 2.0]] * 3)
    batch = Batch(
        (), {}, torch.ones(3), None, torch.tensor([PREDICTED, 1, 2]), against=torch.tensor([RUNNER_UP, RUNNER_UP, 1])
    )
    found = with_classes(batch, logits, Objective("contrast", "softmax"))
    assert found.target.tolist() == [0, 1, 2]
    assert found.against.tolist() == [2, 0, 1]
    assert with_classes(found, logits.flip(1), Objective("contrast", "softmax")).against.tolist() == [2, 0, 1]


def test_losses_and_predictions_take_any_number_of_leading_axes():
    logits, target = torch.randn(2, 4, 5, 3), torch.randint(3, (2, 4, 5))
    objective = Objective("loss", "softmax")
    assert objective.loss(logits, target).shape == (2, 4, 5)
    assert objective.loss(logits, target)[1, 2, 3] == objective.loss(logits[1, 2, 3], target[1, 2, 3])
    assert torch.equal(objective.predicted(logits), logits.argmax(-1))


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_the_loss_of_a_class_of_probability_zero_is_large_but_finite(head):
    logits = torch.tensor([[1000.0, -1000.0]])
    loss = Objective("loss", head).loss(logits, torch.tensor([1]))
    assert loss.item() == {"softmax": 2000, "sigmoid": 1000}[head]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", ["loss", "logit", "prob"])
def test_logits_of_any_dtype_are_converted_to_float64(dtype, name):
    logits, objective = torch.tensor([[0.3, -1.2, 2.0]]).to(dtype), Objective(name, "softmax")
    loss = objective.loss(logits, torch.tensor([1]))
    assert loss.dtype == torch.float64
    assert torch.equal(loss, objective.loss(logits.double(), torch.tensor([1])))
    assert objective.probability(logits).dtype == torch.float64


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_a_class_that_leads_by_far_still_has_a_gradient(head):
    logits = torch.tensor([[25.0, 0.0]], requires_grad=True)
    (grad,) = torch.autograd.grad(Objective("loss", head).loss(logits, torch.tensor([0])), logits)
    assert grad[0, 0].item() == pytest.approx(-np.exp(-25), rel=1e-4)


def test_an_unknown_objective_is_an_error_that_suggests_the_nearest():
    with pytest.raises(GradexplainError, match=r"unknown objective 'logits': did you mean 'logit'\? Choices: loss"):
        Objective("logits", "softmax")


def test_gradients_are_in_the_widest_dtype_if_a_slope_is_tiny(monkeypatch):
    slope = torch.tensor([[1e-13, -1e-12], [2.0**-40, 0.0], [0.0, -1e-300], [0.0, 0.0]], dtype=torch.float64)
    assert is_tiny(slope).tolist() == [[False], [False], [True], [False]]
    assert is_tiny(slope * 0.5).tolist() == [[True], [True], [True], [False]]
    assert gradient_dtype(torch.float16, slope[:2]) == gradient_dtype(torch.float32, slope[:2]) == torch.float32
    assert gradient_dtype(torch.float64, slope[:2]) == gradient_dtype(torch.bfloat16, slope) == torch.float64
    monkeypatch.setattr("hf_gradexplain.classifier.objective.widest", lambda device: torch.float32)
    assert gradient_dtype(torch.float32, slope) == torch.float32

"""Every short cut against the generic form, and both against a loop that masks by hand."""

import itertools

import numpy as np
import pytest
import torch

from hf_gradexplain.models import (
    BiLSTMConfig,
    BiLSTMForSequenceClassification,
    FastTextConfig,
    FastTextForSequenceClassification,
    TextCNNConfig,
    TextCNNForSequenceClassification,
)
from hf_gradexplain.perturb import SHORT_CUTS, generic, leave_one_out, removal_curves, short_cut_of

SIZES = {"vocab_size": 12, "hidden_size": 6, "num_labels": 3, "initializer_range": 1.0}
MODELS = {
    "fasttext": lambda: FastTextForSequenceClassification(FastTextConfig(**SIZES)),
    "textcnn": lambda: TextCNNForSequenceClassification(TextCNNConfig(**SIZES, num_filters=4)),
    "textcnn_wide": lambda: TextCNNForSequenceClassification(
        TextCNNConfig(**SIZES, num_filters=3, filter_widths=(1, 2, 7))
    ),
    "bilstm_last": lambda: BiLSTMForSequenceClassification(BiLSTMConfig(**SIZES, lstm_size=5, pooling="last")),
    "bilstm_max": lambda: BiLSTMForSequenceClassification(BiLSTMConfig(**SIZES, lstm_size=5, pooling="max")),
    "bilstm_mean": lambda: BiLSTMForSequenceClassification(BiLSTMConfig(**SIZES, lstm_size=5, pooling="mean")),
    "bilstm_deep": lambda: BiLSTMForSequenceClassification(BiLSTMConfig(**SIZES, lstm_size=5, num_hidden_layers=2)),
}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
LENGTHS = ([1], [0], [2, 2], [9], [23, 4, 0, 1, 17, 6], [40, 40, 3])


def random_model(name, seed, dtype=torch.float64):
    """A model far from its initial state: biases of any sign, and a few vectors that are alike."""
    torch.manual_seed(seed)
    model = MODELS[name]().to(dtype).eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.normal_()
    model.embedding.weight[3] = model.embedding.weight[4]
    model.embedding.weight[5] = 0
    return model


def assert_close(answers, expected):
    """Equal up to a share of the greatest logit."""
    assert answers.dtype == expected.dtype
    scale = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
    torch.testing.assert_close(answers, expected, rtol=0, atol=TOLERANCE[expected.dtype] * scale)


def cases(seeds):
    """Seeds, each with one of all combinations of unit, padding side, lengths, baseline and token budget."""
    settings = itertools.product(
        ("token", "word", "word_type"), ("right", "left"), LENGTHS, (False, True), (1, 30, 200)
    )
    rng = np.random.default_rng(0)
    chosen = list(settings)
    return [(seed, *chosen[rng.integers(len(chosen))]) for seed in range(seeds)]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_short_cuts_equal_the_generic_form(name, dtype, read, ranks_of):
    for seed, unit, side, lengths, baseline, budget in cases(30):
        model, rng = random_model(name, seed, dtype), np.random.default_rng(seed)
        classifier, reading = read(model, rng, lengths, unit, side, budget, baseline)
        assert_close(leave_one_out(classifier, reading), generic.leave_one_out(classifier, reading))
        ranks = ranks_of(rng, 3, reading)
        assert_close(removal_curves(classifier, reading, ranks), generic.removal_curves(classifier, reading, ranks))

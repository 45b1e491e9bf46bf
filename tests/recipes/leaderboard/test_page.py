"""Sentences and numbers of the leaderboard's page."""

import numpy as np
import pytest

from hf_gradexplain.evaluation.median import median_interval
from recipes.leaderboard import measured as measured_module
from recipes.leaderboard.page import _trainings
from tests.recipes.leaderboard.made_up import measured

LEVELS = {"loo": 0.3, "random": 0.0}


@pytest.mark.parametrize(
    ("seeds", "sentence"),
    [
        ([(0,), (0,)], "Each model was trained once."),
        ([(0, 1, 2), (0, 1, 2)], "Each model was trained 3 times."),
        ([(0,), (0, 1)], "The column *trainings* has the number of times that a model was trained."),
    ],
)
def test_how_often_models_were_trained(seeds, sentence):
    entries = [
        measured(name, LEVELS, seeds=each, n=4)
        for name, each in zip(("llama-ag_news", "gpt2-ag_news"), seeds, strict=True)
    ]
    assert _trainings(entries) == sentence


def test_the_correlation_of_a_text_is_its_mean_over_trainings(monkeypatch):
    """Texts 1, 3 and 5 count once: the median is over the texts, of which those of the first half have one training."""
    r = {"seed0": [9.0, 0.1, 9.0, 0.2, 9.0, np.nan], "seed1": [0.9, 0.3, 0.8, np.nan, 0.7, 0.6]}
    monkeypatch.setattr(measured_module, "document_paths", lambda folder: [folder])
    monkeypatch.setattr(
        measured_module, "read_correlations", lambda paths, method: {"pearson": np.array(r[str(paths[0])])}
    )
    made = measured("gpt2-ag_news", LEVELS, seeds=(0, 1), n=6)
    of_texts = [0.9, 0.2, 0.8, 0.2, 0.7, 0.6]
    found = made.correlation("attn_lrp", "pearson")
    assert found.value == pytest.approx(np.median(of_texts))
    assert (found.low, found.high) == pytest.approx(median_interval(np.array(of_texts)), nan_ok=True)

"""Sentences of the leaderboard's page."""

import pytest

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

"""Random baselines, drawn by hand."""

import numpy as np
import pytest
import torch

from hf_gradexplain.attribution.baseline_distribution import Gaussian, ReferenceWords, distribution_name
from hf_gradexplain.options import Options


def rng(purpose):
    return np.random.default_rng(list(purpose.encode()))


def test_a_gaussian_is_mirrored_in_every_second_copy():
    mean, deviation = torch.tensor([10.0, 20.0]), torch.tensor([1.0, 3.0])
    gaussian = Gaussian((torch.zeros(2), mean), (torch.ones(2), deviation))
    vectors = torch.zeros(5, 2, dtype=torch.float64)
    for number, purpose, sign in (
        (0, "baseline 1 0", 1),
        (1, "baseline 1 0", -1),
        (4, "baseline 1 2", 1),
        (5, "baseline 1 2", -1),
    ):
        noise = rng(purpose).normal(size=(5, 2))
        expected = mean.numpy() + sign * deviation.numpy() * noise
        np.testing.assert_allclose(gaussian(rng, number, 1, vectors), expected, rtol=1e-6)
    first = gaussian(rng, 0, 0, vectors)
    np.testing.assert_allclose(first, rng("baseline 0 0").normal(size=(5, 2)))
    assert first.dtype == torch.float64
    around_zero = Gaussian(None, (torch.ones(2),))(rng, 1, 0, vectors)
    np.testing.assert_allclose(around_zero, -first)


def test_words_are_drawn_as_often_as_the_texts_have_them():
    places = np.array([0, 1, 1, 1])
    words = ReferenceWords((torch.tensor([[0.0], [1.0]]), torch.tensor([[5.0], [7.0]])), places)
    vectors = torch.zeros(2000, 1)
    first, second = (words(rng, 3, table, vectors) for table in (0, 1))
    chosen = places[rng("baseline 3").integers(4, size=2000)]
    assert first[:, 0].tolist() == chosen.tolist()
    assert second[:, 0].tolist() == [(5, 7)[k] for k in chosen]  # the same words in every table
    assert 0.7 < chosen.mean() < 0.8
    assert not words(rng, 4, 0, vectors).equal(first)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "mean with noise"),
        ({"baseline": "pad"}, "pad with noise"),
        ({"reference_texts": ("a",)}, "words of 1 reference text"),
        ({"reference_texts": ("a", "b"), "baseline": "pad"}, "words of 2 reference texts"),
    ],
)
def test_the_name_of_the_distribution(options, name):
    assert distribution_name(Options(("gradient_shap",), **options)) == name

"""Intervals of means, differences and ratios, compared with the normal approximation."""

import numpy as np
import pytest

from recipes.leaderboard.resampled import mean_over_models, mean_over_texts


@pytest.fixture
def texts():
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 1, 900)
    return np.arange(900), 2 + shared + rng.normal(0, 0.3, 900), 1 + shared + rng.normal(0, 0.3, 900)


def half(estimate):
    return (estimate.high - estimate.low) / 2


def normal(values):
    return 1.96 * values.std(ddof=1) / np.sqrt(len(values))


def test_a_mean_has_the_interval_of_its_standard_error(texts):
    ids, a, _ = texts
    estimate = mean_over_texts([(ids, a)]).estimate
    assert estimate.value == pytest.approx(a.mean(), rel=1e-12)
    assert half(estimate) == pytest.approx(normal(a), rel=0.1)


def test_a_difference_is_paired(texts):
    ids, a, b = texts
    gap = (mean_over_texts([(ids, a)]) - mean_over_texts([(ids, b)])).estimate
    assert gap.value == pytest.approx((a - b).mean(), rel=1e-12)
    assert half(gap) == pytest.approx(normal(a - b), rel=0.1)
    assert half(gap) < 0.6 * normal(a)


def test_a_ratio_has_the_interval_of_the_delta_method(texts):
    ids, a, b = texts
    ratio = (mean_over_texts([(ids, a)]) / mean_over_texts([(ids, b)])).estimate
    assert ratio.value == pytest.approx(a.mean() / b.mean(), rel=1e-12)
    assert half(ratio) == pytest.approx(normal(a - ratio.value * b) / b.mean(), rel=0.1)


def test_the_same_texts_under_another_training_make_no_interval_narrower(texts):
    ids, a, b = texts
    twice = mean_over_texts([(ids, a), (ids, b)]).estimate
    assert twice.value == pytest.approx((a.mean() + b.mean()) / 2, rel=1e-12)
    assert half(twice) == pytest.approx(normal((a + b) / 2), rel=0.1)


def test_texts_without_a_value_are_left_out(texts):
    ids, a, _ = texts
    holes = np.where(ids % 3 == 0, np.nan, a)
    estimate = mean_over_texts([(ids, holes)]).estimate
    assert estimate.value == pytest.approx(a[ids % 3 != 0].mean(), rel=1e-12)


def test_every_model_counts_the_same(texts):
    ids, a, b = texts
    both = mean_over_models([mean_over_texts([(ids, a)]), mean_over_texts([(ids[:90], b[:90])])]).estimate
    assert both.value == pytest.approx((a.mean() + b[:90].mean()) / 2, rel=1e-12)
    assert half(both) == pytest.approx(normal(b[:90]) / 2, rel=0.25)

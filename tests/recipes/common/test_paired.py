"""The comparison of two trainings: pairs of texts, means over seeds, and McNemar's test by counting."""

from itertools import product
from math import comb, sqrt

import numpy as np
import pytest

from recipes.common.paired import compare, mcnemar

T_9 = 2.2621571628540993
"""The 97.5 % quantile of Student's t with 9 degrees of freedom, from a table."""


def test_the_difference_is_that_of_each_text_averaged_over_seeds():
    rng = np.random.default_rng(0)
    first, second = ([{"AOPC": rng.random(10).tolist()} for _ in range(3)] for _ in range(2))
    row = compare(first, second).loc["AOPC"]
    by_text = [sum(b["AOPC"][i] - a["AOPC"][i] for a, b in zip(first, second, strict=True)) / 3 for i in range(10)]
    mean = sum(by_text) / 10
    half = T_9 * sqrt(sum((x - mean) ** 2 for x in by_text) / 9) / sqrt(10)
    assert row["difference"] == pytest.approx(mean)
    assert row["low"] == pytest.approx(mean - half)
    assert row["high"] == pytest.approx(mean + half)
    assert row["first"] == pytest.approx(sum(sum(a["AOPC"]) for a in first) / 30)
    assert row["second"] == pytest.approx(sum(sum(b["AOPC"]) for b in second) / 30)
    seeds = [sum(b["AOPC"]) / 10 - sum(a["AOPC"]) / 10 for a, b in zip(first, second, strict=True)]
    assert row["by seed"] == " ".join(f"{each:+.4f}" for each in seeds)


def test_a_text_without_a_value_in_one_training_counts_for_none():
    first, second = [{"r": [0.25, np.nan, 0.5]}, {"r": [0.25, 0.0, 0.5]}], [{"r": [0.5, 0.75, 0.5]}] * 2
    row = compare(first, second).loc["r"]
    assert row["n"] == 2
    assert row["first"] == pytest.approx(0.375)
    assert row["second"] == pytest.approx(0.5)
    assert row["difference"] == pytest.approx(0.125)


def test_texts_that_all_change_alike_have_no_interval():
    row = compare([{"r": [0.0, 0.0]}], [{"r": [1.0, 1.0]}]).loc["r"]
    assert row["difference"] == 1
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])


def test_mcnemar_is_the_chance_of_a_split_as_uneven_as_this():
    first, second = [1, 1, 1, 1, 1, 1, 0, 1, 0, 1], [1, 0, 0, 0, 0, 0, 1, 1, 0, 1]
    gained, lost = 1, 5
    splits = [sum(split) for split in product([0, 1], repeat=gained + lost)]
    as_uneven = sum(comb(6, k) <= comb(6, gained) for k in splits) / len(splits)
    assert mcnemar(first, second) == pytest.approx(as_uneven)
    assert mcnemar(second, first) == pytest.approx(as_uneven)
    assert mcnemar(first, first) == 1.0

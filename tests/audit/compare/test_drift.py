"""The drift of three or four runs, by hand."""

import numpy as np
import pytest

from hf_gradexplain.audit.compare.drift import Drifts
from hf_gradexplain.audit.compare.seeds import predict_drift
from tests.helpers.word_blocks import word_block

ORDERS = {1.0: [1, 2, 3, 4], 0.8: [2, 1, 3, 4], 0.6: [2, 1, 4, 3], -1.0: [4, 3, 2, 1]}
"""Rankings of four words, by their correlation with 1, 2, 3, 4."""


def documents(*correlations):
    return [dict(enumerate(map(float, ORDERS[r]))) for r in correlations]


def drifts(*runs, **more):
    found = Drifts(len(runs), ["loo"], 0.0)
    found.add([word_block(*run, **more) for run in runs])
    return found


def test_the_drift_of_two_runs():
    (row,) = drifts(documents(*[1.0] * 5), documents(1.0, 0.8, 0.6, 0.6, -1.0)).table().to_dict("records")
    assert row["method"] == "loo"
    assert row["drift"] == pytest.approx(0.4)
    assert row["spearman"] == pytest.approx(0.6)
    assert (row["q05"], row["q25"], row["q75"], row["q95"]) == pytest.approx((-0.68, 0.6, 0.8, 0.96))
    assert (row["n"], row["n_undefined"], row["top_5"]) == (5, 0, 1.0)
    assert np.isnan(row["ci_low"]), "five values have no interval"
    assert "p_seeds" not in row


def test_texts_with_other_classes_have_no_correlation():
    found = Drifts(2, ["loo"], 0.0)
    a = word_block(*documents(1.0, 1.0, 1.0), {0: 1.0}, target=[0, 1, 1, 0])
    b = word_block(*documents(0.8, 1.0, 0.6), {1: 1.0}, target=[0, 0, 1, 0])
    r = found.add([a, b])["loo"]
    assert r == pytest.approx([0.8, np.nan, 0.6, np.nan], nan_ok=True)
    assert found.of(1, 0, "loo") == pytest.approx([0.8, 0.6])
    assert (found.n_other_class, found.n_words, found.n_shared) == (1, 14, 12)
    (row,) = found.table().to_dict("records")
    assert (row["n"], row["n_undefined"]) == (2, 2)
    assert row["top_5"] == pytest.approx(2 / 3)  # 1, 1 and 0


def test_the_histogram_has_twenty_bins_from_minus_one_to_one():
    bins = drifts(documents(*[1.0] * 3), documents(1.0, -1.0, 1.0)).histogram()
    assert bins["n"].tolist() == [1, *[0] * 18, 2]
    assert bins["low"].tolist() == pytest.approx([-1 + i / 10 for i in range(20)])
    assert bins["high"].tolist() == pytest.approx([-0.9 + i / 10 for i in range(20)])
    assert bins["method"].tolist() == ["loo"] * 20


def test_drifts_against_seeds():
    runs = [documents(r) for r in (1.0, 0.8, 0.6, -1.0)]
    found = drifts(*runs)
    (row,) = found.table().to_dict("records")
    # 1, 2, 3, 4 and 2, 1, 3, 4 and 2, 1, 4, 3 differ from each other by 0.2, 0.4 and 0.2
    assert [found.drift(i, j, "loo") for i, j in ((0, 1), (0, 2), (1, 2))] == pytest.approx([0.2, 0.4, 0.2])
    new = [found.drift(i, 3, "loo") for i in range(3)]
    assert new == pytest.approx([2, 1.8, 1.6])
    assert row["seed_drift"] == pytest.approx(0.2)
    assert row["drift_from_seeds"] == pytest.approx((2 * 1.8 * 1.6) ** (1 / 3))
    test = predict_drift(np.array([[0, 0.2, 0.4], [0.2, 0, 0.2], [0.4, 0.2, 0]]), np.array(new))
    assert (row["seed_high"], row["p_seeds"]) == pytest.approx((test.high, test.p))


@pytest.mark.filterwarnings("error")
def test_without_words_nothing_is_defined():
    (row,) = drifts([{}], [{}]).table().to_dict("records")
    assert all(np.isnan(row[name]) for name in ("drift", "ci_low", "spearman", "q05", "top_5"))
    assert (row["n"], row["n_undefined"]) == (0, 1)

"""Correlation with leave-one-out against scipy, and where it is undefined."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from datasets import Dataset
from scipy import stats

from hf_gradexplain.evaluation.correlation import compared_by_sign, correlate_all, sign_agreement
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation.correlation import COEFFICIENTS, correlate_documents
from hf_gradexplain.explanation.correlation import correlate as correlate_rows
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts
from tests.helpers.tiny import explainer


def correlate(x, y, coefficient="pearson"):
    return correlate_rows(x[None], y, coefficient)[0]


def pearson_by_hand(x, y):
    x, y = x - x.mean(), y - y.mean()
    r = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
    t = r * np.sqrt((len(x) - 2) / (1 - r * r))
    return r, 2 * stats.t.sf(abs(t), len(x) - 2)


@pytest.mark.parametrize("n", [3, 4, 10, 200])
def test_pearson_agrees_with_the_formula(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=n)
    correlation = correlate(x, y)
    r, p = pearson_by_hand(x, y)
    assert correlation.r == pytest.approx(r, abs=1e-12)
    assert correlation.p == pytest.approx(p, abs=1e-10)


def test_rank_coefficients_agree_with_scipy_under_ties():
    x, y = np.array([1.0, 1.0, 2.0, 5.0, 0.0]), np.array([0.0, 3.0, 3.0, 9.0, 1.0])
    for name, reference in (("spearman", stats.spearmanr), ("kendall", stats.kendalltau)):
        expected = reference(x, y)
        assert correlate(x, y, name).r == pytest.approx(expected.statistic, abs=1e-12)
        assert correlate(x, y, name).p == pytest.approx(expected.pvalue, abs=1e-12)


@pytest.mark.parametrize("name", ["spearman", "kendall"])
def test_ranks_do_not_tell_scores_apart_that_differ_by_rounding(name):
    x, y = np.array([1.0, 1.0, 2.0, 5.0, 0.0, 0.0]), np.array([0.0, 3.0, 3.0, 9.0, 1.0, 3.0])
    noise = np.array([0.0, 3.0, 0.0, 1.0, -2.0, 2.0]) * 2.0**-23
    expected = {"spearman": stats.spearmanr, "kendall": stats.kendalltau}[name](x, y)
    actual = correlate(x + 5 * noise, y - 9 * noise, name)
    assert actual.r == pytest.approx(expected.statistic, abs=1e-12)
    assert actual.p == pytest.approx(expected.pvalue, abs=1e-12)
    assert correlate(np.arange(6) * 2.0**-21 + 1, y, name).reason == "constant scores"


@pytest.mark.parametrize("coefficient", COEFFICIENTS)
@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([], "fewer than 3 units"),
        ([1.0, 2.0], "fewer than 3 units"),
        ([0.0, 0.0, 0.0], "constant scores"),
        ([0.3, 0.3 + 1e-9, 0.3], "constant scores"),
    ],
)
def test_undefined_correlations_have_a_reason_and_no_number(coefficient, scores, reason):
    other = np.arange(len(scores), dtype=float)
    for pair in ((np.array(scores), other), (other, np.array(scores))):
        correlation = correlate(*pair, coefficient)
        assert (correlation.r, correlation.p, correlation.reason) == (None, None, reason)


def test_tiny_scores_that_differ_are_not_constant():
    assert correlate(np.array([1e-12, 2e-12, 4e-12]), np.array([1.0, 3.0, 4.0])).r == pytest.approx(0.9286, abs=1e-4)


def test_scores_of_float32_that_hardly_differ_have_a_correlation_without_a_warning():
    """65 rounding errors apart; Pearson's r of (0, 0, 1) and (0, 1, 2) is sqrt(3) / 2."""
    scores = np.array([1, 1, 1 + 65 * 2.0**-23], dtype=np.float32)
    assert correlate(scores, np.arange(3, dtype=np.float32), "pearson").r == pytest.approx(0.75**0.5, abs=1e-3)


def test_rows_do_not_influence_each_other():
    rng = np.random.default_rng(0)
    rows, reference = rng.normal(size=(4, 9)), rng.normal(size=9)
    rows[2] = 3.0
    for coefficient in COEFFICIENTS:
        together = correlate_rows(rows, reference, coefficient)
        assert together[2].r is None
        for row, correlation in zip(rows, together, strict=True):
            assert correlation == correlate(row, reference, coefficient)


def test_all_methods_but_the_reference():
    scores = {"loo": [[1.0, 2.0, 4.0], [1.0, 2.0, 0.0]], "a": [[1.0, 2.0, 4.0], [2.0, 1.0, 0.0]], "b": np.ones((2, 3))}
    first, second = correlate_all({name: np.array(x) for name, x in scores.items()}, np.array([3, 2]))
    assert list(first) == list(second) == ["a", "b"]
    assert first["a"]["pearson"] == pytest.approx(1)
    assert first["a"]["undefined"] is None
    nothing = dict.fromkeys(f"{c}{end}" for c in COEFFICIENTS for end in ("", "_p"))
    assert first["b"] == {**nothing, "undefined": "constant scores"}
    assert second["a"] == {**nothing, "undefined": "fewer than 3 units"}


def test_without_the_reference_there_are_no_correlations():
    assert correlate_all({"a": np.array([[1.0, 2.0, 4.0]])}, np.array([3])) == [{}]


def test_scores_that_are_not_finite_leave_the_other_documents_alone():
    scores, lengths = np.arange(24.0).reshape(2, 3, 4) ** 2, np.array([4, 4, 3])
    scores[1, 1, 2], scores[:, 2, 3] = np.inf, np.nan  # the last one is not a unit
    found = correlate_documents(scores, np.arange(12.0).reshape(3, 4), lengths)
    assert found.reason.tolist() == [[None, "scores that are not finite", None]] * 2
    assert np.isnan(found.p["kendall"]).tolist() == [[False, True, False]] * 2


def test_signs_are_counted_where_the_reference_has_one():
    loo = np.array([[1.0, -1.0, 2.0, -2.0, 0.0, 1e-9], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    scores = np.array([[3.0, -0.1, -1.0, 0.0, 5.0, 5.0], [-1e-9, 0.0, 0.0, 0.0, 0.0, 0.0]])
    assert counts(scores, loo) == {"same": [2, 0], "opposite": [1, 1], "zero": [1, 0]}
    assert counts(loo, loo) == {"same": [4, 1], "opposite": [0, 0], "zero": [0, 0]}


def test_without_reference_signs_nothing_is_counted():
    nothing = {"same": 0, "opposite": 0, "zero": 0}
    assert counts(np.array([1.0, -1.0]), np.zeros(2)) == nothing
    assert counts(np.array([]), np.array([])) == nothing


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [("float32", 64 * 2.0**-23), ("bfloat16", 2.0**-7), ("bfloat16 (mixed)", 2.0**-7), ("float16", 2.0**-10)],
)
def test_scores_that_would_be_ties_with_0_have_no_sign(precision, tolerance):
    loo = np.array([2.0, 2 * tolerance, -2 * tolerance, -2.01 * tolerance])
    scores = np.array([-4.0, 1.0, 1.0, -4 * tolerance])
    assert counts(scores, loo, precision) == {"same": 0, "opposite": 1, "zero": 1}
    scores[3] *= 1.01
    assert counts(scores, loo, precision) == {"same": 1, "opposite": 1, "zero": 0}


def test_signs_are_those_of_float32_by_default():
    loo = np.array([1.0, -2e-6, 2e-6, 1e-5])
    assert counts(-loo, loo) == {"same": 0, "opposite": 2, "zero": 0}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_evaluation_counts_signs_in_the_precision_of_its_model(precision, monkeypatch):
    given = []

    def spy(scores, reference, *more):
        given.append(more)
        return sign_agreement(scores, reference, *more)

    monkeypatch.setattr("hf_gradexplain.evaluation.evaluate.sign_agreement", spy)
    explain = explainer("textcnn")
    explain = Explainer(deepcopy(explain.model).to(getattr(torch, precision)), explain.tokenizer)
    data = Dataset.from_dict({"id": [0], "text": ["good film , not bad"]})
    evaluate_texts(explain, data, Options(methods=("loo", "signed_gi")))
    assert given == [(precision,)]


def counts(scores, reference, *precision):
    return {name: n.tolist() for name, n in sign_agreement(scores, reference, *precision).items()}


def test_signed_methods_but_the_reference_are_compared_by_sign():
    assert compared_by_sign(["random", "loo", "sa_l2", "signed_gi"]) == ["signed_gi"]
    assert compared_by_sign(["sa_l2", "signed_gi"]) == []
    assert compared_by_sign(["registered_by_another_process", "loo"]) == ["registered_by_another_process"]

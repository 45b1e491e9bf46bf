"""The `evaluate` classes give the same numbers as an evaluation."""

from concurrent.futures import ThreadPoolExecutor

import evaluate
import numpy as np
import pytest

from hf_gradexplain.evaluation.correlation import SIGNIFICANCE
from hf_gradexplain.explanation.correlation import COEFFICIENTS, correlate
from hf_gradexplain.metrics import AOPC, LOOCorrelation
from tests.helpers.curves import naive_aopc


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", str(tmp_path))
    monkeypatch.setattr("evaluate.module.config.HF_METRICS_CACHE", str(tmp_path))


CURVES = [[0.9, 0.5, 0.1], [0.8, 0.8], [0.7]]


def test_aopc_in_one_call_and_in_batches():
    expected = naive_aopc(CURVES)
    result = AOPC().compute(curves=CURVES)
    assert result["aopc_by_k"] == pytest.approx(expected, abs=1e-12)
    assert (result["aopc"], result["n"]) == (result["aopc_by_k"][-1], 3)
    metric = AOPC()
    metric.add_batch(curves=CURVES[:1])
    metric.add_batch(curves=CURVES[1:])
    assert metric.compute()["aopc_by_k"] == pytest.approx(expected)


def test_aopc_at_a_chosen_k():
    assert AOPC().compute(curves=CURVES, max_k=1)["aopc"] == pytest.approx(0.4 / 2 / 3)


def test_no_removed_unit_is_a_number_of_units():
    assert AOPC().compute(curves=CURVES, max_k=0) == {"aopc": 0, "aopc_by_k": [0], "n": 3}


def test_a_p_value_of_a_twentieth_is_significant(monkeypatch):
    """Three numbers are enough."""
    from hf_gradexplain.metrics import loo_correlation

    p_values = iter([0.05, 0.0500001, 0.04, 1.0])
    monkeypatch.setattr(loo_correlation, "_correlate", lambda a, b, coefficient: (0.5, next(p_values)))
    result = LOOCorrelation().compute(scores=[[1.0, 2.0, 4.0]] * 4, loo=[[1.0, 3.0, 4.0]] * 4)
    assert result == {"median": 0.5, "mean": 0.5, "fraction_significant": 0.5, "n": 4, "n_undefined": 0}


def test_neighbours_within_some_rounding_errors_share_a_rank():
    """Of the largest value 2: up to 128 of float32's."""
    from hf_gradexplain.metrics.loo_correlation import _TIED, _ranked

    tied = float(_TIED)
    assert _ranked(np.array([2.0, 0.0, 2 * tied, -1.0, 4 * tied + 1e-12])).tolist() == [4, 2, 2, 1, 3]
    assert 6e-6 < _TIED < 9e-6


def test_an_empty_curve_is_refused():
    with pytest.raises(ValueError, match=r"curve 1 is empty: start it with f\(x\)"):
        AOPC().compute(curves=[[0.5], []])


def test_no_curve_at_all_is_refused():
    with pytest.raises(ValueError, match=r"there are no curves: give one per document, \[f\(x\)\] for a document"):
        AOPC().compute(curves=[])


@pytest.mark.parametrize("value", [None, np.nan, np.inf])
def test_a_curve_with_a_value_that_is_not_finite_is_refused(value):
    for max_k in (None, 0):
        with pytest.raises(ValueError, match="curve 1 has a value that is not finite: leave out this document"):
            AOPC().compute(curves=[[0.5, 0.25], [0.5, 0.25, value]], max_k=max_k)


def test_a_negative_k_is_refused():
    with pytest.raises(ValueError, match="max_k is -1, but it is a number of removed units: choose 0 or more"):
        AOPC().compute(curves=CURVES, max_k=-1)


def test_correlation_counts_what_is_undefined():
    scores, loo = [[1.0, 2.0, 4.0], [1.0, 2.0], [3.0, 3.0, 3.0]], [[1.0, 3.0, 4.0], [1.0, 2.0], [1.0, 2.0, 3.0]]
    result = LOOCorrelation().compute(scores=scores, loo=loo)
    r = np.corrcoef(scores[0], loo[0])[0, 1]
    assert result["median"] == result["mean"] == pytest.approx(r, abs=1e-12)
    assert (result["n"], result["n_undefined"]) == (1, 2)


def test_without_any_coefficient_there_is_no_number():
    result = LOOCorrelation().compute(scores=[[1.0]], loo=[[1.0]])
    assert result == {"median": None, "mean": None, "fraction_significant": None, "n": 0, "n_undefined": 1}


def test_bad_input():
    with pytest.raises(ValueError, match="document 0 has 2 scores but 3 loo values"):
        LOOCorrelation().compute(scores=[[1.0, 2.0]], loo=[[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="unknown coefficient 'pearsons': choose one of pearson, spearman, kendall"):
        LOOCorrelation().compute(scores=[[1.0]], loo=[[1.0]], coefficient="pearsons")


def test_they_combine():
    both = evaluate.combine([AOPC(), LOOCorrelation()])
    both.add_batch(curves=CURVES[:1], scores=[[1.0, 2.0, 4.0]], loo=[[1.0, 2.0, 4.0]])
    both.add(curves=CURVES[1], scores=[4.0, 2.0, 4.0], loo=[1.0, 2.0, 4.0])
    result = both.compute()
    assert {"aopc", "aopc_by_k", "aopc_n", "median", "fraction_significant", "n_undefined"} <= result.keys()
    assert result["aopc"] == pytest.approx(naive_aopc(CURVES[:2])[-1])
    assert (result["aopc_n"], result["loo_correlation_n"]) == (2, 2)


def documents(n, seed=0):
    """Scores of `n` documents of 0 to 12 units, some constant, and their curves."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 13, n)
    scores = [np.round(rng.normal(size=size), 1) * (i % 7 > 0) for i, size in enumerate(sizes)]
    loo = [np.round(rng.normal(size=size), 1) * (i % 5 > 0) for i, size in enumerate(sizes)]
    return [rng.random(size + 1) for size in sizes], scores, loo


@pytest.mark.parametrize("coefficient", COEFFICIENTS)
def test_correlations_are_those_of_an_evaluation(coefficient):
    _, scores, loo = documents(200)
    result = LOOCorrelation().compute(scores=scores, loo=loo, coefficient=coefficient)
    each = [correlate(a[None], b, coefficient)[0] for a, b in zip(scores, loo, strict=True)]
    r, p = [c.r for c in each if c.r is not None], [c.p for c in each if c.p is not None]
    assert (result["n"], result["n_undefined"]) == (len(r), 200 - len(r))
    assert 50 < len(r) < 150
    assert (result["median"], result["mean"]) == pytest.approx((np.median(r), np.mean(r)), abs=1e-12)
    assert result["fraction_significant"] == pytest.approx(np.mean(np.array(p) <= SIGNIFICANCE))


def test_scores_that_are_not_finite_have_no_correlation():
    scores, fine = [[1.0, np.nan, 3.0], [1.0, 2.0, np.inf], [1.0, None, 3.0]], [[1.0, 2.0, 4.0]] * 3
    for given in ({"scores": scores, "loo": fine}, {"scores": fine, "loo": scores}):
        result = LOOCorrelation().compute(**given)
        assert (result["n"], result["n_undefined"]) == (0, 3)


@pytest.mark.parametrize("max_k", [None, 0, 3, 40])
def test_curves_are_those_of_an_evaluation(max_k):
    curves, _, _ = documents(200)
    result = AOPC().compute(curves=curves, max_k=max_k)
    np.testing.assert_allclose(result["aopc_by_k"], naive_aopc(curves, max_k), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [1, 7])
def test_parts_of_several_processes_merged_by_hand_give_the_same(n):
    """Each process evaluates its share, which may be empty; one process gathers the lists and computes."""
    curves, scores, loo = documents(n)
    shares = [slice(0, (n + 1) // 2), slice((n + 1) // 2, n)]
    assert [len(curves[share]) for share in shares] in ([1, 0], [4, 3])
    merged = evaluate.combine([AOPC(), LOOCorrelation()])
    for share in shares:
        for row in zip(curves[share], scores[share], loo[share], strict=True):
            merged.add(**dict(zip(("curves", "scores", "loo"), row, strict=True)))
    alone = evaluate.combine([AOPC(), LOOCorrelation()])
    alone.add_batch(curves=curves, scores=scores, loo=loo)
    assert merged.compute() == alone.compute()


def test_evaluates_own_processes_give_the_same(tmp_path):
    """With `num_process`, the first process computes over the rows of all, and the others return None."""
    curves, _, _ = documents(7)
    ranks = [AOPC(num_process=2, process_id=i, experiment_id="x", cache_dir=str(tmp_path)) for i in range(2)]
    with ThreadPoolExecutor(2) as pool:
        result = list(pool.map(lambda rank: rank.compute(curves=curves[rank.process_id :: 2]), ranks))
    expected = AOPC().compute(curves=[*curves[::2], *curves[1::2]])
    assert result == [expected, None]

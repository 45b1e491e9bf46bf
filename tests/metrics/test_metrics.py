"""The `evaluate` classes say what the functions behind them say."""

import evaluate
import numpy as np
import pytest

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.aopc import aopc
from hf_gradexplain.metrics import AOPC, LOOCorrelation


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", str(tmp_path))
    monkeypatch.setattr("evaluate.module.config.HF_METRICS_CACHE", str(tmp_path))


CURVES = [[0.9, 0.5, 0.1], [0.8, 0.8], [0.7]]


def test_aopc_in_one_call_and_in_batches():
    expected = aopc(CURVES).tolist()
    assert AOPC().compute(curves=CURVES) == {"aopc": expected[-1], "aopc_by_k": expected, "n": 3}
    metric = AOPC()
    metric.add_batch(curves=CURVES[:1])
    metric.add_batch(curves=CURVES[1:])
    assert metric.compute()["aopc_by_k"] == pytest.approx(expected)


def test_aopc_at_a_chosen_k():
    assert AOPC().compute(curves=CURVES, max_k=1)["aopc"] == pytest.approx(0.4 / 2 / 3)


def test_an_empty_curve_is_refused():
    with pytest.raises(GradexplainError, match=r"curve 1 is empty: it starts with f\(x\)"):
        AOPC().compute(curves=[[0.5], []])


def test_correlation_counts_what_is_undefined():
    scores, loo = [[1.0, 2.0, 4.0], [1.0, 2.0], [3.0, 3.0, 3.0]], [[1.0, 3.0, 4.0], [1.0, 2.0], [1.0, 2.0, 3.0]]
    found = LOOCorrelation().compute(scores=scores, loo=loo)
    r = np.corrcoef(scores[0], loo[0])[0, 1]
    assert found["median"] == found["mean"] == pytest.approx(r, abs=1e-12)
    assert (found["n"], found["n_undefined"]) == (1, 2)


def test_without_any_coefficient_there_is_no_number():
    found = LOOCorrelation().compute(scores=[[1.0]], loo=[[1.0]])
    assert found == {"median": None, "mean": None, "fraction_significant": None, "n": 0, "n_undefined": 1}


def test_bad_input():
    with pytest.raises(GradexplainError, match="document 0 has 2 scores but 3 loo values"):
        LOOCorrelation().compute(scores=[[1.0, 2.0]], loo=[[1.0, 2.0, 3.0]])
    with pytest.raises(GradexplainError, match="did you mean 'pearson'"):
        LOOCorrelation().compute(scores=[[1.0]], loo=[[1.0]], coefficient="pearsons")


def test_they_combine():
    both = evaluate.combine([AOPC(), LOOCorrelation()])
    both.add_batch(curves=CURVES[:1], scores=[[1.0, 2.0, 4.0]], loo=[[1.0, 2.0, 4.0]])
    found = both.compute()
    assert found["mean"] == pytest.approx(1)
    assert found["aopc"] == pytest.approx(aopc(CURVES[:1])[-1])

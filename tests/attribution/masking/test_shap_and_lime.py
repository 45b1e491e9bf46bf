"""Scores equal those of SHAP and LIME, which were stored by `benchmarks/peers/shap_and_lime_scores.py`."""

import json

import numpy as np
import pytest

from benchmarks.peers.lxt_relevances import IDS, tiny_model
from benchmarks.peers.shap_and_lime_scores import LIME_COPIES, MODELS, RESULTS
from hf_gradexplain.explainer import Explainer
from tests.helpers.tokenizer_of_ids import tokenizer_of_ids

STORED = {run["model"]: run for run in json.loads(RESULTS.read_text(encoding="utf-8"))["runs"]}
METHODS = ("shapley", "kernel_shap", "partition_shapley", "lime")


@pytest.fixture(scope="module", params=MODELS)
def found(request):
    explain = Explainer(tiny_model(request.param), tokenizer_of_ids())
    text = " ".join(f"w{i}" for i in IDS)
    return request.param, explain(text, METHODS, "token", 0, max_evals=LIME_COPIES, self_check=False)


def test_all_runs_are_stored():
    assert tuple(STORED) == MODELS


@pytest.mark.parametrize(
    ("method", "explainer"),
    [("shapley", "exact"), ("kernel_shap", "kernel"), ("kernel_shap", "exact"), ("partition_shapley", "partition")],
)
def test_exact_scores_equal_those_of_shap(found, method, explainer):
    """SHAP adds words to the masked text, so that its values of the log probability are the rises of the loss."""
    model, explanation = found
    assert explanation.sampling[method].exact
    assert explanation.scores[method] == pytest.approx(STORED[model]["shap"][explainer], rel=1e-9, abs=1e-11)


def test_partition_values_are_not_the_shapley_values(found):
    scores = found[1].scores
    assert np.abs(scores["partition_shapley"] - scores["shapley"]).max() > 0.01


def test_coefficients_are_the_mean_of_those_of_lime_over_seeds(found):
    model, explanation = found
    lime = {name: np.array(value) for name, value in STORED[model]["lime"].items()}
    assert explanation.sampling["lime"].exact
    distance = (explanation.scores["lime"] - lime["mean"]) / (lime["deviation"] / np.sqrt(lime["seeds"]))
    assert np.abs(distance).max() < 4
    assert lime["deviation"].max() / np.sqrt(lime["seeds"]) < 0.02 * np.abs(lime["mean"]).max()

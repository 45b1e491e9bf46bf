"""Relevances equal those of LXT, which were stored by `benchmarks/peers/lxt_relevances.py`."""

import json

import numpy as np
import pytest
import torch

from benchmarks.peers.lxt_relevances import IDS, RESULTS, RUNS, InFloat64, tiny_model
from hf_gradexplain.explainer import Explainer
from tests.helpers.tokenizer_of_ids import tokenizer_of_ids

STORED = {(run["model"], run["rules"]): run for run in json.loads(RESULTS.read_text(encoding="utf-8"))["runs"]}


def test_all_runs_are_stored():
    assert tuple(STORED) == RUNS


@pytest.mark.parametrize(
    ("model_type", "rules", "implementation"), [*((*run, "sdpa") for run in RUNS), ("llama", "attn_lrp", "eager")]
)
def test_relevances_equal_those_of_lxt(model_type, rules, implementation):
    """LXT adds 1e-10 to the denominators of its identity rule, which sets how far the two agree."""
    stored, text = STORED[model_type, rules], " ".join(f"w{i}" for i in IDS)
    with InFloat64():
        model = tiny_model(model_type)
        model.set_attn_implementation(implementation)
        with torch.no_grad():
            logit = model(torch.tensor([IDS]), attention_mask=torch.ones(1, len(IDS))).logits[0, 0].item()
        explain = Explainer(model, tokenizer_of_ids())
        explanation = explain(text, ("attn_lrp", "cp_lrp"), "token", 0, objective="logit", self_check=False)
    assert logit == pytest.approx(stored["logit"], rel=1e-12)
    scores, expected = explanation.scores, np.array(stored["relevances"])
    assert np.linalg.norm(scores[rules] - expected) < 1e-8 * np.linalg.norm(expected)
    other = scores[{"attn_lrp": "cp_lrp", "cp_lrp": "attn_lrp"}[rules]]
    assert np.linalg.norm(other - expected) > 0.1 * np.linalg.norm(expected)

"""What is measured, and what under other masking baselines."""

import json

import numpy as np
import pytest
from datasets import Dataset

from hf_gradexplain.evaluation.baselines import other_baselines
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import MeasureArguments
from hf_gradexplain.run.evaluation_inputs import EvaluationInputs
from hf_gradexplain.run.folder import document_path
from hf_gradexplain.run.measures import evaluate_baselines, measures_of
from tests.helpers.curves import read_curves
from tests.helpers.tiny import TEXTS, explainer

ROWS = Dataset.from_dict({"id": [0, 1], "text": TEXTS[:2], "label": [0, 1]})
OPTIONS = Options(("signed_gi",), "word_type", "label")


@pytest.mark.parametrize(
    ("weight", "given", "measures"),
    [
        (len, {}, Measures(2, bounds=True)),
        (len, {"naopc": False}, Measures(2)),
        (None, {}, Measures(2)),
        (None, {"naopc": True, "beam_size": 3}, Measures(2, bounds=True, beam_size=3)),
        (
            None,
            {"k_grid": (1, 4), "both_ends": True, "ties": "position", "random_orders": 0},
            Measures(0, both_ends=True, k_grid=(1, 4), ties="position"),
        ),
    ],
)
def test_aopc_is_normalised_by_default_on_the_generated_corpus_alone(weight, given, measures):
    evaluated = EvaluationInputs(explainer("bert"), ROWS, "m", "d", weight=weight)
    assert measures_of(evaluated, OPTIONS, MeasureArguments(**given)) == measures


def curves_under(folder, measures, name="mean"):
    """The curves of the first text under another baseline, and what is written down of how they were made."""
    evaluated = EvaluationInputs(explainer("bert"), ROWS, "m", "d")
    others = other_baselines(evaluated.engine, OPTIONS, [name])
    evaluate_baselines(evaluated, MeasureArguments(), others, measures, folder, {})
    inputs = json.loads((folder / "baselines" / name / "documents" / "inputs.json").read_text())
    return read_curves(document_path(folder / "baselines" / name, 0))[1]["signed_gi"][0], inputs


def test_curves_under_other_baselines_are_at_the_same_k_and_nothing_is_measured_beside(tmp_path):
    whole, _ = curves_under(tmp_path / "whole", Measures())
    some, inputs = curves_under(tmp_path / "some", Measures(4, True, True, k_grid=(2,)))
    assert not np.allclose(whole, some, rtol=1e-6), "straight lines between"
    np.testing.assert_allclose(some[[0, 2, -1]], whole[[0, 2, -1]], rtol=1e-12)
    assert inputs["k_grid"] == [2]
    assert (inputs["random_orders"], inputs["both_ends"], inputs["bounds"]) == (0, False, False)
    assert (inputs["baseline"], inputs["mask"]) == ("mean", "baseline")


@pytest.mark.parametrize(("given", "shown"), [({}, True), ({"progress": True}, True), ({"progress": False}, False)])
def test_tables_end_at_the_same_k_and_progress_is_shown_on_demand(given, shown, tmp_path, capsys):
    evaluated = EvaluationInputs(explainer("fasttext"), ROWS, "m", "d")
    others = other_baselines(evaluated.engine, OPTIONS, ["mean", "unk"])
    for _ in range(2):
        tables = evaluate_baselines(evaluated, MeasureArguments(max_k=3), others, Measures(), tmp_path, {}, **given)
    assert {name: table.aopc["k"].max() for name, table in tables.items()} == {"mean": 3, "unk": 3}
    assert capsys.readouterr().err.count("reused 1 of 1 shards") == 2 * shown


def test_deletion_is_a_run_of_its_own(tmp_path):
    cut, inputs = curves_under(tmp_path, Measures(), "deletion")
    masked, _ = curves_under(tmp_path, Measures())
    assert (inputs["baseline"], inputs["mask"]) == (None, "deletion")
    assert cut.shape == masked.shape
    assert not np.allclose(cut[1:], masked[1:], rtol=1e-6)

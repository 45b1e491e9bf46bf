"""The faithfulness measurements of a card against those of an evaluation."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from hf_gradexplain.attribution.methods import METHODS, affordable
from hf_gradexplain.cards import example_method, explain_examples, measure_faithfulness
from hf_gradexplain.cards import faithfulness as module
from hf_gradexplain.evaluation.extra_measures import default_measures
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import shortcut_of
from hf_gradexplain.run.runner import evaluate
from tests.helpers.tiny import TEXTS, explainer

N = 12
ROWS = Dataset.from_dict({"id": range(N), "text": [*TEXTS, *TEXTS], "label": [i % 3 for i in range(N)]})


@pytest.fixture(scope="module")
def faithfulness():
    return measure_faithfulness(explainer("textcnn"), ROWS, N, labelled=True, seed=0)


def test_it_equals_the_evaluation_of_these_texts(faithfulness, tmp_path):
    options = Options(affordable(), "word_type", "label")
    measures = default_measures(shortcut_of(explainer("textcnn").model), both_ends=False)
    tables = evaluate(explainer("textcnn"), ROWS, options, tmp_path, inputs={}, measures=measures)
    curves = tables.aopc.set_index(["method", "k"])["aopc"]
    pearson = tables.correlation[tables.correlation["coefficient"] == "pearson"].set_index("method")["median"]
    for row in faithfulness.methods:
        assert row["short"][0] == pytest.approx(curves[row["method"], faithfulness.short_k], abs=1e-6)
        assert row["long"][0] == pytest.approx(curves[row["method"], faithfulness.long_k], abs=1e-6)
        if row["method"] != "loo":
            assert row["r"][0] == pytest.approx(pearson[row["method"]], abs=1e-6)
    curves = pd.DataFrame(dict(faithfulness.curves))
    np.testing.assert_allclose(curves["aopc"], tables.aopc["aopc"], atol=1e-6)
    np.testing.assert_allclose(pd.DataFrame(dict(faithfulness.chance))["high"], tables.chance["high"], atol=1e-6)
    assert {row["method"] for row in faithfulness.methods} == set(affordable())
    assert (faithfulness.n, faithfulness.short_k, faithfulness.long_k) == (N, 10, int(tables.aopc["k"].max()))


def test_methods_that_take_passes_by_the_hundred_are_left_out():
    assert set(METHODS) - set(affordable()) >= {"shapley", "gradient_shap", "sequential_integrated_gradients"}
    assert {"loo", "signed_gi", "integrated_gradients", "smoothgrad", "vargrad", "random"} < set(affordable())


def test_only_what_a_card_shows_is_measured(monkeypatch):
    measured, evaluate_texts = [], module.evaluate_texts
    monkeypatch.setattr(module, "evaluate_texts", lambda *given: measured.append(given[3]) or evaluate_texts(*given))
    measure_faithfulness(explainer("fasttext"), ROWS, 2, labelled=True, seed=0)
    assert [measures.both_ends for measures in measured] == [False]


def test_a_sample_is_drawn_and_repeats():
    again = [measure_faithfulness(explainer("fasttext"), ROWS, 5, labelled=True, seed=seed) for seed in (0, 0, 1)]
    assert again[0] == again[1] != again[2]
    assert again[0].n == 5


def test_the_curves_end_at_fifty_units():
    words = " ".join(f"w{i}" for i in range(60))
    rows = Dataset.from_dict({"id": [0], "text": [f"{words} good"], "label": [0]})
    faithfulness = measure_faithfulness(explainer("fasttext"), rows, 1, labelled=True, seed=0)
    assert (faithfulness.short_k, faithfulness.long_k) == (10, 50)
    assert max(faithfulness.curves["k"]) == 50


def test_without_a_shortcut_the_curves_are_exact_at_some_numbers_of_units():
    faithfulness = measure_faithfulness(explainer("bert"), ROWS, 2, labelled=True, seed=0)
    assert faithfulness.k_grid == [1, 2, 3, 5, 10, 20, 50]
    assert measure_faithfulness(explainer("fasttext"), ROWS, 2, labelled=True, seed=0).k_grid == []


@pytest.mark.parametrize("kind", ["regression", "multi_label_classification"])
def test_without_one_label_per_text_the_prediction_is_explained(kind):
    faithfulness = measure_faithfulness(
        explainer("fasttext", kind), ROWS.remove_columns("label"), 4, labelled=False, seed=0
    )
    assert faithfulness.target == "predicted"


@pytest.mark.parametrize(
    ("aopc", "best"),
    [
        ({"signed_gi": (0.3, 0.2, 0.4), "loo": (0.35, 0.3, 0.5)}, "signed_gi"),
        ({"signed_gi": (0.3, 0.2, 0.4), "loo": (0.5, 0.41, 0.6)}, "loo"),
        (
            {"signed_gi": (0.3, 0.2, 0.4), "loo": (0.5, 0.41, 0.6), "integrated_gradients": (0.6, 0.5, 0.7)},
            "integrated_gradients",
        ),
        ({"signed_gi": (0.3, 0.2, 0.4), "loo": (0.5, 0.4, 0.6)}, "signed_gi"),
        ({"signed_gi": (0.3, 0.2, 0.4), "sa_l2": (0.9, 0.8, 1.0)}, "signed_gi"),
        ({"signed_gi": (0.3, None, None), "loo": (0.5, None, None)}, "signed_gi"),
        ({"signed_gi": (0.3, None, 0.4), "loo": (0.5, None, 0.6)}, "signed_gi"),
        ({"signed_gi": (0.3, 0.2, None), "loo": (0.5, 0.4, 0.6)}, "signed_gi"),
    ],
)
def test_examples_are_explained_by_the_signed_method_that_is_clearly_the_best(aopc, best):
    faithfulness = measure_faithfulness(explainer("fasttext"), ROWS, 2, labelled=True, seed=0)
    rows = [{"method": method, "short": short} for method, short in aopc.items()]
    assert example_method(replace(faithfulness, methods=rows), "signed_gi") == best
    assert example_method(replace(faithfulness, methods=rows), "gi_prob") == "gi_prob"
    assert example_method(None, "attn_lrp") == "attn_lrp"


def test_an_example_is_the_explanation_of_its_text():
    explanation = explainer("bert")(TEXTS[0], "signed_gi")
    (example,) = explain_examples(explainer("bert"), [TEXTS[0]], "signed_gi")
    assert example.words == [unit.text for unit in explanation.units]
    np.testing.assert_allclose(example.scores, explanation.scores["signed_gi"], rtol=1e-5)
    assert example.prediction == explanation.prediction_label
    assert example.probability == pytest.approx(explanation.probabilities.max(), abs=1e-6)

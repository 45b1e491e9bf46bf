"""Ablations of our choices where the paper is silent."""

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset

from hf_gradexplain.evaluation.aopc import document_aopc
from hf_gradexplain.evaluation.documents import schema, write_documents
from hf_gradexplain.options import Options
from hf_gradexplain.run.runner import evaluate_texts
from recipes.paper import ablations
from recipes.paper.claims import BELOW_RANDOM
from recipes.paper.constants import SETTINGS
from recipes.paper.rules import FAILS, HOLDS, Cutoffs
from tests.helpers.tiny import TEXTS, explainer
from tests.recipes.paper.made_up import GOOD, as_in_the_paper, result

METHODS = ("loo", "signed_gi")


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    path = tmp_path_factory.mktemp("documents") / "0.parquet"
    rows = Dataset.from_dict({"id": range(len(TEXTS)), "text": list(TEXTS)})
    evaluated = evaluate_texts(explainer("textcnn"), rows, Options(METHODS, "word_type"))
    write_documents(evaluated, path, schema(METHODS))
    return path, evaluated


def test_texts_shorter_than_k_go_on_flat_or_are_left_out(documents):
    path, evaluated = documents
    table = ablations.short_text_table(ablations.read_areas([path], METHODS, ablations.SHORT_TEXT_KS)).set_index(
        "method"
    )
    units = [len(document.explanation.units) for document in evaluated]
    for method in METHODS:
        drops = [document_aopc(document.curves[method], 10)[10] for document in evaluated]
        assert table.loc[method, "AOPC(10)"] == pytest.approx(np.mean(drops))
        long = [drop for drop, n in zip(drops, units, strict=True) if n >= 10]
        assert table.loc[method, "AOPC(10), long texts"] == pytest.approx(np.mean(long))
        assert table.loc[method, "texts of 10 or more"] == len(long) == 1
    assert "AOPC(50)" not in table.columns, "no text is so long"


def test_lengths_are_numbers_of_units(documents):
    path, evaluated = documents
    units = [len(document.explanation.units) for document in evaluated]
    assert ablations.read_lengths([path]).tolist() == ablations.read_areas([path], METHODS, [1]).units.tolist() == units


def test_the_parts_by_length_hold_every_text(documents):
    path, evaluated = documents
    table = ablations.gap_by_length(ablations.read_areas([path], METHODS, [3]), parts=2)
    assert table["distinct words"].tolist() == ["0 to 2", "5 to 18"]
    gaps = [np.subtract(*(document_aopc(d.curves[m], 3)[3] for m in METHODS)) for d in evaluated]
    assert table["n"].tolist() == [3, 3]
    assert np.average(table["LOO − SignedGI"]) == pytest.approx(np.mean(gaps))


def test_every_ablation_has_a_column():
    results = {name: result(GOOD if name != "word" else {**GOOD, "loo": 0.2}) for name in ablations.LABELS}
    table = ablations.aopc_table(results).set_index("method")
    assert table.loc["loo"].tolist() == ["0.320 ± 0.005", "0.200 ± 0.005", *["0.320 ± 0.005"] * 4]
    assert ablations.correlation_table(results).set_index("method").loc["signed_gi", "as chosen"] == "0.90 ± 0.02"


def areas(loo, ids=(1, 4, 7)):
    """AOPC of three texts: `loo` as given, SignedGI always the same."""
    aopc = {"loo": np.array(loo)[:, None], "signed_gi": np.array([0.3, 0.31, 0.32])[:, None]}
    return ablations.Areas(np.array(ids), np.array([5, 6, 7]), aopc)


def test_an_ablation_is_compared_on_the_same_texts():
    """The texts differ far more than the ablations, so only a paired difference is significant."""
    chosen, other = areas([0.1, 0.3, 0.5]), areas([0.14, 0.35, 0.54])
    shift = ablations.aopc_shifts(chosen, other)["loo"]
    mean, half = np.mean([0.04, 0.05, 0.04]), 1.96 * np.std([0.04, 0.05, 0.04], ddof=1) / np.sqrt(3)
    assert shift[:3] == pytest.approx((mean, mean - half, mean + half))
    results = {name: result() for name in ("chosen", "word", "prob")}
    documents = {"chosen": chosen, "word": other, "prob": areas([0.1, 0.3, 0.52])}
    changed = ablations.changed_methods(results, documents, Cutoffs())
    assert changed == {"unit word": ["LOO by +0.043"], "objective prob": []}
    assert ablations.changed_methods(results, documents, Cutoffs(near=0.2))["unit word"] == []
    with pytest.raises(ValueError, match="expected two evaluations of the same texts"):
        ablations.aopc_shifts(chosen, areas([0.1, 0.3, 0.5], ids=(1, 4, 8)))


def test_methods_that_differ_by_rounding_only_are_best_together():
    assert ablations.best_methods(result()) == "SignedGI"
    assert ablations.best_methods(result({**GOOD, "loo": GOOD["signed_gi"] - 1e-9})) == "LOO and SignedGI"
    results = {name: result({**GOOD, "loo": 0.4} if name == "prob" else GOOD) for name in ablations.LABELS}
    assert ablations.best_counts(results) == "SignedGI in 5 of 6 evaluations, LOO in 1"


def test_verdicts_are_compared_between_ablations():
    results = {
        setting: dict.fromkeys(ablations.LABELS, trainings[0]) for setting, trainings in as_in_the_paper().items()
    }
    table, differ, claims = ablations.verdict_table(results)
    assert (len(table), set(differ.values())) == (0, {0})
    assert claims == 7 * 6 + 6 + 6 + 1
    results[SETTINGS[0]] = {**results[SETTINGS[0]], "prob": result({**GOOD, "sa_raw": 0.05}, setting=SETTINGS[0])}
    table, differ, _ = ablations.verdict_table(results)
    assert table["claim"].tolist() == ["The raw gradient is worse than the three norms", BELOW_RANDOM]
    assert table[["as chosen", "objective prob"]].to_numpy().tolist() == [[HOLDS, FAILS]] * 2
    assert differ == {label: 2 * (label == "objective prob") for label in list(ablations.LABELS.values())[1:]}


def test_the_sign_of_eq_7_is_the_other_end_of_the_order():
    evaluation = result()
    rows = [("removal", "loo", 10, 0.3, 0.29, 0.31), ("negative_first", "loo", 10, -0.1, -0.12, -0.08)]
    columns = ["curve", "method", "k", "aopc", "ci_low", "ci_high"]
    object.__setattr__(evaluation, "curves", pd.DataFrame(rows, columns=columns))
    assert ablations.loo_by_sign(evaluation)[0][:3] == (0.3, 0.29, 0.31)
    assert ablations.loo_by_sign(evaluation)[1][:3] == (-0.1, -0.12, -0.08)

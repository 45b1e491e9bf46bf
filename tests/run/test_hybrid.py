"""Hybrid documents as a run of their own."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from datasets import Dataset

from hf_gradexplain.audit.plausibility.hybrid import HybridDocument, hybrid_options
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.run import hybrid as module
from hf_gradexplain.run.evaluation_inputs import EvaluationInputs
from hf_gradexplain.run.hybrid import hybrid_rows, hybrid_tables, hybrids_of

INPUTS = EvaluationInputs(None, None, "M", "D", provenances={"a": 1})

DOCUMENTS = [HybridDocument(f"a {i}", ((0, 1, 0),), (0, 1)) for i in range(2)]


def test_without_documents_nothing_is_made_or_run():
    assert hybrids_of(None, None, Options(), 0) == []
    assert hybrid_tables(INPUTS, [], Options(), Path("x"), {}) == {}


def test_texts_without_labels_and_streams_are_refused():
    engine = SimpleNamespace(profile=SimpleNamespace(n_outputs=3), model=None)
    texts = Dataset.from_dict({"id": [0, 1], "text": ["One.", "Two."]})
    with pytest.raises(GradexplainError, match="number of classes among the labels is 0"):
        hybrids_of(engine, texts, Options(), 3)
    with pytest.raises(GradexplainError, match="a stream does not keep them"):
        hybrids_of(engine, texts.to_iterable_dataset(), Options(), 3)
    made = hybrids_of(engine, texts.add_column("label", [0, 1]), Options(), 3)
    assert len(made) == 3


def test_they_are_rows_whose_predicted_class_is_explained():
    assert hybrid_rows(DOCUMENTS).to_dict() == {"id": [0, 1], "text": ["a 0", "a 1"]}
    options = hybrid_options(Options(("loo",), target="label", seed=3))
    assert (options.target, options.against, options.seed, options.methods) == ("predicted", None, 3, ("loo",))


@pytest.mark.parametrize("objective", ["loss", "logit", "prob"])
def test_they_keep_the_objective(objective):
    assert hybrid_options(Options(objective=objective)).objective == objective


CONTRASTS = [("predicted", "runner_up"), ("label", "rest"), (1, 2), ("all", "rest")]


@pytest.mark.parametrize(("target", "against"), CONTRASTS)
def test_instead_of_a_contrast_they_explain_the_loss(target, against):
    options = hybrid_options(Options(target=target, against=against))
    assert (options.target, options.against, options.objective) == ("predicted", None, "loss")


@pytest.mark.parametrize("inputs", [{}, {"texts": "x", "target": "label"}])
def test_the_run_is_in_a_folder_of_its_own_and_has_a_table_on_the_main_process_only(monkeypatch, inputs):
    calls = []
    monkeypatch.setattr(module, "evaluate", lambda *names, **more: calls.append((names, more)))
    found = hybrid_tables(INPUTS, DOCUMENTS, Options(("loo",), target="label"), Path("run"), inputs)
    assert found == {}
    (((_, rows, options, folder), more),) = calls
    assert (len(rows), options.target, folder) == (2, "predicted", Path("run/hybrid"))
    assert (more["measures"].k_grid, more["provenances"], more["progress"]) == ((1,), {"a": 1}, True)
    if inputs:
        expected = {"texts": "x", "target": "predicted", "k_grid": (1,), "hybrid_documents": 2, "unit": "word"}
        assert more["inputs"].items() >= expected.items()
    else:
        assert more["inputs"] == {}


def test_the_table_is_that_of_the_explained_hybrid_documents(monkeypatch):
    monkeypatch.setattr(module, "evaluate", lambda *_, **__: "tables")
    monkeypatch.setattr(module, "document_paths", lambda folder: [folder / "0.parquet"])
    explained = [SimpleNamespace(id=4, explanation="E")]
    monkeypatch.setattr(module, "iterate_documents", lambda paths, measured: explained if measured == () else None)
    monkeypatch.setattr(module, "hybrid_hits", lambda found, hybrids, seed: (list(found), hybrids, seed))
    monkeypatch.setattr(module, "hybrid_table", lambda hits: ("table", *hits))
    found = hybrid_tables(INPUTS, DOCUMENTS, Options(("loo",), seed=3), Path("run"), {})
    assert found == {"hybrid": ("table", [(4, "E")], DOCUMENTS, 3)}

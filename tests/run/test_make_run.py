"""One run for recipes and for Python: everything that was asked for is measured, in one order, and written."""

import json
import time
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from datasets import Dataset

from hf_gradexplain.audit.plausibility.plausibility import plausibility_tables
from hf_gradexplain.commands.evaluate import run_evaluation
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.ground_truth import planted_table
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.hub.provenance import Provenance
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import AuditArguments, MeasureArguments
from hf_gradexplain.run import estimated_parts
from hf_gradexplain.run import make_run as module
from hf_gradexplain.run.evaluation_inputs import EvaluationInputs
from hf_gradexplain.run.folder import document_path
from hf_gradexplain.run.make_run import make_run
from tests.helpers.tiny import CORPUS, explainer, make

TEXTS, LABELS = list(CORPUS), [0, 1, 0, 1, 0]
METHODS = ("random", "loo", "signed_gi")
SPANS = [[(0, 3)] for _ in TEXTS]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a model and that of a dataset."""
    folder = tmp_path_factory.mktemp("saved")
    for part in make("fasttext"):
        part.save_pretrained(folder / "model")
    columns = {"text": TEXTS, "label": LABELS, "spans": [[list(span) for span in spans] for spans in SPANS]}
    pd.DataFrame(columns).to_parquet(folder / "test.parquet")
    return folder


def test_python_measures_and_notes_what_the_recipe_does(saved, tmp_path):
    audits = {"sanity": True, "sanity_samples": 3, "compare_baselines": ("zero", "mean", "deletion"), "seed": 4}
    arguments = EvaluateRecipeArguments(
        model_name_or_path=str(saved / "model"), dataset_name=str(saved / "test.parquet"), split="train",
        methods=METHODS, unit="word", rationale_column="spans", output_dir=str(tmp_path / "recipe"), **audits,
    )  # fmt: skip
    run_evaluation(arguments)
    result = Explainer.from_pretrained(str(saved / "model")).evaluate(
        TEXTS, METHODS, labels=LABELS, rationales=SPANS, output_dir=tmp_path / "python", progress=False, **audits
    )
    folders = [tmp_path / name for name in ("recipe", "python")]
    files = [sorted(path.relative_to(folder) for path in folder.rglob("*.parquet")) for folder in folders]
    assert files[0] == files[1]
    assert {"baselines.parquet", "plausibility.parquet", "randomisation.parquet", "sanity.parquet"} < {
        str(path) for path in files[0]
    }
    for name in files[0]:
        if name.name != "words.parquet":
            assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
    recipe, python = (json.loads((folder / "results.json").read_text()) for folder in folders)
    assert recipe["notes"] == python["notes"]
    assert any("baselines zero, mean and deletion" in note or "on the baseline" in note for note in python["notes"])
    assert list(recipe) == list(python), "tables in the same order"
    described = {"Model", "Data", "Commit of the model", "Commit of the dataset"}
    assert {k: x for k, x in recipe["facts"].items() if k not in described} == {
        k: x for k, x in python["facts"].items() if k not in described
    }
    assert (recipe["title"], python["title"]) == ("model on test.parquet (train)", "model on 5 texts")
    assert result.run.provenances["model"].name == str(saved / "model")
    again = plausibility_tables(result.documents, 4)["plausibility"]
    pd.testing.assert_frame_equal(result.plausibility, again)
    pd.testing.assert_frame_equal(result.baselines, pd.read_parquet(folders[0] / "baselines.parquet"))
    assert list(result.baselines["baseline"].unique()) == ["zero", "mean", "deletion"]


def evaluated(kind="fasttext", texts=None, **more):
    texts = Dataset.from_dict({"id": range(5), "text": TEXTS, "label": LABELS}) if texts is None else texts
    return EvaluationInputs(explainer(kind), texts, "m", "d", **more)


def run(folder, inputs=None, **more):
    options, measures = Options(("loo", "random"), seed=3), MeasureArguments()
    given = {"started": time.monotonic(), "replay": "again"} | more
    return make_run(inputs or evaluated(), options, measures, AuditArguments(), folder, **given)


def test_a_run_is_described_and_written_with_its_progress(tmp_path, capsys):
    made = run(tmp_path, evaluated(sample="a part", notes=("Mind the gap.",)), started=time.monotonic() - 100)
    record = json.loads((tmp_path / "results.json").read_text())
    assert (record["title"], record["replay"]) == ("m on d", "again")
    assert [record["facts"][name] for name in ("Model", "Data", "Texts")] == ["m", "d", "5 (a part)"]
    assert record["notes"] == ["Mind the gap."] == made.notes
    assert 100 <= record["seconds"] < 200
    assert record["inputs"]["threads"] == torch.get_num_threads()
    assert len(record["inputs"]["texts"]) == 64
    assert not (tmp_path / "run.yaml").exists()
    assert "baselines" not in record
    capsys.readouterr()
    run(tmp_path, replay_yaml="seed: 3\n")
    assert (tmp_path / "run.yaml").read_text() == "seed: 3\n"
    assert "reused 1 of 1 shards" in capsys.readouterr().err


def test_a_folder_that_is_not_kept_has_only_documents(tmp_path):
    made = run(tmp_path, keep=False, progress=False)
    assert document_path(tmp_path, 0).exists()
    assert not (tmp_path / "results.json").exists()
    assert {"model weights", "texts", "threads"}.isdisjoint(made.inputs)
    assert made.inputs["seed"] == 3


def test_a_stream_is_identified_by_its_source(tmp_path):
    stream = Dataset.from_dict({"id": range(5), "text": TEXTS}).to_iterable_dataset()
    made = run(tmp_path, evaluated(texts=stream, source={"texts": "streamed", "dataset_name": "n"}), progress=False)
    assert (made.inputs["texts"], made.inputs["dataset_name"]) == ("streamed", "n")


def test_other_processes_evaluate_help_and_return_nothing(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(module, "process_state", lambda: SimpleNamespace(is_main_process=False))
    monkeypatch.setattr(module, "evaluate", lambda *given, inputs, **more: calls.append(inputs))
    monkeypatch.setattr(module, "evaluate_baselines", lambda *given, **more: calls.append("baselines"))
    monkeypatch.setattr(module, "hybrid_tables", lambda *given, **more: calls.append("hybrid"))
    monkeypatch.setattr(module, "help_with_tasks", calls.append)
    assert run(tmp_path) is None
    assert calls == [{}, "baselines", "hybrid", tmp_path]


@pytest.mark.parametrize("progress", [True, False])
def test_all_parts_get_the_provenances_the_inputs_and_the_progress(monkeypatch, tmp_path, progress):
    seen, provenances = {}, {"model": Provenance("me/m", "0a1b")}

    def recorded(name, work, *given, **more):
        seen[name] = (given, more)
        return work(*given, **more)

    for name in ("evaluate", "evaluate_baselines", "hybrid_tables", "sanity_tables"):
        monkeypatch.setattr(module, name, partial(recorded, name, getattr(module, name)))
    made = run(tmp_path, evaluated(provenances=provenances), keep=False, progress=progress)
    assert made.provenances is provenances
    assert [more["progress"] for _, more in seen.values()] == [progress] * 4
    assert seen["evaluate"][1]["provenances"] is seen["hybrid_tables"][0][0].provenances is provenances
    assert seen["evaluate"][1]["inputs"] == made.inputs
    assert made.inputs in seen["evaluate_baselines"][0]
    assert made.inputs in seen["hybrid_tables"][0]


def test_notes_come_in_one_order(monkeypatch, tmp_path):
    for name in ("cautions", "orders_that_depend", "sanity_notes"):
        monkeypatch.setattr(module, name, lambda *given, name=name: iter([name]))
    monkeypatch.setattr(module, "evaluate_baselines", lambda *given, **more: {"mean": given[0].engine})
    monkeypatch.setattr(module, "baseline_table", lambda tables: pd.DataFrame({"baseline": [*tables]}))
    made = run(tmp_path, evaluated(notes=("own",)), keep=False, progress=False)
    assert made.notes == ["own", "cautions", "orders_that_depend", "sanity_notes"]
    assert made.extra["baselines"]["baseline"].tolist() == ["zero", "mean"]


def test_methods_are_resolved(tmp_path):
    options = Options(("auto", "random"))
    made = make_run(
        evaluated(), options, MeasureArguments(), AuditArguments(), tmp_path, started=0.0, replay="", keep=False
    )
    assert made.inputs["methods"] == ("signed_gi", "random")


def test_other_baselines_are_estimated_with_curves_alone(monkeypatch):
    seen = []
    monkeypatch.setattr(estimated_parts, "estimate_baselines", lambda *given: seen.append(given) or ())
    measures = MeasureArguments(random_orders=3, both_ends=True, k_grid=(2,), compare_baselines=("mean",))
    inputs = evaluated("bert")
    estimated_parts.estimate_run(inputs, Options(("auto", "random")), measures, AuditArguments())
    ((engine, texts, others, curves),) = seen
    assert (engine, texts, curves) == (inputs.engine, inputs.texts, Measures(k_grid=(2,)))
    assert [options.methods for options in others.values()] == [("attn_lrp", "random")]


def weight(word, label):
    return len(word) - 3.5 - label


def test_planted_words_are_looked_for_on_the_generated_corpus_alone(monkeypatch, tmp_path):
    assert "planted" not in run(tmp_path / "a", keep=False, progress=False).extra
    seeds = []
    monkeypatch.setattr(module, "planted_table", lambda *given: seeds.append(given[2]) or planted_table(*given))
    made = run(tmp_path / "b", evaluated(weight=weight), keep=False, progress=False)
    assert next(iter(made.extra)) == "planted"
    expected = planted_table(read_explanations(document_path(tmp_path / "b", 0)), weight, 3)
    pd.testing.assert_frame_equal(made.extra["planted"], expected)
    assert seeds == [3]


def test_a_document_that_cannot_be_read_is_named(monkeypatch, tmp_path):
    def damage(*given, **more):
        document_path(tmp_path, 0).write_bytes(b"PAR1")
        raise OSError("something")

    monkeypatch.setattr(module, "sanity_tables", damage)
    with pytest.raises(
        GradexplainError, match=r"cannot read .*00000000\.parquet .*: delete it and run the same command"
    ):
        run(tmp_path, progress=False)


@pytest.mark.parametrize("name", ["mean", ["mean"], ("mean",)])
def test_baselines_are_compared_in_python(name, capsys):
    explain = explainer("fasttext")
    result = explain.evaluate(TEXTS, methods=["loo", "signed_gi"], compare_baselines=name, progress=False)
    assert capsys.readouterr() == ("", "")
    assert list(result.baselines["baseline"].unique()) == ["zero", "mean"]
    assert len(explain.evaluate(TEXTS[:1], methods="loo", progress=False).baselines) == 0
    estimated = explain.evaluate(TEXTS, methods=["loo", "signed_gi"], compare_baselines=name, dry_run=True)
    assert [part.name for part in estimated.parts] == ["under mean"]


def test_an_unknown_baseline_is_refused_before_the_work():
    with pytest.raises(GradexplainError, match="unknown baseline 'noise'"):
        explainer("fasttext").evaluate(TEXTS, compare_baselines="noise", progress=False)
    with pytest.raises(GradexplainError, match=r"^compare_baselines='mask': the tokenizer has no mask token"):
        explainer("fasttext").evaluate(TEXTS, compare_baselines=["mask"], progress=False)

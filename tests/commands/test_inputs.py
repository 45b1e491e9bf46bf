"""The model and the texts of an evaluation."""

import re
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from hf_gradexplain.classifier.state import dtype_of
from hf_gradexplain.commands import inputs
from hf_gradexplain.commands.inputs import load_inputs
from hf_gradexplain.commands.recipe_arguments import EvaluateRecipeArguments
from hf_gradexplain.corpus.synthetic import make_corpus
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.run.fingerprints import weights_fingerprint
from hf_gradexplain.run.folder import document_path
from tests.helpers.tiny import make


@pytest.fixture(autouse=True)
def _quick_training(monkeypatch):
    monkeypatch.setattr(inputs, "STEPS", 3)
    monkeypatch.setattr(inputs, "make_corpus", partial(make_corpus, n_train=100, n_test=10))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a classifier of the classes ham and spam."""
    folder = tmp_path_factory.mktemp("saved")
    model, tokenizer = make("fasttext")
    model.config.id2label = dict(enumerate(("ham", "spam", "jam")[: model.config.num_labels]))
    for part in (model, tokenizer):
        part.save_pretrained(folder)
    return folder


def embedded(folder, seed):
    """Return the fingerprint of the model that an evaluation without arguments uses."""
    evaluated = load_inputs(EvaluateRecipeArguments(seed=seed, output_dir=str(folder)), folder)
    return weights_fingerprint(evaluated.engine.model)


def test_the_embedded_model_is_that_of_the_seed(tmp_path, monkeypatch):
    """Also where an earlier run trained one for another seed, and then left nothing else."""
    expected = embedded(tmp_path / "alone", 1)
    assert embedded(tmp_path / "shared", 0) != expected
    assert embedded(tmp_path / "shared", 1) == expected
    monkeypatch.setattr(inputs, "_train_fasttext", None)
    assert embedded(tmp_path / "shared", 1) == expected


def test_the_embedded_model_learns_the_classes(tmp_path, monkeypatch):
    monkeypatch.undo()  # with all steps
    monkeypatch.setattr(inputs, "make_corpus", partial(make_corpus, n_train=400, n_test=100))
    evaluated = load_inputs(EvaluateRecipeArguments(output_dir=str(tmp_path)), tmp_path)
    engine, texts = evaluated.engine, evaluated.texts
    with torch.no_grad():
        logits = engine.model(**engine.tokenizer(texts["text"][:], padding=True, return_tensors="pt")).logits
    assert (logits.argmax(1) == torch.tensor(texts["label"][:])).float().mean() > 0.9
    assert not engine.model.training


def test_processes_wait_until_the_model_is_trained_unless_there_is_only_one(tmp_path, monkeypatch):
    waits = []
    state = SimpleNamespace(is_main_process=True, wait_for_everyone=lambda: waits.append("waited"))
    monkeypatch.setattr(inputs, "process_state", lambda: state)
    arguments = EvaluateRecipeArguments(output_dir=str(tmp_path))
    load_inputs(arguments, tmp_path, one_process=True)
    assert waits == []
    load_inputs(arguments, tmp_path)
    assert waits == ["waited"]


def test_the_model_has_the_device_and_the_precision_that_were_asked_for(saved, tmp_path, monkeypatch):
    (tmp_path / "x.csv").write_text("text,label\na good film,ham\n")
    named = {"model_name_or_path": str(saved), "dataset_name": str(tmp_path / "x.csv")}
    for given in (named, {}):
        arguments = EvaluateRecipeArguments(device="cpu", dtype="bfloat16", output_dir=str(tmp_path), **given)
        model = load_inputs(arguments, tmp_path).engine.model
        assert (model.device.type, dtype_of(model)) == ("cpu", torch.bfloat16)
        monkeypatch.setattr(inputs, "device_of_process", lambda device: "meta" if device == "cuda" else None)
        with pytest.raises(GradexplainError, match="meta"):  # where no model can run
            load_inputs(replace(arguments, device="cuda"), tmp_path)
        monkeypatch.undo()


def test_the_model_of_finished_shards_stays(tmp_path):
    """The run with another seed is refused later, by the inputs of the folder."""
    before = embedded(tmp_path, 0)
    document_path(tmp_path, 0).parent.mkdir()
    document_path(tmp_path, 0).touch()
    assert embedded(tmp_path, 1) == before


def test_a_model_of_somebody_else_is_neither_taken_nor_replaced(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"mine")
    with pytest.raises(
        GradexplainError,
        match=r"model holds something other than the model of the generated corpus .* give another --output_dir",
    ):
        embedded(tmp_path, 0)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == b"mine"


@pytest.mark.parametrize("streaming", [False, True])
def test_texts_may_be_conversations(saved, tmp_path, streaming):
    chats = [[{"role": "user", "content": "a good film ?"}, {"role": "assistant", "content": word}] for word in "ab"]
    pd.DataFrame({"text": chats}).to_json(tmp_path / "chats.jsonl", orient="records", lines=True)
    arguments = EvaluateRecipeArguments(
        model_name_or_path=str(saved), file=str(tmp_path / "chats.jsonl"), target="predicted", streaming=streaming
    )
    loaded = [row["text"] for row in load_inputs(arguments, tmp_path).texts]
    assert [[(message["role"], message["content"]) for message in chat] for chat in loaded] == [
        [("user", "a good film ?"), ("assistant", word)] for word in "ab"
    ]


@pytest.mark.parametrize("content", ["{cut off", "[" * 10**6, ""])
def test_a_record_of_the_training_that_cannot_be_read_is_an_error_of_one_sentence(content, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "trained_from.json").write_text(content)
    with pytest.raises(
        GradexplainError, match=rf"^cannot read .* \(.*\): delete {tmp_path / 'model'} to train the mod"
    ):
        embedded(tmp_path, 0)


@pytest.mark.parametrize(
    ("labels", "expected", "note"),
    [
        (["spam", "ham"], [1, 0], ""),
        (None, None, ""),
        (
            ["sun", "ham"],
            None,
            "the label 'sun' of the dataset is no class of the model, which has 'ham', 'spam', 'jam'; to compare "
            "them, say which class each is with --label_map 'sun=CLASS'",
        ),
        (
            [None, "ham"],
            None,
            "1 of 2 values of 'label' are missing in split 'test' of 'FILE', first in row 0; fill or remove these rows",
        ),
        ([[0, 1], [1]], None, "the labels of the dataset are lists, .* text, but one class is explained"),
    ],
)
def test_labels_are_read_where_the_predicted_classes_are_explained(labels, expected, note, saved, tmp_path, capsys):
    columns, path = {"text": ["the film", "is good"], **({"label": labels} if labels else {})}, tmp_path / "t.parquet"
    pd.DataFrame(columns).to_parquet(path)
    arguments = EvaluateRecipeArguments(model_name_or_path=str(saved), file=str(path), target="predicted")
    evaluated = load_inputs(arguments, tmp_path)
    assert (evaluated.texts["label"][:] if "label" in evaluated.texts.column_names else None) == expected
    said = "".join(evaluated.notes)
    pattern = f"Predictions are not compared with labels: {note.replace('FILE', str(path))}." if note else ""
    assert re.fullmatch(pattern, said)
    assert capsys.readouterr().err.count("Predictions") == len(evaluated.notes)


@pytest.mark.parametrize("streaming", [False, True])
def test_labels_of_other_names_are_compared_with_predicted_classes(streaming, saved, tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"text": ["the film", "is good"], "label": ["sea", "ham"]}).to_parquet(path)
    given = {"model_name_or_path": str(saved), "file": str(path), "target": "predicted", "streaming": streaming}
    mapped = EvaluateRecipeArguments(**given, label_map="sea=spam")
    evaluated = load_inputs(mapped, tmp_path)
    assert [row["label"] for row in evaluated.texts] == [1, 0]
    with pytest.raises(GradexplainError, match="'sea' of the dataset is no class") as error:
        list(load_inputs(EvaluateRecipeArguments(**given, label_map="ham=ham"), tmp_path).texts)
    assert str(error.value).endswith("with --label_map 'sea=CLASS', or leave out --label_map")
    pd.DataFrame({"text": ["the film"]}).to_parquet(path)
    with pytest.raises(GradexplainError, match="label") as error:
        load_inputs(mapped, tmp_path)
    assert "--target predicted" not in str(error.value)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_stream_says_that_its_labels_are_not_compared(labelled, saved, tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"text": ["the film"], **({"label": ["ham"]} if labelled else {})}).to_parquet(path)
    given = {"model_name_or_path": str(saved), "file": str(path), "target": "predicted", "streaming": True}
    evaluated = load_inputs(EvaluateRecipeArguments(**given), tmp_path)
    assert list(evaluated.texts.features) == ["id", "text"]
    said = ("Predictions are not compared with labels: those of a stream are not read.",) if labelled else ()
    assert evaluated.notes == said


@pytest.mark.parametrize("problem_type", ["regression", "multi_label_classification"])
def test_labels_of_a_model_with_one_output_are_left_out(problem_type, tmp_path):
    model, tokenizer = make("fasttext", "regression")
    model.config.problem_type = problem_type
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    rated, plain = tmp_path / "rated.parquet", tmp_path / "plain.parquet"
    pd.DataFrame({"text": ["the film", "is good"], "label": [0, 4]}).to_parquet(rated)
    pd.DataFrame({"text": ["the film", "is good"]}).to_parquet(plain)

    def loaded(path, target):
        given = {"model_name_or_path": str(tmp_path / "model"), "file": str(path), "target": target}
        return load_inputs(EvaluateRecipeArguments(**given), tmp_path)

    for target in ("predicted", "LABEL_0"):
        evaluated = loaded(rated, target)
        assert evaluated.texts.column_names == ["id", "text"]
        assert evaluated.notes == ("Labels are left out: the model has one output and no classes.",)
        assert loaded(plain, target).notes == ()
    with pytest.raises(GradexplainError, match=r"^the model has one output, .*: give --target predicted$"):
        loaded(rated, "label")


def test_labels_that_are_no_classes_are_an_error_where_they_are_explained(saved, tmp_path):
    pd.DataFrame({"text": ["the film"], "label": ["sun"]}).to_parquet(tmp_path / "texts.parquet")
    arguments = EvaluateRecipeArguments(model_name_or_path=str(saved), file=str(tmp_path / "texts.parquet"))
    with pytest.raises(GradexplainError, match="sun"):
        load_inputs(arguments, tmp_path)


def test_a_stream_is_known_by_its_source(saved, tmp_path):
    path = tmp_path / "texts.parquet"
    pd.DataFrame({"sentence": ["the film", "good"], "label": ["ham", "jam"], "mask": [[0, 1], [1]]}).to_parquet(path)
    given = {
        "model_name_or_path": str(saved), "dataset_name": str(path), "split": "train", "max_samples": 7,
        "text_column": "sentence", "rationale_mask_column": "mask", "label_map": "ham=spam,jam=ham",
    }  # fmt: skip
    evaluated = load_inputs(EvaluateRecipeArguments(streaming=True, **given), tmp_path)
    assert evaluated.source == {
        "texts": "streamed",
        "dataset_name": "texts.parquet",
        "dataset_config_name": None,
        "dataset_revision": None,
        "split": "train",
        "text_column": "sentence",
        "label_column": "label",
        "label_map": "ham=spam,jam=ham",
        "rationale_column": None,
        "rationale_mask_column": "mask",
        "max_samples": 7,
    }
    assert load_inputs(EvaluateRecipeArguments(**given), tmp_path).source == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_samples": 1}, "a sample"),
        ({"max_samples": 2}, ""),
        ({"max_samples": 3}, ""),
        ({"max_samples": 1, "split": "train[1:]"}, ""),
        ({}, ""),
        ({"max_samples": 1, "streaming": True}, "the first ones"),
        ({"streaming": True}, ""),
    ],
)
def test_the_texts_are_all_of_the_dataset_or_a_part_of_it(given, said, saved, tmp_path):
    pd.DataFrame({"text": ["the film", "good"], "label": ["ham", "jam"]}).to_parquet(tmp_path / "texts.parquet")
    named = {"model_name_or_path": str(saved), "file": str(tmp_path / "texts.parquet"), "split": "train"}
    assert load_inputs(EvaluateRecipeArguments(**{**named, **given}), tmp_path).sample == said


@pytest.mark.parametrize(("max_samples", "said"), [(None, ""), (2, "a sample"), (10, ""), (11, "")])
def test_the_generated_corpus_may_be_sampled(max_samples, said, tmp_path):
    evaluated = load_inputs(EvaluateRecipeArguments(max_samples=max_samples), tmp_path)
    assert (evaluated.sample, len(evaluated.texts)) == (said, min(max_samples or 10, 10))

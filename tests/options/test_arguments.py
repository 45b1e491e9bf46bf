"""Defaults as the documentation states them, and the first and last values that are allowed."""

import json
import re
from dataclasses import MISSING, fields
from math import inf, nan
from pathlib import Path

import pytest

from hf_gradexplain.commands.recipe_arguments import (
    EvaluateRecipeArguments,
    ExplainRecipeArguments,
    TrainRecipeArguments,
)
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import Options
from hf_gradexplain.options.arguments import (
    AuditArguments,
    DatasetArguments,
    HubArguments,
    LoadArguments,
    MeasureArguments,
    ModelArguments,
    SplitArguments,
    ZeroShotArguments,
    load_options,
)
from hf_gradexplain.options.words import InsertionTest
from hf_gradexplain.training.arguments import FitArguments, TrainArguments

PAGE = Path(__file__).parents[2] / "docs" / "options.md"


def written(default):
    """A default as the page writes it."""
    if default in (None, (), MISSING):
        return ""
    values = default if isinstance(default, tuple) else (default,)
    return " ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in values)


@pytest.mark.parametrize(
    "group",
    [Options, LoadArguments, SplitArguments, ZeroShotArguments, MeasureArguments, AuditArguments, HubArguments],
)
def test_defaults_are_those_of_the_documentation(group):
    documented = dict(re.findall(r"^\| `(\w+)` \| (.*?) ?\| ", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert {part.name: written(part.default) for part in fields(group)} == {
        part.name: documented[part.name] for part in fields(group)
    }


def defaults(group, without):
    names = {part.name for parent in without for part in fields(parent)}
    return {part.name: part.default for part in fields(group) if part.name not in names}


def test_defaults_of_recipes():
    assert defaults(ExplainRecipeArguments, [Options, LoadArguments, DatasetArguments]) == {
        "file": None,
        "split": "test",
        "max_samples": 20,
        "label_map": None,
        "texts": (),
        "output_dir": "outputs/explain",
    }
    parents = [Options, LoadArguments, SplitArguments, MeasureArguments, AuditArguments, HubArguments]
    assert defaults(EvaluateRecipeArguments, parents) == {
        "hub_dataset_id": None,
        "publish_text": False,
        "preset": None,
        "output_dir": "outputs/evaluate",
        "streaming": False,
        "threads": 1,
        "dry_run": False,
    }
    assert defaults(TrainArguments, [ModelArguments, DatasetArguments]) == {
        "seed": 0,
        "learning_rate": None,
        "num_train_epochs": 3.0,
        "per_device_train_batch_size": 32,
        "per_device_eval_batch_size": 64,
        "weight_decay": 0.0,
        "label_smoothing_factor": 0.0,
        "max_length": None,
        "masked_fine_tuning": False,
        "masking_baseline": None,
        "output_dir": MISSING,
        "task": "classifier",
        "model_type": None,
        "config_overrides": None,
        "vocab_size": 30_000,
        "min_count": 2,
        "lowercase": True,
        "word_vectors": None,
        "train_split": "train",
        "eval_split": "test",
        "max_train_samples": None,
        "max_eval_samples": None,
    }
    of_card = defaults(TrainRecipeArguments, [TrainArguments, HubArguments])
    assert {name: value for name, value in of_card.items() if name != "example_text"} == {
        "faithfulness_samples": 500,
        "license": None,
        "dataset_source": None,
        "data_examples": 0,
        "hub_model_id": None,
        "remote_code": False,
    }
    assert defaults(InsertionTest, []) == {
        "n_texts": 200,
        "n_controls": 20,
        "most": 300,
        "min_documents": 3,
        "level": 0.05,
        "margin": 0.03,
    }


def evaluate(**values):
    return EvaluateRecipeArguments(**values)


def explain(**values):
    return ExplainRecipeArguments(model_name_or_path="m", **({"texts": ("a",)} | values))


def train(**values):
    return TrainRecipeArguments(dataset_name="d", output_dir="o", model_type="fasttext", **values)


@pytest.mark.parametrize(
    ("group", "name", "allowed", "refused"),
    [
        (Options, "seed", 0, -1),
        (Options, "stride", 0, -1),
        (Options, "batch_tokens", 1, 0),
        (Options, "steps", 1, 0),
        (Options, "max_evals", 1, 0),
        (Options, "max_error", 0, -0.01),
        (Options, "max_error", 0.99, 1),
        (Options, "tell_apart", 1, 0),
        (Options, "occlusion_window", 1, 0),
        (Options, "self_check_share", 0.01, 0),
        (Options, "self_check_share", 0.99, 1),
        (MeasureArguments, "max_k", 0, -1),
        (AuditArguments, "hybrid_documents", 0, -1),
        (AuditArguments, "sanity_samples", 1, 0),
        (evaluate, "threads", 1, 0),
        (evaluate, "max_k", 0, -1),
        (evaluate, "stride", 0, -1),
        (evaluate, "sanity_samples", 1, 0),
        (explain, "stride", 0, -1),
        (train, "faithfulness_samples", 0, -1),
        (train, "data_examples", 0, -1),
        (FitArguments, "seed", 0, -1),
        (FitArguments, "seed", 4294967295, 4294967296),
        (FitArguments, "learning_rate", 1e-300, 0.0),
        (FitArguments, "learning_rate", 1e300, inf),
        (FitArguments, "learning_rate", 1.0, nan),
        (FitArguments, "num_train_epochs", 0.1, 0.0),
        (FitArguments, "num_train_epochs", 1e300, inf),
        (FitArguments, "per_device_train_batch_size", 1, 0),
        (FitArguments, "per_device_eval_batch_size", 1, 0),
        (FitArguments, "weight_decay", 0, -0.01),
        (FitArguments, "weight_decay", 1e300, inf),
        (FitArguments, "label_smoothing_factor", 0, -0.01),
        (FitArguments, "label_smoothing_factor", 0.99, 1),
        (FitArguments, "max_length", 1, 0),
        (train, "min_count", 1, 0),
        (train, "max_train_samples", 1, 0),
        (train, "max_eval_samples", 1, 0),
        (train, "seed", 0, -1),
        (InsertionTest, "n_texts", 1, 0),
        (InsertionTest, "n_controls", 10, 9),
        (InsertionTest, "most", 1, 0),
        (InsertionTest, "min_documents", 1, 0),
        (InsertionTest, "level", 0.01, 0),
        (InsertionTest, "level", 0.99, 1),
        (InsertionTest, "margin", 0, -0.01),
        (InsertionTest, "margin", 0.99, 1),
    ],
)
def test_the_first_value_beyond_the_border_is_refused(group, name, allowed, refused):
    assert getattr(group(**{name: allowed}), name) == allowed
    with pytest.raises(GradexplainError, match=rf"^{name} must be .* but is {refused}\b"):
        group(**{name: refused})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": -1}, "seed must be a whole number from 0 to 4294967295, but is -1"),
        ({"learning_rate": 0.0}, "learning_rate must be a finite number larger than 0, but is 0.0"),
        ({"num_train_epochs": -1.0}, "num_train_epochs must be a finite number of passes, larger than 0, but is -1.0"),
        ({"weight_decay": -1.0}, "weight_decay must be a finite number, 0 or larger, but is -1.0"),
        (
            {"label_smoothing_factor": 3.0},
            "label_smoothing_factor must be a share, 0 or larger and below 1, but is 3.0",
        ),
        ({"max_length": -5}, "max_length must be a number of tokens, 1 or larger, but is -5"),
        ({"min_count": -3}, "min_count must be a number of occurrences, 1 or larger, but is -3"),
        ({"max_train_samples": 0}, "max_train_samples must be a number of texts, 1 or larger, but is 0"),
        ({"seed": 0.5}, "seed must be a whole number, but is 0.5"),
    ],
)
def test_a_training_says_what_a_number_must_be(values, message):
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        train(**values)


@pytest.mark.parametrize(
    ("make", "values", "message"),
    [
        (Options, {"pool": "max"}, "pool='max' pools windows: give their overlap"),
        (
            ZeroShotArguments,
            {"multi_label": True},
            "multi_label is for zero-shot classification: give candidate_labels",
        ),
        (ZeroShotArguments, {"hypothesis_template": "{}"}, "hypothesis_template is for zero-shot classification"),
        (AuditArguments, {"rationale_column": "a", "rationale_mask_column": "b"}, "give either rationale_column"),
        (SplitArguments, {"file": "/"}, "/ is a folder: give it as --dataset_name"),
        (SplitArguments, {"file": "x", "dataset_name": "d"}, "give either --file or --dataset_name"),
        (MeasureArguments, {"ties": "firs"}, "unknown ties 'firs'"),
        (evaluate, {"rationale_column": "a"}, "rationale_column and rationale_mask_column need a --dataset_name"),
        (evaluate, {"rationale_mask_column": "a"}, "rationale_column and rationale_mask_column need a --dataset_name"),
        (
            evaluate,
            {"label_map": "a=b", "target": "predicted"},
            "label_map needs a --dataset_name or a --file with labels",
        ),
        (evaluate, {"hub_dataset_id": "a/b"}, "hub_dataset_id and publish_text need push_to_hub"),
        (evaluate, {"publish_text": True}, "hub_dataset_id and publish_text need push_to_hub"),
        (evaluate, {"self_check": True}, "leave out self_check and self_check_share"),
        (evaluate, {"self_check_share": 0.5}, "leave out self_check and self_check_share"),
        (evaluate, {"target": ("a", "b")}, "."),
        (train, {"hub_model_id": "a/b"}, "hub_model_id needs push_to_hub"),
        (train, {"model_name_or_path": "m"}, "give either model_type, to train from scratch, or model_name_or_path"),
        (train, {"masking_baseline": "mean"}, "masking_baseline says how masked_fine_tuning masks words"),
        (train, {"task": "reward", "text_column": "a"}, "task 'reward' needs two columns of texts, .* is 'a'"),
    ],
)
def test_arguments_that_contradict_each_other(make, values, message):
    with pytest.raises(GradexplainError, match=f"^{message}"):
        make(**values)


def fine_tune(**values):
    return TrainRecipeArguments(dataset_name="d", output_dir="o", model_name_or_path="m", **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"config_overrides": "a=1"}, "config_overrides needs model_type: it is for new models$"),
        ({"word_vectors": "f"}, "word_vectors needs model_type: it is for new models$"),
        ({"vocab_size": 5}, "vocab_size needs model_type: it is for new models$"),
        ({"min_count": 1}, "min_count needs model_type: it is for new models$"),
        ({"lowercase": False}, "lowercase needs model_type: it is for new models$"),
        ({"remote_code": True}, "remote_code saves the code of fasttext, textcnn and bilstm, so it needs model_type"),
    ],
)
def test_arguments_of_new_models_are_refused_for_others(values, message):
    with pytest.raises(GradexplainError, match=f"^{message}"):
        fine_tune(**values)


@pytest.mark.parametrize("values", [{"model_revision": "v1"}, {"trust_remote_code": True}, {"allow_pickle": True}])
def test_arguments_of_pretrained_models_are_refused_for_new_ones(values):
    (name,) = values
    with pytest.raises(GradexplainError, match=f"^{name} needs model_name_or_path: it is for fine-tuning$"):
        train(**values)
    assert getattr(fine_tune(**values), name) == values[name]


def test_the_defaults_of_the_other_kind_of_model_are_accepted():
    fine_tune(vocab_size=30_000, min_count=2, lowercase=True, config_overrides=None, word_vectors=None)
    train(model_revision=None, trust_remote_code=False, allow_pickle=False)


def test_values_that_follow_from_others():
    assert (fine_tune().learning_rate, train().learning_rate) == (2e-5, 1e-3)
    assert (FitArguments().learning_rate, FitArguments(learning_rate=0.5).learning_rate) == (1e-3, 0.5)
    assert train(learning_rate=0.5).learning_rate == 0.5
    assert fine_tune(learning_rate=1.0).learning_rate == 1.0
    assert train(task="reward").text_column == "chosen,rejected"
    assert train(task="reranker").text_column == "query,document"
    assert train(task="reward", text_column="a,b").text_column == "a,b"
    assert Options(self_check_share=0.2).self_check is True
    assert Options(self_check_share=0.2, self_check=False).self_check is False
    assert Options(methods="loo", explain_roles="user").methods == ("loo",)
    assert Options(methods="loo", explain_roles="user").explain_roles == ("user",)
    assert (SplitArguments(file=__file__).dataset_name, SplitArguments(file=__file__).file) == (__file__, None)
    assert ZeroShotArguments(candidate_labels=("a",), multi_label=True).multi_label
    assert evaluate(push_to_hub=True, hub_dataset_id="a/b", publish_text=True).publish_text


def test_how_a_model_is_loaded():
    usual = {"revision": None, "device": None, "dtype": "float32", "trust_remote_code": False, "allow_pickle": False}
    assert load_options(LoadArguments()) == usual
    given = {"device": "cuda:1", "dtype": "auto", "trust_remote_code": True, "allow_pickle": True}
    assert load_options(LoadArguments(model_revision="v1", **given)) == {"revision": "v1", **given}


@pytest.mark.parametrize("recipe", [ExplainRecipeArguments, EvaluateRecipeArguments])
def test_an_unknown_dtype_is_refused(recipe):
    with pytest.raises(GradexplainError, match=r"unknown dtype 'fp16': .*auto, bfloat16, float16, float32"):
        recipe(model_name_or_path="m", file=__file__, dtype="fp16")

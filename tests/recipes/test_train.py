"""The training recipe and its shipped configurations, run from the command line."""

import json
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value
from transformers import AutoConfig, AutoModelForSequenceClassification

from hf_gradexplain.commands.parsing import parse_arguments
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.training.start import new_model
from hf_gradexplain.training.task import infer_task
from tests.helpers import forked

RECIPES = Path(__file__).parents[2] / "recipes"
CONFIGS = sorted((RECIPES / "configs").glob("train_*.yaml"))


def run(*argv):
    return forked.run(RECIPES / "train.py", *argv)


@pytest.fixture
def data(tmp_path):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["World", "Sports"])})
    rows = Dataset.from_dict({"text": ["war and peace", "a ball game"] * 20, "label": [0, 1] * 20}, features)
    for split in ("train", "test"):
        rows.to_parquet(tmp_path / "data" / f"{split}.parquet")
    return tmp_path / "data"


@pytest.mark.slow
def test_a_shipped_configuration_trains_on_a_local_folder(tmp_path, data):
    config, output = RECIPES / "configs" / "train_ag_news_fasttext.yaml", tmp_path / "model"
    done = run(config, "--dataset_name", data, "--output_dir", output, "--max_train_samples", 30)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"accuracy": 1.0, "macro_f1": 1.0}
    assert "100%" in done.stderr, "there is a progress bar"
    assert AutoModelForSequenceClassification.from_pretrained(output).config.id2label == {0: "World", 1: "Sports"}
    assert "trained from scratch on 30 rows" in (output / "README.md").read_text(encoding="utf-8")


def test_a_misspelt_key_is_one_sentence(tmp_path, data):
    config = tmp_path / "wrong.yaml"
    config.write_text(f"dataset_name: {data}\noutput_dir: {tmp_path}/out\nmodel_typ: fasttext\n", encoding="utf-8")
    wrong_key = run(config)
    assert (wrong_key.returncode, wrong_key.stderr.count("\n")) == (2, 1)
    assert "did you mean 'model_type'?" in wrong_key.stderr


@pytest.mark.slow
def test_an_unknown_split_is_one_sentence(tmp_path, data):
    no_split = run("--model_type", "fasttext", "--dataset_name", data, "--output_dir", tmp_path, "--eval_split", "dev")
    assert no_split.returncode == 1
    assert no_split.stderr.splitlines()[-1].startswith(f"error: dataset '{data}': unknown split 'dev'; choices: ")
    assert no_split.stdout == ""


def test_there_is_a_configuration_per_model_and_dataset():
    models = ("fasttext", "textcnn", "bilstm", "minilm")
    names = {f"train_{data}_{model}" for data in ("ag_news", "imdb") for model in models}
    further = {"train_imdb_bilstm_last", "train_imdb_bilstm_mean", "train_ag_news_small_transformer"}
    assert names | further == {path.stem for path in CONFIGS}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_describe_a_model(config, data):
    arguments = parse_arguments(TrainRecipeArguments, [str(config)])
    corpus = arguments.dataset_name.split("/")[1]
    model = config.stem.removeprefix(f"train_{corpus}_")
    assert arguments.output_dir == f"outputs/{model}-{corpus}"
    if arguments.model_type is None:
        started_from = {"minilm": "sentence-transformers/all-MiniLM-L6-v2", "small_transformer": "outputs/untrained"}
        assert arguments.model_name_or_path == started_from[model]
        return
    model_type, _, pooling = model.partition("_")
    assert arguments.model_type == model_type
    rows = Dataset.from_parquet(str(data / "train.parquet"))
    model, tokenizer = new_model(arguments, infer_task(rows), rows)
    assert type(model.config) is type(AutoConfig.for_model(model_type))
    assert not pooling or model.config.pooling == pooling
    assert tokenizer.model_max_length >= (arguments.max_length or 10**9)

"""Training and fine-tuning, from tiny data to a folder."""

import errno
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from huggingface_hub import ModelCard
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BartConfig,
    BartForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    pipeline,
)

from hf_gradexplain.commands import train as job
from hf_gradexplain.commands.recipe_arguments import TrainRecipeArguments
from hf_gradexplain.commands.train import run_training
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.hub.push import Destination
from hf_gradexplain.models import bilstm, train_word_tokenizer
from hf_gradexplain.training.arguments import TrainArguments
from tests.helpers.tiny import make

GOOD, BAD = ["good", "fine", "great"], ["bad", "poor", "awful"]
TEXTS = [f"the film is {word} {again}" for pair in zip(GOOD, BAD, strict=True) for again in "ab" for word in pair]
LABELS = [0, 1] * 6
FEATURES = Features({"text": Value("string"), "label": ClassLabel(names=["pos", "neg"])})
BARE = {"faithfulness_samples": 0, "example_text": ""}
WORKING = {"learning_rate": 0.05, "num_train_epochs": 10, "per_device_train_batch_size": 4, "min_count": 1}


@pytest.fixture
def data(tmp_path):
    rows = Dataset.from_dict({"text": TEXTS, "label": LABELS}, FEATURES)
    for split in ("train", "test"):
        rows.to_parquet(tmp_path / "reviews" / f"{split}.parquet")
    return str(tmp_path / "reviews")


@pytest.fixture
def arguments(data, tmp_path):
    def make(**more):
        return TrainRecipeArguments(**{"dataset_name": data, "output_dir": str(tmp_path / "model"), **BARE, **more})

    return make


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"push_to_hub": True}, ("my-model", "model", {"private": True})),
        ({"push_to_hub": True, "hub_model_id": "a/b"}, ("a/b", "model", {"private": True})),
        ({"push_to_hub": True, "hub_private_repo": False}, ("my-model", "model", {"private": False})),
    ],
)
def test_the_destination_is_named_after_the_folder(monkeypatch, tmp_path, given, expected):
    monkeypatch.setattr(job, "check_destination", lambda *names, **more: (*names, more))
    (tmp_path / "my-model").mkdir()
    monkeypatch.chdir(tmp_path / "my-model")
    arguments = TrainRecipeArguments(dataset_name="d", output_dir=".", model_type="fasttext", **given)
    assert job._destination(arguments) == expected


@pytest.mark.parametrize(("private", "flag"), [(True, " --private"), (False, "")])
def test_a_push_has_all_files_and_its_failure_says_that_the_model_is_kept(monkeypatch, capsys, private, flag):
    pushed, destination = [], Destination("me/m", "model", private)
    card = SimpleNamespace(title="FastText", corpus=SimpleNamespace(name="reviews"))

    def push(*names, **more):
        pushed.append((*names, more))
        return SimpleNamespace(url="https://hub/me/m")

    monkeypatch.setattr(job, "push", push)
    job._push(card, Path("folder"), ["a", "b"], destination)
    files = {"a": Path("folder/a"), "b": Path("folder/b")}
    message = {"message": "FastText, trained on reviews", "replaces": job.STALE}
    assert pushed == [(destination, files, message)]
    assert capsys.readouterr() == ("", "Pushed: https://hub/me/m\n")

    def fail(*names, **more):
        raise GradexplainError("no way")

    monkeypatch.setattr(job, "push", fail)
    with pytest.raises(GradexplainError, match=f"^no way. Nothing is lost: .* `hf upload me/m folder{flag}` pushes it"):
        job._push(card, Path("folder"), ["a"], destination)


@pytest.mark.parametrize("step", ["check_no_foreign_files", "save_model", "write_card"])
def test_a_full_disk_is_named_with_the_folder_and_an_error_of_the_training_is_not(arguments, monkeypatch, step):
    def fail(code):
        def raise_error(*args, **more):
            raise OSError(code, os.strerror(code))

        return raise_error

    given = arguments(model_type="fasttext", min_count=1, num_train_epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(job, step, fail(errno.ENOSPC))
        message = f"cannot write to {given.output_dir} (No space left on device): make room or make it writable"
        with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
            run_training(given)
    monkeypatch.setattr(job, "train", fail(errno.EISDIR))
    with pytest.raises(OSError, match=r"^\[Errno 21\] Is a directory$"):
        run_training(given)


@pytest.mark.parametrize(
    ("model_type", "overrides"),
    [
        ("fasttext", "hidden_size=8"),
        ("textcnn", "hidden_size=8, num_filters=4, classifier_dropout=0.1"),
        ("bilstm", "hidden_size=8,lstm_size=4,pooling=last,classifier_dropout=0"),
    ],
)
def test_it_learns_and_leaves_a_whole_folder(arguments, tmp_path, model_type, overrides):
    metrics = run_training(arguments(model_type=model_type, config_overrides=overrides, **WORKING))
    assert metrics == {"accuracy": 1.0, "macro_f1": 1.0}
    files = {path.name for path in (tmp_path / "model").iterdir()}
    assert files == {
        "README.md",
        "card.json",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
    assert (model.config.model_type, model.config.hidden_size) == (model_type, 8)
    assert model.config.problem_type == "single_label_classification"
    assert not model.training
    classify = pipeline("text-classification", model=str(tmp_path / "model"), device="cpu")
    assert [answer["label"] for answer in classify(["the film is great a", "the film is poor b"])] == ["pos", "neg"]


def test_the_same_seed_gives_the_same_model(arguments, tmp_path):
    weights = []
    for seed in (0, 0, 1):
        run_training(arguments(model_type="fasttext", config_overrides="word_dropout=0.3", seed=seed, **WORKING))
        weights.append((tmp_path / "model" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_the_tokenizer_sees_the_training_texts_only_and_as_asked(arguments, data, tmp_path):
    Dataset.from_dict({"text": ["Unseen words"], "label": [0]}, FEATURES).to_parquet(f"{data}/test.parquet")
    run_training(arguments(model_type="fasttext", min_count=2, vocab_size=9, max_length=3, num_train_epochs=1))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert len(tokenizer) == 9
    assert tokenizer("the unseen Film")["input_ids"][1] == tokenizer.unk_token_id
    assert tokenizer.unk_token_id not in tokenizer("The film")["input_ids"]
    assert tokenizer.model_max_length == 3


def test_texts_are_cut_at_max_length(arguments):
    """After two tokens all texts read `the film`, and nothing can be learnt."""
    metrics = run_training(arguments(model_type="fasttext", max_length=2, **WORKING))
    assert metrics["accuracy"] == 0.5


def test_an_evaluation_of_a_fine_tuned_model_reads_as_many_tokens_as_its_training(arguments, tmp_path):
    """A BERT of 64 positions reads 10 tokens, of which two are special tokens."""
    for part in make("bert"):
        part.save_pretrained(tmp_path / "base")
    run_training(arguments(model_name_or_path=str(tmp_path / "base"), max_length=10, num_train_epochs=1))
    explain, seen = Explainer.from_pretrained(str(tmp_path / "model")), []
    explain.model.register_forward_pre_hook(
        lambda model, args, inputs: seen.append(inputs["input_ids"].shape[1]), with_kwargs=True
    )
    result = explain.evaluate(["the film is good " * 10], ("random", "signed_gi"), "token")
    assert set(seen) == {10}
    (document,) = result.explanations
    assert len(document.units) == 8
    assert "It reads only the first 10 tokens of a text." in (tmp_path / "model" / "README.md").read_text("utf-8")


def test_max_length_is_at_most_what_the_model_reads(arguments, tmp_path):
    """Otherwise a pipeline would give the saved model more tokens than it has positions."""
    for part in make("bert"):
        part.save_pretrained(tmp_path / "base")
    with pytest.raises(GradexplainError, match=r"^max_length is 65, but .* reads at most 64 tokens: give 64 or less$"):
        run_training(arguments(model_name_or_path=str(tmp_path / "base"), max_length=65))
    run_training(
        arguments(model_name_or_path=str(tmp_path / "base"), max_length=64, max_train_samples=4, num_train_epochs=1)
    )
    classify = pipeline("text-classification", model=str(tmp_path / "model"))
    assert classify("the film is good " * 40, truncation=True)[0]["score"] > 0


def test_samples_are_drawn_and_counted(arguments, tmp_path):
    run_training(arguments(model_type="fasttext", max_train_samples=7, max_eval_samples=5, min_count=1))
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "trained from scratch on 7 rows" in card
    assert "On 5 texts" in card


def test_word_vectors_are_where_training_starts(arguments, tmp_path):
    file = tmp_path / "vectors.txt"
    file.write_text("good 1 2 3\nabsent 4 5 6\n", encoding="utf-8")
    still = {"num_train_epochs": 1, "learning_rate": 1e-30, "min_count": 1}
    run_training(arguments(model_type="fasttext", word_vectors=str(file), **still))
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
    good, bad, pad = AutoTokenizer.from_pretrained(tmp_path / "model").convert_tokens_to_ids(["good", "bad", "[PAD]"])
    weight = model.get_input_embeddings().weight
    assert weight[good].tolist() == [1, 2, 3]
    assert weight[bad].abs().min() > 1e-6
    assert weight[pad].tolist() == [0, 0, 0]
    with pytest.raises(GradexplainError, match="vectors of 3 dimensions, but config_overrides sets hidden_size=4"):
        run_training(
            arguments(model_type="fasttext", word_vectors=str(file), config_overrides="hidden_size=4", **still)
        )


@pytest.mark.parametrize("architecture", ["bert", pytest.param("bart", marks=pytest.mark.slow)])
def test_any_model_is_fine_tuned_by_name(arguments, tmp_path, architecture):
    """As a pretrained model comes, with a head for other classes; bart answers with more than logits."""
    tokenizer = train_word_tokenizer(TEXTS, vocab_size=50, max_length=16)
    small = {"vocab_size": len(tokenizer), "max_position_embeddings": 16, "num_labels": 5}
    if architecture == "bert":
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        base = BertForSequenceClassification(
            BertConfig(initializer_range=0.3, hidden_dropout_prob=0.0, **sizes, **small)
        )
    else:
        sizes = {f"{side}_{size}": 1 for side in ("encoder", "decoder") for size in ("layers", "attention_heads")}
        ids = {"pad_token_id": 0, "eos_token_id": tokenizer.convert_tokens_to_ids("the"), "decoder_start_token_id": 2}
        base = BartForSequenceClassification(BartConfig(d_model=16, init_std=0.3, **sizes, **ids, **small))
    base.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    pace = {"learning_rate": 1e-2, "num_train_epochs": 30, "per_device_train_batch_size": 4}
    metrics = run_training(arguments(model_name_or_path=str(tmp_path / "base"), **pace))
    assert metrics["accuracy"] == 1.0
    tuned = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
    assert (tuned.config.model_type, tuned.config.id2label) == (architecture, {0: "pos", 1: "neg"})
    card = ModelCard.load(tmp_path / "model" / "README.md")
    assert "fine-tuned from base on 12 rows" in card.text
    assert "import hf_gradexplain " not in card.text
    assert str(tmp_path) not in card.content


def test_a_reward_model_and_a_reranker_are_trained_from_pairs(arguments, tmp_path):
    good, bad = TEXTS[::2], TEXTS[1::2]
    tables = {
        "reward": {"chosen": good, "rejected": bad},
        "reranker": {"query": ["good"] * 12, "document": TEXTS, "label": [1, 0] * 6},
    }
    told = {
        "reward": ({"pair_accuracy": 1.0}, "A reward model (fasttext", "- **Columns:** chosen,rejected\n"),
        "reranker": (
            {"accuracy": 1.0, "average_precision": 1.0},
            "A reranker (fasttext",
            "- **Columns:** query,document → label\n",
        ),
    }
    for task, table in tables.items():
        for split in ("train", "test"):
            Dataset.from_dict(table).to_parquet(tmp_path / task / f"{split}.parquet")
        told_metrics, title, columns = told[task]
        more = {"task": task, "dataset_name": str(tmp_path / task), "model_type": "fasttext", "faithfulness_samples": 2}
        more["example_text"] = "the film is good"
        assert run_training(arguments(config_overrides="hidden_size=8", **more, **WORKING)) == told_metrics
        model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
        assert model.config.num_labels == 1
        card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
        assert title in card
        assert columns in card
        assert "measured on 2 texts" in card
        assert ("only the difference between the rewards of two texts has a meaning" in card) == (task == "reward")
        examples = json.loads((tmp_path / "model" / "card.json").read_text(encoding="utf-8"))["examples"]
        assert [example["text"] for example in examples] == ["the film is good"] * (task == "reward")


def test_explanations_are_not_measured_on_conversations(arguments, tmp_path):
    table = {
        side: [[{"role": "user", "content": text}] for text in texts]
        for side, texts in (("chosen", TEXTS[::2]), ("rejected", TEXTS[1::2]))
    }
    for split in ("train", "test"):
        Dataset.from_dict(table).to_parquet(tmp_path / "pairs" / f"{split}.parquet")
    model, tokenizer = make("bert", "regression")
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    base, data = str(tmp_path / "base"), str(tmp_path / "pairs")
    run_training(arguments(task="reward", dataset_name=data, model_name_or_path=base, faithfulness_samples=2))
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "Not measured: the texts are conversations." in card


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "either model_type, to train from scratch, or model_name_or_path"),
        ({"model_type": "fasttext", "model_name_or_path": "x"}, "either model_type"),
        ({"model_name_or_path": "x", "config_overrides": "a=1"}, "needs model_type"),
        ({"model_name_or_path": "no/such/folder"}, "cannot fine-tune 'no/such/folder'"),
        ({"model_type": "fasttext", "config_overrides": "hiden_size=4"}, "did you mean 'hidden_size'?"),
        (
            {"model_type": "fasttext", "config_overrides": "vocab_size=4"},
            "unknown name in config_overrides 'vocab_size'",
        ),
        ({"model_type": "fasttext", "config_overrides": "hidden_size"}, "'hidden_size' has no value"),
        ({"model_type": "fasttext", "config_overrides": "hidden_size=wide"}, "config_overrides: .*hidden_size.*wide"),
        ({"model_type": "fasttext", "min_count": 99}, "no word occurs 99 times"),
        ({"model_type": "fasttext", "label_column": "labels"}, "unknown label_column 'labels'"),
        ({"model_type": "fasttext", "eval_split": "train[:50%]"}, "split 'train' of .* .* 6 of its rows for both"),
        ({"model_type": "fasttext", "task": "reward"}, "unknown text_column 'chosen'; choices: .*set text_column"),
    ],
)
def test_contradictions_and_what_cannot_be_had_are_refused(arguments, tmp_path, more, message):
    with pytest.raises(GradexplainError, match=message) as caught:
        run_training(arguments(**more))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()


def test_a_file_of_the_user_is_not_overwritten(arguments, tmp_path):
    """The folder is checked before the data is loaded."""
    readme = tmp_path / "model" / "README.md"
    readme.parent.mkdir()
    readme.write_text("mine")
    message = f"{readme} is not from an earlier training and would be overwritten: give another --output_dir"
    with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
        run_training(arguments(model_type="fasttext", dataset_name="no/data"))
    assert readme.read_text() == "mine"


def test_fine_tuning_starts_slower_than_training():
    assert TrainArguments(dataset_name="d", output_dir="o", model_name_or_path="m").learning_rate == 2e-5
    assert (
        TrainArguments(dataset_name="d", output_dir="o", model_name_or_path="m", learning_rate=1.0).learning_rate == 1
    )


def test_the_card_says_how_far_explanations_can_be_trusted(arguments, tmp_path):
    pair = {"faithfulness_samples": 5, "example_text": "the film is good", "data_examples": 2}
    run_training(arguments(model_type="fasttext", config_overrides="hidden_size=8", **WORKING, **pair))
    card = ModelCard.load(tmp_path / "model" / "README.md")
    assert "measured on 5 texts of the split test" in card.text
    assert "![AOPC of every method](aopc.png)" in card.text
    assert (tmp_path / "model" / "aopc.png").read_bytes().startswith(b"\x89PNG")
    assert [entry["text"] for entry in card.data.widget] == TEXTS[:2]
    assert [line for line in card.text.splitlines() if line.startswith("> ")] == [
        f"> {text}" for text in ("the film is good", *TEXTS[:2])
    ]


def test_a_model_that_cannot_be_explained_is_saved_and_its_card_says_so(arguments, tmp_path, monkeypatch):
    def refuse(model, tokenizer):
        raise GradexplainError("its words cannot be found")

    monkeypatch.setattr(job, "Explainer", refuse)
    run_training(arguments(model_type="fasttext", min_count=1, num_train_epochs=1, faithfulness_samples=5))
    assert (tmp_path / "model" / "model.safetensors").exists()
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "Not measured: the model cannot be explained (its words cannot be found)." in card


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"model_type": "fasttext", "faithfulness_samples": -1},
            "faithfulness_samples must be a number of texts, 0 or larger, but is -1",
        ),
        (
            {"model_name_or_path": "x", "remote_code": True},
            "remote_code saves the code of fasttext, textcnn and bilstm",
        ),
        ({"model_type": "fasttext", "hub_model_id": "me/x"}, "hub_model_id needs push_to_hub"),
    ],
)
def test_what_is_said_and_pushed_cannot_contradict_itself(arguments, more, message):
    with pytest.raises(GradexplainError, match=message):
        arguments(**more)


def test_remote_code_lies_beside_the_weights(arguments, tmp_path):
    run_training(arguments(model_type="bilstm", min_count=1, num_train_epochs=1, remote_code=True))
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["auto_map"]["AutoModelForSequenceClassification"] == "modeling_bilstm.BiLSTMForSequenceClassification"
    source = Path(bilstm.__file__).parent
    for name in ("configuration_bilstm.py", "modeling_bilstm.py"):
        assert (tmp_path / "model" / name).read_text() == (source / name).read_text()


def test_a_saved_folder_holds_no_token(arguments, tmp_path, monkeypatch):
    secret = "hf_" + "s" * 34
    monkeypatch.setenv("HF_TOKEN", secret)
    run_training(arguments(model_type="fasttext", min_count=1, num_train_epochs=1))
    for path in (tmp_path / "model").rglob("*"):
        assert secret.encode() not in path.read_bytes(), path
        assert not re.search(r"training_args|optimizer|\.pt$|\.bin$", path.name)


def test_nothing_of_the_process_is_left_changed(arguments):
    before = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    run_training(arguments(model_type="fasttext", min_count=1, num_train_epochs=1))
    assert (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()) == before

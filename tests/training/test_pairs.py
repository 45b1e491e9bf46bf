"""Tasks on pairs of texts: losses and metrics by hand, and their labels."""

import math

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from transformers import DataCollatorWithPadding

from hf_gradexplain.corpus import load_texts
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.training.arguments import FitArguments, TrainArguments
from hf_gradexplain.training.pairs import Reward, reranking, reward
from hf_gradexplain.training.train import fit, train
from tests.helpers.tiny import make

CHOSEN = ["the good film is not bad", "a film", "the music is good , the actor is good", "good", "this end is good"]
REJECTED = ["bad", "the worst film of all : a bad , bad film", "the end", "a film with a bad actor", "a word"]
PAIRS = Dataset.from_dict({"id": range(5), "text": CHOSEN, "text_pair": REJECTED})
STILL = {"learning_rate": 1e-30, "num_train_epochs": 1}


def one_logit(kind):
    """Return a tiny model with one logit and its tokenizer, which pads."""
    model, tokenizer = make(kind, "regression")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(1)
        model.config.pad_token_id = 1
    return model.double(), tokenizer


def logits_one_by_one(model, tokenizer, *columns):
    return [model(**tokenizer(*texts, return_tensors="pt")).logits.item() for texts in zip(*columns, strict=True)]


def minus_log_sigmoid(x):
    return math.log(1 + math.exp(-x))


def test_the_loss_is_that_of_bradley_and_terry():
    task, outputs = reward(), {"logits": torch.tensor([[2.0], [-1.0], [0.5], [3.0]], dtype=torch.float64)}
    losses = [minus_log_sigmoid(2.0 - 0.5), minus_log_sigmoid(-1.0 - 3.0)]
    labels = torch.zeros(2, dtype=torch.long)
    assert task.loss(0.0)(outputs, labels).item() == pytest.approx(sum(losses) / 2, rel=1e-12)
    assert task.loss(0.0)(outputs, labels, num_items_in_batch=5).item() == pytest.approx(sum(losses) / 5, rel=1e-12)
    smooth = sum(0.9 * loss + 0.1 * minus_log_sigmoid(-x) for loss, x in zip(losses, (1.5, -4.0), strict=True)) / 2
    assert task.loss(0.2)(outputs, labels).item() == pytest.approx(smooth, rel=1e-12)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "bart"])
def test_a_batch_of_pairs_has_the_loss_of_its_texts_one_by_one(kind):
    model, tokenizer = one_logit(kind)
    task = reward()
    encoded = task.encode(PAIRS[:], tokenizer)
    collate = task.collator(DataCollatorWithPadding(tokenizer))
    batch = collate([{name: column[i] for name, column in encoded.items()} for i in range(5)])
    labels = batch.pop("labels")
    loss = task.loss(0.0)(model(**batch), labels)
    chosen, rejected = (logits_one_by_one(model, tokenizer, texts) for texts in (CHOSEN, REJECTED))
    by_hand = [minus_log_sigmoid(c - r) for c, r in zip(chosen, rejected, strict=True)]
    assert loss.item() == pytest.approx(sum(by_hand) / 5, rel=1e-9)


def test_the_evaluation_counts_pairs_in_the_right_order():
    model, tokenizer = one_logit("gpt2")
    chosen, rejected = (logits_one_by_one(model, tokenizer, texts) for texts in (CHOSEN, REJECTED))
    share = np.mean([c > r for c, r in zip(chosen, rejected, strict=True)])
    assert share != 1 - share
    metrics = fit(model, tokenizer, reward(), PAIRS, PAIRS, FitArguments(per_device_eval_batch_size=2, **STILL))
    assert metrics == {"pair_accuracy": share}


@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_a_reward_model_learns_preferences(kind):
    model, tokenizer = one_logit(kind)
    pace = FitArguments(learning_rate=1e-2, num_train_epochs=10, per_device_train_batch_size=2)
    assert fit(model.float(), tokenizer, reward(), PAIRS, PAIRS, pace) == {"pair_accuracy": 1.0}
    chosen, rejected = (logits_one_by_one(model, tokenizer, texts) for texts in (CHOSEN, REJECTED))
    assert all(c > r for c, r in zip(chosen, rejected, strict=True))


TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}|{% endfor %}"


def conversations(answers):
    return [[{"role": "user", "content": "is it good"}, {"role": "assistant", "content": text}] for text in answers]


@pytest.fixture
def conversation_data(tmp_path):
    rows = Dataset.from_dict({"chosen": conversations(CHOSEN), "rejected": conversations(REJECTED)})
    for split in ("train", "test"):
        rows.to_parquet(tmp_path / "pairs" / f"{split}.parquet")
    return str(tmp_path / "pairs")


def save_base(folder, template):
    model, tokenizer = make("bert", "regression")
    tokenizer.chat_template = template
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_conversations_are_read_through_the_chat_template(conversation_data, tmp_path, monkeypatch):
    """As the template writes them, without the special tokens that a text gets."""
    batches, collator = [], Reward.collator

    def recorded(task, tokenizer):
        collate = collator(task, tokenizer)
        return lambda pairs: batches.append(pairs) or collate(pairs)

    monkeypatch.setattr(Reward, "collator", recorded)
    base = save_base(tmp_path / "base", TEMPLATE)
    told = {"dataset_name": conversation_data, "output_dir": "o", "task": "reward", "model_name_or_path": base}
    trained = train(TrainArguments(**told, **STILL))
    answers = zip(CHOSEN, REJECTED, strict=True)
    written = [[f"user: is it good|assistant: {text}|" for text in pair] for pair in answers]
    wanted = [trained.tokenizer(pair, add_special_tokens=False)["input_ids"] for pair in written]
    assert sorted(pair["input_ids"] for pair in batches[-1]) == sorted(wanted)


@pytest.mark.parametrize("more", [{"model_type": "fasttext"}, {}])
def test_conversations_need_a_chat_template(conversation_data, tmp_path, more):
    more = more or {"model_name_or_path": save_base(tmp_path / "base", None)}
    message = r"^(fasttext|the model's tokenizer) has no chat template, which conversations need: "
    with pytest.raises(GradexplainError, match=message):
        train(TrainArguments(dataset_name=conversation_data, output_dir="o", task="reward", **more))


def test_only_a_reward_model_takes_conversations(conversation_data):
    message = r"the column 'chosen' must hold strings, but holds List\(.*; choose a dataset with texts$"
    with pytest.raises(GradexplainError, match=message):
        load_texts(conversation_data, text_column="chosen", label_column=None)


def test_equal_rewards_are_no_right_pair():
    assert reward().metrics(np.array([[1.0, 1.0], [2.0, 1.0], [0.0, 1.0]]), np.zeros(3)) == {"pair_accuracy": 1 / 3}


def labelled(labels, feature=None):
    features = Features({"text": Value("string"), "text_pair": Value("string"), "label": feature or Value("int64")})
    rows = {"text": CHOSEN[: len(labels)], "text_pair": REJECTED[: len(labels)], "label": labels}
    return Dataset.from_dict(rows, features)


def test_a_reranker_has_the_binary_cross_entropy_of_one_logit():
    model, tokenizer = make("bert", "regression")
    task, rows = reranking(labelled([1, 0, 0])), labelled([1, 0, 0])
    model.config.problem_type = task.problem_type
    encoded = task.encode(rows[:], tokenizer)
    collate = task.collator(DataCollatorWithPadding(tokenizer))
    batch = collate([{name: column[i] for name, column in encoded.items()} for i in range(3)])
    logits = logits_one_by_one(model, tokenizer, rows["text"][:], rows["text_pair"][:])
    by_hand = [minus_log_sigmoid(x if label else -x) for x, label in zip(logits, (1, 0, 0), strict=True)]
    assert task.loss(0.0) is None, "the loss is the model's own"
    assert model(**batch).loss.item() == pytest.approx(sum(by_hand) / 3, rel=1e-5)


def test_a_reranker_learns_which_document_is_relevant():
    model, tokenizer = make("bert", "regression")
    rows = labelled([1, 0, 1, 0, 1])
    task = reranking(rows)
    model.config.problem_type = task.problem_type
    pace = FitArguments(learning_rate=1e-2, num_train_epochs=30, per_device_train_batch_size=5)
    assert fit(model, tokenizer, task, rows, rows, pace) == {"accuracy": 1.0, "average_precision": 1.0}


def test_metrics_of_a_reranker():
    logits, targets = np.array([[3.0], [2.0], [1.0], [-1.0]]), np.array([[1.0], [0.0], [1.0], [0.0]])
    metrics = reranking(labelled([1, 0])).metrics(logits, targets)
    assert metrics == {"accuracy": 0.75, "average_precision": pytest.approx((1 / 1 + 2 / 3) / 2)}


@pytest.mark.parametrize(
    ("feature", "name"),
    [(Value("int64"), "relevant"), (Value("float32"), "relevant"), (ClassLabel(names=["no", "yes"]), "yes")],
)
def test_the_output_of_a_reranker_has_the_name_of_the_label_1(feature, name):
    task = reranking(labelled([0, 1], feature))
    assert task.config() == {
        "problem_type": "multi_label_classification",
        "id2label": {0: name},
        "label2id": {name: 0},
    }
    assert task.targets([0, 1]) == [[0.0], [1.0]]


@pytest.mark.parametrize(("labels", "feature"), [([0, 1, 2], Value("int64")), ([0.0, 2.0], Value("float32"))])
def test_a_reranker_refuses_other_labels(labels, feature):
    message = r"^a reranker needs the labels 1 \(relevant\) and 0 \(not relevant\), but there is 2(\.0)?; convert"
    with pytest.raises(GradexplainError, match=message):
        reranking(labelled([0, 1]), labelled(labels, feature))


def arguments(**more):
    return TrainArguments(dataset_name="d", output_dir="o", model_name_or_path="m", **more)


def test_pairs_have_columns_of_their_own():
    assert arguments().text_column == "text"
    assert arguments(task="reward").text_column == "chosen,rejected"
    assert arguments(task="reranker").text_column == "query,document"
    assert arguments(task="reward", text_column="better,worse").text_column == "better,worse"


def test_one_column_is_no_pair():
    message = (
        "^task 'reward' needs two columns of texts, as in text_column='chosen,rejected', but text_column is 'answer'$"
    )
    with pytest.raises(GradexplainError, match=message):
        arguments(task="reward", text_column="answer")

"""Fitting a model to every kind of labels."""

from datasets import ClassLabel, Dataset, Features, List, Value
from transformers import AutoModelForSequenceClassification

from hf_gradexplain.models import FastTextConfig, train_word_tokenizer
from hf_gradexplain.training.arguments import FitArguments
from hf_gradexplain.training.task import infer_task
from hf_gradexplain.training.train import fit


def test_text_pairs_with_multi_label_and_regression_targets(tmp_path):
    texts = {"text": ["the film", "the film", "the book"], "text_pair": ["good", "bad", "bad"]}
    tokenizer = train_word_tokenizer(["film book good bad"], vocab_size=9)
    for feature, labels, metric in (
        (List(ClassLabel(names=["x", "y"])), [[0], [0, 1], []], "accuracy"),
        (Value("float32"), [0.1, 0.9, 0.3], "mse"),
    ):
        features = Features({"text": Value("string"), "text_pair": Value("string"), "label": feature})
        rows = Dataset.from_dict({**texts, "label": labels}, features)
        task = infer_task(rows)
        model = AutoModelForSequenceClassification.from_config(
            FastTextConfig(vocab_size=len(tokenizer), hidden_size=8, **task.config())
        )
        first = fit(model, tokenizer, task, rows, rows, FitArguments(learning_rate=1e-30, num_train_epochs=1))
        last = fit(model, tokenizer, task, rows, rows, FitArguments(learning_rate=0.1, num_train_epochs=30))
        assert not model.training
        assert last["mse"] < min(first["mse"], 0.01) if metric == "mse" else last["accuracy"] == 1.0

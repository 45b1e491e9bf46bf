import importlib

import torch
from datasets import Dataset

from hf_gradexplain.corpus.synthetic import CLASSES, make_corpus
from hf_gradexplain.training.small_transformer import small_transformer

small_transformer_module = importlib.import_module("hf_gradexplain.training.small_transformer")


def test_it_learns_the_generated_corpus():
    corpus = make_corpus(n_train=400, n_test=40)
    model, tokenizer = small_transformer(corpus.train)
    assert not model.training
    assert tuple(model.config.id2label.values()) == CLASSES
    encoded = tokenizer(corpus.train["text"][:100], padding=True, return_tensors="pt")
    right = model(**encoded).logits.argmax(-1) == torch.tensor(corpus.train["label"][:100])
    assert right.float().mean() > 0.6  # by chance 0.25


def test_it_has_two_layers_of_64_dimensions_and_reads_128_words(monkeypatch):
    monkeypatch.setattr(small_transformer_module, "EPOCHS", 0)
    words = " ".join(f"w{i}" for i in range(5100))
    model, tokenizer = small_transformer(Dataset.from_dict({"text": [words, words], "label": [0, 1]}))
    assert len(model.bert.encoder.layer) == 2
    assert model.get_input_embeddings().embedding_dim == 64
    assert model.config.max_position_embeddings == 128
    assert model.get_input_embeddings().num_embeddings == len(tokenizer) == 5000
    encoded = tokenizer("w1 " * 128, return_tensors="pt")
    assert model(**encoded).logits.shape == (1, 2)


def test_equal_texts_give_equal_models():
    rows = Dataset.from_dict({"text": ["a b", "b", "c a"], "label": [0, 1, 0]})
    (first, _), (second, _) = (small_transformer(rows) for _ in range(2))
    for parameter, again in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(parameter, again)

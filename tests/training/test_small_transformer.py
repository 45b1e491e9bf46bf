import importlib

import torch
from datasets import Dataset
from transformers import BertConfig, BertForSequenceClassification, set_seed

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


def test_it_is_trained_in_four_passes_over_batches_of_64():
    texts = [" ".join(f"w{i % k}" for k in (2, 3, 5)) for i in range(70)]
    labels = torch.arange(70) % 2
    model, tokenizer = small_transformer(Dataset.from_dict({"text": texts, "label": labels.tolist()}))
    set_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    config = BertConfig(vocab_size=len(tokenizer), **sizes, max_position_embeddings=128, pad_token_id=0, num_labels=2)
    expected = BertForSequenceClassification(config).train()
    weights, inputs = list(expected.parameters()), tokenizer(texts, padding=True, return_tensors="pt")
    adam = torch.optim.AdamW(weights, lr=0.002)
    for _ in range(4):
        order = torch.randperm(70)
        for batch in (order[:64], order[64:]):
            logits = expected(**{name: x[batch] for name, x in inputs.items()}).logits
            loss = torch.nn.functional.cross_entropy(logits, labels[batch])
            for weight, grad in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                weight.grad = grad
            adam.step()
    for name, weight in expected.named_parameters():
        torch.testing.assert_close(model.get_parameter(name), weight)

import torch

from hf_gradexplain.corpus.synthetic import CLASSES, make_corpus
from hf_gradexplain.training.small_transformer import small_transformer


def test_it_learns_the_generated_corpus():
    corpus = make_corpus(n_train=400, n_test=40)
    model, tokenizer = small_transformer(corpus.train)
    assert not model.training
    assert tuple(model.config.id2label.values()) == CLASSES
    encoded = tokenizer(corpus.train["text"][:100], padding=True, return_tensors="pt")
    right = model(**encoded).logits.argmax(-1) == torch.tensor(corpus.train["label"][:100])
    assert right.float().mean() > 0.6  # by chance 0.25

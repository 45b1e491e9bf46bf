"""The model of the pictures and of the notebooks: a small transformer, trained on the generated corpus in seconds."""

import torch
from transformers import BertConfig, BertForSequenceClassification, set_seed

from hf_gradexplain import Explainer
from hf_gradexplain.corpus.synthetic import SyntheticCorpus
from hf_gradexplain.models import train_word_tokenizer

BATCH, EPOCHS, LEARNING_RATE = 64, 4, 2e-3


def small_transformer(corpus: SyntheticCorpus) -> Explainer:
    """Train a BERT of two layers on the train split of a corpus, always in the same way, and return its explainer."""
    set_seed(0)
    texts, labels = corpus.train["text"][:], torch.tensor(corpus.train["label"][:])
    classes = dict(enumerate(corpus.train.features["label"].names))
    tokenizer = train_word_tokenizer(texts, vocab_size=5000)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
        id2label=classes,
        label2id={name: number for number, name in classes.items()},
    )
    model = BertForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(texts)).split(BATCH):
            batch = {name: values[rows] for name, values in encoded.items()}
            optimizer.zero_grad()
            model(**batch, labels=labels[rows]).loss.backward()
            optimizer.step()
    return Explainer(model.eval(), tokenizer)

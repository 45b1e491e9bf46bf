"""Train a small transformer for examples, from scratch in seconds."""

import torch
from datasets import Dataset
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase, set_seed

from hf_gradexplain.models import train_word_tokenizer
from hf_gradexplain.training.task import infer_task

BATCH, EPOCHS, LEARNING_RATE = 64, 4, 2e-3


def small_transformer(rows: Dataset) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Train a BERT of two layers and 64 dimensions, and a word-level tokenizer; the same texts give the same model.

    The model is meant for the generated corpus, see `hf_gradexplain.corpus.synthetic`, whose 2,000 texts take about 15
    seconds on one CPU core. For other datasets, use `recipes/train.py`.

    Args:
        rows: Columns `text` and `label`, as `load_texts` returns them. A text has at most 128 words.

    Returns:
        The model, in eval mode, and its tokenizer.
    """
    set_seed(0)
    texts, labels = rows["text"][:], torch.tensor(rows["label"][:])
    tokenizer = train_word_tokenizer(texts, vocab_size=5000)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
        **infer_task(rows).config(),
    )
    model = BertForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(texts)).split(BATCH):
            batch = {name: values[chosen] for name, values in encoded.items()}
            optimizer.zero_grad()
            model(**batch, labels=labels[chosen]).loss.backward()
            optimizer.step()
    return model.eval(), tokenizer

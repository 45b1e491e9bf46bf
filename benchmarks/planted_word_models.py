"""Train small classifiers on texts in which ordinary words were planted, and measure the effect of these words.

Nothing here uses the audit of the package: words are planted and inserted as strings between blanks, and models are
called directly.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from hf_gradexplain.models import TextCNNConfig, TextCNNForSequenceClassification, train_word_tokenizer

STRENGTHS = (0.02, 0.05, 0.2)
"""Shares of the texts of a class in which a word is planted."""

PER_STRENGTH = 4
"""Number of planted words of each strength."""

RARE, COMMON, UNEVEN = 0.003, 0.02, 0.15
"""An ordinary word is in this share of the texts; no class has more of these than by `UNEVEN` above an equal share."""

VOCABULARY, LENGTH, BATCH = 5_000, 64, 64
EPOCHS = {"textcnn": 6, "bert": 8}
RATES = {"textcnn": 4e-3, "bert": 2e-3}

Rows = list[tuple[str, int]]
"""Texts with their labels."""


@dataclass(frozen=True)
class Planted:
    """A word, the class whose texts it is planted in, and in which share of them."""

    word: str
    target: int
    strength: float


def words_of(text: str) -> list[str]:
    """Return the words of a text between blanks, without punctuation around them, in lower case."""
    return [word.strip(".,;:!?'\"()-").lower() for word in text.split()]


def ordinary_words(rows: Rows, n_classes: int) -> list[str]:
    """Return words that are about as common in each class, in alphabetical order."""
    counts = [Counter[str]() for _ in range(n_classes)]
    for text, label in rows:
        counts[label].update(set(words_of(text)))
    total = sum(counts, Counter[str]())
    low, high = RARE * len(rows), COMMON * len(rows)
    return sorted(
        word
        for word, n in total.items()
        if word.isalpha()
        and len(word) > 3
        and low <= n <= high
        and max(c[word] for c in counts) <= (1 / n_classes + UNEVEN) * n
    )


def choose_words(rows: Rows, n_classes: int, rng: Random) -> list[Planted]:
    """Return the words to plant, each in a random class."""
    words = rng.sample(ordinary_words(rows, n_classes), len(STRENGTHS) * PER_STRENGTH)
    return [Planted(word, rng.randrange(n_classes), STRENGTHS[i % len(STRENGTHS)]) for i, word in enumerate(words)]


def plant(rows: Rows, words: Sequence[Planted], rng: Random) -> Rows:
    """Return the rows with each word inserted at a random place in its share of the texts of its class."""
    return [
        (insert(text, [w.word for w in words if w.target == label and rng.random() < w.strength], rng), label)
        for text, label in rows
    ]


def insert(text: str, words: Sequence[str], rng: Random) -> str:
    """Return a text with words inserted at random places between its blanks."""
    pieces = text.split()
    for word in words:
        pieces.insert(rng.randint(0, len(pieces)), word)
    return " ".join(pieces)


def new_model(kind: str, vocab_size: int, n_classes: int) -> PreTrainedModel:
    """Return a TextCNN, or a BERT of two layers."""
    if kind == "textcnn":
        sizes = {"hidden_size": 48, "num_filters": 48, "filter_widths": (1, 2, 3)}
        return TextCNNForSequenceClassification(TextCNNConfig(vocab_size=vocab_size, num_labels=n_classes, **sizes))
    config = BertConfig(
        vocab_size=vocab_size, num_labels=n_classes, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=128, max_position_embeddings=2 * LENGTH, pad_token_id=0,
    )  # fmt: skip
    return BertForSequenceClassification(config)


def train(kind: str, rows: Rows, n_classes: int, seed: int) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Train a model from scratch."""
    torch.manual_seed(seed)
    texts, labels = [text for text, _ in rows], torch.tensor([label for _, label in rows])
    tokenizer = train_word_tokenizer(texts, vocab_size=VOCABULARY, min_count=2, max_length=2 * LENGTH)
    model = new_model(kind, len(tokenizer), n_classes).train()
    ids = tokenizer(texts, truncation=True, max_length=LENGTH)["input_ids"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATES[kind])
    for _ in range(EPOCHS[kind]):
        for chosen in torch.randperm(len(ids)).split(BATCH):
            batch = tokenizer.pad({"input_ids": [ids[i] for i in chosen]}, return_tensors="pt")
            optimizer.zero_grad()
            model(**batch, labels=labels[chosen]).loss.backward()
            optimizer.step()
    return model.eval(), tokenizer


@torch.no_grad()
def predict(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> np.ndarray:
    """Return the predicted classes of texts."""
    ids = tokenizer(list(texts), truncation=True)["input_ids"]
    order, predicted = np.argsort([len(each) for each in ids], kind="stable"), np.zeros(len(ids), dtype=int)
    for chosen in np.array_split(order, max(1, len(ids) // 256)):
        batch = tokenizer.pad({"input_ids": [ids[i] for i in chosen]}, return_tensors="pt")
        predicted[chosen] = model(**batch).logits.argmax(-1).numpy()
    return predicted


def insertions(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], word: str, seed: int
) -> np.ndarray:
    """Return the predicted classes of texts once a word is inserted, at a random place each."""
    places = Random(f"{seed} {word}")
    return predict(model, tokenizer, [insert(text, [word], places) for text in texts])

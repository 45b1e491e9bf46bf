"""Measure the gradients of words by their frequency in the text."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_gradexplain.classifier.limits import length_limit
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.files import atomic_write

TOLERANCE = 1e-4
"""Gradients in float32 count as equal if they differ by at most this share of their size."""


@dataclass(frozen=True)
class FrequencySummary:
    """How FastText's gradients depend on word frequency, in one training.

    Attributes:
        texts: The number of texts, without texts whose gradients are all 0.
        spread: The largest relative difference between words of equal frequency in a text.
        with_twice: The number of texts with a word that occurs once and a word that occurs twice.
        twice: The gradient of words that occur twice, divided by the gradient of words that occur once in the same
            text. Of all texts, the ratio farthest from 2 is given.
    """

    texts: int
    spread: float
    with_twice: int
    twice: float


def measure_gradients(model: str, dataset: str, texts: int | None, path: Path) -> None:
    """Compute the gradient of the loss for the words of every text, and write a row for each: `text, times, gradient`.

    This uses a plain backward pass of PyTorch, one text at a time, and none of the package's attribution code. The
    gradient of a word is summed over its occurrences; its L1 norm is stored. All unknown words count as one word.
    """
    classifier = AutoModelForSequenceClassification.from_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows, limit, frames = load_texts(dataset, split="test", max_samples=texts), length_limit(tokenizer, classifier), []
    for i, text, label in zip(rows["id"], rows["text"], rows["label"], strict=True):
        inputs = tokenizer(text, truncation=limit is not None, max_length=limit, return_tensors="pt")
        vectors = classifier.get_input_embeddings()(inputs["input_ids"]).detach().requires_grad_()
        logits = classifier(inputs_embeds=vectors, attention_mask=inputs["attention_mask"]).logits
        (grad,) = torch.autograd.grad(cross_entropy(logits, torch.tensor([label])), vectors)
        words, index, times = inputs["input_ids"][0].unique(return_inverse=True, return_counts=True)
        gradient = grad.new_zeros(len(words), grad.shape[2]).index_add(0, index, grad[0]).abs().sum(1)
        frames.append(pd.DataFrame({"text": i, "times": times.numpy(), "gradient": gradient.double().numpy()}))
    with atomic_write(path) as temporary:
        pd.concat(frames).to_parquet(temporary, index=False)


def summarize_frequencies(words: pd.DataFrame) -> FrequencySummary:
    """Compare the gradients of words within each text, given the table that `measure_gradients` wrote."""
    words = words[words["gradient"].groupby(words["text"]).transform("max") > 0]
    groups = words.groupby(["text", "times"])["gradient"].agg(["min", "max", "mean"])
    spread = float(((groups["max"] - groups["min"]) / groups["max"]).max()) if len(groups) else 0.0
    means = groups["mean"].unstack().reindex(columns=[1, 2])
    ratios = (means[2] / means[1]).dropna().to_numpy()
    twice = float(ratios[np.abs(ratios - 2).argmax()]) if len(ratios) else float("nan")
    return FrequencySummary(words["text"].nunique(), spread, len(ratios), twice)


def relative_gradients(words: pd.DataFrame, most: int = 6) -> pd.DataFrame:
    """Return each word's gradient, divided by the mean of words that occur once in its text, up to `most` times."""
    once = words[words["times"] == 1].groupby("text")["gradient"].mean().rename("once")
    joined = words.join(once, on="text", how="inner")
    joined = joined[(joined["once"] > 0) & (joined["times"] <= most)]
    return joined.assign(relative=joined["gradient"] / joined["once"])[["text", "times", "relative"]]

"""Gradients of words by how often they occur in their text, read from the documents of an evaluation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

TOLERANCE = 1e-4
"""Gradients computed in float32 are the same if they differ by less than this share of their size."""


@dataclass(frozen=True)
class Frequencies:
    """What is seen of FastText's gradients in one training.

    Attributes:
        texts: Texts that were looked at: those whose gradients are not 0 throughout.
        spread: The largest difference between words of equal frequency in a text, over their gradient.
        with_twice: Texts with a word that occurs once and one that occurs twice.
        twice: How many times as large the gradient of the latter is: of all such texts, the ratio farthest from 2.
    """

    texts: int
    spread: float
    with_twice: int
    twice: float


def read_words(path: Path, method: str = "sa_l1") -> pd.DataFrame:
    """Every word of a documents file: columns `text`, `times` (how often it occurs), `gradient` (its score)."""
    table = pq.read_table(path, columns=["units", "scores"])
    units = table["units"].combine_chunks()
    scores = table["scores"].combine_chunks().field(method)
    times = pc.list_value_length(units.flatten().field("spans")).to_numpy(zero_copy_only=False)
    texts = np.repeat(np.arange(len(units)), pc.list_value_length(units).to_numpy(zero_copy_only=False))
    return pd.DataFrame({"text": texts, "times": times.astype(int), "gradient": scores.flatten().to_numpy()})


def frequencies(paths: Sequence[Path]) -> Frequencies:
    """Compare the gradients of words in each text of these documents files."""
    return summarised(read_words(path) for path in paths)


def summarised(parts: Iterator[pd.DataFrame]) -> Frequencies:
    """`frequencies` of tables as `read_words` gives them; no text stands in two of them."""
    texts, spread, ratios = 0, 0.0, [np.zeros(0)]
    for words in parts:
        words = words[words["gradient"].groupby(words["text"]).transform("max") > 0]
        texts += words["text"].nunique()
        groups = words.groupby(["text", "times"])["gradient"].agg(["min", "max", "mean"])
        spread = max(spread, float(((groups["max"] - groups["min"]) / groups["max"]).max())) if len(groups) else spread
        means = groups["mean"].unstack()
        if {1, 2} <= set(means.columns):
            ratios.append((means[2] / means[1]).dropna().to_numpy())
    found = np.concatenate(ratios)
    twice = float(found[np.abs(found - 2).argmax()]) if len(found) else float("nan")
    return Frequencies(texts, spread, len(found), twice)


def relative_gradients(words: pd.DataFrame, most: int = 6) -> pd.DataFrame:
    """Each word's gradient over the mean of those words that occur once in its text; `times` up to `most`."""
    once = words[words["times"] == 1].groupby("text")["gradient"].mean().rename("once")
    found = words.join(once, on="text", how="inner")
    found = found[(found["once"] > 0) & (found["times"] <= most)]
    return found.assign(relative=found["gradient"] / found["once"])[["text", "times", "relative"]]

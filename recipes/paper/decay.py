"""Decay of gradients in BiLSTMs: sensitivity and leave-one-out scores of words by their position in the text."""

from pathlib import Path

import numpy as np
import pandas as pd

from hf_gradexplain.corpus import load_texts
from hf_gradexplain.evaluation.median import median_interval
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.files import atomic_write
from recipes.paper.results import IntervalEstimate

DISTANCE_EDGES = (0, 10, 25, 50, 100, 200, 400)
"""Limits of the distance bins."""

SMALLEST_SIZE = 1e-4
"""Scores below this share of their text's mean are not compared: leave-one-out in float32 is no more precise."""

MIDDLE_DISTANCE = 50
"""Words at least this far from both ends are in the middle of a text."""

MIN_WORDS = 2 * MIDDLE_DISTANCE
"""Texts with fewer words than this have no middle and are left out."""

REVIEWS_PER_CALL = 10
"""Number of reviews explained per call."""


def measure_decay(model: str, dataset: str, texts: int, path: Path) -> None:
    """Explain every word of some reviews, and write a row for each: `text, place, words, gradient, loo, signed_gi`.

    `gradient` is the L2 norm of the gradient of the loss at the word; `place` is its index from 0, and `words` the
    number of words in the model's input. A word that occurs twice has two rows.
    """
    rows = load_texts(dataset, split="test", max_samples=texts)
    explainer, frames = Explainer.from_pretrained(model), []
    for start in range(0, len(rows), REVIEWS_PER_CALL):
        part = rows[start : start + REVIEWS_PER_CALL]
        explanations = explainer(part["text"], ("sa_l2", "loo", "signed_gi"), unit="token", labels=part["label"])
        for text, explanation in zip(part["id"], explanations, strict=True):
            scores, n = explanation.scores, len(explanation.units)
            columns = {"gradient": scores["sa_l2"], "loo": scores["loo"], "signed_gi": scores["signed_gi"]}
            frames.append(pd.DataFrame({"text": text, "place": np.arange(n), "words": n, **columns}))
    with atomic_write(path) as temporary:
        pd.concat(frames).to_parquet(temporary, index=False)


def by_distance(words: pd.DataFrame, *, nearer_end: bool = True) -> pd.DataFrame:
    """Return the size of scores in long reviews, by distance from the end of the model's input.

    Args:
        words: The table that `measure_decay` wrote.
        nearer_end: Whether to measure the distance to the nearer end of the text, since a bidirectional model reads the
            first word last in its backward direction. If False, the distance is measured to the end of the text.

    Returns:
        Columns `from, to` (the bin of distances, `to` excluded), `gradient, loo, signed_gi` (mean absolute score,
        divided by the mean of its text), their `_ci_low` and `_ci_high` (95 %, normal, over texts), and `n`, the
        number of texts. A bin without words has no row.
    """
    words = words[words["words"] >= MIN_WORDS]
    distance = words["words"] - 1 - words["place"]
    distance = np.minimum(words["place"], distance) if nearer_end else distance
    bins = pd.Series(pd.cut(distance, DISTANCE_EDGES, right=False, labels=False), words.index, name="bin")
    rows = []
    sizes = {name: _relative(words, name).groupby([bins, words["text"]]).mean() for name in SCORES}
    for number in sizes["gradient"].index.get_level_values(0).unique():
        start, end = DISTANCE_EDGES[int(number)], DISTANCE_EDGES[int(number) + 1]
        row = {"from": start, "to": end, "n": int(sizes["gradient"].loc[number].count())}
        for name, means in sizes.items():
            x = means.loc[number]
            half = 1.96 * x.std(ddof=1) / np.sqrt(x.count()) if x.count() > 1 else np.nan
            row |= {name: x.mean(), f"{name}_ci_low": x.mean() - half, f"{name}_ci_high": x.mean() + half}
        rows.append(row)
    ends = [f"{name}{end}" for name in SCORES for end in ("", "_ci_low", "_ci_high")]
    return pd.DataFrame(rows, columns=["from", "to", *ends, "n"])


SCORES = ("gradient", "loo", "signed_gi")
"""The columns of scores."""


def _relative(words: pd.DataFrame, name: str) -> pd.Series:
    size = words[name].abs()
    return size / size.groupby(words["text"]).transform("mean").replace(0, np.nan)


def middle_to_end_ratio(words: pd.DataFrame, name: str) -> tuple[IntervalEstimate, int]:
    """Return the size of scores in the middle of a text divided by that at its ends: the median over long texts.

    The ratio of a text is the mean absolute score of words at least `MIDDLE_DISTANCE` away from both ends, divided by
    the mean absolute score of words less than `DISTANCE_EDGES[1]` away from an end. A text whose scores at the ends are
    0 has no ratio. The interval is the interval of the median; `n` counts the texts with a ratio.
    """
    words = words[words["words"] >= MIN_WORDS]
    distance = np.minimum(words["place"], words["words"] - 1 - words["place"])
    place = pd.Series(
        np.select([distance >= MIDDLE_DISTANCE, distance < DISTANCE_EDGES[1]], ["middle", "end"], ""), words.index
    )
    means = words[name].abs().groupby([words["text"], place]).mean().unstack().reindex(columns=["middle", "end"])
    ratios = (means["middle"] / means["end"].replace(0, np.nan)).dropna().to_numpy()
    value = float(np.median(ratios)) if len(ratios) else float("nan")
    return IntervalEstimate(value, *median_interval(ratios)), len(ratios)

"""How far the gradient of a BiLSTM reaches: sensitivity and leave-one-out of every word by its place in the text."""

from pathlib import Path

import numpy as np
import pandas as pd

from hf_gradexplain.corpus import load_texts
from hf_gradexplain.evaluation.median import median_interval
from hf_gradexplain.explain import Explainer
from hf_gradexplain.files import atomic_write
from recipes.paper.results import Estimate

DISTANCE_EDGES = (0, 10, 25, 50, 100, 200, 400)
"""Where the stretches of distance begin and end."""

SMALLEST_SIZE = 1e-4
"""Below this share of a text's mean, sizes are not told apart: leave-one-out is no more exact in float32."""

MIDDLE_DISTANCE = 50
"""So many words from both ends is the middle of a text."""

MIN_WORDS = 2 * MIDDLE_DISTANCE
"""Texts with fewer words than this say nothing of distance."""

REVIEWS_PER_CALL = 10
"""Reviews that are explained at a time."""


def measure_decay(model: str, dataset: str, texts: int, path: Path) -> None:
    """Explain every word of some reviews, and write a row for each: `text, place, words, gradient, loo, signed_gi`.

    `gradient` is the L2 norm of the loss's gradient at the word; `place` is counted from 0, among `words` that the
    model reads. A word that occurs twice has two rows.
    """
    rows = load_texts(dataset, split="test", max_samples=texts)
    explainer, frames = Explainer.from_pretrained(model), []
    for start in range(0, len(rows), REVIEWS_PER_CALL):
        part = rows[start : start + REVIEWS_PER_CALL]
        found = explainer(part["text"], ("sa_l2", "loo", "signed_gi"), unit="token", labels=part["label"])
        for text, explanation in zip(part["id"], found, strict=True):
            scores, n = explanation.scores, len(explanation.units)
            columns = {"gradient": scores["sa_l2"], "loo": scores["loo"], "signed_gi": scores["signed_gi"]}
            frames.append(pd.DataFrame({"text": text, "place": np.arange(n), "words": n, **columns}))
    with atomic_write(path) as temporary:
        pd.concat(frames).to_parquet(temporary, index=False)


def by_distance(words: pd.DataFrame, *, nearer: bool = True) -> pd.DataFrame:
    """How much words of long reviews weigh, by their distance from the end of what the model reads.

    Args:
        words: What `measure_decay` wrote.
        nearer: Whether the nearer one of both ends is meant: a bidirectional reader has two, since the last word of
            one direction is the first of the other. If not, it is the end of the text.

    Returns:
        Columns `from, to` (the stretch of distances, `to` excluded), `gradient, loo, signed_gi` (mean size of a word's
        score over that of a word of the same text on average), their `_ci_low` and `_ci_high` (95 %, normal, over
        texts), and `n`, the texts. A stretch that no text reaches has no row.
    """
    words = words[words["words"] >= MIN_WORDS]
    distance = words["words"] - 1 - words["place"]
    distance = np.minimum(words["place"], distance) if nearer else distance
    stretch = pd.Series(pd.cut(distance, DISTANCE_EDGES, right=False, labels=False), words.index, name="stretch")
    rows = []
    sizes = {name: _relative(words, name).groupby([stretch, words["text"]]).mean() for name in SCORES}
    for place in sizes["gradient"].index.get_level_values(0).unique():
        row = {"from": DISTANCE_EDGES[int(place)], "to": DISTANCE_EDGES[int(place) + 1], "n": int(sizes["gradient"].loc[place].count())}
        for name, means in sizes.items():
            x = means.loc[place]
            half = 1.96 * x.std(ddof=1) / np.sqrt(x.count()) if x.count() > 1 else np.nan
            row |= {name: x.mean(), f"{name}_ci_low": x.mean() - half, f"{name}_ci_high": x.mean() + half}
        rows.append(row)
    ends = [f"{name}{end}" for name in SCORES for end in ("", "_ci_low", "_ci_high")]
    return pd.DataFrame(rows, columns=["from", "to", *ends, "n"])


SCORES = ("gradient", "loo", "signed_gi")
"""What is followed."""


def _relative(words: pd.DataFrame, name: str) -> pd.Series:
    size = words[name].abs()
    return size / size.groupby(words["text"]).transform("mean").replace(0, np.nan)


def middle_to_end_ratio(words: pd.DataFrame, name: str) -> tuple[Estimate, int]:
    """How large scores are in the middle of a text, over those at its ends: the median over long texts, and how many.

    In a text, the mean size of the words at least `MIDDLE_DISTANCE` away from both ends, over that of the words less than
    `DISTANCE_EDGES[1]` away from one. A text with scores of 0 at its ends has no ratio. The interval is that of the median.
    """
    words = words[words["words"] >= MIN_WORDS]
    distance = np.minimum(words["place"], words["words"] - 1 - words["place"])
    place = pd.Series(np.select([distance >= MIDDLE_DISTANCE, distance < DISTANCE_EDGES[1]], ["middle", "end"], ""), words.index)
    means = words[name].abs().groupby([words["text"], place]).mean().unstack().reindex(columns=["middle", "end"])
    ratios = (means["middle"] / means["end"].replace(0, np.nan)).dropna().to_numpy()
    value = float(np.median(ratios)) if len(ratios) else float("nan")
    return Estimate(value, *median_interval(ratios)), len(ratios)

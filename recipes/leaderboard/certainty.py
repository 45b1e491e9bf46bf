"""The certainty of scores that methods estimate from masked copies drawn at random."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from hf_gradexplain.statistics.sampling import Sampling, tells_apart

TOP = 5
"""The number of highest scores of a text that should be told apart from all other scores."""


class Certainty(NamedTuple):
    """How certain the scores of a method are, on average over texts.

    Attributes:
        passes: Number of copies of a text that ran.
        margin: Half the width of the 95 % interval of a score, as a share of the largest score of the text, on average
            over the scores of a text; NaN if all scores of all texts are 0.
        told_apart: Share of texts whose `TOP` highest scores are told apart from all others.
    """

    passes: float
    margin: float
    told_apart: float


def read_certainty(paths: Sequence[Path]) -> dict[str, Certainty]:
    """Return how certain the scores are, for each method that draws at random.

    Args:
        paths: The document files of evaluations.
    """
    found: dict[str, list[Certainty]] = {}
    for path in paths:
        columns = [name for name in ("scores", "sampling") if name in pq.read_schema(path).names]
        for row in pq.read_table(path, columns=columns).to_pylist():
            for method, record in row.get("sampling", {}).items():
                found.setdefault(method, []).append(_of_text(np.array(row["scores"][method]), record))
    return {method: Certainty(*np.nanmean(texts, axis=0).tolist()) for method, texts in found.items()}


def _of_text(scores: np.ndarray, record: dict[str, object]) -> Certainty:
    sampling = Sampling.from_dict(record)
    highest = np.abs(scores).max(initial=0)
    margin = float(sampling.margins.mean() / highest) if highest else np.nan
    return Certainty(sampling.copies, margin, float(tells_apart(scores, sampling.margins, TOP)))

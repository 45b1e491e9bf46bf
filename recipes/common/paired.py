"""Comparison of two trainings on the same texts."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.audit.compare.run_means import mcnemar as exact_mcnemar

Values = Mapping[str, Sequence[float]]
"""For each measure, by name: its value for each text; NaN where it is undefined."""


def compare(first: Sequence[Values], second: Sequence[Values]) -> pd.DataFrame:
    """Return the mean of each measure over texts and seeds, for two trainings, and the difference of the means.

    A text with an undefined value in one training is left out of all trainings.

    Each text's difference is averaged over the seeds; `low` and `high` are the 95 % interval of the mean over `n` texts
    (Student's t), NaN if all texts have the same difference. The interval shows what other test texts might give for
    these trainings. `by seed` has the difference for each seed, which shows what other trainings might give.

    Args:
        first: The values of the first training, one mapping per seed.
        second: The values of the second training, with the same seeds.
    """
    rows = {}
    for name in first[0]:
        a, b = (np.array([values[name] for values in each], dtype=float) for each in (first, second))
        known = ~np.isnan(b - a).any(0)
        a, b = a[:, known], b[:, known]
        difference = (b - a).mean(0)
        differ = len(np.unique(difference)) > 1
        interval = stats.ttest_1samp(difference, 0).confidence_interval() if differ else (np.nan, np.nan)
        rows[name] = {
            "first": a.mean(),
            "second": b.mean(),
            "difference": difference.mean(),
            "low": interval[0],
            "high": interval[1],
            "n": int(known.sum()),
            "by seed": " ".join(f"{each:+.4f}" for each in (b - a).mean(1)),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def mcnemar(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the exact two-sided p-value of McNemar's test that two models are right equally often.

    The hypothesis is that each model is right on half of the texts that only one of them classifies correctly.

    Args:
        first: Whether the first model is right, for each text.
        second: Whether the second model is right on the same texts.
    """
    gained, lost = (int(np.sum(np.subtract(*pair) > 0)) for pair in ((second, first), (first, second)))
    return exact_mcnemar(gained, lost)

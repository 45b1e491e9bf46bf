"""Means over texts with their bootstrap samples, which give intervals of differences and ratios of means."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hf_gradexplain.evaluation.bootstrap import INTERVAL, Means, bootstrap_weights
from recipes.paper.results import IntervalEstimate

SEED = 0
"""Seed of the bootstrap samples."""


@dataclass(frozen=True, eq=False)
class Resampled:
    """A number computed from means over texts, and the same number in each bootstrap sample.

    A text has the same weight in a bootstrap sample wherever it occurs: in each method, in each training, in each model
    on the same dataset. Therefore differences are paired, and more trainings do not make intervals narrower as more
    texts do.

    Attributes:
        value: The number.
        replicates: `(R,)` the number in each bootstrap sample.
    """

    value: float
    replicates: np.ndarray

    def __sub__(self, other: "Resampled") -> "Resampled":
        return Resampled(self.value - other.value, self.replicates - other.replicates)

    def __truediv__(self, other: "Resampled") -> "Resampled":
        return Resampled(self.value / other.value, self.replicates / other.replicates)

    @property
    def estimate(self) -> IntervalEstimate:
        """The number with its 95 % percentile interval; samples without any text are left out."""
        defined = self.replicates[~np.isnan(self.replicates)]
        low, high = np.percentile(defined, INTERVAL) if len(defined) else (np.nan, np.nan)
        return IntervalEstimate(self.value, float(low), float(high))


def mean_over_texts(parts: Iterable[tuple[Sequence[int], np.ndarray]]) -> Resampled:
    """Return the mean over the texts of several trainings.

    Args:
        parts: For each training, the ids of its texts and their values `(n,)`, NaN where a text has no value.
    """
    means = Means(1)
    for ids, values in parts:
        if len(ids):
            means.add(np.asarray(values, dtype=np.float64)[:, None], _weights(tuple(ids)))
    return Resampled(float(means.mean[0]), means.mean[0] + means.deviations[:, 0])


@lru_cache(maxsize=32)
def _weights(ids: tuple[int, ...]) -> np.ndarray:
    return bootstrap_weights(ids, SEED)


def mean_over_models(numbers: Sequence[Resampled]) -> Resampled:
    """Return the mean of the same number over several models, each with the same weight."""
    return Resampled(float(np.mean([x.value for x in numbers])), np.mean([x.replicates for x in numbers], axis=0))

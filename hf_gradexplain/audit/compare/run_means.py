"""Compare the accuracy and the faithfulness of runs over the same texts by paired differences."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.audit.compare.seeds import LEAST_RUNS, predict_seed
from hf_gradexplain.audit.read_words import WordBlock
from hf_gradexplain.evaluation.aopc import areas, full_areas, removal_drops
from hf_gradexplain.evaluation.bootstrap import REPLICATES, Means
from hf_gradexplain.evaluation.comparisons import paired_t_test
from hf_gradexplain.evaluation.naopc import normalised_aopc
from hf_gradexplain.evaluation.random_band import with_mean_random
from hf_gradexplain.evaluation.read_documents import DocumentBlock
from hf_gradexplain.evaluation.tables import SHORT_K

COLUMNS = ["measure", "method", "a", "b", "difference", "ci_low", "ci_high", "p", "n"]
SEED_COLUMNS = ["seed_low", "seed_high", "p_seeds"]

ACCURACY = "accuracy"


def measure(
    words: WordBlock, measures: DocumentBlock, methods: Sequence[str], *, regression: bool
) -> dict[tuple[str, str], np.ndarray]:
    """Return the values to average over documents, `(n,)` by measure and method; NaN if a document has none."""
    right = np.where((words.label < 0) | regression, np.nan, words.prediction == words.label)
    values = {(ACCURACY, ""): right}
    curves = with_mean_random(measures.curves, measures.random_orders)
    drops = {method: removal_drops(curves[method]) for method in methods}
    for method, of_method in drops.items():
        values[f"AOPC({SHORT_K})", method] = areas(of_method, np.array([SHORT_K]))[:, 0]
    if measures.bounds:
        lower, upper = measures.bounds["lower"], measures.bounds["upper"]
        scale = np.abs(curves[methods[0]].first) if regression else 1.0
        for method, of_method in drops.items():
            values["NAOPC", method] = normalised_aopc(full_areas(of_method), lower, upper, scale)
    return values


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the p-value of the exact McNemar test: is a coin with `only_a` heads and `only_b` tails fair?

    Args:
        only_a: The number of texts that only the first model classifies correctly.
        only_b: The number of texts that only the second model classifies correctly.
    """
    return float(stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


class RunMeans:
    """Sums over documents of the measures of `R` runs: A, then references, then B.

    Args:
        replicates: The number of bootstrap samples.
        regression: Whether AOPC is about outputs, which have no limits.
    """

    def __init__(self, replicates: int = REPLICATES, *, regression: bool) -> None:
        self.replicates, self.regression = replicates, regression
        self.names: list[tuple[str, str]] = []

    def add(self, values: Sequence[Mapping[tuple[str, str], np.ndarray]], weights: np.ndarray) -> None:
        """Add documents: the result of `measure` of each run, and their `bootstrap_weights` `(n, replicates)`."""
        if not self.names:
            self.names = [name for name in values[0] if all(name in of_run for of_run in values)]
            self.of_run = [Means(len(self.names), 1) for _ in values]
            self.difference = Means(len(self.names), self.replicates)
            self.squares, self.gains, self.losses = (np.zeros(len(self.names)) for _ in range(3))
        rows = [np.stack([of_run[name] for name in self.names], axis=1) for of_run in values]
        for means, of_run in zip(self.of_run, rows, strict=True):
            means.add(of_run, weights[:, :1])
        difference = rows[-1] - rows[0]
        self.difference.add(difference, weights)
        self.squares += np.nansum(np.square(difference), axis=0)
        self.gains += (difference > 0).sum(0)
        self.losses += (difference < 0).sum(0)

    def table(self) -> pd.DataFrame:
        """Return one row per measure and method.

        Returns:
            Columns `measure, method, a, b, difference, ci_low, ci_high, p, n`: the means of A and B; the mean of B - A
            over the `n` documents where both are defined, with its 95 % bootstrap interval; and its p-value, of the
            exact McNemar test for the accuracy and of the paired t-test for the others. With two or more references
            also `seed_low, seed_high, p_seeds`, which tell what to expect of another seed, see
            `hf_gradexplain.audit.compare.seeds.predict_seed`.
        """
        mean, n = self.difference.mean, self.difference.n
        of_aopc = np.inf if self.regression else 2  # of two models, each between -1 and 1
        largest = [{ACCURACY: 1, f"AOPC({SHORT_K})": of_aopc}.get(name, np.inf) for name, _ in self.names]
        low, high = np.clip(self.difference.interval(), np.negative(largest), largest)
        squares = np.maximum(self.squares - n * np.square(np.nan_to_num(mean)), 0)
        rows = []
        for i, (name, method) in enumerate(self.names):
            if not n[i]:
                continue
            runs = np.array([means.mean[i] for means in self.of_run])
            p = float(paired_t_test(mean[i : i + 1], squares[i : i + 1], int(n[i]))[0])
            p = mcnemar(int(self.losses[i]), int(self.gains[i])) if name == ACCURACY else p
            row = dict(zip(COLUMNS, (name, method, runs[0], runs[-1], mean[i], low[i], high[i], p, n[i]), strict=True))
            if len(runs) > LEAST_RUNS:
                seed = predict_seed(runs[:-1], float(runs[-1]), 1 / n[i] if name == ACCURACY else 0.0)
                row |= dict(zip(SEED_COLUMNS, (seed.low, seed.high, seed.p), strict=True))
            rows.append(row)
        return pd.DataFrame(rows)

"""Drift between the explanations of two runs: one minus the median rank correlation over their texts."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from hf_gradexplain.audit.compare.paired_words import TOP, pair_words, rank_correlations, top_overlap
from hf_gradexplain.audit.compare.seeds import LEAST_DRIFT, predict_drift
from hf_gradexplain.audit.read_words import WordBlock
from hf_gradexplain.evaluation.median import median_interval

COLUMNS = ["method", "drift", "ci_low", "ci_high", "spearman", "q05", "q25", "q75", "q95", f"top_{TOP}"]
COUNTS = ["n", "n_undefined"]
SEED_COLUMNS = ["seed_drift", "seed_high", "drift_from_seeds", "p_seeds"]


class Drifts:
    """Rank correlations of the explanations of `R` runs: A, then references, then B.

    All documents are kept in memory, with 8 bytes for each method and pair of runs.

    Args:
        n_runs: `R`.
        methods: The methods.
        tie: See `hf_gradexplain.audit.compare.paired_words.rank_correlations`.
    """

    def __init__(self, n_runs: int, methods: Sequence[str], tie: float) -> None:
        self.n_runs, self.methods, self.tie = n_runs, tuple(methods), tie
        self.pairs = list(combinations(range(n_runs), 2))
        self.found: dict[tuple[int, int, str], list[np.ndarray]] = {
            (*pair, method): [] for pair in self.pairs for method in methods
        }
        self.overlaps: dict[str, list[np.ndarray]] = {method: [] for method in methods}
        self.n_words = self.n_shared = self.n_other_class = 0

    def add(self, blocks: Sequence[WordBlock]) -> dict[str, np.ndarray]:
        """Add documents as each run explains them; return the correlations of A and B, `(n,)` per method.

        Documents in which two runs explain different classes have no correlation.
        """
        for i, j in self.pairs:
            a, b = blocks[i], blocks[j]
            of_a, of_b = pair_words(a, b)
            same_class = a.target == b.target
            for method in self.methods:
                scores = a.scores[method][of_a], b.scores[method][of_b]
                r = rank_correlations(*scores, a.document[of_a], len(a), self.tie)
                self.found[i, j, method].append(np.where(same_class, r, np.nan))
        a, b = blocks[0], blocks[-1]
        same_class = a.target == b.target
        self.n_other_class += int((~same_class).sum())
        shared = len(pair_words(a, b)[0])
        self.n_words += len(a.word) + len(b.word) - shared
        self.n_shared += shared
        for method in self.methods:
            self.overlaps[method].append(np.where(same_class, top_overlap(a, b, method), np.nan))
        return {method: self.found[0, self.n_runs - 1, method][-1] for method in self.methods}

    def of(self, i: int, j: int, method: str) -> np.ndarray:
        """Return the correlations of two runs, without undefined ones."""
        r = np.concatenate(self.found[min(i, j), max(i, j), method])
        return r[~np.isnan(r)]

    def drift(self, i: int, j: int, method: str) -> float:
        """Return 1 minus the median correlation of two runs; NaN if no document has one."""
        r = self.of(i, j, method)
        return float(1 - np.median(r)) if len(r) else np.nan

    def table(self) -> pd.DataFrame:
        """Return one row per method.

        Returns:
            The columns are

            - `method`;
            - `drift` with its 95 % interval `ci_low`, `ci_high`, which comes from the interval of the median;
            - `spearman`, the median of Spearman's correlation over texts, and its quantiles `q05`, `q25`, `q75`, `q95`;
            - `top_5`, the mean share of the five highest-scored words that A and B have in common;
            - `n` and `n_undefined`, the numbers of texts with and without a correlation.

            With references, there are also

            - `seed_drift`, the median drift among A and the references;
            - `drift_from_seeds`, the geometric mean of the drifts between B and each of these runs;
            - `seed_high`, the value that this mean stays below for 95 % of other seeds;
            - `p_seeds`, see `hf_gradexplain.audit.compare.seeds.predict_drift`.
        """
        rows = []
        for method in self.methods:
            r = self.of(0, self.n_runs - 1, method)
            overlap = np.concatenate(self.overlaps[method])
            n = len(overlap)
            quantiles = np.quantile(r, [0.5, 0.05, 0.25, 0.75, 0.95]) if len(r) else np.full(5, np.nan)
            low, high = median_interval(r) if len(r) else (np.nan, np.nan)
            top = np.nanmean(overlap) if not np.isnan(overlap).all() else np.nan
            values = (method, 1 - quantiles[0], 1 - high, 1 - low, *quantiles, top)
            row = dict(zip((*COLUMNS, *COUNTS), (*values, len(r), n - len(r)), strict=True))
            rows.append(row | self._against_seeds(method))
        return pd.DataFrame(rows)

    def _against_seeds(self, method: str) -> dict[str, float]:
        """Compare B's drifts with those among A and the references; nothing without references."""
        m = self.n_runs - 1
        if m < 2:
            return {}
        between = np.zeros((m, m))
        for i, j in combinations(range(m), 2):
            between[i, j] = between[j, i] = self.drift(i, j, method)
        new = np.array([self.drift(i, m, method) for i in range(m)])
        test = predict_drift(between, new)
        among = np.median(between[np.triu_indices(m, 1)])
        values = (among, test.high, float(np.exp(np.log(np.maximum(new, LEAST_DRIFT)).mean())), test.p)
        return dict(zip(SEED_COLUMNS, values, strict=True))

    def histogram(self) -> pd.DataFrame:
        """Return the distribution of the correlations of A and B: `method, low, high, n`, 20 bins from -1 to 1."""
        edges = np.linspace(-1, 1, 21)
        rows = []
        for method in self.methods:
            counts, _ = np.histogram(self.of(0, self.n_runs - 1, method).clip(-1, 1), edges)
            rows += [(method, *ends, n) for *ends, n in zip(edges[:-1], edges[1:], counts.tolist(), strict=True)]
        return pd.DataFrame(rows, columns=["method", "low", "high", "n"])

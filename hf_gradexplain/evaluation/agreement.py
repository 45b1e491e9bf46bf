"""Tables of the agreement of scores with leave-one-out: correlations and signs."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.evaluation.bootstrap import REPLICATES, Means
from hf_gradexplain.evaluation.correlation import SIGNIFICANCE
from hf_gradexplain.evaluation.median import median_interval
from hf_gradexplain.explanation.correlation import COEFFICIENTS

CORRELATION_COLUMNS = [
    *("method", "coefficient", "median", "mean", "fraction_significant", "n", "n_undefined"),
    *("median_ci_low", "median_ci_high", "mean_ci_low", "mean_ci_high", "fraction_significant_fdr"),
]
SIGN_COLUMNS = ["method", "agreement", "ci_low", "ci_high", "share_zero", "n", "n_undefined"]
HISTOGRAM_COLUMNS = ["method", "coefficient", "low", "high", "n"]
BINS = 20


class CorrelationSums:
    """Sums over documents of the correlations with leave-one-out, for the intervals of the mean correlations.

    Args:
        methods: The methods' names.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, methods: Sequence[str], replicates: int = REPLICATES) -> None:
        self.keys = [(method, coefficient) for method in methods for coefficient in COEFFICIENTS]
        self.means = Means(len(self.keys), replicates)

    def add(self, correlations: Mapping[str, Mapping[str, np.ndarray]], weights: np.ndarray) -> None:
        """Add documents.

        Args:
            correlations: Every coefficient per method, `(n,)` each, NaN where undefined.
            weights: The `bootstrap_weights` of the documents, `(n, replicates)`.
        """
        if self.keys:
            self.means.add(np.stack([correlations[m][coefficient] for m, coefficient in self.keys], 1), weights)

    def intervals(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Return the 95 % percentile interval of each mean, by method and coefficient."""
        return dict(zip(self.keys, zip(*self.means.interval((-1, 1)), strict=True), strict=True))


def correlation_tables(
    correlations: Iterable[tuple[str, Mapping[str, np.ndarray]]],
    intervals: Mapping[tuple[str, str], tuple[float, float]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summarise per-document correlations with leave-one-out.

    Args:
        correlations: For one method after the other, every coefficient and its p-value (`pearson`, `pearson_p`, ...),
            `(n,)` each, NaN where undefined.
        intervals: The intervals of the means, see `CorrelationSums.intervals`.

    Returns:
        The summary, with the columns `CORRELATION_COLUMNS`. `n` counts the documents that have a coefficient.
        `fraction_significant` is the share of them with `p <= 0.05`. `fraction_significant_fdr` is the same share after
        the p-values are adjusted for the false discovery rate: at most 5 % of the significant coefficients are expected
        to be false (Benjamini & Hochberg 1995, for independent documents). All values are NaN if there is no document,
        and the interval of the median is NaN for fewer than 6 documents, see `median_interval`.

        The distribution of the coefficients, with the columns `HISTOGRAM_COLUMNS`: `n` of them lie between `low` and
        `high`.
    """
    rows, histograms = [], []
    edges = np.linspace(-1, 1, BINS + 1)
    for method, values in correlations:
        for name in COEFFICIENTS:
            r, p = (x[~np.isnan(x)] for x in (values[name], values[f"{name}_p"]))
            raw, adjusted = _significance(p)
            n_undefined = len(values[name]) - len(r)
            ends = (*median_interval(r), *intervals[method, name])
            rows.append((method, name, *_location(r), raw, len(r), n_undefined, *ends, adjusted))
            counts = np.histogram(np.clip(r, -1, 1), edges)[0]
            histograms += [(method, name, *bin_) for bin_ in zip(edges[:-1], edges[1:], counts, strict=True)]
    return pd.DataFrame(rows, columns=CORRELATION_COLUMNS), pd.DataFrame(histograms, columns=HISTOGRAM_COLUMNS)


class SignSums:
    """Sums over documents of the agreement of sign with leave-one-out.

    Args:
        methods: The signed methods' names.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, methods: Sequence[str], replicates: int = REPLICATES) -> None:
        self.methods, self.n = list(methods), 0
        self.agreement, self.zero = (Means(len(self.methods), replicates) for _ in range(2))

    def add(self, signs: Mapping[str, Mapping[str, np.ndarray]], weights: np.ndarray) -> None:
        """Add documents.

        Args:
            signs: The counts of `sign_agreement` per method, `(n,)` each.
            weights: The `bootstrap_weights` of the documents, `(n, replicates)`.
        """
        if self.methods:
            self.n += len(weights)
            units = {m: np.sum([signs[m][name] for name in ("same", "opposite", "zero")], 0) for m in self.methods}
            for name, means in (("same", self.agreement), ("zero", self.zero)):
                means.add(np.stack([_share(signs[m][name], units[m]) for m in self.methods], 1), weights)

    def table(self) -> pd.DataFrame:
        """Return one row per signed method, with the columns `SIGN_COLUMNS`.

        Returns:
            The mean over `n` documents of the share of units with the same sign, with its 95 % bootstrap interval, and
            the mean share of units that the method scores 0. `n_undefined` is the number of documents in which the
            leave-one-out score of every unit is 0.
        """
        low, high = self.agreement.interval((0, 1))
        columns = [self.methods, self.agreement.mean, low, high, self.zero.mean, self.agreement.n]
        return pd.DataFrame(dict(zip(SIGN_COLUMNS, [*columns, self.n - self.agreement.n], strict=True)))


def _location(r: np.ndarray) -> tuple[float, float]:
    return (float(np.median(r)), float(np.mean(r))) if len(r) else (np.nan, np.nan)


def _significance(p: np.ndarray) -> tuple[float, float]:
    """Return the share of significant p-values, unadjusted and adjusted for the false discovery rate."""
    if not len(p):
        return np.nan, np.nan
    adjusted = stats.false_discovery_control(np.clip(p, 0, 1))
    return float((p <= SIGNIFICANCE).mean()), float((adjusted <= SIGNIFICANCE).mean())


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)

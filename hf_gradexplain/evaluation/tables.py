"""From documents to the two tables: AOPC curves with intervals, and correlations with leave-one-out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hf_gradexplain.evaluation.aopc import document_aopc
from hf_gradexplain.evaluation.correlation import COEFFICIENTS, SIGNIFICANCE

REPLICATES = 1000
INTERVAL = (2.5, 97.5)
"""The percentiles of the bootstrap between which the interval lies."""


def bootstrap_weights(ids: Sequence[int], seed: int, replicates: int = REPLICATES) -> np.ndarray:
    """How often each document is drawn in each bootstrap sample: `(n, replicates)`.

    The Poisson bootstrap (Hanley & MacGibbon 2006; Chamandy et al. 2012): independent Poisson(1) counts take the
    place of multinomial ones. A document's counts depend on its id and the seed alone, so sums over parts of a data
    set add up to the sum over all of it, and methods are compared on the same samples.
    """
    return np.stack([np.random.default_rng((seed, i)).poisson(1.0, replicates) for i in ids]).astype(np.float64)


class AopcSums:
    """Sums over documents of `document_aopc` and of its bootstrap replicates; memory `O(max_k * replicates)`.

    Args:
        max_k: The largest `K`.
        replicates: The number of bootstrap samples.
    """

    def __init__(self, max_k: int, replicates: int = REPLICATES) -> None:
        self.n = 0
        self.sums = np.zeros(max_k + 1)
        self.replicate_sums = np.zeros((replicates, max_k + 1))
        self.replicate_n = np.zeros((replicates, 1))

    def add(self, curves: Sequence[np.ndarray], weights: np.ndarray) -> None:
        """Add documents: one curve `(U_i + 1,)` each, and their `bootstrap_weights` `(n, replicates)`."""
        values = np.stack([document_aopc(curve, len(self.sums) - 1) for curve in curves])
        self.n += len(values)
        self.sums += values.sum(0)
        self.replicate_sums += weights.T @ values
        self.replicate_n += weights.sum(0)[:, None]

    def table(self, method: str) -> pd.DataFrame:
        """Columns `method, k, aopc, ci_low, ci_high, n`: the mean and its 95 % percentile interval."""
        drawn = self.replicate_n[:, 0] > 0
        replicates = self.replicate_sums[drawn] / self.replicate_n[drawn]
        low, high = np.percentile(replicates, INTERVAL, axis=0)
        k = np.arange(len(self.sums))
        columns = {"k": k, "aopc": self.sums / self.n, "ci_low": low, "ci_high": high, "n": self.n}
        return pd.DataFrame({"method": method, **columns})


def correlation_table(correlations: pd.DataFrame) -> pd.DataFrame:
    """Summarise per-document correlations with leave-one-out.

    Args:
        correlations: Columns `method`, and per coefficient `pearson`, `pearson_p`, ...; NaN where undefined.

    Returns:
        Columns `method, coefficient, median, mean, fraction_significant, n, n_undefined`. `n` counts the documents
        that have a coefficient, and `fraction_significant` is the share of those with `p <= 0.05`. Without any,
        the three are NaN.
    """
    rows = []
    for method, group in correlations.groupby("method", sort=False):
        for coefficient in COEFFICIENTS:
            r, p = group[coefficient].dropna(), group[f"{coefficient}_p"].dropna()
            rows.append(
                {
                    "method": method,
                    "coefficient": coefficient,
                    "median": r.median(),
                    "mean": r.mean(),
                    "fraction_significant": (p <= SIGNIFICANCE).mean() if len(p) else np.nan,
                    "n": len(r),
                    "n_undefined": len(group) - len(r),
                }
            )
    return pd.DataFrame(rows, columns=CORRELATION_COLUMNS)


CORRELATION_COLUMNS = ["method", "coefficient", "median", "mean", "fraction_significant", "n", "n_undefined"]

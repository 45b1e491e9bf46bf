"""The tables of an evaluation, made from its document files alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hf_gradexplain.evaluation.documents import read_correlations, read_curves
from hf_gradexplain.evaluation.tables import AopcSums, bootstrap_weights, correlation_table
from hf_gradexplain.options import Options


@dataclass(frozen=True, eq=False)
class Tables:
    """What an evaluation says.

    Attributes:
        aopc: `method, k, aopc, ci_low, ci_high, n`.
        correlation: `method, coefficient, median, mean, fraction_significant, n, n_undefined`.
        correlations: Every document's correlations, the rows behind `correlation`.
    """

    aopc: pd.DataFrame
    correlation: pd.DataFrame
    correlations: pd.DataFrame


def make_tables(paths: Sequence[Path], options: Options, max_k: int | None = None) -> Tables:
    """The tables of finished document files; memory does not grow with their number but for the correlations."""
    longest = max(len(curve) - 1 for path in paths for curve in read_curves(path)[1][options.methods[0]])
    max_k = longest if max_k is None else min(max_k, longest)
    sums = {method: AopcSums(max_k) for method in options.methods}
    for path in paths:
        ids, curves = read_curves(path)
        weights = bootstrap_weights(ids, options.seed)
        for method in options.methods:
            sums[method].add(curves[method], weights)
    correlations = read_correlations(paths)
    aopc = pd.concat([sums[method].table(method) for method in options.methods], ignore_index=True)
    return Tables(aopc, correlation_table(correlations), correlations)

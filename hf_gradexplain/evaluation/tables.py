"""Make the tables of an evaluation from its document files, without reading all documents into memory at once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from hf_gradexplain.evaluation.agreement import CorrelationSums, SignSums, correlation_tables
from hf_gradexplain.evaluation.aopc import areas, full_areas, removal_drops, sufficiency_drops
from hf_gradexplain.evaluation.bootstrap import ANY, CHANGE, AopcSums, bootstrap_weights
from hf_gradexplain.evaluation.comparisons import PairedSums
from hf_gradexplain.evaluation.correlation import correlated_methods
from hf_gradexplain.evaluation.median import MIN_VALUES
from hf_gradexplain.evaluation.naopc import NormalisedSums
from hf_gradexplain.evaluation.random_band import RandomBandSums, with_mean_random
from hf_gradexplain.evaluation.read_documents import (
    SATURATED,
    DocumentBlock,
    count_documents,
    count_incomplete,
    is_regression,
    read_blocks,
    read_correlations,
    read_output_range,
    read_signed_methods,
    undefined_correlations,
)
from hf_gradexplain.explanation.remarks import COMPLETE_WITHIN
from hf_gradexplain.options import Options
from hf_gradexplain.statistics.ragged_array import RaggedArray

SHORT_K = 10
"""AOPC is reported and compared at this `K`, because readers look at the top units, and at the largest `K`."""

INCOMPLETE = f"scores that do not add up to the rise of the loss within {100 * COMPLETE_WITHIN:.0f} %"
"""The name of incomplete explanations in the table of counts."""


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of an evaluation; a table of something that was not measured has no rows.

    Attributes:
        aopc: `method, k, aopc, ci_low, ci_high, n`. If random orders were measured, `random` is their mean, here and
            in `curves`, `comparisons` and `normalised`.
        correlation: `method, coefficient, median, mean, fraction_significant, n, n_undefined`, and more: see
            `hf_gradexplain.evaluation.agreement.correlation_tables`.
        correlation_histograms: The distribution of the correlations: `method, coefficient, low, high, n`.
        curves: The columns of `aopc` after a first column `curve`, which is `removal` (the rows of `aopc`),
            `negative_first` or `sufficiency`; see `hf_gradexplain.evaluation.aopc`.
        chance: The band of random orders, `k, aopc, low, high, n`; see
            `hf_gradexplain.evaluation.random_band.RandomBandSums`.
        comparisons: `k, method, other, difference, ci_low, ci_high, p, p_adjusted, n`; see
            `hf_gradexplain.evaluation.comparisons.PairedSums`.
        normalised: `method, naopc, ci_low, ci_high, ...`; see `hf_gradexplain.evaluation.naopc.NormalisedSums`.
        signs: `method, agreement, ci_low, ci_high, ...`; see `hf_gradexplain.evaluation.agreement.SignSums`.
        counts: `what, method, n, of`: numbers of documents that are left out or unusual; see `count_table`.
        document_counts: The numbers that `hf_gradexplain.evaluation.read_documents.count_documents` returns.
        unit: The kind of unit, as in `Explanation.unit`.
        output_range: 1 if AOPC is about probabilities. For regression, the largest minus the smallest output for the
            full texts; if they are equal, the largest without its sign. Limits for differences in AOPC are multiplied
            by it.
    """

    aopc: pd.DataFrame
    correlation: pd.DataFrame
    correlation_histograms: pd.DataFrame = field(default_factory=pd.DataFrame)
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    chance: pd.DataFrame = field(default_factory=pd.DataFrame)
    comparisons: pd.DataFrame = field(default_factory=lambda: PairedSums((), ()).table())
    normalised: pd.DataFrame = field(default_factory=pd.DataFrame)
    signs: pd.DataFrame = field(default_factory=pd.DataFrame)
    counts: pd.DataFrame = field(default_factory=pd.DataFrame)
    document_counts: Mapping[str, int] = field(default_factory=dict)
    unit: str = Options.unit
    output_range: float = 1.0

    @property
    def decimals(self) -> int:
        """The decimals that an AOPC is shown with: 3, or as many as make a thousandth of `output_range` visible."""
        return max(3, math.ceil(3 - math.log10(self.output_range))) if self.output_range > 0 else 3

    @property
    def long_k(self) -> int:
        """The largest `K` of the tables."""
        return int(self.aopc["k"].max())

    @property
    def short_k(self) -> int:
        """The `K` at which methods are reported and compared: `SHORT_K`, or the largest `K` if that is smaller."""
        return min(SHORT_K, self.long_k)

    @property
    def short_comparisons(self) -> pd.DataFrame:
        """The paired tests at `short_k`, the smaller of their two `K`; no rows without paired tests."""
        tests = self.comparisons
        return tests[tests["k"] == tests["k"].min()] if len(tests) else tests


def make_tables(paths: Sequence[Path], options: Options, max_k: int | None = None, random_orders: int = 0) -> Tables:
    """Make the tables of finished document files.

    The tables depend on the order of the documents, but not on how they were split into files. Only the correlations of
    one method at a time are kept in memory for all documents.

    Args:
        paths: The files, in order.
        options: How the documents were explained.
        max_k: The largest number of removed units in the tables; None for the longest document's number of units.
        random_orders: The number of random orders of each document; 0 if they were not measured.
    """
    counts, output_range = count_documents(paths), read_output_range(paths)
    max_k = counts["longest"] if max_k is None else min(max_k, counts["longest"])
    sums = _Sums(options.methods, read_signed_methods(paths), counts["longest"], max_k, random_orders, output_range)
    for block in read_blocks(paths):
        sums.add(block, bootstrap_weights(block.ids, options.seed))
    correlated = correlated_methods(options.methods)
    intervals = sums.correlations.intervals()
    by_method = ((method, read_correlations(paths, method)) for method in correlated)
    correlation, histograms = correlation_tables(by_method, intervals)
    limits = ANY if is_regression(paths) else CHANGE
    curves = sums.curve_table(limits)
    removal = curves[curves["curve"] == "removal"].drop(columns="curve").reset_index(drop=True)
    normalised = sums.normalised.table() if sums.normalised.n else pd.DataFrame()
    signs = sums.signs.table() if sums.signs.methods else pd.DataFrame()
    undefined = undefined_correlations(paths, correlated) if correlated else {}
    incomplete = count_incomplete(paths)
    return Tables(
        aopc=removal,
        correlation=correlation,
        correlation_histograms=histograms,
        curves=curves if curves["curve"].nunique() > 1 else pd.DataFrame(),
        chance=sums.chance_table(),
        comparisons=sums.pairs.table(limits),
        normalised=normalised,
        signs=signs,
        counts=count_table(counts, undefined, correlation, normalised, signs, incomplete),
        document_counts=counts,
        unit=options.unit,
        output_range=output_range,
    )


class _Sums:
    """All sums over documents."""

    def __init__(
        self,
        methods: Sequence[str],
        signed: Sequence[str],
        longest: int,
        max_k: int,
        orders: int,
        output_range: float,
    ) -> None:
        self.longest, self.max_k, self.output_range = longest, max_k, output_range
        self.curves: dict[tuple[str, str], AopcSums] = {}
        self.random, self.chance = AopcSums(longest), RandomBandSums(longest, orders)
        self.pairs = PairedSums(methods, sorted({min(SHORT_K, max_k), max_k}))
        self.normalised = NormalisedSums(methods)
        self.correlations = CorrelationSums(correlated_methods(methods))
        self.signs = SignSums(signed)

    def add(self, block: DocumentBlock, weights: np.ndarray) -> None:
        by_method = with_mean_random(block.curves, block.random_orders)
        lowest_first = with_mean_random(block.negative_first, block.random_orders)
        removal = {method: removal_drops(curves) for method, curves in by_method.items()}
        self._add_curves("removal", removal, weights)
        for name, drops in (("negative_first", removal_drops), ("sufficiency", sufficiency_drops)):
            self._add_curves(name, {m: drops(curves) for m, curves in lowest_first.items()}, weights)
        if block.random_orders:
            self.random.add(removal_drops(block.random_orders["mean"]), weights)
            self.chance.add(block.random_orders["variance"])
        scale = np.maximum(np.abs(next(iter(block.curves.values())).first), self.output_range)
        if len(removal) > 1:
            self.pairs.add(np.stack([areas(x, np.array(self.pairs.ks)) for x in removal.values()]), scale, weights)
        if block.bounds:
            self.normalised.add(np.stack([full_areas(x) for x in removal.values()]), block.bounds, scale, weights)
        self.correlations.add(block.correlations, weights)
        self.signs.add(block.signs, weights)

    def _add_curves(self, curve: str, drops: Mapping[str, RaggedArray], weights: np.ndarray) -> None:
        for method, of_method in drops.items():
            self.curves.setdefault((curve, method), AopcSums(self.longest)).add(of_method, weights)

    def curve_table(self, limits: tuple[float, float]) -> pd.DataFrame:
        tables = {key: sums.table(self.max_k, limits) for key, sums in self.curves.items()}
        return pd.concat(tables, names=["curve", "method", None]).reset_index(level=[0, 1]).reset_index(drop=True)

    def chance_table(self) -> pd.DataFrame:
        return self.chance.table(self.random.table(self.max_k)) if self.chance.n else pd.DataFrame()


def count_table(
    counts: Mapping[str, int],
    undefined: Mapping[tuple[str, str], int],
    correlation: pd.DataFrame,
    normalised: pd.DataFrame,
    signs: pd.DataFrame,
    incomplete: Mapping[str, int],
) -> pd.DataFrame:
    """Count the documents that a table leaves out, and unusual documents, in columns `what, method, n, of`.

    Args:
        counts: See `hf_gradexplain.evaluation.read_documents.count_documents`.
        undefined: Numbers of documents without a correlation, by method and reason.
        correlation: The summary of the correlations.
        normalised: The table of normalised AOPC, or an empty one.
        signs: The table of signs, or an empty one.
        incomplete: See `hf_gradexplain.evaluation.read_documents.count_incomplete`.
    """
    rows = [
        ("left out: scores not finite, or not enough memory", "all", counts["left_out"]),
        ("without any unit: AOPC 0", "all", counts["without_units"]),
        ("truncated: the end was not read", "all", counts["truncated"]),
        (f"saturated: p of the target above {SATURATED}", "all", counts["saturated"]),
    ]
    rows += [(f"no correlation: {reason}", method, n) for (method, reason), n in undefined.items()]
    few = correlation[(correlation["coefficient"] == "pearson") & correlation["n"].between(1, MIN_VALUES - 1)]
    without_interval = f"no interval of the median r: fewer than {MIN_VALUES} documents have an r"
    rows += [(without_interval, row.method, int(row.n)) for row in few.itertuples()]
    if len(normalised):
        by_beam = counts["documents"] - int(normalised["n_exact"].iloc[0])
        rows += [("no NAOPC: best and worst order are equal", "all", int(normalised["n_undefined"].iloc[0]))]
        rows += [("bounds of NAOPC by beam search: not exact", "all", by_beam)]
        outside = normalised[normalised["n_outside"] > 0].itertuples()
        rows += [("outside of the bounds that the beam found", row.method, int(row.n_outside)) for row in outside]
    for row in signs.itertuples():
        rows += [("no agreement of sign: leave-one-out is 0 throughout", row.method, int(row.n_undefined))]
    rows += [(INCOMPLETE, method, n) for method, n in incomplete.items()]
    table = pd.DataFrame(rows, columns=["what", "method", "n"]).assign(of=counts["documents"])
    table.loc[0, "of"] += counts["left_out"]
    return table

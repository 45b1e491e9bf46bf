"""The tables of an evaluation, made from its document files alone, in memory that does not grow with their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from hf_gradexplain.evaluation.agreement import CorrelationSums, SignSums, correlation_tables
from hf_gradexplain.evaluation.aopc import areas, own_areas, removal_drops, sufficiency_drops
from hf_gradexplain.evaluation.bootstrap import AopcSums, bootstrap_weights
from hf_gradexplain.evaluation.comparisons import PairedSums
from hf_gradexplain.evaluation.correlation import compared_by_sign, correlated_methods
from hf_gradexplain.evaluation.naopc import NormalisedSums
from hf_gradexplain.evaluation.ragged_array import RaggedArray
from hf_gradexplain.evaluation.random_band import RandomBandSums
from hf_gradexplain.evaluation.read_documents import (
    SATURATED,
    DocumentBlock,
    count_documents,
    read_blocks,
    read_correlations,
    undefined_correlations,
)
from hf_gradexplain.options import Options

SHORT_K = 10
"""The `K` that is quoted and compared beside the longest: what a reader looks at is the top of the order."""


@dataclass(frozen=True, eq=False)
class Tables:
    """What an evaluation says. A table of what was not measured has no rows.

    Attributes:
        aopc: `method, k, aopc, ci_low, ci_high, n`.
        correlation: `method, coefficient, median, mean, fraction_significant, n, n_undefined`, and more: see
            `hf_gradexplain.evaluation.agreement.correlation_tables`.
        histograms: How the correlations are distributed: `method, coefficient, low, high, n`.
        curves: As `aopc`, with a first column `curve`: `removal` (`aopc` again), `negative_first`, `sufficiency`; see
            `hf_gradexplain.evaluation.aopc`.
        chance: The band of random orders, `k, aopc, low, high, n`; see `RandomBandSums`.
        comparisons: `k, method, other, difference, ci_low, ci_high, p, p_adjusted, n`; see
            `hf_gradexplain.evaluation.comparisons.PairedSums`.
        normalised: `method, naopc, ci_low, ci_high, ...`; see `hf_gradexplain.evaluation.naopc.NormalisedSums`.
        signs: `method, agreement, ci_low, ci_high, ...`; see `hf_gradexplain.evaluation.agreement.SignSums`.
        counts: `what, method, n, of`: the documents that a reader has to know of.
    """

    aopc: pd.DataFrame
    correlation: pd.DataFrame
    histograms: pd.DataFrame = field(default_factory=pd.DataFrame)
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    chance: pd.DataFrame = field(default_factory=pd.DataFrame)
    comparisons: pd.DataFrame = field(default_factory=pd.DataFrame)
    normalised: pd.DataFrame = field(default_factory=pd.DataFrame)
    signs: pd.DataFrame = field(default_factory=pd.DataFrame)
    counts: pd.DataFrame = field(default_factory=pd.DataFrame)


def make_tables(paths: Sequence[Path], options: Options, max_k: int | None = None) -> Tables:
    """The tables of finished document files.

    They do not depend on how the documents were cut into files, only on their order. Of all documents at once no more
    is held than one method's correlations.

    Args:
        paths: The files, in order.
        options: How the documents were explained.
        max_k: The largest number of removed units in the tables; None for the longest document's.
    """
    found = count_documents(paths)
    max_k = found["longest"] if max_k is None else min(max_k, found["longest"])
    sums = _Sums(options.methods, found["longest"], max_k)
    for block in read_blocks(paths):
        sums.add(block, bootstrap_weights(block.ids, options.seed))
    correlated = correlated_methods(options.methods)
    intervals = sums.correlations.intervals()
    by_method = ((method, read_correlations(paths, method)) for method in correlated)
    correlation, histograms = correlation_tables(by_method, intervals)
    curves = sums.curve_table()
    removal = curves[curves["curve"] == "removal"].drop(columns="curve").reset_index(drop=True)
    normalised = sums.normalised.table() if sums.normalised.n else pd.DataFrame()
    signs = sums.signs.table() if sums.signs.methods else pd.DataFrame()
    undefined = undefined_correlations(paths, correlated) if correlated else {}
    return Tables(
        aopc=removal,
        correlation=correlation,
        histograms=histograms,
        curves=curves if curves["curve"].nunique() > 1 else pd.DataFrame(),
        chance=sums.chance_table(),
        comparisons=sums.pairs.table() if len(options.methods) > 1 else pd.DataFrame(),
        normalised=normalised,
        signs=signs,
        counts=count_table(found, undefined, normalised, signs),
    )


class _Sums:
    """All that is summed over documents."""

    def __init__(self, methods: Sequence[str], longest: int, max_k: int) -> None:
        self.longest, self.max_k = longest, max_k
        self.curves: dict[tuple[str, str], AopcSums] = {}
        self.random, self.chance = AopcSums(longest), RandomBandSums(longest)
        self.pairs = PairedSums(methods, sorted({min(SHORT_K, max_k), max_k}))
        self.normalised = NormalisedSums(methods)
        self.correlations = CorrelationSums(correlated_methods(methods))
        self.signs = SignSums(compared_by_sign(methods))

    def add(self, block: DocumentBlock, weights: np.ndarray) -> None:
        removal = {method: removal_drops(curves) for method, curves in block.curves.items()}
        self._add_curves("removal", removal, weights)
        for name, drops in (("negative_first", removal_drops), ("sufficiency", sufficiency_drops)):
            self._add_curves(name, {m: drops(curves) for m, curves in block.negative_first.items()}, weights)
        if block.random_orders:
            self.random.add(removal_drops(block.random_orders["mean"]), weights)
            self.chance.add(block.random_orders["variance"])
        if len(removal) > 1:
            scale = next(iter(block.curves.values())).first
            self.pairs.add(np.stack([areas(x, np.array(self.pairs.ks)) for x in removal.values()]), scale, weights)
        if block.bounds:
            self.normalised.add(np.stack([own_areas(x) for x in removal.values()]), block.bounds, weights)
        self.correlations.add(block.correlations, weights)
        self.signs.add(block.signs, weights)

    def _add_curves(self, curve: str, drops: Mapping[str, RaggedArray], weights: np.ndarray) -> None:
        for method, found in drops.items():
            self.curves.setdefault((curve, method), AopcSums(self.longest)).add(found, weights)

    def curve_table(self) -> pd.DataFrame:
        tables = {key: sums.table(self.max_k) for key, sums in self.curves.items()}
        return pd.concat(tables, names=["curve", "method", None]).reset_index(level=[0, 1]).reset_index(drop=True)

    def chance_table(self) -> pd.DataFrame:
        return self.chance.table(self.random.table(self.max_k)) if self.chance.n else pd.DataFrame()


def count_table(
    found: Mapping[str, int], undefined: Mapping[tuple[str, str], int], normalised: pd.DataFrame, signs: pd.DataFrame
) -> pd.DataFrame:
    """How many documents are out of the ordinary, or left out, and of what: `what, method, n, of`.

    Args:
        found: See `hf_gradexplain.evaluation.read_documents.count_documents`.
        undefined: Documents without a correlation, by method and reason.
        normalised: The table of normalised AOPC, or an empty one.
        signs: The table of signs, or an empty one.
    """
    rows = [
        ("excluded from AOPC", "all", 0),
        ("without any unit: AOPC 0", "all", found["without_units"]),
        ("truncated: the end was not read", "all", found["truncated"]),
        (f"saturated: p of the target above {SATURATED}", "all", found["saturated"]),
    ]
    rows += [(f"no correlation: {reason}", method, n) for (method, reason), n in undefined.items()]
    if len(normalised):
        by_beam = found["documents"] - int(normalised["n_exact"].iloc[0])
        rows += [("no NAOPC: best and worst order are equal", "all", int(normalised["n_undefined"].iloc[0]))]
        rows += [("bounds of NAOPC by beam search: not exact", "all", by_beam)]
        outside = normalised[normalised["n_outside"] > 0].itertuples()
        rows += [("outside of the bounds that the beam found", row.method, int(row.n_outside)) for row in outside]
    for row in signs.itertuples():
        rows += [("no agreement of sign: leave-one-out is 0 throughout", row.method, int(row.n_undefined))]
    return pd.DataFrame(rows, columns=["what", "method", "n"]).assign(of=found["documents"])

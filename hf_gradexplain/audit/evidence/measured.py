"""The measurements of a run that concern one decision: on its text, on all texts, and the accuracy of the model."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import binomtest

from hf_gradexplain.evaluation.bootstrap import ENOUGH
from hf_gradexplain.evaluation.correlation import SIGNIFICANCE
from hf_gradexplain.evaluation.documents import EvaluatedDocument, open_documents
from hf_gradexplain.evaluation.random_band import RANDOM
from hf_gradexplain.evaluation.summaries import MATTERS, Comparison, compared_with, nothing_to_compare
from hf_gradexplain.evaluation.tables import SHORT_K, Tables
from hf_gradexplain.explanation.correlation import REFERENCE
from hf_gradexplain.explanation.random_sets import DRAWS
from hf_gradexplain.explanation.self_check import TOP
from hf_gradexplain.perturb.orders import tie

_CHANCES = 1000
"""There must be so many random orders that all of them begin with the top units in at most 1 of 1000 texts."""


@dataclass(frozen=True)
class Removal:
    """The probability of the explained class (for regression, the output) without `k` units.

    Attributes:
        k: The number of removed units.
        without_top: The value without the `k` highest-scored units.
        without_random: The value without `k` random units, as a mean over random orders. None without `random_orders`,
            because the single random order of the method `random` says little about one text.
    """

    k: int
    without_top: float
    without_random: float | None


@dataclass(frozen=True)
class TextCheck:
    """How the prediction of one text changes when its highest-scored units are removed.

    Attributes:
        value: The probability of the explained class (for regression, the output) on the full text.
        removals: The values without 1, 3 and 10 units, if the text has more units than that and the run measured them.
        k: The number of removed units that `beats_random` is about; None for a text of fewer than two units.
        top: The `k` highest-scored units; empty if they are not determined because of ties.
        beats_random: Whether removing the units of `top` lowers the value more than removing random units; for scores
            without a sign, whether it changes the value more. Values are rounded to 4 decimals before they are compared
            (for regression, to 5 digits). None if the run has no values without random units, or too few random orders.
    """

    value: float
    removals: tuple[Removal, ...]
    k: int | None
    top: tuple[str, ...]
    beats_random: bool | None


@dataclass(frozen=True)
class Faithfulness:
    """The measured faithfulness of a method on all texts of a run.

    Attributes:
        method: The method.
        n: The number of texts.
        k: The `K` of AOPC(K), the mean fall of the probability (for regression, the output) without the top 0 to `K`
            units.
        aopc: The mean of AOPC(K) over the texts.
        low: The lower end of its 95 % interval; None for a single text.
        high: The upper end.
        random: AOPC(K) of random orders; None if they were not measured.
        random_low: The lower end of the range of AOPC(K) for 95 % of random seeds; None if it was not measured.
        random_high: The upper end.
        verdict: How the method compares with random orders, see `hf_gradexplain.evaluation.summaries.compared_with`;
            empty if random orders were not measured, and if there is nothing to compare.
        correlation: The median over texts of Pearson's r with leave-one-out; None if it was not measured.
        correlation_low: The lower end of its 95 % interval; None if there are too few texts.
        correlation_high: The upper end.
        correlated: The number of texts that have an r.
        more_faithful: Methods of the run whose AOPC(K) is significantly higher, by at least 0.02 (for regression, 2 %
            of the range of outputs).
    """

    method: str
    n: int
    k: int
    aopc: float
    low: float | None
    high: float | None
    random: float | None
    random_low: float | None
    random_high: float | None
    verdict: Comparison | str
    correlation: float | None
    correlation_low: float | None
    correlation_high: float | None
    correlated: int
    more_faithful: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """The share of texts whose predicted class is their label, with Wilson's 95 % interval.

    Attributes:
        n: The number of texts.
        right: The number of texts whose predicted class is the label.
        share: `right / n`.
        low: The lower end of its interval.
        high: The upper end.
    """

    n: int
    right: int
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, right: int, n: int) -> "Share | None":
        """Return the share; None without texts."""
        if not n:
            return None
        interval = binomtest(right, n).proportion_ci(method="wilson")
        return cls(n, right, right / n, float(interval.low), float(interval.high))


@dataclass(frozen=True)
class Accuracy:
    """How often the model agrees with the labels of the dataset.

    Attributes:
        overall: On all labelled texts.
        of_prediction: On the labelled texts with the same predicted class as this text.
    """

    overall: Share
    of_prediction: Share | None


def check_text(
    document: EvaluatedDocument, method: str, signed: bool, measured: Collection[int] = (), *, orders: int
) -> TextCheck:
    """Return what the removal curves say about one text.

    Args:
        document: The document, with its curves.
        method: The method.
        signed: Whether its scores have a sign.
        measured: The numbers of removed units at which the curves are exact; empty for all.
        orders: The number of random orders of the run.
    """
    curve, n = document.curves[method], len(document.explanation.units)
    random = document.random_orders.get("mean")
    wanted = sorted({k for k in measured if k <= SHORT_K}) if measured else (1, TOP, SHORT_K)
    ks = [k for k in wanted if 0 < k < n]
    removals = tuple(Removal(k, float(curve[k]), None if random is None else float(random[k])) for k in ks)
    value = float(curve[0])
    if not removals:
        return TextCheck(value, (), None, (), None)
    chosen = max((r for r in removals if r.k <= TOP), key=lambda r: r.k, default=removals[0])
    beats_random = _beats_random(value, chosen, signed, document.explanation.regression)
    return TextCheck(
        value=value,
        removals=removals,
        k=chosen.k,
        top=_top(document, method, chosen.k),
        beats_random=beats_random if are_enough(orders, n, chosen.k) else None,
    )


def are_enough(orders: int, units: int, k: int) -> bool:
    """Return whether the mean over random orders can be compared with the top `k` of `units` units.

    There must be at least 5 orders. They must also be so many that, with a probability of at least 0.999, not all of
    them begin with the top units, as they may in a text of two or three units.

    >>> [are_enough(orders, 2, 1) for orders in (9, 10)], [are_enough(orders, 40, 3) for orders in (4, 5)]
    ([False, True], [False, True])
    """
    return orders >= DRAWS and comb(units, k) ** orders >= _CHANCES


def _top(document: EvaluatedDocument, method: str, k: int) -> tuple[str, ...]:
    """Return the `k` highest-scored units; none if the next one has the same score, up to rounding."""
    explanation = document.explanation
    scores = tie(explanation.scores[method], explanation.dtype)
    order = np.argsort(-scores, kind="stable")
    if k < len(order) and scores[order[k - 1]] == scores[order[k]]:
        return ()
    return tuple(explanation.units[u].text for u in order[:k])


def _beats_random(value: float, removal: Removal, signed: bool, regression: bool) -> bool | None:
    if removal.without_random is None:
        return None
    top, random = removal.without_top, removal.without_random
    if not signed:  # minus the changes: the lower, the better
        top, random = -abs(value - top), -abs(value - random)
    spec = ".5g" if regression else ".4f"
    return float(format(top, spec)) < float(format(random, spec))


def faithfulness(tables: Tables, method: str) -> Faithfulness:
    """Return the measured faithfulness of a method."""
    k = tables.short_k
    of_methods = tables.aopc[tables.aopc["k"] == k].set_index("method")
    row = of_methods.loc[method]
    ends = [None if np.isnan(row[name]) else float(row[name]) for name in ("ci_low", "ci_high")]
    random = float(of_methods.loc[RANDOM, "aopc"]) if RANDOM in of_methods.index else None
    low = high = None
    if len(tables.chance):
        band = tables.chance.set_index("k").loc[k]
        random, low, high = (float(band[name]) for name in ("aopc", "low", "high"))
    r = tables.correlation
    r = r[(r["method"] == method) & (r["coefficient"] == "pearson") & (r["n"] > 0)]
    median, median_low, median_high = (
        None if method == REFERENCE or r.empty or np.isnan(x := float(r[name].item())) else x
        for name in ("median", "median_ci_low", "median_ci_high")
    )
    return Faithfulness(
        method=method,
        n=int(row["n"]),
        k=k,
        aopc=float(row["aopc"]),
        low=ends[0],
        high=ends[1],
        random=random,
        random_low=low,
        random_high=high,
        verdict=_verdict(tables, method, row, low, high),
        correlation=median,
        correlation_low=median_low,
        correlation_high=median_high,
        correlated=0 if median is None else int(r["n"].item()),
        more_faithful=_more_faithful(tables, method, k),
    )


def _verdict(
    tables: Tables, method: str, row: pd.Series, random_low: float | None, random_high: float | None
) -> Comparison | str:
    """Return how a method compares with random orders: by paired tests, or without them by the interval in its row."""
    if nothing_to_compare(tables):
        return ""
    if method == RANDOM:
        return "level"
    tested = compared_with(tables, RANDOM)
    if method not in tested and random_low is not None and random_high is not None:
        below = row["ci_high"] < random_low and row["n"] >= ENOUGH
        return "above" if row["ci_low"] > random_high else "below" if below else "unclear"
    return tested.get(method, "")


def _more_faithful(tables: Tables, method: str, k: int) -> tuple[str, ...]:
    rows = tables.comparisons
    if not len(rows):
        return ()
    clear = (rows["p_adjusted"] <= SIGNIFICANCE) & (rows["difference"] >= MATTERS * tables.output_range)
    return tuple(rows.loc[(rows["k"] == k) & (rows["other"] == method) & clear, "method"])


def accuracy(paths: Sequence[Path], prediction: int) -> Accuracy | None:
    """Return how often the prediction is the label; None without labels, and for regression.

    Args:
        paths: The document files of the run.
        prediction: The predicted class of the decision.
    """
    read = [open_documents(path).read(["label", "prediction", "regression"]) for path in paths]
    table = pa.concat_tables(read)
    table = table.filter(pc.and_(pc.is_valid(table["label"]), pc.invert(table["regression"])))
    right, same = pc.equal(table["label"], table["prediction"]), pc.equal(table["prediction"], prediction)
    overall = Share.of(_count(right), len(table))
    of_prediction = Share.of(_count(pc.and_(right, same)), _count(same))
    return None if overall is None else Accuracy(overall, of_prediction)


def _count(values: pa.ChunkedArray) -> int:
    return int(pc.sum(values).as_py() or 0)

"""The tables of one evaluation, and the numbers that the claims need from these tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from hf_gradexplain.attribution.descriptions import PAPER_METHODS
from hf_gradexplain.evaluation.comparisons import holm
from hf_gradexplain.evaluation.correlation import SIGNIFICANCE
from hf_gradexplain.run.finished_run import open_run
from recipes.paper.constants import LEADERS, Setting


class IntervalEstimate(NamedTuple):
    """A number with its 95 % interval; for a difference, also the p-value of the test against 0."""

    value: float
    low: float
    high: float
    p: float = float("nan")

    @property
    def sign(self) -> int:
        """The sign of a significant difference: 1 or -1, and 0 if it is not significant."""
        return 0 if not self.p <= SIGNIFICANCE or self.value == 0 else 1 if self.value > 0 else -1


@dataclass(frozen=True, eq=False)
class Result:
    """The evaluation of one trained model.

    Attributes:
        setting: The model and the dataset.
        seed: The seed of the training.
        aopc: Columns `method, k, aopc, ci_low, ci_high, n`.
        comparisons: Columns `k, method, other, difference, ci_low, ci_high, p, p_adjusted`; each pair of methods in
            one of its two orders.
        correlation: Columns `method, coefficient, median, median_ci_low, median_ci_high, fraction_significant, n,
            n_undefined`.
        record: The content of `results.json`.
        curves: The columns of `aopc` and a column `curve`; empty if only the removal curve was measured.
    """

    setting: Setting
    seed: int
    aopc: pd.DataFrame
    comparisons: pd.DataFrame
    correlation: pd.DataFrame
    record: Mapping[str, Any]
    curves: pd.DataFrame

    @property
    def k_values(self) -> list[int]:
        """The numbers of removed words at which methods are compared: 10 (or fewer), and all of the longest text."""
        return sorted(int(k) for k in self.comparisons["k"].unique())

    @property
    def short_k(self) -> int:
        """The smaller of `k_values`, at which numbers are quoted: 10, if texts are long enough."""
        return self.k_values[0]

    def aopc_at(self, method: str, k: int) -> IntervalEstimate:
        """Return AOPC(k) of a method."""
        value, low, high = self._by_k[method, k]
        return IntervalEstimate(value, low, high)

    def gap(self, method: str, other: str, k: int) -> IntervalEstimate:
        """Return AOPC(k) of one method minus that of another, paired over texts.

        The p-value is adjusted for all pairs of the paper's seven methods.

        Raises:
            KeyError: The methods are not compared at `k`.
        """
        for a, b, sign in ((method, other, 1), (other, method, -1)):
            if (a, b, k) in self._pairs:
                value, low, high, p = self._pairs[a, b, k]
                ends = (sign * low, sign * high)
                return IntervalEstimate(sign * value, min(ends), max(ends), p)
        raise KeyError(f"{method} and {other} are not compared at k = {k}; the table has {self.k_values}")

    def lead(self, k: int) -> IntervalEstimate:
        """Return how far the better of LOO and SignedGI is above a random order: the scale of all differences."""
        return max((self.gap(method, "random", k) for method in LEADERS), key=lambda gap: gap.value)

    def r(self, method: str) -> IntervalEstimate:
        """Return the median over texts of Pearson's r with LOO."""
        row = self._pearson.loc[method]
        return IntervalEstimate(row["median"], row["median_ci_low"], row["median_ci_high"])

    def significant(self, method: str) -> float:
        """Return the share of texts whose r has p <= 0.05, among the texts that have an r."""
        return float(self._pearson.loc[method, "fraction_significant"])

    def without_r(self, method: str) -> tuple[int, int]:
        """Return how many texts have no r (all scores of one method are equal), and how many texts there are."""
        n, undefined = self._pearson.loc[method, ["n", "n_undefined"]]
        return int(undefined), int(n + undefined)

    @cached_property
    def _by_k(self) -> dict[tuple[str, int], tuple[float, float, float]]:
        columns = (self.aopc[name] for name in ("method", "k", "aopc", "ci_low", "ci_high"))
        return {(method, int(k)): numbers for method, k, *numbers in zip(*columns, strict=True)}  # type: ignore[misc]

    @cached_property
    def _pairs(self) -> dict[tuple[str, str, int], tuple[float, float, float, float]]:
        names = ("method", "other", "k", "difference", "ci_low", "ci_high", "p_adjusted")
        columns = (self.comparisons[name] for name in names)
        return {(a, b, int(k)): numbers for a, b, k, *numbers in zip(*columns, strict=True)}  # type: ignore[misc]

    @cached_property
    def _pearson(self) -> pd.DataFrame:
        return self.correlation[self.correlation["coefficient"] == "pearson"].set_index("method")


def read_result(folder: Path, setting: Setting, seed: int) -> Result:
    """Read the tables that `recipes/evaluate.py` wrote to a folder.

    Raises:
        GradexplainError: The run is not finished, or its tables were damaged or changed.
    """
    run = open_run(folder)
    return Result(
        setting=setting,
        seed=seed,
        aopc=run.frames["aopc"],
        comparisons=_adjusted(run.frames["comparisons"]),
        correlation=run.frames["correlation"],
        record=run.record,
        curves=run.frames.get("curves", pd.DataFrame()),
    )


def _adjusted(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Redo Holm's correction for the pairs among the paper's seven methods only.

    This makes evaluations with more methods comparable to evaluations with seven methods. Other pairs keep their
    correction.
    """
    among = comparisons["method"].isin(PAPER_METHODS) & comparisons["other"].isin(PAPER_METHODS)
    adjusted = comparisons["p_adjusted"].mask(among)
    adjusted[among] = holm(comparisons.loc[among, "p"].to_numpy())
    return comparisons.assign(p_adjusted=adjusted)


def over_seeds(estimates: Sequence[IntervalEstimate]) -> IntervalEstimate:
    """Return the mean over seeds, from the lowest end of their intervals to the highest.

    >>> over_seeds([IntervalEstimate(0.1, 0.0, 0.2), IntervalEstimate(0.3, 0.2, 0.4)])[:3]
    (0.2, 0.0, 0.4)
    """
    values, lows, highs = ([getattr(x, name) for x in estimates] for name in ("value", "low", "high"))
    return IntervalEstimate(sum(values) / len(values), min(lows), max(highs))

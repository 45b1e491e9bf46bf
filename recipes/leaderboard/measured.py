"""Read the measurements of one entry from the files of its evaluations, finished or not."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from hf_gradexplain.evaluation.median import median_interval
from hf_gradexplain.evaluation.read_documents import read_correlations
from hf_gradexplain.run.folder import document_paths
from recipes.leaderboard.candidates import passes
from recipes.leaderboard.certainty import Certainty, read_certainty
from recipes.leaderboard.entries import Entry
from recipes.leaderboard.plan import MAX_K, OF_ZERO, Plan
from recipes.leaderboard.resampled import Resampled, mean_over_texts
from recipes.leaderboard.times import REFERENCE
from recipes.paper.ablations import Areas, read_areas
from recipes.paper.results import IntervalEstimate

Part = Literal["choice", "verdict", "all"]
"""A part of the texts: the texts on which methods are chosen (even row numbers, first training), all others, or all."""

_UNKNOWN = IntervalEstimate(*[float("nan")] * 3)


@dataclass(frozen=True, eq=False)
class Measured:
    """The measurements of one entry.

    Attributes:
        entry: The entry.
        methods: The methods, in the order of `METHODS`.
        trainings: The folders of the main evaluations, by seed, the first training first.
        baselines: The folders of the evaluations under other masking baselines.
        ends: The folder of the evaluation of sufficiency and NAOPC; None without one.
        times: The file of the time measurement; None without one.
        accuracies: The accuracy of each training.
        masking: The measurements of the methods that run many masked copies, on the first training; None without such
            measurements.
    """

    entry: Entry
    methods: tuple[str, ...]
    trainings: Mapping[int, Path]
    baselines: Mapping[str, Path]
    ends: Path | None
    times: Path | None
    accuracies: Mapping[int, float]
    masking: "Measured | None" = None

    @cached_property
    def areas(self) -> dict[int, Areas]:
        """AOPC of every text, by seed."""
        return {seed: _read_areas(folder, self.methods) for seed, folder in self.trainings.items()}

    def aopc(self, method: str, part: Part = "verdict", seed: int | None = None) -> Resampled:
        """Return AOPC(10) of a method, over all trainings or for one training."""
        if (method, part, seed) not in self._aopc:
            self._aopc[method, part, seed] = self._mean(lambda s: self.areas[s].aopc[method][:, 0], part, seed)
        return self._aopc[method, part, seed]

    def gap(self, method: str, other: str, part: Part = "verdict", seed: int | None = None) -> Resampled:
        """Return AOPC(10) of one method minus that of another, paired over texts."""
        return self.aopc(method, part, seed) - self.aopc(other, part, seed)

    def relative(self, method: str, part: Part = "verdict") -> Resampled:
        """Return AOPC(10) on the scale on which random is 0 and leave-one-out is 1."""
        return self.gap(method, "random", part) / self.gap("loo", "random", part)

    def correlation(self, method: str, coefficient: str, part: Part = "verdict") -> IntervalEstimate:
        """Return the median over texts of a correlation with leave-one-out, with its exact interval.

        The correlation of a text that was explained with several trainings is its mean over them.
        """
        parts = [
            pd.Series(
                read_correlations(document_paths(folder), method)[coefficient][self.rows(seed, part)],
                self.areas[seed].ids[self.rows(seed, part)],
            )
            for seed, folder in self.trainings.items()
        ]
        r = pd.concat(parts).groupby(level=0).mean().dropna().to_numpy()
        return IntervalEstimate(float(np.median(r)), *median_interval(r)) if len(r) else _UNKNOWN

    def rows(self, seed: int, part: Part) -> np.ndarray:
        """Return which texts of a training belong to a part: `(n,)` bool."""
        first, even = seed == next(iter(self.trainings)), self.areas[seed].ids % 2 == 0
        chosen = even & first
        return {"choice": chosen, "verdict": ~chosen, "all": np.ones_like(chosen)}[part]

    def n_texts(self, part: Part) -> int:
        """Return the number of texts; a text of two trainings counts twice."""
        return int(sum(self.rows(seed, part).sum() for seed in self.trainings))

    def passes(self, method: str) -> float:
        """Return the mean number of passes of a method per text; if it draws at random, of the passes that ran."""
        if method in self.certainty:
            return self.certainty[method].passes
        units = np.concatenate([areas.units for areas in self.areas.values()])
        return float(np.mean([passes(method, u) for u in units]))

    @cached_property
    def certainty(self) -> dict[str, Certainty]:
        """How certain the scores are, for each method that draws at random."""
        return read_certainty([path for folder in self.trainings.values() for path in document_paths(folder)])

    def sufficiency(self, method: str) -> IntervalEstimate:
        """Return the sufficiency: like AOPC(10), but the top words are kept instead of removed; low is good."""
        if (table := self._table("curves")) is None:
            return _UNKNOWN
        rows = table[(table["curve"] == "sufficiency") & (table["method"] == method) & (table["k"] == MAX_K)]
        return _estimate(rows, "aopc")

    def naopc(self, method: str) -> IntervalEstimate:
        """Return AOPC normalised by the best and the worst order of each text."""
        table = self._table("normalised")
        return _UNKNOWN if table is None else _estimate(table[table["method"] == method], "naopc")

    def under(self, baseline: str) -> dict[str, IntervalEstimate]:
        """Return AOPC(10) under a masking baseline by method, of the first training, on the texts measured under all.

        Args:
            baseline: `zero` or one of `baselines`.
        """
        seed = next(iter(self.trainings))
        tables = {"zero": self.areas[seed], **self._baseline_areas}
        common = set.intersection(*(set(areas.ids.tolist()) for areas in tables.values()))
        areas = tables[baseline]
        rows = np.isin(areas.ids, sorted(common))
        shared = [m for m in self.methods if all(m in x.aopc for x in tables.values())]
        return {m: mean_over_texts([(areas.ids[rows].tolist(), areas.aopc[m][rows, 0])]).estimate for m in shared}

    @cached_property
    def n_baseline_texts(self) -> int:
        """The number of texts that were measured with all masking baselines."""
        return min((len(areas.ids) for areas in self._baseline_areas.values()), default=0)

    @cached_property
    def n_ends_texts(self) -> int:
        """The number of texts with sufficiency."""
        table = self._table("curves")
        return 0 if table is None else int(table["n"].max())

    @property
    def newest(self) -> datetime:
        """The time at which the newest evaluation of the entry was written."""
        paths = [path for folder in self.trainings.values() for path in document_paths(folder)]
        return datetime.fromtimestamp(max(path.stat().st_mtime for path in paths), UTC)

    def time(self, method: str) -> IntervalEstimate:
        """Return the processor time of a method relative to one forward and one backward pass: median and range."""
        seconds = self._seconds
        if method not in seconds:
            return _UNKNOWN
        ratios = np.array(seconds[method]) / np.array(seconds[REFERENCE])
        return IntervalEstimate(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))

    @cached_property
    def milliseconds(self) -> float:
        """Processor time per text of one forward and one backward pass; NaN if no time was measured."""
        if not self._seconds:
            return float("nan")
        return 1000 * float(np.median(self._seconds[REFERENCE])) / self._texts_timed

    @cached_property
    def _aopc(self) -> dict[tuple[str, str, int | None], Resampled]:
        """The cache of `aopc`."""
        return {}

    @cached_property
    def _seconds(self) -> dict[str, list[float]]:
        return {} if self.times is None else dict(json.loads(self.times.read_text(encoding="utf-8"))["seconds"])

    @property
    def _texts_timed(self) -> int:
        assert self.times is not None
        return int(json.loads(self.times.read_text(encoding="utf-8"))["texts"])

    @cached_property
    def _baseline_areas(self) -> dict[str, Areas]:
        return {name: _read_areas(folder, self.methods) for name, folder in self.baselines.items()}

    def _table(self, name: str) -> pd.DataFrame | None:
        path = None if self.ends is None else self.ends / f"{name}.parquet"
        return None if path is None or not path.exists() else pd.read_parquet(path)

    def _mean(self, values: Callable[[int], np.ndarray], part: Part, seed: int | None) -> Resampled:
        seeds = self.trainings if seed is None else (seed,)
        rows = {s: self.rows(s, part) for s in seeds}
        return mean_over_texts([(self.areas[s].ids[rows[s]], values(s)[rows[s]]) for s in seeds])


def read_measured(plan: Plan, methods: Sequence[str]) -> list[Measured]:
    """Read the measurements of all entries that have any, in the order of the plan.

    Of an unfinished evaluation, only the finished shards are read. Unfinished evaluations on IMDB are not read at all,
    because its rows are sorted by class.
    """
    found = []
    for entry in dict.fromkeys(entry for entry, _ in plan.trainings):
        folders = {key[1:]: step.output for key, step in plan.evaluations.items() if key[0] == entry}
        done = {key: folder for key, folder in folders.items() if _usable(folder, entry)}
        trainings = {seed: folder for (seed, name), folder in done.items() if name == "zero"}
        if not trainings:
            continue
        times = plan.times[entry].output
        accuracies = {seed: _accuracy(plan.trainings[entry, seed].output) for seed in trainings}
        masking = {seed: folder for (seed, name), folder in done.items() if name == "masking"}
        found.append(
            Measured(
                entry,
                _in_all(methods, trainings),
                trainings,
                {name: folder for (_, name), folder in done.items() if name not in OF_ZERO},
                next((folder for (_, name), folder in done.items() if name == "ends"), None),
                times if times.exists() else None,
                accuracies,
                Measured(entry, _in_all(methods, masking), masking, {}, None, None, accuracies) if masking else None,
            )
        )
    return found


def _usable(folder: Path, entry: Entry) -> bool:
    complete = (folder / "results.json").exists()
    return complete or (entry.dataset != "imdb" and bool(document_paths(folder)))


def _in_all(methods: Sequence[str], trainings: Mapping[int, Path]) -> tuple[str, ...]:
    """Return the methods that were measured with every training."""
    return tuple(m for m in methods if all(m in _measured_methods(folder) for folder in trainings.values()))


def _measured_methods(folder: Path) -> list[str]:
    columns: dict[str, Any] = json.loads((folder / "documents" / "inputs.json").read_text(encoding="utf-8"))
    return list(columns["methods"])


def _accuracy(folder: Path) -> float:
    return float(json.loads((folder / "card.json").read_text(encoding="utf-8"))["metrics"]["accuracy"])


def _read_areas(folder: Path, methods: Sequence[str]) -> Areas:
    measured = _measured_methods(folder)
    return read_areas(document_paths(folder), [m for m in methods if m in measured], [MAX_K])


def _estimate(rows: pd.DataFrame, name: str) -> IntervalEstimate:
    if not len(rows):
        return _UNKNOWN
    row = rows.iloc[0]
    return IntervalEstimate(*(float(row[column]) for column in (name, "ci_low", "ci_high")))

"""The tables of the leaderboard."""

from types import SimpleNamespace

import numpy as np
import pytest

from hf_gradexplain.viz.tables import MISSING
from recipes.leaderboard.tables import cost_table, measured_table
from recipes.paper.results import IntervalEstimate

UNKNOWN = IntervalEstimate(float("nan"), float("nan"), float("nan"))
HALF = IntervalEstimate(0.5, 0.4, 0.6)


@pytest.mark.parametrize(
    ("known", "columns", "rows"),
    [
        ({("sufficiency", "loo")}, ["sufficiency"], [["loo", "3", "0.500 ± 0.100"]]),
        (
            {("sufficiency", "loo"), ("naopc", "a")},
            ["sufficiency", "NAOPC"],
            [["loo", "3", "0.500 ± 0.100", MISSING], ["a", "1", MISSING, "0.500 ± 0.100"]],
        ),
        ({("time", "a")}, ["time, gradient = 1"], [["a", "1", "0.50 [0.40, 0.60]"]]),
    ],
)
def test_only_what_was_measured_is_in_the_table_of_costs(known, columns, rows):
    def of(name):
        return lambda method: HALF if (name, method) in known else UNKNOWN

    passes = {"loo": 3.2, "a": 1.0, "b": 9.0}
    entry = SimpleNamespace(
        methods=tuple(passes), passes=passes.get, **{name: of(name) for name in ("time", "sufficiency", "naopc")}
    )
    table = cost_table(entry)
    assert list(table.columns) == ["method", "passes", *columns]
    assert table.to_numpy().tolist() == rows


def entry(milliseconds: float) -> SimpleNamespace:
    return SimpleNamespace(
        entry=SimpleNamespace(title="A, data"),
        trainings={0: None, 1: None},
        accuracies={0: 0.5, 1: 0.25},
        n_texts={"choice": 2, "verdict": 3}.get,
        areas={0: SimpleNamespace(units=np.array([30, 40])), 1: SimpleNamespace(units=np.array([50]))},
        milliseconds=milliseconds,
    )


@pytest.mark.parametrize(
    ("times", "shown"), [((float("nan"), float("nan")), None), ((12.345, float("nan")), ["12.3", MISSING])]
)
def test_the_column_of_times_is_left_out_if_no_time_was_measured(times, shown):
    table = measured_table([entry(x) for x in times])
    columns = ["model, data", "trainings", "accuracy", "texts for choices", "texts for verdicts", "words per text"]
    assert list(table.columns) == columns + ["ms per gradient"] * (shown is not None)
    assert [table[name].dtype.kind for name in columns[1:6:2]] == ["i", "i", "O"]
    assert table[columns].to_numpy().tolist() == [["A, data", 2, "0.500, 0.250", 2, 3, "40"]] * 2
    if shown:
        assert table["ms per gradient"].tolist() == shown

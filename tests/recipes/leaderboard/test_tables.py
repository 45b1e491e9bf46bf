"""The tables of the leaderboard."""

from types import SimpleNamespace

import pytest

from hf_gradexplain.viz.tables import MISSING
from recipes.leaderboard.tables import cost_table
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

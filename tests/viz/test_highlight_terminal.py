"""Every line that a terminal shows of an explained text."""

import io
from dataclasses import replace

from rich.console import Console

from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.highlight_terminal import to_rich
from hf_gradexplain.viz.segments import Row, Segment
from tests.helpers.full_row import full_row

ROW = full_row()
HEADING = Heading("pos", 0.75, unit="word", reading="in windows", without_units=True)
ABOVE = ["unit word", "in windows", "no scores: the model read no words of this text"]
BELOW = [
    "parts           +1.0  all",
    "                  +0.5  some",
    "certainty       sure",
    "self-check      passed",
    "warning",
]


def lines(rows, heading, **options):
    file = io.StringIO()
    Console(file=file, width=200).print(to_rich(rows, heading, **options))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_all_lines_of_one_method():
    rho = " · rank correlation with leave-one-out ρ = 0.50"
    above = ["loo → pos  p = 0.750", ABOVE[0] + rho, *ABOVE[1:], "", "good bad of it", "", "remark"]
    assert lines([ROW], HEADING) == [
        *above,
        "supports        good +2.00, it +0.500",
        "opposes         bad −1.00",
        "colour          from 0.200, bold from 0.700, full from 1.40; the largest |score| is 2.00",
        *BELOW,
    ]
    assert lines([ROW], HEADING, legend=False) == [*above, *BELOW]
    assert lines([ROW], HEADING, top=1)[len(above)] == "supports        good +2.00"


def test_all_lines_of_two_methods():
    high = [Segment(f"u{i} ", float(i)) for i in range(5)]
    rows = [ROW, Row(high, "sa", title="sensitivity", signed=False, correlation=-0.25)]
    scale = "colour from 10%, bold from 35%, full from 70% of the largest |score| of each row"
    said = [
        *("", "loo  ρ = 0.50", "good bad of it", "remark", "supports        good +2.00, it +0.500"),
        *("opposes         bad −1.00", *BELOW, "", "sensitivity  ρ = −0.25", "u0 u1 u2 u3 u4"),
    ]
    assert lines(rows, HEADING)[4:] == [
        *said,
        "high score      u4 4.00, u3 3.00, u2 2.00",
        "",
        f"{scale}; ρ: rank correlation (Spearman) with leave-one-out",
    ]
    assert lines(rows, HEADING, top=1)[-3] == "high score      u4 4.00"
    alone = [replace(row, correlation=None) for row in rows]
    assert lines(alone, HEADING)[-2:] == ["", scale]

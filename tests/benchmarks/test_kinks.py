"""Gaps of integrated gradients over windows: those that the package reports, and larger ones without the cuts."""

import pytest

from benchmarks import kinks
from hf_gradexplain.attribution import averaged_gradients
from tests.explainer.test_windows import OPTIONS, TEXT
from tests.helpers.tiny import explainer

pytestmark = pytest.mark.filterwarnings("ignore:.*should add up")
METHOD = "integrated_gradients"


def reported(kind, steps):
    """The gap that an explanation reports, which the package computes from its own masked copy."""
    options = {**OPTIONS, "labels": 1, "pool": "max", "steps": steps, "self_check": False}
    return abs(explainer(kind)(TEXT, METHOD, **options).completeness[METHOD])


@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_gaps_are_those_that_explanations_report_and_cuts_close_them(kind, monkeypatch):
    cutting = averaged_gradients.kinks
    monkeypatch.setattr(kinks, "STEPS", (5, 20))
    with_cuts, without = (kinks.gaps(kind, TEXT, cut=cut) for cut in (True, False))
    assert with_cuts == pytest.approx([reported(kind, steps) for steps in (5, 20)], rel=1e-6, abs=1e-9)
    assert averaged_gradients.kinks is cutting
    monkeypatch.setattr(averaged_gradients, "kinks", lambda *arguments: {})
    assert without == pytest.approx([reported(kind, steps) for steps in (5, 20)], rel=1e-6, abs=1e-9)
    assert without[1] > 100 * with_cuts[1]


def test_the_table_has_a_row_per_model_text_and_path(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["kinks"])
    monkeypatch.setattr(kinks, "STEPS", (5, None))
    monkeypatch.setattr(kinks, "gaps", lambda kind, text, *, cut: [0.001 if cut else 0.25, 0.5])
    kinks.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| model | words | cut | 5 steps | default |"
    assert len(lines) == 2 + 3 * 2 * 2
    assert lines[2:4] == ["| bert | 16 | no | 25 % | 50 % |", "| bert | 16 | yes | 0.1 % | 50 % |"]

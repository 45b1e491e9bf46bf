"""What is said of a model that cannot be loaded, or that lacks weights."""

import pytest

from hf_gradexplain.commands import doctor as module
from hf_gradexplain.commands.doctor import FIX_FIRST, _missing_weights, diagnose
from hf_gradexplain.errors import GradexplainError


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        (("a",), "has no weights for a: they are random"),
        (("a", "b", "c", "d"), "has no weights for a, b, c, d: they are random"),
        (("a", "b", "c", "d", "e"), "has no weights for a, b, c, d and 1 more: they are random"),
        (tuple("abcdefg"), "has no weights for a, b, c, d and 3 more: they are random"),
    ],
)
def test_missing_weights_are_a_problem(weights, found):
    check = _missing_weights(weights)
    assert (check.name, check.found, check.verdict) == ("checkpoint", found, "problem")
    assert "fine-tune" in check.action


def test_all_weights_are_fine():
    check = _missing_weights(())
    assert (check.name, check.verdict, check.action) == ("checkpoint", "ok", "nothing")


def test_a_model_that_cannot_be_loaded_is_reported(monkeypatch):
    given = []

    def refuse(name, **more):
        given.append((name, more))
        raise GradexplainError("no such model")

    monkeypatch.setattr(module, "load_checkpoint", refuse)
    report, engine = diagnose("m", device="cpu", allow_pickle=True)
    assert given == [("m", {"device": "cpu", "allow_pickle": True})]
    assert (report.model, report.ok, engine) == ("m", False, None)
    (check,) = report.checks
    assert (check.name, check.found, check.verdict, check.action) == ("loading", "no such model", "problem", FIX_FIRST)

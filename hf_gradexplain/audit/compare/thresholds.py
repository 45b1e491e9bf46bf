"""Limits on how far a run may differ from another, and the checks of these limits for CI systems."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from xml.etree import ElementTree

import pandas as pd

from hf_gradexplain.audit.compare.result import RunComparison
from hf_gradexplain.audit.compare.run_means import ACCURACY
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.evaluation.tables import SHORT_K
from hf_gradexplain.viz.sanitize import visible


@dataclass(frozen=True)
class Check:
    """A limit and the value that was compared with it.

    Attributes:
        name: The name of the limit, one of `LIMITS`.
        limit: The largest value that passes.
        value: The value.
        message: The limit and the value in a sentence.
    """

    name: str
    limit: float
    value: float
    message: str

    @property
    def ok(self) -> bool:
        """Whether the value passes; an undefined value does not pass."""
        return self.value <= self.limit


@dataclass(frozen=True)
class Limit:
    """The value that a limit is about.

    Attributes:
        what: The value in words.
        value: A function that returns the value of a comparison, or None if it was not measured.
        needs: What has to be given for the value to be measured.
    """

    what: str
    value: Callable[[RunComparison], float | None]
    needs: str


def _fall(measure: str) -> Callable[[RunComparison], float | None]:
    """Return the function that says how far a mean is lower in B than in A."""

    def value(comparison: RunComparison) -> float | None:
        table = comparison.means
        rows = table[(table["measure"] == measure) & table["method"].isin(["", comparison.method])]
        return None if rows.empty else -float(rows["difference"].iloc[0])

    return value


def _drift(comparison: RunComparison) -> float:
    return float(comparison.drift.set_index("method").loc[comparison.method, "drift"])


def _other_predictions(comparison: RunComparison) -> float | None:
    equal = comparison.counts.get("equal_predictions")
    return None if equal is None else 1 - equal / comparison.counts["texts"]


def _moved(comparison: RunComparison) -> float | None:
    return float(len(comparison.moved)) if comparison.references else None


LIMITS: dict[str, Limit] = {
    "drift": Limit("drift of the explanations", _drift, ""),
    "accuracy": Limit("fall of the accuracy", _fall(ACCURACY), "labelled texts and a classification model"),
    "aopc": Limit(f"fall of AOPC({SHORT_K})", _fall(f"AOPC({SHORT_K})"), ""),
    "naopc": Limit("fall of NAOPC", _fall("NAOPC"), "runs with --naopc true"),
    "predictions": Limit("share of predictions that differ", _other_predictions, "a classification model"),
    "words": Limit("number of words that moved more than seeds move them", _moved, "--reference"),
}
"""The limits that can be set, by name."""


def parse_limits(given: Sequence[str]) -> dict[str, float]:
    """Parse limits that are given on the command line, such as `["drift=0.2", "words=0"]`.

    Raises:
        GradexplainError: A name is unknown, or a value is not a number.
    """
    limits = {}
    for text in given:
        name, _, value = text.partition("=")
        choose("limit", name, LIMITS)
        try:
            limits[name] = float(value)
        except ValueError:
            raise GradexplainError(f"expected a limit such as {name}=0.1, got {text!r}: give a number") from None
    return limits


def check(comparison: RunComparison, limits: Mapping[str, float]) -> list[Check]:
    """Compare the values of a comparison with the limits, in the given order.

    Raises:
        GradexplainError: A name is unknown, or its value was not measured.
    """
    checks = []
    for name, limit in limits.items():
        choose("limit", name, LIMITS)
        of = LIMITS[name]
        value = of.value(comparison)
        if value is None:
            raise _not_measured(name)
        digits = ".0f" if name == "words" else ".4f"
        verdict = "at most" if value <= limit else "more than"
        found = "undefined, but must be at most" if isnan(value) else f"{value:z{digits}}, {verdict}"
        checks.append(Check(name, limit, value, f"{of.what}: {found} {limit:g}"))
    return checks


def check_needs(limits: Iterable[str], *, references: bool, naopc: bool) -> None:
    """Check, before the evaluation starts, that the values of the limits will be measured.

    Args:
        limits: The names of the limits.
        references: Whether there are references.
        naopc: Whether NAOPC is measured.

    Raises:
        GradexplainError: A value will not be measured.
    """
    for name in limits:
        if (name == "words" and not references) or (name == "naopc" and not naopc):
            raise _not_measured(name)


def _not_measured(name: str) -> GradexplainError:
    return GradexplainError(f"the limit {name!r} needs {LIMITS[name].needs}: add this, or leave out the limit")


def junit_xml(comparison: RunComparison, checks: Sequence[Check]) -> str:
    """Return the checks as a JUnit file for CI systems, with a test case per limit; empty without limits."""
    failures = str(sum(not each.ok for each in checks))
    totals = {"tests": str(len(checks)), "failures": failures, "errors": "0"}
    root = ElementTree.Element("testsuites", totals)
    suite = ElementTree.SubElement(root, "testsuite", {"name": "hf-gradexplain compare", **totals})
    for each in checks:
        case = ElementTree.SubElement(suite, "testcase", {"classname": "hf_gradexplain.compare", "name": each.name})
        if not each.ok:
            failure = ElementTree.SubElement(case, "failure", {"type": "limit", "message": each.message})
            failure.text = visible("\n".join([each.message, "", *comparison.sentences]))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def checks_frame(checks: Sequence[Check]) -> pd.DataFrame:
    """Return checks as a table: `limit, result, value, at most`."""
    rows = [(each.name, "pass" if each.ok else "FAIL", each.value, each.limit) for each in checks]
    return pd.DataFrame(rows, columns=["limit", "result", "value", "at most"])

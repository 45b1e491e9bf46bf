"""The rules that decide whether a claim holds; each rule combines the outcomes of a few checks.

Differences are measured as shares of the *lead*, which is how far the better of LOO and SignedGI is above a random
order. Each rule is checked at both numbers of removed words. If there is no lead, a check that needs it is undecided
(None).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from recipes.paper.results import IntervalEstimate, Result

Check = bool | None


@dataclass(frozen=True)
class Cutoffs:
    """Thresholds, as shares of the lead. The whole interval of a difference must be on the required side.

    Attributes:
        clear: A difference of at least this size is clear, or large.
        near: Methods that differ by at most this share, in either direction, are level.
        moderate: A difference from `near` to this size is moderate.
        strong: A correlation of at least this is strong (not a share of the lead).
    """

    clear: float = 0.25
    near: float = 0.1
    moderate: float = 0.75
    strong: float = 0.5

    def scaled(self, factor: float) -> "Cutoffs":
        """Multiply the thresholds of clear and level by a factor."""
        return replace(self, clear=factor * self.clear, near=factor * self.near)


HOLDS, IN_PART, FAILS = "holds", "holds in part", "does not hold here"
UNDECIDED = "cannot be decided here"


def outcome(checks: Sequence[Check]) -> str:
    """Return whether all, some or none of the checks hold; undecided if one check is undecided.

    Raises:
        ValueError: There is no check.

    >>> outcome([True, True]), outcome([True, False]), outcome([False]), outcome([True, None])
    ('holds', 'holds in part', 'does not hold here', 'cannot be decided here')
    """
    if not checks:
        raise ValueError("expected at least one check for an outcome, but got none; add a check to the claim")
    if None in checks:
        return UNDECIDED
    return HOLDS if all(checks) else IN_PART if any(checks) else FAILS


def in_every(trainings: Sequence[Sequence[Check]]) -> tuple[Check, ...]:
    """Combine the same checks of several trainings: each holds if it holds in every training.

    >>> in_every([[True, True, False], [True, False, None]])
    (True, False, None)
    """
    return tuple(None if None in same else all(same) for same in zip(*trainings, strict=True))


def in_some(trainings: Sequence[Sequence[Check]]) -> tuple[Check, ...]:
    """Combine the same checks of several trainings: each holds if it holds in at least one training.

    >>> in_some([[True, True, False], [True, False, None]])
    (True, True, None)
    """
    return tuple(None if None in same else any(same) for same in zip(*trainings, strict=True))


def above(result: Result, method: str, other: str, cutoffs: Cutoffs | None = None) -> list[Check]:
    """Check that one method is significantly above another by the paired test; no cut-off is needed."""
    return [result.gap(method, other, k).sign > 0 for k in result.k_values]


def clearly_above(result: Result, method: str, other: str, cutoffs: Cutoffs) -> list[Check]:
    """Check that one method is above another by at least `clear` of the lead."""
    return _measured(result, method, other, lambda gap, lead: gap.sign > 0 and gap.low >= cutoffs.clear * lead)


def level(result: Result, method: str, other: str, cutoffs: Cutoffs) -> list[Check]:
    """Check that two methods are level: they differ by at most `near` of the lead."""

    def is_level(gap: IntervalEstimate, lead: float) -> bool:
        return -cutoffs.near * lead <= gap.low and gap.high <= cutoffs.near * lead

    return _measured(result, method, other, is_level)


def moderately_above(result: Result, method: str, other: str, cutoffs: Cutoffs) -> list[Check]:
    """Check that one method is above another by `near` to `moderate` of the lead."""

    def is_moderate(gap: IntervalEstimate, lead: float) -> bool:
        return gap.sign > 0 and cutoffs.near * lead <= gap.low and gap.high <= cutoffs.moderate * lead

    return _measured(result, method, other, is_moderate)


def strongly_positive(result: Result, method: str, cutoffs: Cutoffs) -> list[Check]:
    """Check that the median r is strong; and that the median r is positive and most texts have a significant r."""
    r = result.r(method)
    return [r.low >= cutoffs.strong, r.low > 0 and result.significant(method) > 0.5]


def within(result: Result, method: str, low: float, high: float) -> list[Check]:
    """Check that the interval of the median r lies between two numbers."""
    r = result.r(method)
    return [low <= r.low and r.high <= high]


def weaker(result: Result, others: Sequence[Result], method: str) -> list[Check]:
    """Check that the median r is below the median r of each other result, without overlap of the intervals."""
    return [result.r(method).high < other.r(method).low for other in others]


def _measured(result: Result, method: str, other: str, rule: Callable[[IntervalEstimate, float], bool]) -> list[Check]:
    """Apply a rule at both numbers of removed words; None without a lead."""
    leads = [(k, result.lead(k)) for k in result.k_values]
    return [rule(result.gap(method, other, k), lead.value) if lead.sign > 0 else None for k, lead in leads]

"""When a claim holds: every rule is a few checks on tables, and the verdict is what they add up to.

Differences are measured against the lead, which is how far the better of leave-one-out and SignedGI is above a random
order. Each is asked at both numbers of removed words. Where there is no lead, what is measured against it cannot be
told: such a check is None.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from recipes.paper.results import Estimate, Result

Check = bool | None


@dataclass(frozen=True)
class Cutoffs:
    """Where differences are called by a word, in shares of the lead. The whole interval has to be there.

    Attributes:
        clear: From here on a difference is clear, or large.
        near: Up to here, on either side, methods are level.
        moderate: From `near` up to here a difference is moderate.
        strong: From here on an r is strong.
    """

    clear: float = 0.25
    near: float = 0.1
    moderate: float = 0.75
    strong: float = 0.5

    def times(self, factor: float) -> "Cutoffs":
        """The same with other views of what is clear and what is level."""
        return replace(self, clear=factor * self.clear, near=factor * self.near)


HOLDS, IN_PART, FAILS = "holds", "holds in part", "does not hold here"
UNDECIDED = "cannot be told here"


def verdict(checks: Sequence[Check]) -> str:
    """What all checks together say: all of them, some, or none.

    Raises:
        ValueError: There is no check.

    >>> verdict([True, True]), verdict([True, False]), verdict([False]), verdict([True, None])
    ('holds', 'holds in part', 'does not hold here', 'cannot be told here')
    """
    if not checks:
        raise ValueError("a verdict needs at least one check")
    if None in checks:
        return UNDECIDED
    return HOLDS if all(checks) else IN_PART if any(checks) else FAILS


def in_every(trainings: Sequence[Sequence[Check]]) -> tuple[Check, ...]:
    """The same checks of several trainings: each holds if it does in all of them.

    >>> in_every([[True, True, False], [True, False, None]])
    (True, False, None)
    """
    return tuple(None if None in same else all(same) for same in zip(*trainings, strict=True))


def in_some(trainings: Sequence[Sequence[Check]]) -> tuple[Check, ...]:
    """The same, but each holds if it does in one of them.

    >>> in_some([[True, True, False], [True, False, None]])
    (True, True, None)
    """
    return tuple(None if None in same else any(same) for same in zip(*trainings, strict=True))


def above(result: Result, method: str, other: str) -> list[Check]:
    """Whether one method is above another, by a paired test."""
    return [result.gap(method, other, k).sign > 0 for k in result.k_values]


def clearly_above(result: Result, method: str, other: str, cutoffs: Cutoffs) -> list[Check]:
    """Whether one method is above another by `clear` of the lead and more."""
    return _measured(result, method, other, lambda gap, lead: gap.sign > 0 and gap.low >= cutoffs.clear * lead)


def level(result: Result, method: str, other: str, cutoffs: Cutoffs) -> list[Check]:
    """Whether two methods are level: their difference is within `near` of the lead."""

    def is_level(gap: Estimate, lead: float) -> bool:
        return -cutoffs.near * lead <= gap.low and gap.high <= cutoffs.near * lead

    return _measured(result, method, other, is_level)


def moderately_above(result: Result, method: str, other: str, cutoffs: Cutoffs) -> list[Check]:
    """Whether one method is above another by `near` to `moderate` of the lead."""

    def is_moderate(gap: Estimate, lead: float) -> bool:
        return gap.sign > 0 and cutoffs.near * lead <= gap.low and gap.high <= cutoffs.moderate * lead

    return _measured(result, method, other, is_moderate)


def strongly_positive(result: Result, method: str, cutoffs: Cutoffs) -> list[Check]:
    """Whether the median r is strong; and whether it is positive and most texts' r are significant."""
    r = result.r(method)
    return [r.low >= cutoffs.strong, r.low > 0 and result.significant(method) > 0.5]


def within(result: Result, method: str, low: float, high: float) -> list[Check]:
    """Whether the interval of the median r lies between two numbers."""
    r = result.r(method)
    return [low <= r.low and r.high <= high]


def weaker(result: Result, others: Sequence[Result], method: str) -> list[Check]:
    """Whether the median r is below that of each of the other results, the intervals apart."""
    return [result.r(method).high < other.r(method).low for other in others]


def _measured(result: Result, method: str, other: str, rule: Callable[[Estimate, float], bool]) -> list[Check]:
    """A rule asked at both numbers of removed words, None where there is no lead."""
    leads = [(k, result.lead(k)) for k in result.k_values]
    return [rule(result.gap(method, other, k), lead.value) if lead.sign > 0 else None for k, lead in leads]

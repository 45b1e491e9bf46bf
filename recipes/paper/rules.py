"""When a claim holds: every rule is a few yes-or-no checks on tables, and the verdict is what they add up to.

Differences are measured against the lead, which is how far the better of leave-one-out and SignedGI is above a random
order. Each is asked at both numbers of removed words and in every training.
"""

from collections.abc import Sequence

from hf_gradexplain.evaluation.correlation import SIGNIFICANCE
from recipes.paper.results import Result

CLEAR = 0.25
"""A difference of this share of the lead is clear, or large."""

NEAR = 0.1
"""Methods whose difference is within this share of the lead, with its whole interval, are level."""

MODERATE = 0.75
"""A difference above `NEAR` and up to this share of the lead is moderate."""

STRONG = 0.5
"""A strongly positive r."""

HOLDS, IN_PART, FAILS = "holds", "holds in part", "does not hold here"


def verdict(checks: Sequence[bool]) -> str:
    """What all checks together say: all of them, some, or none.

    Raises:
        ValueError: There is no check.

    >>> verdict([True, True]), verdict([True, False]), verdict([False])
    ('holds', 'holds in part', 'does not hold here')
    """
    if not checks:
        raise ValueError("a verdict needs at least one check")
    return HOLDS if all(checks) else IN_PART if any(checks) else FAILS


def above(result: Result, method: str, other: str, share: float = 0.0) -> list[bool]:
    """Whether one method is above another: by a paired test, and by at least this share of the lead."""
    found = [(result.gap(method, other, k), result.lead(k)) for k in result.ks]
    return [gap.p <= SIGNIFICANCE and gap.value > 0 and gap.value >= share * lead for gap, lead in found]


def level(result: Result, method: str, other: str) -> list[bool]:
    """Whether two methods are level: the whole interval of their difference is within `NEAR` of the lead."""
    found = [(result.gap(method, other, k), NEAR * result.lead(k)) for k in result.ks]
    return [-room <= gap.low and gap.high <= room for gap, room in found]


def moderately_above(result: Result, method: str, other: str) -> list[bool]:
    """Whether one method is above another by more than `NEAR` and at most `MODERATE` of the lead."""
    small = [result.gap(method, other, k).value <= MODERATE * result.lead(k) for k in result.ks]
    return [a and b for a, b in zip(above(result, method, other, NEAR), small, strict=True)]


def strongly_positive(result: Result, method: str) -> list[bool]:
    """Whether the interval of the median r is above `STRONG`; and whether most texts' r are significant."""
    return [result.r(method).low >= STRONG, result.significant(method) > 0.5]


def within(result: Result, method: str, low: float, high: float) -> list[bool]:
    """Whether the interval of the median r lies between two numbers."""
    r = result.r(method)
    return [low <= r.low and r.high <= high]


def weaker(result: Result, others: Sequence[Result], method: str) -> list[bool]:
    """Whether the median r is below that of each of the other results, the intervals apart."""
    return [result.r(method).high < other.r(method).low for other in others]

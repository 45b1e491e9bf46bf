"""The units of a text as nested lists: texts, sentences, clauses, units."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from hf_gradexplain.text.sentences import clauses, sentences
from hf_gradexplain.text.unit import Unit

Hierarchy = list[list[list[list[int]]]]
"""The numbers of units, by text, sentence and clause."""


def hierarchy(text: str, units: Sequence[Unit], borders: Iterable[int] = ()) -> Hierarchy:
    """Return the numbers of units as nested lists: by text, by sentence within it, by clause within that.

    A unit belongs where it first begins: a word type to the clause of its first occurrence, a token to the clause of
    its word, a span of several clauses to its first one. What follows the last unit, such as what truncation removes,
    has no influence.

    >>> from hf_gradexplain.text.unit import Unit
    >>> text = "Bad film, good music. Why?"
    >>> words = [(0, 3), (4, 8), (8, 9), (10, 14), (15, 20), (20, 21), (22, 25), (25, 26)]
    >>> hierarchy(text, [Unit(text[a:b], ((a, b),)) for a, b in words])
    [[[[0, 1, 2], [3, 4, 5]], [[6, 7]]]]

    Args:
        text: The text.
        units: Its units, in the order of their first occurrence.
        borders: Where further texts begin: the second one of a pair, or the messages of a conversation.
    """
    end = max((unit.spans[0][1] for unit in units), default=0)
    begins = sorted({0, *(border for border in borders if border < end)})
    parts = [(start, text[start:stop]) for start, stop in pairwise([*begins, end])]
    levels = [begins, *([at + a for at, part in parts for a, _ in divide(part)] for divide in (sentences, clauses))]
    numbers = [tuple(bisect_right(starts, unit.spans[0][0]) for starts in levels) for unit in units]

    def nested(members: list[int], level: int) -> list:
        if level == len(levels):
            return members
        return [nested(list(group), level + 1) for _, group in groupby(members, lambda u: numbers[u][level])]

    return nested(list(range(len(units))), 0)

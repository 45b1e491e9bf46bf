"""The main words of one explanation: those that make up most of its scores."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hf_gradexplain.attribution.signed import is_signed
from hf_gradexplain.audit.removed_alone import drops_alone
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.explanation.correlation import REFERENCE

MOST = 10
"""The largest number of main words."""

SHARE = 0.8
"""The share of all scores at which the list of main words ends."""

Side = Literal["for", "against", ""]


@dataclass(frozen=True)
class MainWord:
    """A unit of a text with a large score.

    Attributes:
        word: The text of the unit.
        role: In a conversation, the role of the message where it first occurs; else empty.
        start: The character offset of its first occurrence.
        occurrences: How often it occurs in the text.
        number: The position of this unit among the units with the same text, from 1.
        namesakes: The number of units with the same text, including this one.
        score: Its score.
        side: `for` if it speaks for the explained class, `against` if against it; empty if scores have no sign.
        share: `|score|`, divided by the sum of `|score|` over all units of the text.
        share_low: The lower end of the 95 % interval of `share`, for methods that draw copies at random; None for
            other methods. The interval treats the sum of `|score|` as exact.
        share_high: The upper end, at most 1.
        value_without: The probability of the class (for regression, the output) when only this unit is removed; None if
            the run did not measure it.
    """

    word: str
    role: str
    start: int
    occurrences: int
    number: int
    namesakes: int
    score: float
    side: Side
    share: float
    share_low: float | None
    share_high: float | None
    value_without: float | None

    @property
    def label(self) -> str:
        """The word, with its number if other units have the same text."""
        return self.word if self.namesakes == 1 else f"{self.word} ({self.number} of {self.namesakes})"


def main_words(explanation: Explanation, method: str, value: float) -> tuple[MainWord, ...]:
    """Return the units with the largest `|score|`, the largest first.

    These are the fewest units that make up `SHARE` of the sum of all `|score|`, and at most `MOST`. Units whose 95 %
    interval contains 0 are left out, because it is not certain which side they are on.

    Args:
        explanation: The explanation.
        method: The method whose scores are compared.
        value: The first value of the removal curves: the probability of the explained class on the full text.
    """
    scores, margins = explanation.scores[method], explanation.margins(method)
    signed, sampled = has_sign(explanation, method), method in explanation.sampling
    total = float(np.abs(scores).sum())
    alone = values_without(explanation, value)
    texts = [unit.text for unit in explanation.units]
    words = []
    for u in main_units(scores, margins):
        unit, score, margin = explanation.units[u], float(scores[u]), float(margins[u])
        words.append(
            MainWord(
                word=unit.text,
                role=unit.role or "",
                start=unit.spans[0][0],
                occurrences=len(unit.spans),
                number=texts[: u + 1].count(unit.text),
                namesakes=texts.count(unit.text),
                score=score,
                side=("for" if score > 0 else "against") if signed else "",
                share=abs(score) / total,
                share_low=(abs(score) - margin) / total if sampled else None,
                share_high=min(1.0, (abs(score) + margin) / total) if sampled else None,
                value_without=None if alone is None else float(alone[u]),
            )
        )
    return tuple(words)


def main_units(scores: np.ndarray, margins: np.ndarray) -> list[int]:
    """Return the numbers of the main units, the largest `|score|` first; see `main_words`.

    >>> main_units(np.array([0.1, -3.0, 0.0, 6.0]), np.zeros(4))
    [3, 1]
    """
    sizes = np.abs(scores)
    order = np.argsort(-sizes, kind="stable")
    enough = int(np.searchsorted(np.cumsum(sizes[order]), SHARE * sizes.sum())) + 1
    return [int(u) for u in order[: min(enough, MOST)] if sizes[u] > margins[u]]


def has_sign(explanation: Explanation, method: str) -> bool:
    """Return whether a positive score speaks for the class: the method says so, or there are negative scores."""
    return is_signed(method) or bool((explanation.scores[method] < 0).any())


def values_without(explanation: Explanation, value: float) -> np.ndarray | None:
    """Return the probability (regression: the output) without each unit alone: `(U,)`.

    Args:
        explanation: The explanation.
        value: The probability on the full text.

    Returns:
        The values; None if the run has no leave-one-out scores. Also None with the objective `logit`, because the
        probability does not follow from one logit.
    """
    if REFERENCE not in explanation.scores:
        return None
    rise, kind = explanation.scores[REFERENCE], np.array(explanation.objective)
    drops = drops_alone(np.array(value), rise, kind, np.array(explanation.regression))
    return None if np.isnan(drops).all() else value - drops

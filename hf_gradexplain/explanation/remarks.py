"""Sentences about scores: all the same, close to 0 because the prediction is saturated, incomplete, or uncertain."""

from math import ceil, log10

import numpy as np

from hf_gradexplain.attribution.conservation_gap import conserving
from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.options import UNIT_NOUNS
from hf_gradexplain.statistics.rounding import ROUNDING
from hf_gradexplain.statistics.sampling import FEW_DRAWS, Sampling
from hf_gradexplain.viz.tables import format_margin, format_score, with_minus

COMPLETE_WITHIN = 0.05
"""The largest relative error with which scores count as adding up to the number that they should add up to."""

CLOSE_TO_ZERO = 1e-4
"""If no score is larger than this, in nats or in probability, the scores count as close to 0."""

SATURATED = 1e-3
"""A probability this close to 1 counts as saturated; with the objective `prob`, also a probability this close to 0."""


_UNBOUNDED = ("logit", "contrast")
"""The objectives whose gradient does not vanish when the prediction is confident."""


def remark(
    scores: np.ndarray, *, unit: str, objective: str, probability: float | None = None, signed: bool = True
) -> str:
    """Return a sentence if the scores of a text are all the same, or all close to 0; otherwise an empty string.

    Args:
        scores: One score per unit: `(U,)`.
        unit: The kind of unit, as in `Explanation.unit`.
        objective: The function that was explained: `loss`, `logit`, `prob` or `contrast`.
        probability: The probability of the explained class; None if the model has none.
        signed: Whether a score says by how much a unit supports the class. Unsigned scores are gradient norms, whose
            scale is arbitrary. So they count as close to 0 only if the prediction is saturated.

    >>> remark(np.zeros(3), unit="word", objective="loss", probability=1 - 1e-8)
    "all words score 0: this method says nothing here; p = 0.99999999 is saturated, try objective='logit'"
    >>> remark(np.array([0.5, -0.2]), unit="word", objective="loss", probability=0.99999999)
    ''
    """
    if not len(scores):
        return ""
    low, high = float(scores.min()), float(scores.max())
    largest, saturated = max(-low, high), _is_saturated(objective, probability)
    bounded = objective not in _UNBOUNDED and probability is not None
    if len(scores) > 1 and high - low <= ROUNDING * largest:
        said = f"all {UNIT_NOUNS[unit]}s score {format_score(scores[0], signed)}: this method says nothing here"
    elif largest < CLOSE_TO_ZERO and (saturated or (signed and bounded)):
        what = "the score is close to 0:" if len(scores) == 1 else "the scores are close to 0: the largest is"
        said = f"{what} {format_score(largest, signed=False)}"
    else:
        return ""
    if largest < CLOSE_TO_ZERO and saturated:
        said += f"; p = {_precisely(probability)} is saturated, try objective='logit'"
    return said


def incomplete(method: str, gap: float) -> str:
    """Return a sentence if the scores of a method do not add up as they should; otherwise an empty string.

    >>> incomplete("integrated_gradients", -0.9)
    'the scores of integrated_gradients should add up to the rise of the loss, but are off by 90 %'
    >>> incomplete("cp_lrp", 0.1)
    'cp_lrp should conserve relevance, but the sum of all relevances is off by 10 %'
    """
    return f"{broken_promise(method)} by {100 * abs(gap):.0f} %" if abs(gap) > COMPLETE_WITHIN else ""


def broken_promise(method: str) -> str:
    """Return the beginning of a sentence that says which sum the scores of a method miss."""
    if method in METHODS and conserving([method]):
        return f"{method} should conserve relevance, but the sum of all relevances is off"
    return f"the scores of {method} should add up to the rise of the loss, but are off"


def certainty(scores: np.ndarray, sampling: Sampling, *, unit: str) -> str:
    """Return a sentence about how certain estimated scores are; empty for a text without units.

    Args:
        scores: One score per unit: `(U,)`.
        sampling: Their standard errors.
        unit: The kind of unit, as in `Explanation.unit`.

    >>> certainty(np.array([3.0, 2.9, 1.0]), Sampling(np.array([0.1, 0.1, 0.1]), draws=50, copies=1400), unit="word")
    'each score is within ±0.20 with 95 % confidence; the top 2 words are told apart from the others; from 1,400 copies'
    >>> certainty(np.array([3.0, 1.0]), Sampling(np.zeros(2), draws=0, copies=2), unit="word")
    'exact, from 2 copies'
    >>> certainty(np.array([3.0]), Sampling(np.array([0.1]), draws=2, copies=8), unit="word")
    'each score is within ±1.3 with 95 % confidence; from 8 copies; 2 draws are few, so these margins are rough'
    """
    if not len(scores):
        return ""
    copies = f"from {sampling.copies:,} cop{'y' if sampling.copies == 1 else 'ies'}"
    if sampling.exact:
        return f"exact, {copies}"
    if sampling.draws < FEW_DRAWS:
        copies += f"; {sampling.draws} draws are few, so these margins are rough"
    within = f"each score is within ±{format_margin(sampling.margins.max())} with 95 % confidence"
    if len(scores) == 1:
        return f"{within}; {copies}"
    noun, apart = UNIT_NOUNS[unit], sampling.told_apart(scores)
    if not apart:
        return f"the top {noun} is not told apart from the others; {within}; {copies}"
    top = f"the top {noun} is" if apart == 1 else f"the top {apart} {noun}s are"
    return f"{within}; {top} told apart from the others; {copies}"


def _is_saturated(objective: str, probability: float | None) -> bool:
    if probability is None or objective in _UNBOUNDED:
        return False
    return 1 - probability < SATURATED or (objective == "prob" and probability < SATURATED)


def _precisely(probability: float | None) -> str:
    """Write a probability near 0 or 1 with enough digits to distinguish it from 0 or 1."""
    if not probability or probability in (0, 1):
        return f"{probability or 0:.0f}"
    if probability < 0.5:
        return with_minus(f"{probability:.2g}")
    return f"{probability:.{max(3, ceil(-log10(1 - probability)))}f}"

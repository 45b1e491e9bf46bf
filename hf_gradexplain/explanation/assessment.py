"""How certain scores are, and reasons not to trust them, in numbers and in sentences."""

from collections.abc import Mapping

import numpy as np

from hf_gradexplain.attribution.signed import is_signed
from hf_gradexplain.errors import choose
from hf_gradexplain.explanation.reading import Reading
from hf_gradexplain.explanation.remarks import certainty, incomplete, remark
from hf_gradexplain.explanation.self_check import SelfCheck
from hf_gradexplain.statistics.sampling import Sampling


class Assessed(Reading):
    """The methods of an explanation that assess its scores; `Explanation` describes the attributes."""

    scores: Mapping[str, np.ndarray]
    objective: str
    unit: str
    self_check: Mapping[str, SelfCheck]
    completeness: Mapping[str, float]
    sampling: Mapping[str, Sampling]

    @property
    def method(self) -> str:
        """The first method in `scores`, which is the default of functions that take a single method."""
        return next(iter(self.scores))

    def margins(self, method: str | None = None) -> np.ndarray:
        """Return half the width of the 95 % interval of each score: `(U,)`.

        A score and its margin are displayed as `0.31±0.05`: with 95 % confidence, the exact score lies within this
        margin. The margin is 0 for exact scores and for methods that draw no copies. It is computed from Student's
        t distribution.

        Args:
            method: The method; None for the first one.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        sampling = self.sampling.get(name := self._method(method))
        return np.zeros(len(self.scores[name])) if sampling is None else sampling.margins

    def told_apart(self, method: str | None = None, most: int = 10) -> int | None:
        """Return how many of the highest-scored units, up to `most`, certainly score higher than all others.

        The 95 % intervals of these units lie above those of all other units, although the order among them may be
        uncertain. 0 if not even the highest score is certain; None for methods that draw no copies.

        Args:
            method: The method; None for the first one.
            most: The largest number of units to look at.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        sampling = self.sampling.get(name := self._method(method))
        return None if sampling is None else sampling.told_apart(self.scores[name], most)

    def certainty(self, method: str | None = None) -> str:
        """Return a sentence about how certain the scores are; empty for methods that draw no copies.

        Args:
            method: The method; None for the first one.
        """
        sampling = self.sampling.get(name := self._method(method))
        return "" if sampling is None else certainty(self.scores[name], sampling, unit=self.unit)

    def warning(self, method: str | None = None) -> str:
        """Return a sentence that warns against trusting the scores; empty if there is no reason to warn.

        There are two reasons to warn: the self-check failed, or the scores of a method that should add up to a known
        number miss it by more than 5 %.

        Args:
            method: The method; None for the first one.
        """
        method = self._method(method)
        gap, check = self.completeness.get(method, 0.0), self.self_check.get(method)
        return "; ".join(part for part in (incomplete(method, gap), check.warning() if check else "") if part)

    def remark(self, method: str | None = None) -> str:
        """Return a sentence if the scores of a method are all the same, or all close to 0; otherwise an empty string.

        Args:
            method: The method; None for the first one.
        """
        method = self._method(method)
        return remark(
            self.scores[method],
            unit=self.unit,
            objective=self.objective,
            probability=None if self.regression else float(self.probabilities[self.target]),
            signed=is_signed(method),
        )

    def _method(self, method: str | None) -> str:
        return self.method if method is None else choose("method", method, self.scores)

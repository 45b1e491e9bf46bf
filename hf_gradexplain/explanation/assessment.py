"""What is said about scores, in numbers and sentences: how sure they are, and why they should not be trusted."""

from collections.abc import Mapping

import numpy as np

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import choose
from hf_gradexplain.explanation.reading import Reading
from hf_gradexplain.explanation.remarks import certainty, incomplete, remark
from hf_gradexplain.explanation.self_check import SelfCheck
from hf_gradexplain.statistics.sampling import Sampling


class Assessed(Reading):
    """Scores with what is said about them. `hf_gradexplain.explanation.Explanation` describes the attributes."""

    scores: Mapping[str, np.ndarray]
    objective: str
    unit: str
    regression: bool
    self_check: Mapping[str, SelfCheck]
    completeness: Mapping[str, float]
    sampling: Mapping[str, Sampling]

    @property
    def method(self) -> str:
        """The first one of `scores`: what takes a single method takes this one by default."""
        return next(iter(self.scores))

    def margins(self, method: str | None = None) -> np.ndarray:
        """Return half the width of the 95 % interval of each score: `(U,)`.

        A score and its margin are written `0.31±0.05`: the exact score is at most this far away, with 95 %
        confidence. 0 where scores are exact, and for methods that draw no copies. The intervals are those of Student's
        t distribution.

        Args:
            method: The method; the first one if None.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        sampling = self.sampling.get(name := self._method(method))
        return np.zeros(len(self.scores[name])) if sampling is None else sampling.margins

    def told_apart(self, method: str | None = None, most: int = 10) -> int | None:
        """Return the largest number of highest-scored units that are told apart from all others, up to `most`.

        The 95 % intervals of these units lie above those of all others: as a set they are the highest ones, whatever
        their order. 0 if not even the highest score is told apart; None for methods that draw no copies.

        Args:
            method: The method; the first one if None.
            most: The largest number of units to look at; it is smaller than the number of units.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        sampling = self.sampling.get(name := self._method(method))
        return None if sampling is None else sampling.told_apart(self.scores[name], most)

    def certainty(self, method: str | None = None) -> str:
        """Return a sentence about how sure the scores are; empty for methods that draw no copies.

        Args:
            method: The method; the first one if None.
        """
        sampling = self.sampling.get(name := self._method(method))
        return "" if sampling is None else certainty(self.scores[name], sampling, unit=self.unit)

    def warning(self, method: str | None = None) -> str:
        """Return a sentence if the scores of a method should not be trusted; otherwise an empty string.

        The reason is that they do not add up to the rise of the loss within 5 %, or a failed self-check.

        Args:
            method: The method; the first one if None.
        """
        method = self._method(method)
        gap, check = self.completeness.get(method, 0.0), self.self_check.get(method)
        return "; ".join(part for part in (incomplete(method, gap), check.warning() if check else "") if part)

    def remark(self, method: str | None = None) -> str:
        """Return a sentence if the scores of a method are all equal or close to 0; otherwise an empty string.

        Args:
            method: The method; the first one if None.
        """
        method = self._method(method)
        return remark(
            self.scores[method],
            unit=self.unit,
            objective=self.objective,
            probability=None if self.regression else float(self.probabilities[self.target]),
            signed=method not in METHODS or METHODS[method].signed,
        )

    def _method(self, method: str | None) -> str:
        return self.method if method is None else choose("method", method, self.scores)

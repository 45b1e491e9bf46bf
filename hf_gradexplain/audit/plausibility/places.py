"""All places in a text where units occur, in the order of their scores."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hf_gradexplain.explanation import Explanation
from hf_gradexplain.perturb.orders import removal_ranks
from hf_gradexplain.text.unit import scores_in_text


@dataclass(frozen=True, eq=False)
class Places:
    """The `N` places where units of a text occur, in the order of the text.

    A unit that occurs twice has two places with the same scores. Tokens that are parts of a character have no place.

    Attributes:
        spans: `(N, 2)` start and end, characters of the text.
        ranks: `(M, N)` the rank of each place by each method; 0 for the highest score.
    """

    spans: np.ndarray
    ranks: np.ndarray

    @classmethod
    def of(cls, explanation: Explanation, rng: np.random.Generator) -> "Places":
        """Return the places of an explanation. Equal scores are put in random order, the same for every method."""
        scores = scores_in_text(explanation.units, np.stack(list(explanation.scores.values())))
        entries = [(*span, u) for u, unit in enumerate(explanation.units) for span in unit.spans if span[0] < span[1]]
        starts, ends, units = np.array(sorted(entries), dtype=np.int64).reshape(-1, 3).T
        return cls(np.stack([starts, ends], axis=1), removal_ranks(scores[:, units], rng, explanation.dtype))

    def ranges(self, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return, for each span, the places that share a character with it, as ranges of indices.

        Empty ranges are left out. If two spans lie inside one word, their range is returned once.
        """
        starts, ends = np.array(list(spans), dtype=np.int64).reshape(-1, 2).T
        first = np.searchsorted(self.spans[:, 1], starts, side="right").tolist()
        end = np.searchsorted(self.spans[:, 0], ends, side="left").tolist()
        return list(dict.fromkeys((a, b) for a, b in zip(first, end, strict=True) if a < b))

    def inside(self, spans: Iterable[tuple[int, int]]) -> np.ndarray:
        """Return whether each place shares at least one character with one of the spans: `(N,)` bool."""
        chosen = np.zeros(len(self.spans), dtype=bool)
        for first, end in self.ranges(spans):
            chosen[first:end] = True
        return chosen

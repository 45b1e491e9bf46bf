"""The sentences and clauses of an explained text, and their scores."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.explanation.assessment import Assessed
from hf_gradexplain.text.hierarchy import Hierarchy, hierarchy
from hf_gradexplain.text.unit import Message
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.segments import Part
from hf_gradexplain.viz.tables import format_score

LEVELS = ("text", "sentence", "clause")
"""The names of the levels of `Explanation.hierarchy` above the units."""

MOST_SHOWN = 12
"""The largest number of parts that are shown under a text."""


class Divided(Assessed):
    """The part of an explanation that is about sentences and clauses; `Explanation` describes the attributes."""

    messages: tuple[Message, ...]

    @property
    def hierarchy(self) -> Hierarchy:
        """The positions of the units in `units`, nested: per text a list of sentences, which are lists of clauses.

        `partition_shapley` halves these lists until one unit is left. Each text of a pair and each message of a
        conversation counts as a text. A unit `word_type` is placed at the first occurrence of the word.
        """
        return hierarchy(self.text, self.units, [*(m.start for m in self.messages), self.pair_start or 0])

    def parts(self, method: str | None = None) -> pd.DataFrame:
        """Return a table with one row per text, sentence and clause, in the order of the text.

        The columns are

        - `level`: `text`, `sentence` or `clause`;
        - `start` and `end`, the offsets where the first unit of the part begins and its last unit ends;
        - `part`, the characters between these offsets;
        - `score`, the sum of the scores of the part's units. For `partition_shapley`, this sum is the score that the
          part would have as one unit.

        Args:
            method: The method whose scores are added; None for the first one.

        Raises:
            GradexplainError: The explanation has no scores of this method.
        """
        scores = self.scores[self._method(method)]
        rows = []
        for level, units in parts_of(self.hierarchy):
            start, end = self.units[units[0]].spans[0][0], self.units[units[-1]].spans[0][1]
            rows.append((level, start, end, self.text[start:end], float(scores[units].sum())))
        return pd.DataFrame(rows, columns=["level", "start", "end", "part", "score"]).astype({"score": float})

    def shown_parts(self, method: str) -> list[Part]:
        """Return the rows of `parts` to display.

        A method that does not group units has no such rows. A part with the same text as the larger part around it is
        left out. If more than 12 parts remain, the clauses are left out, and then all but the 12 parts with the largest
        `|score|`.
        """
        if method not in METHODS or not METHODS[method].source.by_parts:
            return []
        frame = self.parts(method).drop_duplicates(["start", "end"])
        levels = [level for level in LEVELS if (frame["level"] == level).sum() > (level == LEVELS[0])]
        if (frame["level"].isin(levels)).sum() > MOST_SHOWN:
            levels = [level for level in levels if level != LEVELS[-1]] or levels
        frame = frame[frame["level"].isin(levels)]
        frame = frame.loc[sorted(frame["score"].abs().nlargest(MOST_SHOWN).index)]
        shown = zip(frame["level"], frame["part"], frame["score"], strict=True)
        parts = [Part(levels.index(a), one_line(b, width=46), format_score(c, signed=True)) for a, b, c in shown]
        return parts if len(parts) > 1 else []


def parts_of(nested: Any, levels: Sequence[str] = LEVELS) -> Iterator[tuple[str, list[int]]]:
    """Yield the level and the units of each part of a hierarchy; a part comes before the parts that it consists of.

    >>> list(parts_of([[[[0, 1], [2]]]]))
    [('text', [0, 1, 2]), ('sentence', [0, 1, 2]), ('clause', [0, 1]), ('clause', [2])]
    """
    for part in nested if levels else ():
        below = list(parts_of(part, levels[1:]))
        yield levels[0], [u for level, units in below if level == levels[-1] for u in units] or part
        yield from below

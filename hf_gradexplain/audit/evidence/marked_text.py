"""Display the main words in the text and as a table."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from hf_gradexplain.audit.evidence.main_words import MainWord, has_sign, main_units
from hf_gradexplain.audit.evidence.wording import change, share_in_words, shown
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.segments import Row
from hf_gradexplain.viz.tables import TextTable, text_table


def marked_text(explanation: Explanation, method: str) -> Row:
    """Return the text with the scores of the main words only."""
    main = main_units(explanation.scores[method], explanation.margins(method))
    scores = np.zeros(len(explanation.units))
    scores[main] = explanation.scores[method][main]
    shown = replace(explanation, scores={method: scores}, sampling={})
    segments = [part if part.score else replace(part, score=None) for part in shown.segments(method)]
    return Row(segments, signed=has_sign(explanation, method))


def what_was_read(explanation: Explanation) -> Heading:
    """Return which parts of the text the model read, and who wrote each message."""
    return Heading(
        unit="" if explanation.units else explanation.unit,
        truncated_at=explanation.truncated_at if explanation.unread else None,
        length=len(explanation.text),
        not_read=explanation.unread,
        reading=explanation.reading,
        speakers=tuple((message.start, message.role) for message in explanation.messages),
        without_units=not explanation.units,
    )


def words_table(words: Sequence[MainWord], noun: str, value: float, *, regression: bool) -> TextTable:
    """Return the main words as a table; columns without information are left out.

    Args:
        words: The main words.
        noun: What a unit is called.
        value: The probability of the explained class (regression: the output) on the full text.
        regression: Whether `value` is an output.
    """
    without = f"{'output' if regression else 'probability'} without it"
    rows = [
        {
            "": str(number),
            noun: shown(word.label, width=60),
            "in": one_line(word.role, width=32),
            "times": str(word.occurrences),
            "speaks": word.side,
            "share of all scores": share_in_words(word),
            without: "" if word.value_without is None else change(value, word.value_without, regression),
        }
        for number, word in enumerate(words, 1)
    ]
    frame = pd.DataFrame(rows)
    if all(word.occurrences == 1 for word in words):
        frame = frame.drop(columns="times", errors="ignore")
    frame = frame.loc[:, [name for name in frame.columns if frame[name].any()]]
    return replace(text_table(frame), numeric=tuple(name not in (noun, "in", "speaks") for name in frame.columns))

"""The words of each class in the report and the folder of a run."""

from collections.abc import Sequence
from pathlib import Path

from hf_gradexplain.audit.words.sums import ROWS
from hf_gradexplain.audit.words.words import COLUMNS, SHOWN, Words, find_words
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.report_app import ReportTable

CAPTION = (
    "Each word with the number of texts that contain it, and its mean share of the score of these texts with the 95 % "
    "interval. Ticks: the mean share of all words of these texts."
)

PAGE_ROWS = 24
"""The approximate largest number of rows of the table on the page; a class has at least one row."""


def words_of_run(paths: Sequence[Path], title: str) -> Words | None:
    """Return about `ROWS` words of the explained classes that are in enough documents; None if there are none."""
    words = find_words(paths, title=title, most=ROWS)
    return words if len(words.table) else None


def words_section(words: Words | None) -> list[ReportTable]:
    """Return the section of the report in a list, which is empty if no word is real."""
    if words is None or not len(words.top(1)):
        return []
    n = min(SHOWN, max(1, PAGE_ROWS // words.top(1)["group"].nunique()))
    figures = {CAPTION: figure_bytes(words.figure(n), "svg")}
    return [ReportTable("Words of each class", words.summary, words.readable(n), COLUMNS, figures)]

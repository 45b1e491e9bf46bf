"""Find the words that a model associates with each class, from the documents of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import false_discovery_control

from hf_gradexplain.audit.most_faithful import most_faithful
from hf_gradexplain.audit.read_words import Vocabulary
from hf_gradexplain.audit.words.sums import Groups, WordCounts, WordRows, count_words, summarise_words
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.comparisons import FALSE_DISCOVERY_RATE
from hf_gradexplain.evaluation.summaries import p_value, with_intervals
from hf_gradexplain.options.words import MIN_DOCUMENTS
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.cell import cell_html
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import counted, text_table
from hf_gradexplain.viz.words import words_figure

SHOWN = 10
"""The number of words of a group that are shown."""

COLUMNS = {
    "group": "The class, or the group of texts.",
    "word": "The word.",
    "texts": "The number of texts of the group with the word, and their share of the group.",
    "share (%)": "The word's score, divided by the sum of the absolute scores of its text: the mean over the texts "
    "with the word, with its 95 % interval. Positive: it supports the explained class.",
    "overall (%)": "The mean share over all texts of the group, 0 for texts without the word. Rows are sorted by it.",
    "drop (%)": "The fall of the explained class's probability when the word alone is masked, with its 95 % interval.",
    "adjusted p": "The p-value of the test whether the word's share is larger than that of other words of the same "
    "texts, adjusted for all words that were tested.",
}
"""The meaning of the columns of `Words.readable`."""


@dataclass(frozen=True, eq=False)
class Words:
    """The words that a model associates with each class or group of texts; the result of `find_words`.

    A word is called *real* if its adjusted p-value is at most 0.05. A notebook displays the real words and a figure.

    Attributes:
        table: All words that were tested, see `to_frame`.
        title: The model and the dataset.
        method: The method of the scores.
        by: How the texts are grouped: `target`, `label`, `prediction`, or the name of the given values.
        n_documents: The number of texts.
        min_documents: The smallest number of texts of a group that a word has to be in to be tested.
    """

    table: pd.DataFrame
    title: str
    method: str
    by: str
    n_documents: int
    min_documents: int

    def __repr__(self) -> str:
        lines = [
            f"  {one_line(str(group))}: {', '.join(one_line(word) for word in rows['word'])}"
            for group, rows in self.top(SHOWN).groupby("group", sort=False)
        ]
        return "\n".join([self.heading, self.summary, *lines])

    def _repr_html_(self) -> str:
        drawn = figure_bytes(self.figure(), "svg") if len(self.top(1)) else None
        return cell_html(
            title=self.heading,
            sentences=[self.summary],
            table=text_table(self.readable()),
            figure=drawn,
            alt="The share of the score of the top words",
        )

    @property
    def heading(self) -> str:
        """The heading of the result, in one line."""
        return f"Words of {self.title}" if self.title else "Words"

    @cached_property
    def summary(self) -> str:
        """The result in a sentence."""
        if not len(self.table):
            return f"No word is in {self.min_documents:,} texts of one group: lower min_documents, or take more texts."
        real = (self.table["p_adjusted"] <= FALSE_DISCOVERY_RATE).sum()
        texts = counted(self.n_documents, "text")
        return (
            f"By {self.method}, {real:,} of {len(self.table):,} words have a larger share of the score than the other "
            f"words of the same texts, at a false discovery rate of {100 * FALSE_DISCOVERY_RATE:.0f} %. Tested on "
            f"{texts}, grouped by {self.by}: all words in at least {self.min_documents} of a group."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return all words that were tested, a row per group and word.

        The columns are

        - `group` and `word`;
        - `n`, the number of documents of the group with the word, and `frequency`, their share of the group;
        - `share`, the mean share of the word in the score of these documents, with `share_ci_low`, `share_ci_high`;
        - `others`, the mean share of all words of these documents, with which `share` is compared by the test;
        - `overall`, `frequency * share`: the mean share over all documents of the group;
        - `drop`, the mean fall of the target's probability when only this word is masked, with `drop_ci_low` and
          `drop_ci_high`; NaN if it is not known;
        - `p` and `p_adjusted`, the p-value of the test.
        """
        return self.table

    def top(self, n: int = SHOWN) -> pd.DataFrame:
        """Return the `n` real words of each group with the largest `overall`."""
        real = self.table[self.table["p_adjusted"] <= FALSE_DISCOVERY_RATE]
        return real.groupby("group", sort=False).head(n)

    def readable(self, n: int = SHOWN) -> pd.DataFrame:
        """Return `top` as a readable table, whose columns `COLUMNS` describes."""
        return readable_words(self.top(n))

    def figure(self, n: int = SHOWN) -> Figure:
        """Draw the shares of the `n` top words of each group with their intervals, see `top`.

        Raises:
            GradexplainError: No word is real.
        """
        if not len(rows := self.top(n)):
            raise GradexplainError(f"there is no word to draw: {self.summary}")
        return words_figure(rows, title=self.heading, x=f"mean share of the score ({self.method})")


def readable_words(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `Words.to_frame` as a readable table, whose columns `COLUMNS` describes."""
    percent = with_intervals(100 * rows.select_dtypes("float"), "share", "drop", decimals=1)
    return pd.DataFrame(
        {
            "group": rows["group"],
            "word": rows["word"],
            "texts": [f"{n:,} ({share:.1f} %)" for n, share in zip(rows["n"], percent["frequency"], strict=True)],
            "share (%)": percent["share"],
            "drop (%)": percent["drop"],
            "adjusted p": list(map(p_value, rows["p_adjusted"])),
            "overall (%)": percent["overall"],
        }
    )


def find_words(
    paths: Sequence[Path],
    method: str | None = None,
    by: str | Mapping[int, Any] = "target",
    key: Callable[[str], str] | None = None,
    min_documents: int = MIN_DOCUMENTS,
    *,
    by_name: str = "",
    title: str = "",
    most: int | None = None,
    seed: int = 0,
) -> Words:
    """Find the words that a model associates with each class.

    The share of a word `w` in the scores of a document `d` is

        share(d, w) = s_w / sum_u |s_u|,

    with the sign of the score, so that positive shares support the explained class. All units of a document with the
    same key form one word, whose score is the sum of their scores. If all scores of a document are 0, all shares are 0.

    The test asks whether the shares of a word are larger than the shares of other words of the same documents. It
    compares within documents because shares are larger in short documents. The null hypothesis is that the scores of
    each document are exchangeable; the alternative is one-sided, a larger share. P-values are those of a test over all
    permutations within documents, computed by an approximation, see `hf_gradexplain.audit.words.word_tests`. They are
    adjusted by Benjamini and Hochberg's method for the number of rows.

    Intervals are 95 % intervals of the bootstrap over documents, see
    `hf_gradexplain.evaluation.bootstrap.percentile_interval`.

    Memory does not grow with the number of documents. The files are read twice, and once more for every 4,096 rows.

    Args:
        paths: The document files of a run.
        method: The method whose scores are used; None for the most faithful method of the run, by AOPC(10), among those
            whose scores have a sign.
        by: How to group the documents: by the explained class (`target`), the true class (`label`) or the predicted
            class (`prediction`), or by a mapping from row numbers to values. Documents without a value are left out.
            The scores are always those for the explained class.
        key: A function of the text of a unit; units with equal results are the same word. `str.lower` ignores case.
            None for the text as it is.
        min_documents: The smallest number of documents of a group that a word has to be in to be tested.
        by_name: The name of the values, if `by` is a mapping.
        title: The model and the dataset, for the heading.
        most: The approximate largest number of rows; the least frequent words are left out. None for all words.
        seed: The seed of the bootstrap.

    Raises:
        GradexplainError: An argument cannot be used, the documents have no labels to group them by, or the files were
            published without their texts.
    """
    if min_documents < 1:
        raise GradexplainError(f"min_documents must be at least 1, not {min_documents}")
    method = most_faithful(paths) if method is None else method
    vocabulary, groups = Vocabulary(key), Groups(by, paths)
    counts = count_words(paths, vocabulary, groups, method)
    if by != "target" and not counts.documents.sum():
        raise GradexplainError("no document has a value to group it by: group by target or by prediction")
    least = max(min_documents, _least_frequent(counts, most))
    rows = _rows(counts, least)
    table = summarise_words(paths, vocabulary, groups, method, rows, seed)
    table.insert(0, "group", [groups.name(code) for code in rows.group])
    table.insert(1, "word", [vocabulary.words[code] for code in rows.word])
    table.insert(3, "frequency", table["n"] / counts.documents[rows.group])
    table.insert(8, "overall", table["share"] * table["frequency"])
    table["p_adjusted"] = false_discovery_control(table["p"]) if len(table) else table["p"]
    order = np.lexsort((-table["overall"], rows.group))
    return Words(
        table=table.iloc[order].reset_index(drop=True),
        title=title,
        method=method,
        by=by if isinstance(by, str) else by_name,
        n_documents=int(counts.documents.sum()),
        min_documents=least,
    )


def _least_frequent(counts: WordCounts, most: int | None) -> int:
    """Return how many documents a word has to be in for about `most` rows, fewer rather than more."""
    n = np.sort(counts.words.data)[::-1]
    return 1 if most is None or len(n) <= most else int(n[most]) + 1


def _rows(counts: WordCounts, min_documents: int) -> WordRows:
    group, word = (counts.words >= min_documents).nonzero()
    order = np.lexsort((word, group))
    return WordRows(group[order], word[order])

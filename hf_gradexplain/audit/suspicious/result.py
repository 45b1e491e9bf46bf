"""The suspicious words of a model as a table, as text and as HTML."""

from dataclasses import dataclass

import pandas as pd

from hf_gradexplain.viz.cell import cell_html
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import text_table, with_interval

SHOWN = 20
"""The number of words that are shown."""

COLUMNS = {
    "word": "The word.",
    "moves to": "The class that texts move to when the word is inserted.",
    "flips": "The share of texts of other classes that the model gives this class once the word is inserted, with its "
    "95 % interval (Wilson).",
    "ordinary": "The median of this share for ordinary words of the same frequency, inserted at the same places.",
    "rise": "The mean rise of the probability of the class, with its 95 % interval.",
    "in class": "The share of this class among the texts with the word; in parentheses, this share divided by the "
    "class's share of all texts.",
    "adjusted p": "The p-value of the hypothesis that the word flips at most as many texts as ordinary words do, plus "
    "the margin. It is adjusted for all words that were tried.",
}
"""The meaning of the columns of `SuspiciousWords.readable`."""


@dataclass(frozen=True, eq=False)
class SuspiciousWords:
    """Words that change the predictions of a model by themselves; the result of `Explainer.suspicious_words`.

    A suspicious word decides a class and is concentrated in the texts of this class. When it is inserted into texts of
    other classes, it flips more predictions than ordinary words do, and the difference is more than `margin`, a share
    of the texts. People have to judge whether this is a fault of the model: the name of a team may well turn a text
    into sports news, but a stray backslash should not turn it into technology news.

    Attributes:
        table: All words that were tried, see `to_frame`.
        title: The model and the dataset.
        method: The method whose scores chose the words.
        n_documents: The number of texts of the run.
        n_candidates: The number of candidates: pairs of a class and a word. The word of such a pair decides the class
            and is concentrated in its texts. The clearest candidates were tried.
        level: The false discovery rate.
        margin: A suspicious word flips more texts than ordinary words do, by more than this share of the texts.
        passes: The number of forward passes that trying the words took.
    """

    table: pd.DataFrame
    title: str
    method: str
    n_documents: int
    n_candidates: int
    level: float
    margin: float
    passes: int

    def __len__(self) -> int:
        return int(self.table["suspicious"].sum())

    def __repr__(self) -> str:
        lines = [
            f"  {one_line(row['word'])}: flips {row['flips']:.0%} to {one_line(row['class'])} "
            f"(ordinary words {row['control_flips']:.1%})"
            for row in self.found.head(SHOWN).to_dict("records")
        ]
        return "\n".join([self.heading, *self.sentences, *lines])

    def _repr_html_(self) -> str:
        return cell_html(title=self.heading, sentences=self.sentences, table=text_table(self.readable()))

    @property
    def heading(self) -> str:
        """The heading of the result, in one line."""
        return f"Suspicious words of {self.title}" if self.title else "Suspicious words"

    @property
    def found(self) -> pd.DataFrame:
        """The rows of the suspicious words; the word that flips the most texts comes first."""
        return self.table[self.table["suspicious"]]

    @property
    def sentences(self) -> list[str]:
        """The result in sentences."""
        tried = len(self.table)
        if not self.n_candidates:
            return [f"By {self.method}, no word decides a class of the {self.n_documents:,} texts: take more texts."]
        of_all = "" if tried == self.n_candidates else f", of {self.n_candidates:,} candidates,"
        return [
            f"{len(self):,} of {tried:,} words that were tried{of_all} flip texts of other classes when they are "
            f"inserted: over {100 * self.margin:.3g}% of the texts more than ordinary words do, at a false discovery "
            f"rate of {self.level:.0%} ({self.n_documents:,} texts, candidates by {self.method}, {self.passes:,} "
            "forward passes).",
            "Judge yourself which of these words should change a prediction.",
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return all words that were tried, a row per class and word, the suspicious ones first.

        The columns are

        - `class` and `word`;
        - `n`, the number of texts of the class with the word; `n_all`, the number of all texts with the word;
          `concentration`, `n / n_all`; `lift`, the concentration divided by the share of the class among all texts; and
          `p_concentrated`, the p-value of the one-sided binomial test that the lift is at most 1;
        - `share`, the mean share of the word in the score of the texts of the class with the word, and `p_decides`, the
          p-value of the test that it is at most as large as the share of other words, see `Words`. Neither of these two
          p-values is adjusted;
        - `flips`, the share of the `n_texts` texts of other classes whose prediction becomes the class when the word is
          inserted, with its Wilson interval `flips_ci_low`, `flips_ci_high`; `control_flips`, the median share for the
          control words; and `p_flips`, the p-value of the test that the word flips at most `margin` more texts, see
          `hf_gradexplain.audit.suspicious.insertion.excess_p_value`;
        - `rise`, the mean rise of the probability of the class, with its bootstrap interval `rise_ci_low`,
          `rise_ci_high`;
        - `p_adjusted`, which is `p_flips` adjusted by Benjamini and Hochberg's method for all rows; and `suspicious`,
          whether `p_adjusted` is at most the false discovery rate.

        All intervals are 95 % intervals.
        """
        return self.table

    def readable(self, n: int = SHOWN) -> pd.DataFrame:
        """Return the first `n` suspicious words as a readable table, whose columns `COLUMNS` describes."""
        rows = self.found.head(n)
        records = rows.to_dict("records")
        return pd.DataFrame(
            {
                "word": rows["word"],
                "moves to": rows["class"],
                "flips": [
                    f"{with_interval(row['flips'], row['flips_ci_low'], row['flips_ci_high'], '.0%')}"
                    for row in records
                ],
                "ordinary": [f"{row['control_flips']:.1%}" for row in records],
                "rise": [with_interval(row["rise"], row["rise_ci_low"], row["rise_ci_high"]) for row in records],
                "in class": [f"{row['concentration']:.0%} ({row['lift']:.1f}x)" for row in records],
                "adjusted p": [f"{row['p_adjusted']:.1g}" for row in records],
            }
        )

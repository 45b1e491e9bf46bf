"""The result of a comparison of two runs: tables, sentences and a figure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from scipy import stats

from hf_gradexplain.audit.compare.run_means import ACCURACY, COLUMNS, SEED_COLUMNS
from hf_gradexplain.evaluation.comparisons import FALSE_DISCOVERY_RATE, holm
from hf_gradexplain.evaluation.correlation import SIGNIFICANCE
from hf_gradexplain.evaluation.summaries import p_value
from hf_gradexplain.viz.canvas import INK, STYLE, add_note, figure_bytes
from hf_gradexplain.viz.cell import cell_html
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import counted, join_words, text_table, with_interval, with_minus

NO_VERDICT = (
    "No verdict: without references, which are two or more runs of A's training with other seeds, a change cannot be "
    "told from the effect of another seed."
)

NO_DRIFT = (
    "No verdict on the drift: a pair of the runs has no text with a rank correlation, which needs at least "
    "three words, and the same class in both runs."
)

NAMED = 8
"""Number of words that a sentence names."""


@dataclass(frozen=True, eq=False)
class RunComparison:
    """The comparison of two runs over the same texts; the result of `hf_gradexplain.compare_runs`.

    A notebook shows the result in sentences, the table of measures, and the distribution of the rank correlations.

    Attributes:
        a: The name of run A.
        b: The name of run B.
        references: The names of the references.
        method: The method whose words and texts are compared.
        means: Accuracy, AOPC and NAOPC, see `hf_gradexplain.audit.compare.run_means.RunMeans.table`.
        drift: Drift and rank correlations, a row per method, see `hf_gradexplain.audit.compare.drift.Drifts.table`.
        words: A row per class and word, see `hf_gradexplain.audit.compare.moved_words.WordSums.table`.
        texts: Texts that are predicted alike but explained differently, see
            `hf_gradexplain.audit.compare.changed_texts.ChangedTexts.table`; none for regression.
        histogram: The distribution of the rank correlations: `method, low, high, n`.
        counts: Numbers of texts and words. `left_out` counts the texts that are not compared, because one of the runs
            left them out; `texts`, the compared texts; `equal_predictions` (except for regression),
            those for which A and B predict the same class; `other_class`, those for which A and B explain different
            classes, so that there is no rank correlation. `words` counts the words of all compared texts;
            `words_in_one_run`, those that only A or only B has, because the tokenizers differ.
    """

    a: str
    b: str
    references: tuple[str, ...]
    method: str
    means: pd.DataFrame
    drift: pd.DataFrame
    words: pd.DataFrame
    texts: pd.DataFrame
    histogram: pd.DataFrame
    counts: Mapping[str, int]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per measure and method.

        The columns are

        - `measure`, which is `accuracy`, `AOPC(10)`, `NAOPC` or `drift`;
        - `method`, empty for the accuracy;
        - `a` and `b`, the values of the two runs;
        - `difference`, B minus A or the drift, with its 95 % interval `ci_low`, `ci_high`;
        - `p`, the p-value of the exact McNemar test (accuracy) or of the paired t-test (AOPC, NAOPC), and `p_adjusted`,
          corrected by Holm's method for the number of rows;
        - `n`, the number of texts.

        With references, there are also

        - `seed_low` and `seed_high`, the range that contains the values of 95 % of other seeds of A's training. For the
          drift, the value is the mean drift of such a seed from A and the references;
        - `p_seeds`, the p-value of the hypothesis that B is such a seed.
        """
        renamed = self.drift.rename(columns={"drift": "difference"}).assign(measure="drift", seed_low=0.0)
        columns = COLUMNS + (SEED_COLUMNS if self.references else [])
        table = pd.concat([self.means, renamed], ignore_index=True).reindex(columns=columns)
        table.insert(columns.index("p") + 1, "p_adjusted", holm(table["p"].to_numpy(dtype=float)))
        return table

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values, with None for undefined numbers."""
        tables = {name: getattr(self, name) for name in ("means", "drift", "words", "texts")}
        return {
            **{name: getattr(self, name) for name in ("a", "b", "references", "method", "sentences")},
            "counts": dict(self.counts),
            **{
                name: table.astype(object).where(table.notna(), None).to_dict("records")
                for name, table in tables.items()
            },
        }

    @property
    def moved(self) -> pd.DataFrame:
        """The rows of `words` with a larger difference than seeds cause; none without references."""
        return self.words[self.words["moved"]] if self.references else self.words.iloc[:0]

    @property
    def changed(self) -> bool | None:
        """Whether B's explanations differ more from those of A and the references than another seed would make them.

        The test is at the 5 % level. None without references, and if two of the runs have no text with a rank
        correlation.
        """
        p = self._drift()["p_seeds"] if self.references else np.nan
        return None if np.isnan(p) else bool(p <= SIGNIFICANCE)

    def _drift(self) -> dict[str, Any]:
        """The row of the method in `drift`."""
        return self.drift.set_index("method").loc[self.method].to_dict()

    @property
    def sentences(self) -> list[str]:
        """The result in sentences."""
        drift, n, equal = self._drift(), self.counts["texts"], self.counts.get("equal_predictions")
        said = [f"Compared over {counted(n, 'text')}."]
        if equal is not None:
            share = with_interval(equal / n, *stats.binomtest(equal, n).proportion_ci())
            said = [f"Over {counted(n, 'text')}, {share} of the predictions are equal."]
        said += [self._accuracy(row) for row in self.means.to_dict("records") if row["measure"] == ACCURACY]
        interval = with_interval(drift["drift"], drift["ci_low"], drift["ci_high"])
        said += [f"Drift of {self.method}: {interval}, one minus the median rank correlation of the explanations."]
        said += [*self._verdict(drift), self._moved_words()] if self.references else [NO_VERDICT]
        if other := self.counts["other_class"]:
            said += [f"In {counted(other, 'text')} the runs explain different classes; these have no rank correlation."]
        if only := self.counts["words_in_one_run"]:
            said += [f"{only / self.counts['words']:.1%} of the words are in one run only, and are not compared."]
        return said

    def _accuracy(self, row: Mapping[str, Any]) -> str:
        by = with_interval(row["difference"], row["ci_low"], row["ci_high"])
        text = f"Accuracy: {row['a']:.3f} and {row['b']:.3f}, {by}, exact McNemar p {p_value(row['p'])}"
        if self.references:
            text += with_minus(f"; other seeds have {row['seed_low']:.3f} to {row['seed_high']:.3f}")
        return f"{text}."

    def _verdict(self, drift: Mapping[str, Any]) -> list[str]:
        if self.changed is None:
            return [NO_DRIFT]
        m = 1 + len(self.references)
        kind = "more than another seed would" if self.changed else "no more than another seed would"
        return [
            f"Against {m} seeds ({m * (m - 1) // 2} pairs, median drift {drift['seed_drift']:.3f}): B is "
            f"{drift['drift_from_seeds']:.3f} from them, and 95 % of other seeds stay under {drift['seed_high']:.3f}. "
            f"The explanations changed {kind} (p {p_value(drift['p_seeds'])})."
        ]

    def _moved_words(self) -> str:
        names = [one_line(f"{row['word']} ({row['class']})") for row in self.moved.head(NAMED).to_dict("records")]
        of = f"{len(self.moved):,} of {len(self.words):,} words of a class moved more than seeds move them"
        more = [f"{len(self.moved) - NAMED:,} more"] if len(self.moved) > NAMED else []
        listed = f": {join_words([*names, *more])}" if names else ""
        return f"{of}, at a false discovery rate of {FALSE_DISCOVERY_RATE:.0%}{listed}."

    def figure(self) -> Figure:
        """Return the distribution of the rank correlations of the explanations of A and B over the texts."""
        with matplotlib.style.context(STYLE):
            figure = Figure(figsize=(6, 2.4), layout="constrained")
            axes = figure.add_subplot()
            bins = self.histogram[self.histogram["method"] == self.method]
            axes.bar(
                bins["low"], bins["n"], bins["high"] - bins["low"], align="edge", color="#4c78a8", edgecolor="white"
            )
            axes.axvline(self._drift()["spearman"], color=INK, linewidth=1, linestyle="--")
            axes.set(xlim=(-1, 1), xlabel="rank correlation of the explanations of A and B", ylabel="texts")
            axes.set_title(one_line(f"{self.method}: {self.a} and {self.b}", width=76), pad=16)
            add_note(axes, "dashed: the median, 1 - drift")
        return figure

    def __repr__(self) -> str:
        return "\n".join([self._title, *self.sentences])

    @property
    def _title(self) -> str:
        return one_line(f"Comparison of {self.a} (A) and {self.b} (B)")

    def _repr_html_(self) -> Markup:
        return cell_html(
            title=self._title,
            sentences=self.sentences,
            table=text_table(self.to_frame()),
            figure=figure_bytes(self.figure(), "svg"),
        )

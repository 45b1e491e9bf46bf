"""The result of `Explainer.evaluate`, or of a finished run in a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from hf_gradexplain.audit.words.page import words_of_run, words_section
from hf_gradexplain.audit.words.words import Words, find_words
from hf_gradexplain.errors import GradexplainError, translate_write_errors
from hf_gradexplain.evaluation.aopc import document_aopc
from hf_gradexplain.evaluation.documents import iterate_documents, read_rows
from hf_gradexplain.evaluation.presentation import draw_figures, warnings_of
from hf_gradexplain.evaluation.random_band import with_mean_random
from hf_gradexplain.evaluation.report import pack_tasks, write_report
from hf_gradexplain.evaluation.summaries import finding, headline, p_value, summary_table
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.options.words import MIN_DOCUMENTS
from hf_gradexplain.run.finished_run import open_run
from hf_gradexplain.run.results import Run
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.cell import cell_html
from hf_gradexplain.viz.tables import MISSING, text_table, with_interval, with_minus


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of `Explainer.evaluate`: how faithful the explanations of some texts are.

    A notebook displays the result in a sentence, the table of the methods, and the curves.

    Attributes:
        run: Title, facts, tables and notes of the run.
        documents: The files with all measurements of each text. If `Explainer.evaluate` had no `output_dir`, they are
            in a temporary folder, which is deleted together with this object.

    Example:
        >>> import hf_gradexplain  # doctest: +SKIP
        >>> explainer = hf_gradexplain.Explainer.from_pretrained("org/model")  # doctest: +SKIP
        >>> result = explainer.evaluate(texts, ["attn_lrp", "loo", "random"], labels=labels)  # doctest: +SKIP
        >>> result.report("report.html")  # doctest: +SKIP
    """

    run: Run
    documents: tuple[Path, ...]

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> "Evaluation":
        """Return the result of a finished run from its output folder; the model is not loaded.

        Args:
            folder: The output folder of `hf-gradexplain evaluate`, or the `output_dir` of `Explainer.evaluate`.

        Raises:
            GradexplainError: The folder is not the output folder of a finished run, or its tables were damaged or
                changed.

        Example:
            >>> import hf_gradexplain  # doctest: +SKIP
            >>> result = hf_gradexplain.Evaluation.load("outputs/evaluate")  # doctest: +SKIP
            >>> result.per_text()  # doctest: +SKIP
        """
        finished = open_run(Path(folder))
        return cls(finished.run, finished.documents)

    def __repr__(self) -> str:
        notes = [*self.run.notes, *warnings_of(self.run.tables)]
        tables = self.run.tables
        areas = list(dict.fromkeys(f"AOPC({k})" for k in (tables.short_k, tables.long_k)))
        rows = [f"  {_in_words(row, areas, tables.decimals)}" for row in self.to_frame().to_dict("records")]
        return "\n".join([f"Evaluation of {self.run.title}", headline(self.run.tables), *rows, *notes])

    def _repr_html_(self) -> str:
        tables = self.run.tables
        return cell_html(
            title=f"Evaluation of {self.run.title}",
            sentences=[headline(tables), *self.run.notes, *warnings_of(tables)],
            table=text_table(self.to_frame()),
            figure=figure_bytes(draw_figures(tables)["aopc"], "svg"),
            alt="AOPC(K) of every method",
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per method.

        The columns are `method`, AOPC(10) with its 95 % interval `low` and `high`, AOPC(K) at the largest K, and four
        columns for the correlation r with leave-one-out:

        - `median r`, over texts;
        - `p ≤ .05`, the share of texts with a significant r;
        - `by FDR`, the same share with control of the false discovery rate;
        - `no r`, the number of texts without an r.

        If the largest K is below 10, the AOPC at this K replaces AOPC(10).
        """
        return summary_table(self.run.tables)

    @property
    def aopc(self) -> pd.DataFrame:
        """AOPC of every method at every K, with 95 % intervals: `method, k, aopc, ci_low, ci_high, n`."""
        return self.run.tables.aopc

    @property
    def correlation(self) -> pd.DataFrame:
        """The correlation with leave-one-out, a row per method and coefficient; no rows without `loo`."""
        return self.run.tables.correlation

    @property
    def plausibility(self) -> pd.DataFrame:
        """The agreement with human rationales, a row per method; no rows without rationales.

        The columns are those of `hf_gradexplain.audit.plausibility.plausibility.plausibility_table`.
        """
        return self.run.extra.get("plausibility", pd.DataFrame())

    @property
    def hybrid(self) -> pd.DataFrame:
        """The results on hybrid documents: how often each method's highest-scored word is in the right sentence.

        There is a row per method; without the option `hybrid_documents` there are no rows. The columns are those of
        `hf_gradexplain.audit.plausibility.hybrid.hybrid_table`.
        """
        return self.run.extra.get("hybrid", pd.DataFrame())

    @property
    def baselines(self) -> pd.DataFrame:
        """The ranking of the methods under each masking baseline; no rows without the option `compare_baselines`.

        The columns are those of `hf_gradexplain.evaluation.baselines.baseline_table`.
        """
        return self.run.extra.get("baselines", pd.DataFrame())

    def paired_tests(self) -> pd.DataFrame:
        """Test for each pair of methods whether their AOPC differs, by paired t-tests over the texts.

        With a single method there are no rows. The columns are

        - `k`, the K of AOPC(K);
        - `method`, the better of the two methods, and `other`;
        - `difference`, with its 95 % interval `ci_low`, `ci_high`;
        - `p`, and `p_adjusted`, which is corrected by Holm's method for the number of rows;
        - `n`, the number of texts;
        - `finding`, the result in words.
        """
        tests = self.run.tables.comparisons
        rows, decimals = tests.to_dict("records"), self.run.tables.decimals
        said = [f"{finding(row, decimals)} (K = {row['k']}, adjusted p {p_value(row['p_adjusted'])})" for row in rows]
        return tests.assign(finding=said)

    def per_text(self) -> pd.DataFrame:
        """Return one row per text and method, to find the texts where a method fails.

        The columns are

        - `text_id`, the position of the text, and `text`;
        - `target`, the explained class, or a contrast such as "Sports rather than World";
        - `prediction`; `label`; and `correct`, whether the prediction is the label. The last two are None without a
          label, and if the model does not choose between classes: for regression, and with one output;
        - `p`, the probability of the target (for regression, the output);
        - `method`, and its AOPC(10) on this text;
        - `pearson` and `spearman`, the correlations of scores and of ranks with leave-one-out; NaN where undefined.
        """
        k = self.run.tables.short_k
        rows = []
        for document in iterate_documents(self.documents):
            explanation = document.explanation
            label = document.label if explanation.has_classes else None
            of_text = {
                "text_id": document.id,
                "text": explanation.text,
                "target": explanation.question,
                "prediction": explanation.prediction_label,
                "label": None if label is None else explanation.class_names[label],
                "correct": None if label is None else label == explanation.prediction,
                "p": float(explanation.probabilities[explanation.target]),
            }
            for method, curve in with_mean_random(document.curves, document.random_orders).items():
                correlations = document.correlations.get(method, {})
                with_loo = {coefficient: correlations.get(coefficient) for coefficient in ("pearson", "spearman")}
                rows.append({**of_text, "method": method, f"AOPC({k})": document_aopc(curve, k)[-1], **with_loo})
        return pd.DataFrame(rows)

    @cached_property
    def explanations(self) -> Explanations:
        """The explanations of the texts, in their order, with the scores of all methods."""
        return Explanations(map(Explanation.from_dict, read_rows(self.documents)))

    def words(
        self,
        method: str | None = None,
        by: str | Sequence[Any] = "target",
        key: Callable[[str], str] | None = None,
        min_documents: int = MIN_DOCUMENTS,
    ) -> Words:
        """Find the words that the model associates with each class, see `hf_gradexplain.audit.words.words.find_words`.

        Args:
            method: The method whose scores are used; None for the most faithful method of the run, by AOPC(10), among
                those whose scores have a sign.
            by: How to group the texts: by the explained class (`target`), the true class (`label`) or the predicted
                class (`prediction`); or a list with the group of each text, None for texts to leave out.
            key: A function of the text of a unit; units with equal results count as the same word. `str.lower` ignores
                case.
            min_documents: A word is tested for a group if it is in at least this many texts of the group.

        Raises:
            GradexplainError: An argument cannot be used, or the texts have no labels to group them by.
        """
        if isinstance(by, str):
            return find_words(self.documents, method, by, key, min_documents, title=self.run.title)
        counts = self.run.tables.document_counts
        if len(by) != (n := counts["documents"] + counts["left_out"]):
            raise GradexplainError(f"by has {len(by):,} values for {n:,} texts: give one for each text, in their order")
        values = dict(enumerate(by))
        return find_words(self.documents, method, values, key, min_documents, by_name="group", title=self.run.title)

    def report(self, path: str | PathLike[str]) -> None:
        """Write the results, the curves and all texts to an HTML file.

        Raises:
            GradexplainError: The file cannot be written.
        """
        run = self.run
        with translate_write_errors(path, instead="path"):
            write_report(
                Path(path),
                title=run.title,
                facts=run.facts,
                tables=run.tables,
                documents=(pack() for pack in pack_tasks(self.documents, self.run.tables)),
                notes=run.notes,
                extra=run.extra,
                audits=words_section(words_of_run(self.documents, run.title)),
            )


def _in_words(row: dict[str, Any], areas: Sequence[str], decimals: int) -> str:
    """Return a row of `Evaluation.to_frame` in words; `areas` are its columns of AOPC, shown with `decimals`."""
    short, *more = areas
    words = [f"{row['method']}: {short} {with_interval(row[short], row['low'], row['high'], f'.{decimals}f')}"]
    words += [f"{name} {with_minus(format(row[name], f'z.{decimals}f'))}" for name in more]
    if not pd.isna(row["median r"]):
        words.append(f"median correlation with leave-one-out {with_minus(format(row['median r'], 'z.2f'))}")
        words.append(f"significant on {row['p ≤ .05']:.0%} of the texts ({row['by FDR']:.0%} by FDR)")
    elif row["method"] != "loo" and not pd.isna(row["no r"]):
        words.append(f"median correlation with leave-one-out {MISSING}")
    return ", ".join(words)

"""The result of sanity checks: tables, sentences and a figure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from hf_gradexplain.evaluation.sanity_summaries import sanity_summary
from hf_gradexplain.probing.report import Check
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.cell import cell_html, cell_text
from hf_gradexplain.viz.sanity import randomisation_figure
from hf_gradexplain.viz.tables import MISSING, TextTable, counted, join_words, text_table, with_minus

CASCADING, INDEPENDENT = "cascading", "independent"
"""The orders of randomisation: each layer with all layers above it, or alone."""

TRAINED, RANDOM = "the model", "another random model"
"""What the scores of a randomised model are compared with."""

UNCHANGED_FROM = 0.8
"""A method counts as unchanged if the interval of its median correlation with random models lies above this."""

AGREES_FROM = 0.5
"""Random models agree if the interval of their median correlation, with the model or each other, lies above this."""

INVARIANT_UP_TO = 0.01
"""Relative differences of scores up to this count as rounding."""

STABLE_FROM = 0.9
"""Seeds agree if their median correlation is at least this."""

BASELINE = "random"
"""The method that is random by definition, and never counts as unchanged."""

CHANGES = "changes with the model"
AGREES = "changes, but random models agree"
UNCHANGED = "does not change when the model is random"
UNCLEAR = "too few texts with a correlation"
NO_METHOD = "baseline"


def finding(method: str, low: float, absolute_low: float, two_random_low: float) -> str:
    """Return the finding on a method, from its correlations with random models.

    Args:
        method: Its name.
        low: The lower end of the interval of its median correlation with random models; NaN without an interval.
        absolute_low: The same for the absolute values; NaN for methods without a sign.
        two_random_low: The lower end of the interval of the median correlation between two random models.
    """
    if method == BASELINE:
        return NO_METHOD
    if np.isnan(low):
        return UNCLEAR
    highest = np.nanmax([low, absolute_low])
    if highest > UNCHANGED_FROM:
        return UNCHANGED
    return AGREES if np.nanmax([highest, two_random_low]) > AGREES_FROM else CHANGES


@dataclass(frozen=True, eq=False, repr=False)
class SanityChecks:
    """The results of sanity checks of attribution methods; `Explainer.sanity` makes them.

    A notebook displays the table and the figure.

    Attributes:
        model: The class of the model.
        unit: What got one score.
        randomisation: One row per method, randomised layer and kind of values. The columns are

            - `method`;
            - `order`: `cascading` (the layer and all layers above it are random) or `independent` (the layer alone);
            - `step`, the number of the layer, counted from the output, and `layer`, its name;
            - `against`, what the scores are compared with: `the model` or `another random model`;
            - `values`: `scores` or, for signed methods, `absolute`;
            - `median`, the median over texts of Spearman's correlation, with its 95 % interval `ci_low`, `ci_high`;
            - `n` and `n_undefined`, the numbers of texts with and without a correlation; a text that a random model
              cannot score has none.

        checks: One row per method, see `to_frame`.
        shifted: The embedding tables that were changed to check input invariance; empty if that is not possible.
        texts: The number of texts.
        rounds: How often all texts were explained.
        left_out: The positions of further texts that were given, but that the model cannot score, and the reasons.
    """

    model: str
    unit: str
    randomisation: pd.DataFrame
    checks: pd.DataFrame
    shifted: str
    texts: int
    rounds: int
    left_out: Mapping[int, str] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per method.

        All correlations are medians over texts of Spearman's correlation. The columns are

        - `method`;
        - `randomised`, the correlation between the scores of the model and those of a fully random model (mean of two
          such models), with its 95 % interval `ci_low`, `ci_high`;
        - `absolute`, the same for absolute values of signed methods, with `absolute_ci_low` and `absolute_ci_high`;
        - `two_random`, the correlation between the scores of two random models, with `two_random_ci_low` and
          `two_random_ci_high`;
        - `shifted`, the correlation with the scores after the word vectors are shifted, and `shift_difference`, the
          median relative difference of these scores; NaN if the model allows no such shift;
        - `other_seed`, the correlation between two seeds, NaN for methods that draw no random numbers;
        - `n` and `n_undefined`, the numbers of texts with and without a correlation;
        - `finding`.
        """
        return self.checks

    @property
    def unchanged(self) -> tuple[str, ...]:
        """The methods whose scores do not change when the model is random; `random` is never among them."""
        return self._methods(self.checks["finding"] == UNCHANGED)

    @property
    def variant(self) -> tuple[str, ...]:
        """The methods whose scores change when the word vectors are shifted, although the model's function does not."""
        return self._methods(self.checks["shift_difference"] > INVARIANT_UP_TO)

    def _methods(self, rows: pd.Series) -> tuple[str, ...]:
        return tuple(name for name in self.checks["method"][rows] if name != BASELINE)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The findings of the checks, one sentence each."""
        return tuple(f"{check.name}: {check.found}" for check in self.report())

    def report(self) -> tuple[Check, ...]:
        """Return the findings as checks, as `hf-gradexplain doctor --full` shows them."""
        checks = self._randomisation(), self._invariance(), self._seeds()
        return (*checks, self._left_out()) if self.left_out else checks

    def _randomisation(self) -> Check:
        rows = self.checks[self.checks["method"] != BASELINE]
        ordered = rows.sort_values("randomised", ascending=False)
        said = [f"{row.method} {_two_decimals(row.randomised)}" for row in ordered.itertuples()]
        found = f"median Spearman with the scores of random models, {counted(self.texts, 'text')}: {', '.join(said)}"
        if self.unchanged:
            action = f"do not explain this model with {join_words(self.unchanged)}: the scores ignore its parameters"
            return Check("parameter randomisation", found, "problem", action)
        if agreeing := self._methods(self.checks["finding"] == AGREES):
            found += f"; random models agree on the scores of {join_words(agreeing)}"
            action = f"take {join_words(agreeing)} with care: the text and the architecture decide a part of the scores"
            return Check("parameter randomisation", found, "note", action)
        if unclear := self._methods(self.checks["finding"] == UNCLEAR):
            action = f"give more texts to check {join_words(unclear)}"
            return Check("parameter randomisation", found, "note", action)
        return Check("parameter randomisation", found, "ok", "nothing: the scores of all methods change with the model")

    def _invariance(self) -> Check:
        if not self.shifted:
            found = "not checked, because no table of positions is added to the word vectors"
            return Check("input invariance", found, "note", "nothing to do")
        found = f"with shifted word and position vectors ({self.shifted}) the model computes the same logits"
        if not self.variant:
            return Check("input invariance", f"{found}, and all methods give the same scores", "ok", "nothing to do")
        found = f"{found}, but the scores of {join_words(self.variant)} change"
        return Check("input invariance", found, "note", "note that these methods compare words with the zero vector")

    def _seeds(self) -> Check:
        rows = self.checks[self.checks["other_seed"].notna() & (self.checks["method"] != BASELINE)]
        if rows.empty:
            return Check("seeds", "no method draws random numbers", "ok", "nothing to do")
        said = [f"{row.method} {_two_decimals(row.other_seed)}" for row in rows.itertuples()]
        found = f"median Spearman between two seeds: {', '.join(said)}"
        low = bool((rows["other_seed"] < STABLE_FROM).any())
        return Check(
            "seeds",
            found,
            "note" if low else "ok",
            "raise max_evals (smoothgrad ignores it)" if low else "nothing to do",
        )

    def _left_out(self) -> Check:
        position, reason = min(self.left_out.items())
        found = f"{counted(len(self.left_out), 'text')} left out, for example the text at position {position}: {reason}"
        return Check("texts without scores", found, "note", "nothing to do")

    def to_dict(self) -> dict[str, Any]:
        """Return the results as plain dicts, lists, numbers and strings, ready for JSON; undefined values are None."""
        tables = {"methods": self.checks, "randomisation": self.randomisation}
        records = {name: json.loads(table.to_json(orient="records")) for name, table in tables.items()}
        facts = {"texts": self.texts, "rounds": self.rounds, "shifted": self.shifted}
        return {**facts, "checks": [asdict(check) for check in self.report()], **records}

    def __repr__(self) -> str:
        return cell_text(title=self._title, sentences=self.sentences, table=self._table())

    def _repr_html_(self) -> Markup:
        figure = figure_bytes(self.figure(), "svg")
        return cell_html(title=self._title, sentences=self.sentences, table=self._table(), figure=figure)

    def figure(self) -> Figure:
        """Draw the correlation with the original scores as the layers are randomised, from the output on."""
        return randomisation_figure(self.randomisation, title=self._title)

    @property
    def _title(self) -> str:
        return f"Sanity checks of {self.model} on {counted(self.texts, 'text')}"

    def _table(self) -> TextTable:
        return text_table(sanity_summary(self.checks), decimals=2)


def _two_decimals(number: float) -> str:
    return MISSING if np.isnan(number) else with_minus(f"{number:z.2f}")

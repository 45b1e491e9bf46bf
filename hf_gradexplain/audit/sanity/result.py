"""The result of sanity checks: tables, sentences and a figure."""

import json
from dataclasses import asdict, dataclass
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
from hf_gradexplain.viz.tables import MISSING, TextTable, join_words, text_table, with_minus

CASCADING, INDEPENDENT = "cascading", "independent"
"""The orders of randomisation: each layer with all layers above it, or alone."""

TRAINED, RANDOM = "the model", "another random model"
"""What the scores of a randomised model are compared with."""

UNCHANGED_FROM = 0.8
"""A method is named if the interval of its median correlation with random models lies above this."""

AGREES_FROM = 0.5
"""Random models agree if the interval of their median correlation, with the model or each other, lies above this."""

INVARIANT_UP_TO = 0.01
"""Relative differences of scores up to this count as rounding."""

STABLE_FROM = 0.9
"""Seeds agree if their median correlation is at least this."""

BASELINE = "random"
"""The method that is random by definition, and is never named."""

CHANGES = "changes with the model"
AGREES = "changes, but random models agree"
UNCHANGED = "does not change when the model is random"
UNCLEAR = "too few texts with a correlation"
NO_METHOD = "baseline"


def finding(method: str, low: float, absolute_low: float, two_random_low: float) -> str:
    """Return what randomisation says of a method.

    Args:
        method: Its name.
        low: The lower end of the interval of its median correlation with random models; NaN without an interval.
        absolute_low: The same for the absolute values; NaN for methods without a sign.
        two_random_low: The lower end of the interval of the median correlation of two random models.
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
    """Whether explanations depend on what a model has learnt; `Explainer.sanity` makes it.

    A notebook shows the table and the figure.

    Attributes:
        model: The class of the model.
        unit: What got one score.
        randomisation: One row per method, randomised layer and kind of values. The columns are `method`; `order`,
            `cascading` (the layer and all layers above it are random) or `independent` (the layer alone); `step`, the
            number of the layer, from the output on; `layer`, its name; `against`, what the scores are compared with:
            `the model`, or `another random model`; `values`, `scores` or, for signed methods, `absolute`; `median` over
            texts of Spearman's correlation, and its 95 % interval `ci_low`, `ci_high`; `n` and `n_undefined`, the
            numbers of texts with and without a correlation.
        checks: One row per method, see `to_frame`.
        shifted: The tables that took part in the check of input invariance; empty if the model has none.
        texts: The number of texts.
        rounds: How often all texts were explained.
    """

    model: str
    unit: str
    randomisation: pd.DataFrame
    checks: pd.DataFrame
    shifted: str
    texts: int
    rounds: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row per method.

        The columns are `method`; `randomised`, the median over texts of Spearman's correlation between the scores and
        those of two wholly random models (their mean), and its 95 % interval `ci_low`, `ci_high`; `absolute`,
        `absolute_ci_low` and `absolute_ci_high`, the same of absolute values, for signed methods; `two_random`,
        `two_random_ci_low` and `two_random_ci_high`, the median correlation between two random models; `shifted`, that
        with the scores of the same function of shifted word vectors, and `shift_difference`, the median relative
        difference of these scores, NaN if the model has no such shift; `other_seed`, that between two seeds, NaN for
        methods that draw nothing; `n` and `n_undefined`, the numbers of texts with and without a correlation; and
        `finding`.
        """
        return self.checks

    @property
    def unchanged(self) -> tuple[str, ...]:
        """The methods that do not change when the model is random: `random` is never among them."""
        return self._methods(self.checks["finding"] == UNCHANGED)

    @property
    def variant(self) -> tuple[str, ...]:
        """The methods with other scores for the same function of shifted word vectors."""
        return self._methods(self.checks["shift_difference"] > INVARIANT_UP_TO)

    def _methods(self, rows: pd.Series) -> tuple[str, ...]:
        return tuple(name for name in self.checks["method"][rows] if name != BASELINE)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the checks found, a sentence each."""
        return tuple(f"{check.name}: {check.found}" for check in self.report())

    def report(self) -> tuple[Check, ...]:
        """Return the findings as checks, as `hf-gradexplain doctor --full` shows them."""
        return self._randomisation(), self._invariance(), self._seeds()

    def _randomisation(self) -> Check:
        rows = self.checks[self.checks["method"] != BASELINE]
        ordered = rows.sort_values("randomised", ascending=False)
        said = [f"{row.method} {_two_decimals(row.randomised)}" for row in ordered.itertuples()]
        found = f"median Spearman with the scores of random models, {self.texts} texts: {', '.join(said)}"
        if self.unchanged:
            action = f"do not explain this model with {join_words(self.unchanged)}: the scores show the text"
            return Check("parameter randomisation", found, "problem", action)
        if agreeing := self._methods(self.checks["finding"] == AGREES):
            found += f"; random models agree on the scores of {join_words(agreeing)}"
            action = f"take {join_words(agreeing)} with care: the text and the architecture decide a part of the scores"
            return Check("parameter randomisation", found, "note", action)
        if unclear := self._methods(self.checks["finding"] == UNCLEAR):
            action = f"give more texts to check {join_words(unclear)}"
            return Check("parameter randomisation", found, "note", action)
        return Check("parameter randomisation", found, "ok", "nothing: all methods change with the model")

    def _invariance(self) -> Check:
        if not self.shifted:
            found = "not checked, because no table of positions is added to the word vectors"
            return Check("input invariance", found, "note", "nothing to do")
        found = f"with shifted word and position vectors ({self.shifted}) the model computes the same"
        if not self.variant:
            return Check("input invariance", f"{found}, and all methods give the same scores", "ok", "nothing to do")
        found = f"{found}, but other scores come from {join_words(self.variant)}"
        return Check("input invariance", found, "note", "remember that these measure words against the zero vector")

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

    def to_dict(self) -> dict[str, Any]:
        """Return checks and tables as strings, numbers, lists and dicts, ready for JSON; what is undefined is None."""
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
        """Draw the correlation with the model's own scores as its layers are randomised, from the output on."""
        return randomisation_figure(self.randomisation, title=self._title)

    @property
    def _title(self) -> str:
        return f"Sanity checks of {self.model} on {self.texts:,} texts"

    def _table(self) -> TextTable:
        return text_table(sanity_summary(self.checks), decimals=2)


def _two_decimals(number: float) -> str:
    return MISSING if np.isnan(number) else with_minus(f"{number:z.2f}")

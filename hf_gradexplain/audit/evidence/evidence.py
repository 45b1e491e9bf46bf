"""The evidence for one decision on one page: what was decided, which words counted, and how certain that is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from hf_gradexplain.audit.evidence import wording, wording_of_measures
from hf_gradexplain.audit.evidence.decision import Decision, decision_of
from hf_gradexplain.audit.evidence.main_words import MainWord, has_sign, main_words
from hf_gradexplain.audit.evidence.marked_text import marked_text, what_was_read, words_table
from hf_gradexplain.audit.evidence.measured import Accuracy, Faithfulness, TextCheck, check_text, faithfulness
from hf_gradexplain.evaluation.documents import EvaluatedDocument
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import UNIT_NOUNS
from hf_gradexplain.viz.cell import cell_html
from hf_gradexplain.viz.evidence import EvidencePage, render_evidence
from hf_gradexplain.viz.sanitize import json_text
from hf_gradexplain.viz.tables import TextTable

FORMAT = "hf_gradexplain evidence 1"
"""The first value of the JSON file: its format and version."""

DATE = "date"
"""The key in `Evidence.this_run` for the time at which the run was finished, in UTC."""

NOTE = (
    "This page documents what the model computed. It is no legal advice, and no assessment of whether the decision is "
    "lawful, fair or right."
)


@dataclass(frozen=True)
class RunRecord:
    """The run that a decision comes from, and everything that its numbers depend on.

    Attributes:
        title: The model and the dataset.
        facts: Readable descriptions of the model, the data and the options, by name.
        options: The options and measures of the run, as JSON values.
        commits: The hub commits that the model and the data were loaded from.
        notes: The warnings of the run.
        software: The versions of Python and of the packages, a hash of the code of this package, the device, and the
            number of threads.
        accuracy: How often the model agrees with the labels of the dataset; None without labels.
    """

    title: str
    facts: Mapping[str, str]
    options: Mapping[str, Any]
    commits: Mapping[str, str]
    notes: tuple[str, ...]
    software: Mapping[str, Any]
    accuracy: Accuracy | None


@dataclass(frozen=True, eq=False)
class Evidence:
    """The evidence for one decision; `hf_gradexplain.evidence` makes it.

    `to_html` returns a page for the person concerned, `to_json` the same content for programs, and `to_frame` the main
    words.

    Attributes:
        id: The row number of the text in the dataset.
        method: The method that found the main words.
        explanation: The explanation of the text.
        decision: What was decided.
        words: The main words, see `hf_gradexplain.audit.evidence.main_words.main_words`.
        check: How this prediction changes without the highest-scored words.
        faithfulness: How faithful the method is on all texts of the run.
        run: The run: model, dataset, options and software.
        hashes: SHA-256 values by name, which are equal if the run is repeated with equal software and hardware.
        this_run: What belongs to this run alone: the date, and the SHA-256 of files that contain times and paths.
        contact: Whom the person concerned can ask; empty if it was not given.
    """

    id: int
    method: str
    explanation: Explanation
    decision: Decision
    words: tuple[MainWord, ...]
    check: TextCheck
    faithfulness: Faithfulness
    run: RunRecord
    hashes: Mapping[str, str]
    this_run: Mapping[str, str]
    contact: str = ""

    def __repr__(self) -> str:
        said = self.in_words
        lines = [f"Evidence: {self.subject}", *said["warnings"]]
        parts = (said[name] for name in ("decision", "words", "check", "faithfulness", "accuracy"))
        lines += [" ".join(sentences) for sentences in parts if sentences]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        said = self.in_words
        sentences = [*said["warnings"], *(" ".join(said[name]) for name in ("decision", "words", "check"))]
        return cell_html(title=self.title, sentences=sentences, table=self._table())

    @property
    def noun(self) -> str:
        """What a unit is called."""
        return UNIT_NOUNS[self.explanation.unit]

    @property
    def subject(self) -> str:
        """Which text of which run the evidence is about."""
        return f"text {self.id} of {self.run.title}"

    @property
    def title(self) -> str:
        """The decision in a few words."""
        decision = self.decision
        if decision.regression:
            return f"The model gave {wording.amount(decision.value, True)} for {wording.quoted([decision.explained])}"
        if not decision.chosen:
            return "The model chose no class"
        return f"The model chose {wording.quoted(decision.chosen[:3])}"

    @cached_property
    def in_words(self) -> dict[str, list[str]]:
        """The evidence in plain sentences: `warnings`, `decision`, `words`, `check`, `method`, ..., `limits`."""
        explanation, decision, noun = self.explanation, self.decision, self.noun
        regression, signed = decision.regression, has_sign(explanation, self.method)
        check, measured = self.check, self.faithfulness
        warnings = [
            wording.not_the_choice(decision),
            wording_of_measures.faithfulness_warning(measured, noun),
            wording_of_measures.check_warning(check, noun, signed=signed, regression=regression),
            *(f"{said[0].upper()}{said[1:]}." for said in self._remarks if said),
        ]
        label = wording_of_measures.about_label(decision.label, decision.label_agrees)
        right = [] if regression or decision.independent else [
            *label, *wording_of_measures.about_accuracy(self.run.accuracy, decision.prediction)
        ]  # fmt: skip
        return {
            "warnings": [said for said in warnings if said],
            "decision": wording.about_decision(decision),
            "words": wording.about_words(explanation, self.method, self.words),
            "check": wording_of_measures.about_check(check, decision, noun, signed=signed),
            "method": [wording_of_measures.about_method(self.method)],
            "faithfulness": wording_of_measures.about_faithfulness(measured, noun, regression=regression),
            "accuracy": right,
            "limits": [*wording.limits(explanation, decision.value), *self.run.notes],
        }

    @property
    def _remarks(self) -> tuple[str, str]:
        return self.explanation.remark(self.method), self.explanation.warning(self.method)

    def _table(self) -> TextTable:
        return words_table(self.words, self.noun, self.check.value, regression=self.decision.regression)

    def to_frame(self) -> pd.DataFrame:
        """Return the main words, a row each, the largest score first.

        The columns are those of `hf_gradexplain.audit.evidence.main_words.MainWord`: `word`, `role`, `start`,
        `occurrences`, `score`, `side`, `share`, `share_low`, `share_high` and `value_without`. Unknown values are NaN.
        """
        frame = pd.DataFrame([asdict(word) for word in self.words], columns=list(MainWord.__dataclass_fields__))
        numbers = ("score", "share", "share_low", "share_high", "value_without")
        return frame.astype(dict.fromkeys(numbers, float))

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence as plain lists, numbers and strings, ready for JSON.

        `text` is the text, and `unread` lists the parts that the model did not read. `in_words` has the sentences of
        the page. Only `software`, `this_run` and `contact` may differ when the run is repeated.
        """
        explanation, run = self.explanation, self.run
        return {
            "format": FORMAT,
            "id": self.id,
            "run": {
                "title": run.title,
                **{name: dict(getattr(run, name)) for name in ("facts", "options", "commits")},
                "notes": list(run.notes),
            },
            "text": explanation.text,
            "unread": [list(span) for span in explanation.unread],
            "decision": asdict(self.decision),
            "method": self.method,
            "unit": explanation.unit,
            "units": len(explanation.units),
            "words": [asdict(word) for word in self.words],
            "check": asdict(self.check),
            "faithfulness": asdict(self.faithfulness),
            "accuracy": None if run.accuracy is None else asdict(run.accuracy),
            "in_words": self.in_words,
            "hashes": dict(self.hashes),
            "software": dict(run.software),
            "this_run": dict(self.this_run),
            "contact": self.contact,
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text, with control characters escaped."""
        return json_text(self.to_dict(), indent=2) + "\n"

    def to_html(self) -> str:
        """Return the evidence as an HTML page without scripts, for screens of any width and for print."""
        said = self.in_words
        checks = {
            "On this text": said["check"],
            f"How the method {self.method} works": said["method"],
            "How faithful it is": said["faithfulness"],
            "How often the model is right": said["accuracy"],
        }
        software = ", ".join(f"{name} {value}" for name, value in self.run.software.items() if name != "code")
        more = {"Method": self.method, "Run finished": self.this_run[DATE], "Software": software}
        return render_evidence(
            EvidencePage(
                subject=self.subject[0].upper() + self.subject[1:],
                title=self.title,
                decision=said["decision"],
                warnings=said["warnings"],
                words=said["words"],
                table=self._table() if self.words else None,
                rule=wording.how_words_are_listed(self.explanation, self.method),
                row=marked_text(self.explanation, self.method),
                heading=what_was_read(self.explanation),
                checks={heading: sentences for heading, sentences in checks.items() if sentences},
                limits=said["limits"],
                contact=self.contact,
                facts={**self.run.facts, **more},
                hashes=self.hashes,
                files={name: value for name, value in self.this_run.items() if name != DATE},
                note=NOTE,
            )
        )


def make_evidence(
    document: EvaluatedDocument,
    method: str,
    tables: Tables,
    run: RunRecord,
    *,
    hashes: Mapping[str, str],
    this_run: Mapping[str, str],
    contact: str,
) -> Evidence:
    """Return the evidence of one document of a run."""
    explanation = document.explanation
    value = float(document.curves[method][0])
    measured = run.options.get("k_grid") or ()
    return Evidence(
        id=document.id,
        method=method,
        explanation=explanation,
        decision=decision_of(explanation, value, document.label, run.options.get("head")),
        words=main_words(explanation, method, value),
        check=check_text(
            document, method, has_sign(explanation, method), measured, orders=run.options.get("random_orders") or 0
        ),
        faithfulness=faithfulness(tables, method),
        run=run,
        hashes=hashes,
        this_run=this_run,
        contact=contact,
    )

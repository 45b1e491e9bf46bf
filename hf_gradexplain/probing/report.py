"""A report on a model, as a list of checks."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from hf_gradexplain.viz.cell import cell_html, cell_text
from hf_gradexplain.viz.tables import TextTable, join_words, text_table

Verdict = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: What was checked.
        found: The finding.
        verdict: `ok`; `note` if explanations are right but slower or limited; `problem` if they cannot be right.
        action: What the explainer does about it, or what the user should do.
    """

    name: str
    found: str
    verdict: Verdict
    action: str


@dataclass(frozen=True, repr=False)
class Report:
    """The results of all checks of a model.

    Attributes:
        model: The class of the model.
        checks: The checks, in the order in which they are shown.
    """

    model: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no check found a problem; notes do not count."""
        return all(check.verdict != "problem" for check in self.checks)

    def __repr__(self) -> str:
        return cell_text(title=self._title, table=self._table())

    def _repr_html_(self) -> str:
        return cell_html(title=self._title, table=self._table())

    @property
    def _title(self) -> str:
        counts = {verdict: sum(check.verdict == verdict for check in self.checks) for verdict in ("problem", "note")}
        found = [f"{n} {verdict}{'s' * (n > 1)}" for verdict, n in counts.items() if n]
        return f"Report on {self.model}: {join_words(found) or 'no problems'}"

    def _table(self) -> TextTable:
        return text_table(pd.DataFrame([asdict(check) for check in self.checks]))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as strings, booleans, lists and dicts, ready for JSON."""
        return {"model": self.model, "ok": self.ok, "checks": [asdict(check) for check in self.checks]}

"""The page about one decision, for the person concerned, on a screen and on paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.highlight import to_html
from hf_gradexplain.viz.segments import Role, Row
from hf_gradexplain.viz.tables import TextTable
from hf_gradexplain.viz.templating import HTML

LEGEND: dict[Role, str] = {"for": "speaks for it", "against": "speaks against it", "amount": "counts"}
"""The meaning of the marks in the text."""


@dataclass(frozen=True)
class EvidencePage:
    """The content of the page, from top to bottom.

    Attributes:
        subject: Which text of which run the page is about.
        title: The decision, in a few words.
        decision: The decision, in sentences.
        warnings: Reasons not to trust the page, shown before the decision.
        words: Which words counted, in sentences.
        table: The main words; None if there are none.
        rule: How the main words are chosen.
        row: The text with the scores of the main words.
        heading: Which parts of the text the model read.
        checks: What was measured, by heading.
        limits: What the page cannot say.
        contact: Whom to ask; if empty, the page has a line to fill in.
        facts: Model, data, options and versions, by name.
        hashes: Hashes that a third party can recompute, by name.
        files: The date, and hashes of files that only this run has.
        note: What the page is not.
    """

    subject: str
    title: str
    decision: Sequence[str]
    warnings: Sequence[str]
    words: Sequence[str]
    table: TextTable | None
    rule: str
    row: Row
    heading: Heading
    checks: Mapping[str, Sequence[str]]
    limits: Sequence[str]
    contact: str
    facts: Mapping[str, str]
    hashes: Mapping[str, str]
    files: Mapping[str, str]
    note: str


def render_evidence(page: EvidencePage) -> str:
    """Render the page as one static HTML file, without scripts and without requests to other servers.

    It fits small screens, dark themes and paper; with a short text, it fits on one sheet of A4. Signs and lines mark
    the main words on paper and without colours. Every string is escaped.
    """
    used = {page.row.role(segment.score) for segment in page.row.segments if segment.score}
    return HTML.get_template("evidence.html.jinja").render(
        page=page,
        text=Markup(to_html([page.row], page.heading, legend=False)),
        legend={role: phrase for role, phrase in LEGEND.items() if role in used},
    )

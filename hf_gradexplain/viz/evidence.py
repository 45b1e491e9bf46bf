"""The page of one decision, for the person concerned and for paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hf_gradexplain.viz.heading import Heading
from hf_gradexplain.viz.highlight import to_html
from hf_gradexplain.viz.segments import Role, Row
from hf_gradexplain.viz.tables import TextTable
from hf_gradexplain.viz.templating import HTML

LEGEND: dict[Role, str] = {"for": "speaks for it", "against": "speaks against it", "amount": "counts"}
"""What the marks in the text mean."""


@dataclass(frozen=True)
class EvidencePage:
    """What stands on the page, in its order.

    Attributes:
        subject: Which text of which run.
        title: The decision, in a few words.
        decision: The decision, in sentences.
        warnings: Reasons not to trust the page, shown before everything else.
        words: Which words counted, in sentences.
        table: The main words; None if there are none.
        rule: How they are chosen.
        row: The text with the scores of the main words.
        heading: What was read of the text.
        checks: What was measured, by heading.
        limits: What the page cannot say.
        contact: Whom to ask; empty for a line to fill in.
        facts: Model, data, options and versions, by name.
        hashes: Hashes that a third party recomputes, by name.
        files: The date, and hashes of files of this run alone.
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

    It fits small screens, dark themes and paper: a short text fits on one sheet of A4. On paper and without colours,
    main words are told apart by signs and lines. Every string is escaped.
    """
    used = {page.row.role(segment.score) for segment in page.row.segments if segment.score}
    return HTML.get_template("evidence.html.jinja").render(
        page=page,
        text=Markup(to_html([page.row], page.heading, legend=False)),
        legend={role: phrase for role, phrase in LEGEND.items() if role in used},
    )

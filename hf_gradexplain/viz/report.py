"""The result of an evaluation for readers: a page that stands alone, and a card in Markdown."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from hf_gradexplain.viz.sanitize import visible
from hf_gradexplain.viz.tables import MISSING, text_table
from hf_gradexplain.viz.templating import HTML, MARKDOWN, front_matter

Formats = Mapping[str, Mapping[str, str]]
"""Format specifications per column name, per table name."""

MEANING: dict[str, str] = {
    "AOPC(K)": (
        "How far the probability of the target falls, on average over k = 0 … K and over documents, while "
        "the k units that a method scores highest are masked (their word vectors set to the baseline: zero "
        "unless said otherwise; for regression, the output takes the place of the probability). Higher means "
        "that the method finds the words the model relies on; a method no better than random order tells "
        "no more about the model than chance."
    ),
    "Correlation with leave-one-out": (
        "Per document, how closely a method's scores follow the change of the loss when each unit is masked "
        "alone. 1 is perfect agreement, 0 none. Documents with fewer than three units or with constant scores "
        f"have no correlation: they are counted as undefined ({MISSING}), never taken as 0."
    ),
    "Sign": (
        "A positive score of a signed method says that the unit's presence supports the target, a negative "
        "one that it opposes it. Sensitivity methods (norms of the gradient) take no side."
    ),
}
"""What the numbers of an evaluation mean, in the words of page and card."""


def render_report(
    *,
    title: str,
    headline: str = "",
    facts: Mapping[str, str],
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, bytes],
    explanations: Sequence[Markup] = (),
    notes: Sequence[str] = (),
    formats: Formats | None = None,
) -> str:
    """Render an evaluation as one static HTML page that fetches nothing and runs nothing.

    The page carries its style and its figures, forbids everything else by its content security policy, fits
    small screens, dark themes and paper, and escapes every string it is given.

    Args:
        title: What was evaluated.
        headline: The result in a sentence or two; stands first.
        facts: What the run was made from, such as the model and the data set, by name.
        tables: Result tables by caption. Undefined values are shown as an en dash and counted.
        figures: SVG files by caption.
        explanations: Explained documents as `hf_gradexplain.viz.highlight.to_html` renders them; a plain
            string is escaped.
        notes: What a reader has to know to trust the numbers, one sentence or paragraph each.
        formats: Column formats by caption of a table; see `hf_gradexplain.viz.tables.text_table`.

    Raises:
        ValueError: If `formats` names a table or a column that is not there.
    """
    return HTML.get_template("report.html.jinja").render(
        title=title,
        headline=headline,
        facts=facts,
        tables=_text_tables(tables, formats),
        figures={caption: b64encode(svg).decode() for caption, svg in figures.items()},
        explanations=explanations,
        notes=notes,
        meaning=MEANING,
    )


def render_card(
    *,
    title: str,
    metadata: Mapping[str, Any],
    headline: str = "",
    facts: Mapping[str, str],
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, str],
    replay: str,
    notes: Sequence[str] = (),
    formats: Formats | None = None,
) -> str:
    """Render an evaluation as a Markdown card for the hub, its metadata in front.

    Every string is escaped, so that labels and names can neither mark up the card nor add links, HTML or
    table cells to it.

    Args:
        title: What was evaluated.
        metadata: The hub's metadata (`tags`, `datasets`, `license`, ...), of plain Python types.
        headline: The result in a sentence or two; stands first.
        facts: What the run was made from, by name.
        tables: Short result tables by caption.
        figures: Paths of figures relative to the card, by caption.
        replay: The commands that make these results again.
        notes: What a reader has to know to trust the numbers.
        formats: Column formats by caption of a table; see `hf_gradexplain.viz.tables.text_table`.

    Raises:
        ValueError: If `formats` names a table or a column that is not there.
        yaml.YAMLError: If `metadata` holds other than plain types.
    """
    return MARKDOWN.get_template("results_card.md.jinja").render(
        **_card(title, metadata, headline, facts, tables, figures, replay, notes, formats)
    )


def render_dataset_card(
    *,
    title: str,
    metadata: Mapping[str, Any],
    name: str,
    split: str,
    headline: str,
    texts: str,
    columns: pd.DataFrame,
    methods: pd.DataFrame,
    files: pd.DataFrame,
    facts: Mapping[str, str],
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, str],
    replay: str,
    notes: Sequence[str] = (),
) -> str:
    """Render the card of explanations that are published as a data set: `render_card`, and how to load and read them.

    Args:
        title: What was explained.
        metadata: The hub's metadata, of plain Python types.
        name: The name of the data set on the hub.
        split: Its only split.
        headline: The result in a sentence or two; stands first.
        texts: Where the texts are.
        columns: What every column is.
        methods: What the score of each method is.
        files: What there is beside the rows.
        facts: What the run was made from, by name.
        tables: Short result tables by caption.
        figures: Paths of figures relative to the card, by caption.
        replay: The commands that make these results again.
        notes: What a reader has to know to trust the numbers.

    Raises:
        yaml.YAMLError: If `metadata` holds other than plain types.
    """
    return MARKDOWN.get_template("dataset_card.md.jinja").render(
        **_card(title, metadata, headline, facts, tables, figures, replay, notes, None),
        load=_code(
            "import hf_gradexplain\n\n"
            f"explanations = hf_gradexplain.load_explanations({name!r})\n"
            "explanations[0].show()"
        ),
        load_rows=_code(f"import datasets\n\nrows = datasets.load_dataset({name!r}, split={split!r})"),
        texts=texts,
        details={"columns": text_table(columns), "methods": text_table(methods), "files": text_table(files)},
    )


def _card(
    title: str,
    metadata: Mapping[str, Any],
    headline: str,
    facts: Mapping[str, str],
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, str],
    replay: str,
    notes: Sequence[str],
    formats: Formats | None,
) -> dict[str, Any]:
    """What both cards say of a run."""
    return {
        "metadata": front_matter(metadata),
        "title": title,
        "headline": headline,
        "facts": facts,
        "tables": _text_tables(tables, formats),
        "figures": {caption: Markup(quote(path)) for caption, path in figures.items()},
        "replay": _code(replay),
        "notes": notes,
        "meaning": MEANING,
    }


def _code(text: str) -> Markup:
    """Lines of code in Markdown: indented, so that nothing in them can end it."""
    return Markup("\n".join(f"    {line}".rstrip() for line in visible(text).split("\n")))


def _text_tables(tables: Mapping[str, pd.DataFrame], formats: Formats | None) -> dict[str, Any]:
    formats = formats or {}
    if unknown := [caption for caption in formats if caption not in tables]:
        raise ValueError(f"formats names tables {unknown}, but there are {list(tables)}; use those names.")
    return {caption: text_table(frame, formats.get(caption)) for caption, frame in tables.items()}

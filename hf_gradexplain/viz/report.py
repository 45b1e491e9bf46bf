"""The results of an evaluation as a self-contained HTML page and as Markdown cards."""

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
"""Format specifications by table caption, then by column name."""

MEANING: dict[str, str] = {
    "AOPC(K)": (
        "The drop of the target's probability when the k units that a method scores highest are masked, averaged over "
        "k = 0 … K and over documents. Masking sets their word vectors to the baseline, which is zero unless stated "
        "otherwise; with the mask deletion, it cuts their tokens out. For regression, the output replaces the "
        "probability. A higher value means that the method finds the units that the model relies on. A method that is "
        "no better than a random order is uninformative."
    ),
    "Correlation with leave-one-out": (
        "Per document, the correlation of a method's scores with the change of the loss when each unit is masked "
        "alone. 1 is perfect agreement, 0 is none. Documents with fewer than three units or with constant scores have "
        f"no correlation: they count as undefined ({MISSING}), not as 0."
    ),
    "Sign": (
        "A positive score of a signed method means that the unit supports the target, a negative score that it "
        "opposes the target. The scores of sensitivity methods (norms of the gradient) have no sign."
    ),
}
"""The explanations of the numbers on pages and cards, by term."""


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
    """Render an evaluation as one static HTML page, without scripts and without requests to other servers.

    The page holds its style and its figures, and its content security policy forbids everything else. It fits small
    screens, dark themes and paper. Every string is escaped.

    Args:
        title: The title: what was evaluated.
        headline: The result in one or two sentences, shown first.
        facts: The inputs of the run, such as the model and the dataset, by name.
        tables: Result tables by caption. Undefined values are shown as an en dash and counted.
        figures: SVG files by caption.
        explanations: Explained documents, rendered by `hf_gradexplain.viz.highlight.to_html`; a plain string is
            escaped.
        notes: Remarks about the numbers, one sentence or paragraph each.
        formats: Column formats by table caption; see `hf_gradexplain.viz.tables.text_table`.

    Raises:
        ValueError: `formats` names a table or a column that does not exist.
    """
    return HTML.get_template("report.html.jinja").render(
        title=title,
        headline=headline,
        facts=facts,
        tables=_text_tables(tables, formats),
        figures={caption: b64encode(svg).decode() for caption, svg in figures.items()},
        explanations=explanations,
        notes=notes,
        meaning=MEANING if tables or figures else {"Sign": MEANING["Sign"]},
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
    """Render an evaluation as a Markdown card for the hub, with YAML metadata.

    Every string is escaped: labels and names cannot add markup, links, HTML or table cells to the card.

    Args:
        title: The title: what was evaluated.
        metadata: The hub's metadata (`tags`, `datasets`, `license`, ...), of plain Python types.
        headline: The result in one or two sentences, shown first.
        facts: The inputs of the run, by name.
        tables: Short result tables, by caption.
        figures: The paths of the figures relative to the card, by caption.
        replay: The commands that reproduce these results.
        notes: Remarks about the numbers.
        formats: Column formats by table caption; see `hf_gradexplain.viz.tables.text_table`.

    Raises:
        ValueError: `formats` names a table or a column that does not exist.
        yaml.YAMLError: A value of `metadata` is not of a plain type.
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
    """Render the card of explanations that are published as a dataset: `render_card` and how to load the explanations.

    Args:
        title: The title: what was explained.
        metadata: The hub's metadata, of plain Python types.
        name: The name of the dataset on the hub.
        split: The only split of the dataset.
        headline: The result in one or two sentences, shown first.
        texts: A sentence about where the texts are: in this dataset, or in the dataset that was explained.
        columns: The description of every column.
        methods: The description of every method's scores.
        files: The other files of the dataset, with descriptions.
        facts: The inputs of the run, by name.
        tables: Short result tables, by caption.
        figures: The paths of the figures relative to the card, by caption.
        replay: The commands that reproduce these results.
        notes: Remarks about the numbers.

    Raises:
        yaml.YAMLError: A value of `metadata` is not of a plain type.
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
    """Return the values that both the card of a run and the card of a dataset show."""
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
    """Return lines of code as an indented Markdown block, which text inside of it cannot end."""
    return Markup("\n".join(f"    {line}".rstrip() for line in visible(text).split("\n")))


def _text_tables(tables: Mapping[str, pd.DataFrame], formats: Formats | None) -> dict[str, Any]:
    formats = formats or {}
    if unknown := [caption for caption in formats if caption not in tables]:
        raise ValueError(f"formats names tables {unknown}, but the tables are {list(tables)}; use these names.")
    return {caption: text_table(frame, formats.get(caption)) for caption, frame in tables.items()}

"""The report of an evaluation: a page with its results and all of its documents."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from hf_gradexplain.evaluation.documents import EvaluatedDocument
from hf_gradexplain.evaluation.presentation import captions_of, distrust, draw_figures, readable_tables, warnings_of
from hf_gradexplain.evaluation.summaries import correlation_summary, headline, no_better_than_random
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.report import render_report

STATIC_DOCUMENTS = 4
"""The number of documents that are shown without scripts."""


def write_report(
    path: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    tables: Tables,
    documents: Iterable[EvaluatedDocument],
    notes: Sequence[str] = (),
    extra: Mapping[str, pd.DataFrame] | None = None,
    figures: Mapping[str, bytes] | None = None,
) -> None:
    """Write the results of an evaluation, and all of its documents, as a page that needs no other file.

    Args:
        path: The file to write or replace.
        title: What was evaluated.
        facts: Model, data and options, described for readers, by name.
        tables: The tables of the evaluation.
        documents: The documents, in order. They are read once, and never held all at the same time.
        notes: Remarks about the numbers, one sentence or paragraph each; warnings that follow from the tables are
            added.
        extra: More tables by name, with captions in `hf_gradexplain.evaluation.presentation.CAPTIONS`.
        figures: The figures as SVG files, by the names of `draw_figures`; None to draw them.
    """
    if figures is None:
        figures = {name: figure_bytes(figure, "svg") for name, figure in draw_figures(tables).items()}
    correlation = {"Correlation with leave-one-out": correlation_summary(tables.correlation)}
    page = render_report(
        title=title,
        headline=headline(tables),
        facts=facts,
        notes=[*notes, *warnings_of(tables)],
        tables={**readable_tables(tables, extra or {}), **correlation},
        figures={caption: figures[name] for name, caption in captions_of(tables).items()},
        explanations=_static_documents(documents, no_better_than_random(tables)),
    )
    atomic_write_text(path, page)


def _static_documents(documents: Iterable[EvaluatedDocument], unfit: Sequence[str]) -> list[Markup]:
    """Return the first documents as HTML, one method after the other, with a warning for `unfit` methods."""
    warning = Markup("<p>{}</p>")
    return [
        document.explanation.to_html(method) + (warning.format(distrust([method])) if method in unfit else Markup(""))
        for document in islice(documents, STATIC_DOCUMENTS)
        for method in document.explanation.scores
        if document.explanation.units
    ]

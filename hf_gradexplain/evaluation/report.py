"""The report of an evaluation: a page with its results and all of its documents."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.attribution.signed import is_signed
from hf_gradexplain.evaluation.aopc import document_aopc
from hf_gradexplain.evaluation.correlation import REFERENCE
from hf_gradexplain.evaluation.documents import EvaluatedDocument, iterate_documents
from hf_gradexplain.evaluation.presentation import (
    captions_of,
    column_meanings,
    draw_figures,
    random_warnings,
    readable_tables,
    warnings_of,
)
from hf_gradexplain.evaluation.summaries import correlation_summary, headline
from hf_gradexplain.evaluation.tables import Tables
from hf_gradexplain.explanation.explanation import Explanation, places_of
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.text.unit import scores_in_text
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.curves import ENDS
from hf_gradexplain.viz.pieces import mark_pieces, split_text
from hf_gradexplain.viz.report_app import Part, ReportMethod, ReportPage, ReportTable, chart, render_app
from hf_gradexplain.viz.report_documents import DocumentPacker, ReportDocument

STATIC_DOCUMENTS = 4
"""The number of documents that are shown without scripts."""

CORRELATION = "Correlations in numbers: how closely each method's scores follow leave-one-out, over documents."

NO_CURVES = ("correlation", "randomisation")
"""The figures without removal curves, which the scripts of the page do not replace by charts."""

FILE_BYTES = 24_000_000
"""The approximate number of bytes of documents in a file; further documents go to further files."""


def pack_tasks(paths: Sequence[Path], tables: Tables) -> list[Callable[[], DocumentPacker]]:
    """Return a task for each document file, which packs the documents of the file for `write_report`."""
    return [partial(_pack_file, path, tables) for path in paths]


def _pack_file(path: Path, tables: Tables) -> DocumentPacker:
    return pack_documents(iterate_documents([path], ("curves", "correlations")), tables)


def pack_documents(documents: Iterable[EvaluatedDocument], tables: Tables) -> DocumentPacker:
    """Pack documents, which have `curves` and `correlations`, for `write_report`.

    Args:
        documents: The documents, in order. They are read once, and never all in memory at once.
        tables: The tables of the evaluation, which name the methods and the `K` of the AOPC.
    """
    packer = DocumentPacker(_methods(tables), STATIC_DOCUMENTS)
    for document in documents:
        packer.add(_document(document, tables.short_k))
    return packer


def write_report(
    path: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    tables: Tables,
    documents: Iterable[DocumentPacker],
    notes: Sequence[str] = (),
    extra: Mapping[str, pd.DataFrame] | None = None,
    audits: Sequence[ReportTable] = (),
    figures: Mapping[str, bytes] | None = None,
    file_bytes: int = FILE_BYTES,
) -> None:
    """Write the results of an evaluation, and all of its documents, as a page that needs no other file.

    If the documents do not fit into one file, the rest is written to `NAME_pages/2.html`, `3.html` and so on, next to
    `NAME.html`, which links to them. If an earlier report had more files, the files with the next numbers are removed.

    Args:
        path: The file to write or replace.
        title: What was evaluated.
        facts: Model, data and options, described for readers, by name.
        tables: The tables of the evaluation.
        documents: The documents, in order, packed by `pack_tasks` or `pack_documents`. Those of one file of the report
            are in memory at the same time.
        notes: Remarks about the numbers, a sentence or paragraph each. Warnings that follow from the tables are added.
        extra: More tables by name, with captions in `hf_gradexplain.evaluation.presentation.CAPTIONS`.
        audits: Tables about the model, which get a section each.
        figures: The figures as SVG files, by name as in `draw_figures`; None to draw them.
        file_bytes: The approximate number of bytes of documents in a file.
    """
    page = replace(_page(title, facts, tables, notes, extra or {}, figures), audits=audits)
    further = path.parent / f"{path.stem}_pages"
    packed = _by_file(documents, _methods(tables), file_bytes)
    opening = next(packed)
    links = [Part(_rows(opening), path.name)]
    current = next(packed, None)
    while current is not None:
        following = next(packed, None)
        number = len(links) + 1
        links.append(Part(_rows(current), f"{further.name}/{number}.html"))
        shown = [replace(link, href=f"../{quote(link.href)}", current=link is links[-1]) for link in links]
        shown += [Part(_rows(following), f"{number + 1}.html")] if following else []
        atomic_write_text(further / f"{number}.html", render_app(page.without_results(), current, shown))
        current = following
    shown = [replace(link, href=quote(link.href), current=link is links[0]) for link in links]
    atomic_write_text(path, render_app(page, opening, shown if len(links) > 1 else ()))
    _remove_pages(further, first=len(links) + 1)


def _remove_pages(folder: Path, first: int) -> None:
    """Remove the files `first`, `first + 1` and so on, up to the first missing number; other files stay."""
    pages = takewhile(Path.is_file, (folder / f"{number}.html" for number in count(first)))
    for page in reversed(list(pages)):
        page.unlink()


def _by_file(parts: Iterable[DocumentPacker], methods: Sequence[str], file_bytes: int) -> Iterator[DocumentPacker]:
    """Yield the documents of one file after the other; one file without documents if there are none."""
    packer = DocumentPacker(methods, STATIC_DOCUMENTS)
    for part in parts:
        if packer.size >= file_bytes:
            yield packer
            packer = DocumentPacker(methods, STATIC_DOCUMENTS)
        packer.extend(part)
    yield packer


def _rows(packer: DocumentPacker) -> str:
    """Return the label of a file: the row numbers of its documents."""
    return "rows {:,} to {:,}".format(*packer.rows)


def _document(document: EvaluatedDocument, k: int) -> ReportDocument:
    """Return a document as the report shows it, with its AOPC(k)."""
    explanation = document.explanation
    label = document.label if explanation.has_classes else None
    tell = (explanation.remark, explanation.warning, explanation.certainty)
    said = {name: "; ".join(filter(None, (each(name) for each in tell))) for name in explanation.scores}
    curves = np.stack(list(document.curves.values()))
    places = places_of(explanation)
    shown = scores_in_text(places, np.stack(list(explanation.scores.values())))
    pieces = split_text(explanation.text, places.spans, places.owners(), explanation.unread)
    pieces, marked = mark_pieces(pieces, document.rationale) if document.rationale else (pieces, [])
    return ReportDocument(
        row=document.id,
        pieces=pieces,
        marked=marked,
        target=explanation.target,
        prediction=explanation.prediction if explanation.has_classes else None,
        label=label,
        names=_class_names(explanation, label),
        value=float(explanation.probabilities[explanation.target]),
        confidence=float(explanation.probabilities[explanation.prediction]) if explanation.has_classes else None,
        truncated=bool(explanation.unread),
        scores=dict(zip(explanation.scores, shown, strict=True)),
        curves=document.curves,
        areas=dict(zip(document.curves, document_aopc(curves, k)[:, -1].tolist(), strict=True)),
        correlations={name: values.get("pearson") for name, values in document.correlations.items()},
        against=explanation.other_class,
        remarks={name: sentences for name, sentences in said.items() if sentences},
        margins={name: scores_in_text(places, explanation.margins(name)) for name in explanation.sampling},
    )


def _class_names(explanation: Explanation, label: int | None) -> dict[int, str]:
    """Return the names of the classes that are shown with a document."""
    known = explanation.class_names
    names = {} if label is None else {label: known[label] if 0 <= label < len(known) else f"class {label}"}
    names[explanation.prediction] = explanation.prediction_label or f"class {explanation.prediction}"
    return names | {explanation.target: explanation.target_label}


def _page(
    title: str,
    facts: Mapping[str, str],
    tables: Tables,
    notes: Sequence[str],
    extra: Mapping[str, pd.DataFrame],
    figures: Mapping[str, bytes] | None,
) -> ReportPage:
    """Return the page without its documents."""
    if figures is None:
        figures = {name: figure_bytes(figure, "svg") for name, figure in draw_figures(tables, extra).items()}
    captions = captions_of(tables, extra)
    warnings = random_warnings(tables)
    frames = {**readable_tables(tables, extra), CORRELATION: correlation_summary(tables.correlation)}
    return ReportPage(
        title=title,
        headline=headline(tables),
        facts=facts,
        notes=[*notes, *warnings_of(tables)],
        tables=[_table(caption, frame) for caption, frame in frames.items()],
        curves={captions[name]: figures[name] for name in captions if name not in NO_CURVES},
        charts=_charts(tables),
        figures={captions[name]: figures[name] for name in captions if name in NO_CURVES},
        methods=[_method(name, warnings.get(name, "")) for name in _methods(tables)],
        leading=_leading(tables),
        short_k=tables.short_k,
    )


def _table(caption: str, frame: pd.DataFrame) -> ReportTable:
    """Return a table with the part of its caption before the colon as its heading."""
    title, _, rest = caption.partition(": ")
    return ReportTable(title, rest[:1].upper() + rest[1:], frame, column_meanings(frame.columns))


def _method(name: str, warning: str) -> ReportMethod:
    return ReportMethod(
        name=name,
        signed=is_signed(name),
        about=DESCRIPTIONS[name].summary if name in DESCRIPTIONS else "",
        reference=name == REFERENCE,
        warning=warning,
    )


def _methods(tables: Tables) -> list[str]:
    """Return the methods in the order of the report."""
    return list(tables.aopc["method"].unique())


def _leading(tables: Tables) -> str:
    """Return the method with the highest AOPC; `random` and `loo` count only if there is no other method."""
    at_short = tables.aopc[tables.aopc["k"] == tables.short_k].set_index("method")["aopc"]
    others = at_short.drop(index=["random", REFERENCE], errors="ignore")
    return str((others if len(others) else at_short).idxmax())


def _charts(tables: Tables) -> list[dict[str, Any]]:
    """Return the charts of all curves that were measured."""
    bands = "Bands: 95 % bootstrap intervals over documents."
    by_chance = " Grey: AOPC of random orders, for 95 % of random seeds." if len(tables.chance) else ""
    charts = [
        chart(
            tables.aopc,
            title="Highest-scored units removed",
            x="k, number of highest-scored units masked",
            note="Higher is better. AOPC(k): how far the target's probability falls, on average over 0 … k. "
            f"{bands}{by_chance}",
            band=tables.chance,
        )
    ]
    for name, (heading, label) in ENDS.items() if len(tables.curves) else ():
        frame = tables.curves[tables.curves["curve"] == name]
        title, _, direction = heading.partition(": ")
        note = f"{direction.capitalize()}. The fall of the target's probability, on average over 0 … k. {bands}"
        charts.append(chart(frame, title=title, x=label, note=note))
    return charts

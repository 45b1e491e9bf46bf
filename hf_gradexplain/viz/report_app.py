"""The page of an evaluation with scripts: all of its documents, charts and sorted tables, in one file."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from hf_gradexplain.viz.palette import method_styles
from hf_gradexplain.viz.report import MEANING
from hf_gradexplain.viz.report_documents import DocumentPacker, packed
from hf_gradexplain.viz.report_static import SHADES, static_document
from hf_gradexplain.viz.sanitize import visible
from hf_gradexplain.viz.segments import COLORS
from hf_gradexplain.viz.tables import TextTable, decimals_of, text_table
from hf_gradexplain.viz.templating import HTML

SCRIPTS = (
    *("elements", "store", "format", "search", "line_chart", "chart_panel", "sorting"),
    *("document", "filters", "documents", "main"),
)
"""The scripts of the page in `viz/app/`, in the order in which they run."""

LIMITS = {"unsure": 0.6, "disagrees": 0.2}
"""A document counts as unsure below this probability of its predicted class. A method counts as disagreeing below this
r with leave-one-out."""

CHART_POINTS = 120
"""The largest number of points of a line in a chart."""


@dataclass(frozen=True)
class ReportMethod:
    """A method as a report shows it.

    Attributes:
        name: The name of the method.
        signed: Whether a positive score supports the target and a negative one opposes it.
        about: What the method computes, in a few words.
        reference: Whether the other methods are compared with this method.
        warning: A sentence if its scores should not be trusted; otherwise empty.
    """

    name: str
    signed: bool
    about: str = ""
    reference: bool = False
    warning: str = ""


@dataclass(frozen=True, eq=False)
class ReportTable:
    """A table of a report.

    Attributes:
        title: The heading of the table.
        caption: A sentence about the table.
        frame: The rows of the table.
        columns: The meanings of columns, by name.
        figures: Figures above the table, as SVG files by caption.
    """

    title: str
    caption: str
    frame: pd.DataFrame
    columns: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ReportPage:
    """Everything on a report's page except its documents.

    Attributes:
        title: What was evaluated.
        headline: The result in one or two sentences.
        facts: Model, data and options, by name.
        notes: Remarks about the numbers.
        tables: The tables, in order.
        audits: Tables about the model rather than about methods, each with a section of its own.
        curves: The figures of curves as SVG files by caption; scripts replace them by `charts`.
        charts: The charts, see `chart`.
        figures: The other figures as SVG files by caption.
        methods: The methods, in the order in which each document lists their scores.
        leading: The name of the method whose scores colour the texts in the list of documents.
        short_k: The `K` of the AOPC that is shown for each document.
    """

    title: str
    headline: str
    facts: Mapping[str, str]
    notes: Sequence[str]
    tables: Sequence[ReportTable]
    curves: Mapping[str, bytes]
    charts: Sequence[Mapping[str, Any]]
    figures: Mapping[str, bytes]
    methods: Sequence[ReportMethod]
    leading: str
    short_k: int
    audits: Sequence[ReportTable] = ()

    def without_results(self) -> "ReportPage":
        """Return the page without results, for a file that has only documents."""
        return replace(self, headline="", facts={}, notes=(), tables=(), audits=(), curves={}, charts=(), figures={})


@dataclass(frozen=True)
class Part:
    """One of the files that the documents are spread over: its label, its link, and whether it is this file."""

    label: str
    href: str
    current: bool = False


def chart(frame: pd.DataFrame, *, title: str, x: str, note: str, band: pd.DataFrame | None = None) -> dict[str, Any]:
    """Return a chart of curves for the scripts of the page.

    Args:
        frame: Long form, one row per method and k, with the columns method, k, aopc, ci_low and ci_high. All methods
            have the same values of k. Without any end of an interval, no intervals are drawn.
        title: The title of the chart.
        x: The label of the axis of k.
        note: A sentence below the chart.
        band: The band of random orders, with the columns k, low and high. No band is drawn if it is None or has no
            rows.
    """
    curves = {str(name): _thinned(curve.sort_values("k")) for name, curve in frame.groupby("method", sort=False)}
    columns = {"values": "aopc"}
    if frame[["ci_low", "ci_high"]].notna().any(axis=None):
        columns |= {"low": "ci_low", "high": "ci_high"}
    digits = decimals_of(frame["aopc"])
    lines = [
        {"name": visible(name), **look, **{key: _numbers(curve[column], digits) for key, column in columns.items()}}
        for (name, curve), look in zip(curves.items(), _looks(curves), strict=True)
    ]
    ks = next(iter(curves.values()))["k"].tolist()
    made: dict[str, Any] = {"title": title, "x": x, "note": note, "ks": ks, "digits": digits, "lines": lines}
    if band is not None and len(band):
        thinned = _thinned(band.sort_values("k"))
        columns = {"ks": "k", "low": "low", "high": "high"}
        made["band"] = {key: _numbers(thinned[name], digits) for key, name in columns.items()}
    return made


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """Return at most `CHART_POINTS` rows of a curve, close together where k is small."""
    if len(curve) <= CHART_POINTS:
        return curve
    return curve.iloc[np.unique(np.geomspace(1, len(curve), CHART_POINTS).round().astype(int) - 1)]


def _numbers(column: pd.Series, digits: int) -> list[float | None]:
    """Return numbers with two decimals more than are shown, to draw them."""
    return [None if pd.isna(value) else round(value, digits + 2) for value in column.tolist()]


def _looks(methods: Sequence[str] | Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the colour and the dashes of every method's line."""
    looks = []
    for color, dash, _ in method_styles(methods).values():
        looks.append({"color": color, "dash": "" if dash == "solid" else " ".join(f"{2 * step:g}" for step in dash[1])})
    return looks


def render_app(page: ReportPage, documents: DocumentPacker, parts: Sequence[Part] = ()) -> str:
    """Render an evaluation as one HTML page, whose scripts show all documents and draw charts.

    The content security policy allows nothing but this style sheet and these scripts, by their hashes, and images in
    the page. So the page requests nothing from any server. Without scripts, or in an old browser, the page shows the
    figures as images and the first documents. Every string is escaped; data reach the scripts as compressed JSON.

    Args:
        page: The results.
        documents: The documents that the page holds.
        parts: Links to the other files, if the documents are spread over several.
    """
    colors = {name: " ".join(map(str, bytes.fromhex(color[1:]))) for name, color in COLORS.items()}
    style = Markup(HTML.get_template("app.css.jinja").render(colors=colors, shades=SHADES))
    script = Markup(_script())
    index = documents.index()
    tables = [_shown(table) for table in page.tables]
    signed = {method.name: method.signed for method in page.methods}
    warnings = {method.name: method.warning for method in page.methods}
    return HTML.get_template("app.html.jinja").render(
        page=page,
        style=style,
        script=script,
        hashes={"style": _hash(style), "script": _hash(script)},
        main=tables[0] if tables else None,
        audits=[_shown(table) for table in page.audits],
        others=tables[1:],
        images={name: _images(figures) for name, figures in (("curves", page.curves), ("figures", page.figures))},
        first=[static_document(document, signed, warnings, f"AOPC({page.short_k})") for document in documents.first],
        n_documents=len(documents),
        has_rationales=documents.has_rationales,
        parts=parts,
        meaning=MEANING,
        data={"page-data": packed(_page_data(page)), "index-data": packed(index)},
        blocks=documents.blocks,
    )


def _script() -> str:
    """Return the scripts in one block, which hides their names from other scripts."""
    folder = files("hf_gradexplain.viz") / "app"
    scripts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return '"use strict";\n{\n' + "\n".join(scripts) + "}\n"


def _hash(content: str) -> str:
    """Return the hash of an inline script or style as a content security policy names it."""
    return f"sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _images(figures: Mapping[str, bytes]) -> dict[str, str]:
    return {caption: b64encode(svg).decode() for caption, svg in figures.items()}


def _shown(table: ReportTable) -> tuple[ReportTable, TextTable, dict[str, str], dict[str, str]]:
    """Return a table with its cells as text, the meanings of its columns and its images."""
    columns = map(str, table.frame.columns)
    described = {name: table.columns[name] for name in columns if name in table.columns}
    return table, text_table(table.frame), described, _images(table.figures)


def _page_data(page: ReportPage) -> dict[str, Any]:
    """Return the data of the page for the scripts, without the documents."""
    methods = [
        asdict(method) | look
        for method, look in zip(page.methods, _looks([method.name for method in page.methods]), strict=True)
    ]
    return {
        "charts": page.charts,
        "methods": [{k: visible(v) if isinstance(v, str) else v for k, v in method.items()} for method in methods],
        "leading": [method.name for method in page.methods].index(page.leading),
        "shortK": page.short_k,
        "areaName": f"AOPC({page.short_k})",
        "limits": LIMITS,
    }

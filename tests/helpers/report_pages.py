"""Reports of made-up documents, for tests of the page and its scripts."""

import numpy as np
import pandas as pd

from hf_gradexplain.viz.pieces import Pieces
from hf_gradexplain.viz.report_app import ReportMethod, ReportPage, ReportTable, chart, render_app
from hf_gradexplain.viz.report_documents import DocumentPacker, ReportDocument

METHODS = ("random", "loo", "signed_gi", "sa_l2")

CORRELATED = ("random", "signed_gi", "sa_l2")

LABELS = ("World", "Sports", "Business", "Sci/Tech")

SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='4' height='3'/>"

KS = (0, 1, 2, 3)


def make_document(row, words, labels=LABELS, seed=0):
    """Return a document of these words, with seeded numbers; the last word was not read if `row` is odd."""
    rng = np.random.default_rng([seed, row])
    pieces = [piece for unit, word in enumerate(words) for piece in ((word, unit), (" ", -1))]
    n_units = len(words)
    label, prediction = int(rng.integers(len(labels))), int(rng.integers(len(labels)))
    scores = {name: rng.normal(size=n_units) for name in ("loo", "signed_gi")}
    scores |= {name: rng.random(n_units) for name in ("random", "sa_l2")}
    return ReportDocument(
        row=row,
        pieces=Pieces.join([*pieces, ("the end", -2)] if row % 2 else pieces),
        target=label,
        prediction=prediction,
        label=label,
        names={number: labels[number] for number in {label, prediction}},
        value=round(float(rng.random()), 4),
        confidence=round(float(rng.random()), 4),
        truncated=bool(row % 2),
        scores=scores,
        curves={name: rng.random(n_units + 1) for name in METHODS},
        areas={name: round(float(rng.random()), 4) for name in METHODS},
        correlations={name: None if row % 7 == 0 else round(rng.uniform(-1, 1), 3) for name in CORRELATED},
    )


def curves(methods=METHODS):
    """Return AOPC of every method at `KS`, with intervals."""
    rows = [(name, k, k * (m + 1) / 40, k * m / 40, k * (m + 2) / 40) for m, name in enumerate(methods) for k in KS]
    return pd.DataFrame(rows, columns=["method", "k", "aopc", "ci_low", "ci_high"])


def report_page(text="Which methods can be trusted?", methods=METHODS):
    """Return everything of a page but its documents; `text` stands wherever a user's text may."""
    band = pd.DataFrame({"k": KS, "low": 0.0, "high": 0.02})
    rows = pd.DataFrame({"method": list(methods), "AOPC(10)": [0.1, 0.4, np.nan, 0.2]})
    return ReportPage(
        title=text,
        headline=text,
        facts={text: text},
        notes=[text],
        tables=[
            ReportTable(text, text, rows, {"AOPC(10)": text}),
            ReportTable(text, "", rows),
        ],
        curves={text: SVG},
        charts=[chart(curves(methods), title=title, x="k", note=text, band=band) for title in ("Top", "Bottom")],
        figures={text: SVG},
        methods=[ReportMethod(name, name in ("loo", "signed_gi"), text, name == "loo", text) for name in methods],
        leading="signed_gi",
        short_k=2,
    )


def render(documents, page=None):
    """Return the page of these documents."""
    packer = DocumentPacker(METHODS, 2)
    for document in documents:
        packer.add(document)
    return render_app(page or report_page(), packer)

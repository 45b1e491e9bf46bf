"""A document of a report as it looks without scripts; `viz/app/document.js` makes the same elements."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hf_gradexplain.viz.pieces import UNREAD, Pieces
from hf_gradexplain.viz.report_documents import ReportDocument
from hf_gradexplain.viz.tables import MISSING, format_estimate, with_minus

SHADES = 20
"""The number of steps of the colour scale."""


class Shade(NamedTuple):
    """A piece of a text, the CSS classes that colour it, and its score as text; both are empty without a score."""

    text: str
    look: str = ""
    score: str = ""


def static_document(
    document: ReportDocument, signed: Mapping[str, bool], warnings: Mapping[str, str], area_name: str
) -> dict[str, Any]:
    """Return what the template shows of a document: its facts, and a row of shaded text per method.

    Args:
        document: The document.
        signed: For each method, whether its scores have a sign.
        warnings: A sentence for each method whose scores should not be trusted.
        area_name: The name of its AOPC, such as `AOPC(10)`.
    """
    return {
        "row": document.row,
        "label": document.names.get(document.label, "") if document.label is not None else "",
        "prediction": "" if document.prediction is None else document.names[document.prediction],
        "target": document.names[document.target] if document.against or document.target != document.prediction else "",
        "against": document.against,
        "value": with_minus(format(document.value, f"z.{document.decimals([document.value])}f")),
        "confidence": "" if document.confidence is None else format(document.confidence, ".3f"),
        "is_empty": not (document.pieces.owners >= 0).any(),
        "methods": [
            {
                "name": method,
                "figures": _figures(document, method, area_name),
                "shades": _mark(
                    shade(document.pieces, scores, signed[method], document.margins.get(method)), document.marked
                ),
                "remarks": [said for said in (document.remarks.get(method), warnings.get(method)) if said],
            }
            for method, scores in document.scores.items()
        ],
    }


def shade(pieces: Pieces, scores: np.ndarray, signed: bool, margins: np.ndarray | None = None) -> list[Shade]:
    """Return the pieces of a text with their colours: `|score| / max |score|` in `SHADES` steps.

    >>> shade(Pieces.join([("not", 0), (" ", -1), ("bad", 1)]), np.array([0.5, -0.25]), signed=True)
    [Shade(text='not', look='u for s20', score='+0.500'), Shade(text=' ', look='', score=''), \
Shade(text='bad', look='u against s10', score='−0.250')]
    """
    peak = float(np.abs(scores).max(initial=0.0)) or 1.0
    has_sign = signed or bool((scores < 0).any())
    shades = []
    for text, owner in pieces:
        if owner < 0:
            shades.append(Shade(text, "unread" if owner == UNREAD else ""))
            continue
        score = float(scores[owner])
        role = "" if score == 0 else "amount" if not has_sign else "for" if score > 0 else "against"
        step = int(SHADES * abs(score) / peak + 0.5)
        margin = 0.0 if margins is None else float(margins[owner])
        shades.append(Shade(text, f"u {role} s{step}", format_estimate(score, margin, has_sign)))
    return shades


def _mark(shades: Sequence[Shade], marked: Sequence[bool]) -> Sequence[Shade]:
    if not marked:
        return shades
    looks = [
        f"{each.look} marked".strip() if is_marked else each.look
        for each, is_marked in zip(shades, marked, strict=True)
    ]
    return [each._replace(look=look) for each, look in zip(shades, looks, strict=True)]


def _figures(document: ReportDocument, method: str, area_name: str) -> list[str]:
    figures = [f"{area_name} {document.areas[method]:z.{document.decimals(document.areas.values())}f}"]
    if method in document.correlations:
        r = document.correlations[method]
        figures.append(f"r {MISSING if r is None else format(r, 'z.2f')}")
    return [with_minus(figure) for figure in figures]

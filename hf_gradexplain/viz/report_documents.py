"""The documents of a report, compressed for the scripts in `viz/app/`, which read them block by block."""

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from operator import itemgetter
from typing import Any

import numpy as np

from hf_gradexplain.viz.sanitize import visible

OUTSIDE, UNREAD = -1, -2
"""They replace the number of the unit for pieces that belong to no unit, and for pieces that the model did not read."""

BLOCK_BYTES = 100_000
"""The next block begins once a block has this size, before compression."""

GZIP_LEVEL = 5
"""Level 6 would take almost twice as long, and make files only 2 % smaller."""

CURVE_POINTS = 60
"""The largest number of points of a document's curve that a report draws."""

_POWERS = np.array([float(f"1e{k}") for k in range(23)])
"""The powers of ten that float64 represents exactly: a division by them gives the nearest float64 to a decimal."""

Piece = tuple[str, int]
"""A piece of a text, and the number of the unit that it belongs to, or `OUTSIDE`, or `UNREAD`."""


@dataclass(frozen=True, eq=False)
class ReportDocument:
    """A document as a report shows it.

    Attributes:
        row: The row number of the document in the dataset.
        pieces: The text in pieces, in order.
        target: The explained class.
        prediction: The predicted class; None for a regression.
        label: The true class; None if it is not known, or for a regression.
        names: The names of `target` and of `prediction`.
        value: The model's probability of `target`; for a regression, its output.
        confidence: The model's probability of `prediction`; None for a regression.
        truncated: Whether the model read only the beginning of the text.
        scores: For each method `(U,)`: the score of each unit.
        curves: For each method `(U + 1,)`: `value` without the `k` highest-scored units.
        areas: For each method, the AOPC.
        correlations: For each method, Pearson's r with leave-one-out; None where it is undefined.
        remarks: Sentences about the scores, by method; most methods have none.
        margins: For each method that estimates its scores, half the widths of their 95 % intervals, `(U,)`.
        against: The name of the class that `target` is compared with; empty without such a class.
        marked: For each piece, whether people marked it as the reason for the label; empty if there are no rationales.
    """

    row: int
    pieces: Sequence[Piece]
    target: int
    prediction: int | None
    label: int | None
    names: Mapping[int, str]
    value: float
    confidence: float | None
    truncated: bool
    scores: Mapping[str, np.ndarray]
    curves: Mapping[str, np.ndarray]
    areas: Mapping[str, float]
    correlations: Mapping[str, float | None] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)
    margins: Mapping[str, np.ndarray] = field(default_factory=dict)
    against: str = ""
    marked: Sequence[bool] = ()


def mark_pieces(pieces: Sequence[Piece], marks: Sequence[tuple[int, int]]) -> tuple[list[Piece], list[bool]]:
    """Return the pieces of a text, and for each piece whether it is marked.

    A unit is marked if it shares a character with a mark. A piece between units is cut at the ends of marks.

    Args:
        pieces: The pieces of the text, in order.
        marks: The marked parts of the text, as character offsets.

    >>> mark_pieces([("good", 0), (" - ", -1), ("film", 1)], [(2, 5)])
    ([('good', 0), (' ', -1), ('- ', -1), ('film', 1)], [True, True, False, False])
    """
    borders = sorted({border for mark in marks for border in mark})
    parts: list[Piece] = []
    marked: list[bool] = []
    start = 0
    for text, owner in pieces:
        end = start + len(text)
        cuts = [] if owner >= 0 else [border for border in borders if start < border < end]
        for first, last in pairwise([start, *cuts, end]):
            parts.append((text[first - start : last - start], owner))
            marked.append(any(a < last and first < b for a, b in marks))
        start = end
    return parts, marked


def split_text(text: str, spans: Sequence[Sequence[tuple[int, int]]], unread: Sequence[tuple[int, int]]) -> list[Piece]:
    """Return a text in pieces that, joined in order, give the text.

    Each piece comes with the number of its unit: -1 if it belongs to none, -2 if the model did not read it.

    Args:
        text: The text.
        spans: For each unit its occurrences, as character offsets.
        unread: The parts that the model did not read, as character offsets.

    >>> split_text("a bc d", [[(0, 1)], [(2, 4)]], [(4, 6)])
    [('a', 0), (' ', -1), ('bc', 1), (' d', -2)]
    """
    pieces, end, length = list[Piece](), 0, len(text)
    parts = [(span, unit) for unit, of_unit in enumerate(spans) for span in of_unit]
    for (first, last), unit in sorted([*parts, *((span, UNREAD) for span in unread)]):
        first, last = first if first > end else end, last if last < length else length
        if unread and unit != UNREAD:
            last = min([last, *(start for start, _ in unread if start >= first)])
        if first >= last:
            continue
        if end < first:
            pieces.append((text[end:first], OUTSIDE))
        pieces.append((text[first:last], unit))
        end = last
    if end < length:
        pieces.append((text[end:], OUTSIDE))
    return pieces


def packed(value: Any) -> str:
    """Return a JSON value as gzip in base64, which contains no characters that mean anything in HTML."""
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return b64encode(gzip.compress(content.encode(), GZIP_LEVEL, mtime=0)).decode()


class DocumentPacker:
    """Packs documents one after the other: what can be searched into an index, and what is shown into blocks.

    Attributes:
        blocks: The finished blocks; each is a list of documents.
        first: The first documents, `n_first` of them at most.
        size: The approximate number of bytes that the packed documents take on a page.
        has_rationales: Whether people marked a part of any document.
    """

    def __init__(self, methods: Sequence[str], n_first: int) -> None:
        self.methods, self.n_first = list(methods), n_first
        self.blocks: list[str] = []
        self.first: list[ReportDocument] = []
        self.size = 0
        self._block: list[str] = []
        self._block_size = 0
        self._names: dict[int, str] = {}
        self._starts: list[int] = []
        self._rows: list[dict[str, Any]] = []
        self.has_rationales = False

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> tuple[int, int]:
        """The row numbers of the first and of the last document."""
        return self._rows[0]["row"], self._rows[-1]["row"]

    def add(self, document: ReportDocument) -> None:
        """Add the next document."""
        if len(self.first) < self.n_first:
            self.first.append(document)
        self.has_rationales |= any(document.marked)
        if not self._block:
            self._starts.append(len(self._rows))
        pieces = document.pieces
        text = "".join(map(itemgetter(0), pieces))
        if visible(text) != text:
            pieces = [(visible(piece), owner) for piece, owner in pieces]
            text = "".join(map(itemgetter(0), pieces))
        row = _index_row(document, text, self.methods)
        shown = json.dumps(_shown(document, pieces, self.methods), separators=(",", ":"), allow_nan=False)
        self._names.update({number: visible(name) for number, name in document.names.items()})
        self._rows.append(row)
        self._block.append(shown)
        self._block_size += len(shown)
        self.size += len(row["text"]) // 2 + 40
        if self._block_size >= BLOCK_BYTES:
            self._finish_block()

    def index(self) -> dict[str, Any]:
        """Finish the last block, and return the index: one list per column, one entry per document."""
        self._finish_block()
        columns = {name: [row[name] for row in self._rows] for name in (self._rows[0] if self._rows else {})}
        if not any(columns.get("against", ())):
            columns.pop("against", None)
        by_method = {name: list(map(list, zip(*columns.pop(name, []), strict=True))) for name in ("areas", "r")}
        return {**columns, **by_method, "starts": self._starts, "classes": self._names}

    def _finish_block(self) -> None:
        if self._block:
            block = b64encode(gzip.compress(f"[{','.join(self._block)}]".encode(), GZIP_LEVEL, mtime=0)).decode()
            self.blocks.append(block)
            self.size += len(block)
            self._block, self._block_size = [], 0


def _index_row(document: ReportDocument, text: str, methods: Sequence[str]) -> dict[str, Any]:
    """Return the entry of a document in the index, which is known before its block is read."""
    return {
        "row": document.row,
        "text": text,
        "target": document.target,
        "against": visible(document.against),
        "prediction": document.prediction,
        "label": document.label,
        "value": round(document.value, 4),
        "confidence": None if document.confidence is None else round(document.confidence, 4),
        "truncated": int(document.truncated),
        "areas": [round(document.areas[method], 4) for method in methods],
        "r": [None if (r := document.correlations.get(method)) is None else round(r, 3) for method in methods],
    }


def _shown(document: ReportDocument, pieces: Sequence[Piece], methods: Sequence[str]) -> dict[str, Any]:
    """Return what is shown when a document is opened; lengths count UTF-16 code units, as in JavaScript."""
    n_units = len(document.scores[methods[0]]) if methods else 0
    ks = curve_points(n_units)
    scores = np.array([document.scores[method] for method in methods]).reshape(len(methods), n_units)
    curves = [document.curves[method][ks] for method in methods]
    remarks = {methods.index(method): visible(remark) for method, remark in document.remarks.items()}
    margins = {methods.index(method): _rounded(x[None])[0] for method, x in document.margins.items()}
    return {
        "lengths": [len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2 for text, _ in pieces],
        "owners": list(map(itemgetter(1), pieces)),
        "scores": _rounded(scores),
        "curves": np.round(curves, 4).tolist(),
        **({"ks": ks.tolist()} if len(ks) <= n_units else {}),
        **({"remarks": remarks} if remarks else {}),
        **({"margins": margins} if margins else {}),
        **({"marked": list(map(int, document.marked))} if any(document.marked) else {}),
    }


def _rounded(scores: np.ndarray) -> list[list[float]]:
    """Return scores `(M, U)` with the three significant digits that are shown; whole numbers without a fraction."""
    digits = 2 - np.floor(np.log10(np.abs(scores), out=np.zeros(scores.shape), where=scores != 0)).astype(int)
    power = _POWERS[np.minimum(np.abs(digits), len(_POWERS) - 1)]
    values = np.where(digits > 0, np.rint(scores * power) / power, np.rint(scores / power) * power)
    rounded = values.tolist()
    for m, u in zip(*np.nonzero(values == np.rint(values)), strict=True):
        rounded[m][u] = int(rounded[m][u])
    for m, u in zip(*np.nonzero(digits >= len(_POWERS)), strict=True):
        rounded[m][u] = float(f"{scores[m, u]:.3g}")
    return rounded


@cache
def curve_points(last: int) -> np.ndarray:
    """Return the `k` from 0 to `last` at which a curve is drawn: all, or close together where `k` is small.

    >>> curve_points(3), len(curve_points(1000)) <= CURVE_POINTS
    (array([0, 1, 2, 3]), True)
    """
    if last < CURVE_POINTS:
        return np.arange(last + 1)
    return np.unique(np.concatenate([[0], np.geomspace(1, last, CURVE_POINTS - 1).round()]).astype(int))

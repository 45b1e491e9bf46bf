"""The documents of a report, compressed for the scripts in `viz/app/`, which read them block by block."""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hf_gradexplain.viz.pieces import Pieces
from hf_gradexplain.viz.sanitize import visible
from hf_gradexplain.viz.tables import decimals_of

BLOCK_BYTES = 100_000
"""The next block begins once a block has this size, before compression."""

GZIP_LEVEL = 5
"""Level 6 would take almost twice as long, and make files only 2 % smaller."""

CURVE_POINTS = 60
"""The largest number of points of a document's curve that a report draws."""

_POWERS = np.array([float(f"1e{k}") for k in range(23)])
"""The powers of ten that float64 represents exactly: a division by them gives the nearest float64 to a decimal."""


@dataclass(frozen=True, eq=False)
class ReportDocument:
    """A document as a report shows it.

    Attributes:
        row: The row number of the document in the dataset.
        pieces: The text in pieces, in order.
        target: The explained class.
        prediction: The predicted class; None if the model does not choose between classes.
        label: The true class; None if it is not known, or if the model does not choose between classes.
        names: The names of `target` and of `prediction`.
        value: The model's probability of `target`; for a regression, its output.
        confidence: The model's probability of `prediction`; None without a prediction.
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
    pieces: Pieces
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

    def decimals(self, numbers: Iterable[float]) -> int:
        """Return the decimals to show these numbers with: 3 for probabilities, see `decimals_of` for outputs."""
        return 3 if self.prediction is not None else decimals_of(numbers)


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
        pieces = document.pieces.visible()
        row = _index_row(document, pieces.text, self.methods)
        shown = _shown(document, pieces, self.methods)
        self._names.update({number: visible(name) for number, name in document.names.items()})
        self._rows.append(row)
        self._block.append(shown)
        self._block_size += len(shown)
        self.size += len(row["text"]) // 2 + 40
        if self._block_size >= BLOCK_BYTES:
            self._finish_block()

    def extend(self, other: "DocumentPacker") -> None:
        """Add the documents of another packer with the same methods, in blocks of their own."""
        self._finish_block()
        other._finish_block()
        self.first += other.first[: self.n_first - len(self.first)]
        self.blocks += other.blocks
        self.size += other.size
        self._starts += [len(self) + start for start in other._starts]
        self._rows += other._rows
        self._names |= other._names
        self.has_rationales |= other.has_rationales

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
    digits = document.decimals(document.areas.values()) + 1
    return {
        "row": document.row,
        "text": text,
        "target": document.target,
        "against": visible(document.against),
        "prediction": document.prediction,
        "label": document.label,
        "value": round(document.value, document.decimals([document.value]) + 1),
        "confidence": None if document.confidence is None else round(document.confidence, 4),
        "truncated": int(document.truncated),
        "areas": [round(document.areas[method], digits) for method in methods],
        "r": [None if (r := document.correlations.get(method)) is None else round(r, 3) for method in methods],
    }


def _shown(document: ReportDocument, pieces: Pieces, methods: Sequence[str]) -> str:
    """Return as JSON what is shown when a document is opened."""
    n_units = len(document.scores[methods[0]]) if methods else 0
    ks = curve_points(n_units)
    scores = np.array([document.scores[method] for method in methods]).reshape(len(methods), n_units)
    curves = np.array([document.curves[method][ks] for method in methods]).reshape(len(methods), len(ks))
    remarks = {methods.index(method): visible(remark) for method, remark in document.remarks.items()}
    margins = {methods.index(method): _rounded(x).tolist() for method, x in document.margins.items()}
    others = {
        **({"ks": ks.tolist()} if len(ks) <= n_units else {}),
        **({"remarks": remarks} if remarks else {}),
        **({"margins": margins} if margins else {}),
        **({"marked": list(map(int, document.marked))} if any(document.marked) else {}),
    }
    lengths, owners = _json_rows(np.stack([pieces.lengths(), pieces.owners]))
    shown = {
        "lengths": lengths,
        "owners": owners,
        "scores": f"[{','.join(_json_rows(_rounded(scores)))}]",
        "curves": f"[{','.join(_json_rows(np.round(curves, document.decimals(curves.flat) + 1)))}]",
        **{name: json.dumps(value, separators=(",", ":"), allow_nan=False) for name, value in others.items()},
    }
    return "{" + ",".join(f'"{name}":{value}' for name, value in shown.items()) + "}"


def _json_rows(numbers: np.ndarray) -> list[str]:
    """Return each row of finite numbers `(R, N)` as a JSON list, in a fifth of the time that `json.dumps` takes."""
    if not np.isfinite(numbers).all():
        raise ValueError("JSON has no number for infinity or for an undefined value")
    written = pa.array((numbers + 0).ravel()).cast(pa.string())  # + 0: no minus sign before 0
    offsets = pa.array(np.arange(len(numbers) + 1) * numbers.shape[1], pa.int32())
    return [f"[{row}]" for row in pc.binary_join(pa.ListArray.from_arrays(offsets, written), ",").to_pylist()]


def _rounded(scores: np.ndarray) -> np.ndarray:
    """Return scores `(..., U)` rounded to the three significant digits that are shown."""
    digits = 2 - np.floor(np.log10(np.abs(scores), out=np.zeros(scores.shape), where=scores != 0)).astype(int)
    power = _POWERS[np.minimum(np.abs(digits), len(_POWERS) - 1)]
    rounded = np.where(digits > 0, np.rint(scores * power) / power, np.rint(scores / power) * power)
    for at in zip(*np.nonzero(digits >= len(_POWERS)), strict=True):
        rounded[at] = float(f"{scores[at]:.3g}")
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

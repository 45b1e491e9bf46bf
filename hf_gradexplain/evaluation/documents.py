"""Write and read document files: Parquet files with a row per evaluated document, see docs/documents.md."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hf_gradexplain.attribution.methods import METHODS, is_complete, uses_baseline
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.correlation import compared_by_sign, correlated_methods
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.explanation.arrow_columns import to_records, to_table
from hf_gradexplain.explanation.correlation import COEFFICIENTS
from hf_gradexplain.explanation.explanation import Explanation, places_of
from hf_gradexplain.explanation.records import NUMBERS, SAMPLING, SPANS, text_columns, with_arrays
from hf_gradexplain.files import atomic_write, checksum_path, matches_checksum
from hf_gradexplain.text.rationales import Rationale

COUNT = b"documents"
"""The key under which the metadata of a file has the number of its documents."""

LEFT_OUT = b"left_out"
"""The key under which the metadata of a file has the reason for each left-out document, as JSON by row number."""

CLASS_NAMES = b"class_names"
"""The key under which the metadata of a file has the names of the model's classes, as a JSON list."""


RATIONALE = "rationale"
"""The column of rationales."""

MEASURED = ("curves", "correlations", "signs", "negative_first", "random_orders", "bounds")
"""The columns of measurements."""

_AT_A_TIME = 64
"""The number of documents of a file that are in memory at the same time."""


@dataclass(frozen=True, eq=False)
class EvaluatedDocument:
    """The explanation of a document and the measurements of its faithfulness.

    Attributes:
        id: Row number in the dataset.
        label: The document's label in the dataset, or None.
        explanation: Units and scores.
        curves: For each method, the target's probability without the `k` highest-scored units: `(U + 1,)`.
        correlations: For each method except the reference, see `hf_gradexplain.evaluation.correlation.correlate_all`.
        signs: For each signed method except the reference, see `hf_gradexplain.evaluation.correlation.sign_agreement`.
        negative_first: For each method, the target's probability without the `k` lowest-scored units: `(U + 1,)`. Like
            `random_orders` and `bounds`, it is empty if it was not measured.
        random_orders: `mean` and `variance` over random orders, `(U + 1,)` each, see
            `hf_gradexplain.evaluation.random_band.summarize_orders`.
        bounds: `lower`, `upper` and `exact`, see `hf_gradexplain.evaluation.naopc.document_bounds`.
        rationale: The spans `(start, end)` of the text that people marked as the reason for its label, see
            `hf_gradexplain.text.rationales`; None if the run has no rationales.
    """

    id: int
    label: int | None
    explanation: Explanation
    curves: Mapping[str, np.ndarray]
    correlations: Mapping[str, Mapping[str, Any]]
    signs: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    negative_first: Mapping[str, np.ndarray] = field(default_factory=dict)
    random_orders: Mapping[str, np.ndarray] = field(default_factory=dict)
    bounds: Mapping[str, Any] = field(default_factory=dict)
    rationale: Rationale | None = None

    def to_row(self) -> dict[str, Any]:
        """Return the value of each column, with units and arrays as they are; `from_row` is the inverse."""
        others = {name: getattr(self.explanation, name) for name in Explanation.__dataclass_fields__ if name != "units"}
        explanation = with_arrays({**others, "units": places_of(self.explanation)})
        del explanation["class_names"]  # the same for all documents: in the metadata of the file
        rationale = {} if self.rationale is None else {RATIONALE: list(map(list, self.rationale))}
        return {
            **explanation,
            **rationale,
            **{name: getattr(self, name) for name in ("id", "label", *MEASURED)},
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "EvaluatedDocument":
        """Create a document from the values of `to_row`; measurements without a column are empty."""
        arrays = {
            name: {key: np.asarray(x, dtype=float) for key, x in (row.get(name) or {}).items()}
            for name in ("curves", "negative_first", "random_orders")
        }
        return cls(
            id=row["id"],
            label=row["label"],
            explanation=Explanation.from_dict(row),
            curves=arrays["curves"],
            correlations=row.get("correlations") or {},
            signs=row.get("signs") or {},
            negative_first=arrays["negative_first"],
            random_orders=arrays["random_orders"],
            bounds=row.get("bounds") or {},
            rationale=None if row.get(RATIONALE) is None else tuple((start, end) for start, end in row[RATIONALE]),
        )


def schema(methods: Sequence[str], measures: Measures | None = None, more: Collection[str] = ()) -> pa.Schema:
    """Return the columns of a document file; quantities that are not measured have no column.

    Args:
        methods: The methods.
        measures: What is measured.
        more: Fields of explanations that not all of them have, see `hf_gradexplain.explanation.records.SOMETIMES`, and
            `RATIONALE` if there are rationales.
    """
    measures = measures or Measures()
    methods = list(methods)
    coefficients = [(name + end, pa.float64()) for name in COEFFICIENTS for end in ("", "_p")]
    correlations = pa.struct([*coefficients, ("undefined", pa.string())])
    signs = pa.struct([(name, pa.int64()) for name in ("same", "opposite", "zero")])
    bounds = [("lower", pa.float64()), ("upper", pa.float64()), ("exact", pa.bool_())]
    structs: dict[str, list[tuple[str, pa.DataType]]] = {
        "scores": [(method, NUMBERS) for method in methods],
        "curves": [(method, NUMBERS) for method in methods],
        "correlations": [(method, correlations) for method in correlated_methods(methods)],
        "signs": [(method, signs) for method in compared_by_sign(methods)],
        "negative_first": [(method, NUMBERS) for method in methods if measures.both_ends],
        "random_orders": [(name, NUMBERS) for name in ("mean", "variance") if measures.random_orders],
        "bounds": bounds if measures.bounds else [],
        "completeness": [(m, pa.float64()) for m in methods if m in METHODS and is_complete(METHODS[m])],
        "sampling": [(m, SAMPLING) for m in methods if m in METHODS and METHODS[m].source.sampled],
        "baselines": [(m, pa.string()) for m in methods if m in METHODS and uses_baseline(METHODS[m])],
    }
    return pa.schema(
        [
            ("id", pa.int64()),
            ("label", pa.int64()),
            *text_columns(more),
            *([(RATIONALE, SPANS)] if RATIONALE in more else []),
            *((name, pa.struct(fields)) for name, fields in structs.items() if fields),
        ]
    )


def write_documents(
    documents: Sequence[EvaluatedDocument],
    path: Path,
    columns: pa.Schema,
    left_out: Mapping[int, str] | None = None,
) -> None:
    """Write documents to a Parquet file, which appears only when complete, and its SHA-256 to a second file beside it.

    The Parquet pages of the file also have checksums, for readers that do not use the SHA-256.

    Args:
        documents: The documents.
        path: The file.
        columns: See `schema`.
        left_out: The row numbers of documents that have no scores, and why.
    """
    names = documents[0].explanation.class_names if documents else ()
    more = {COUNT: str(len(documents)), LEFT_OUT: json.dumps(left_out or {}), CLASS_NAMES: json.dumps(names)}
    columns = columns.with_metadata({**(columns.metadata or {}), **more})
    table = to_table([document.to_row() for document in documents], columns)
    with atomic_write(path, checksum=True) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def damage(path: Path) -> str | None:
    """Return how a document file differs from the file that was written, in words; None if it does not differ.

    The SHA-256 and the number of rows are compared with the recorded values, if there are any. The caller decides what
    a missing SHA-256 means: `hf_gradexplain.run.folder.finished_shards` counts such a file as corrupt.

    Raises:
        OSError: The file cannot be read.
        pyarrow.ArrowException: The file is not a Parquet file.
    """
    if matches_checksum(path) is False:
        return f"its bytes do not have the SHA-256 in {checksum_path(path).name}"
    return _wrong_count(pq.ParquetFile(path))


def _wrong_count(file: pq.ParquetFile) -> str | None:
    rows, written = file.metadata.num_rows, (file.schema_arrow.metadata or {}).get(COUNT)
    return None if written in (None, str(rows).encode()) else f"it has {rows} rows instead of {written.decode()}"


def open_documents(path: Path) -> pq.ParquetFile:
    """Open a document file after a check that it was not damaged, see `damage`.

    Raises:
        GradexplainError: The file is damaged.
    """
    state = path.stat()
    if reason := _damage(path, state.st_mtime_ns, state.st_size):
        raise GradexplainError(
            f"{path} is damaged ({reason}): delete it and run the same command again, which computes only this shard"
        )
    return pq.ParquetFile(path, page_checksum_verification=True)


@cache
def _damage(path: Path, mtime: int, size: int) -> str | None:
    """Return `damage(path)`, computed only once for the same modification time and size of the file."""
    return damage(path)


def read_left_out(path: Path) -> dict[int, str]:
    """Read the row numbers of the documents that a file leaves out, and the reasons."""
    record = (open_documents(path).schema_arrow.metadata or {}).get(LEFT_OUT, b"{}")
    return {int(number): reason for number, reason in json.loads(record).items()}


def read_class_names(path: Path) -> list[str]:
    """Read the names of the model's classes; empty if they are not known."""
    return _class_names(open_documents(path))


def read_explanations(path: Path, limit: int | None = None) -> list[tuple[int, Explanation]]:
    """Read the documents of a file, or the first `limit` of them, as `(id, explanation)`."""
    rows = islice(read_rows([path]), limit)
    return [(row["id"], Explanation.from_dict(row)) for row in rows]


def read_chosen(paths: Sequence[Path], ids: Collection[int]) -> dict[int, Explanation]:
    """Read the explanations of some documents, by row number in ascending order."""
    wanted, rows = pa.array(sorted(ids), pa.int64()), []
    for path in paths:
        file = open_documents(path)
        classes = _class_names(file)
        columns = [name for name in file.schema_arrow.names if name not in MEASURED]
        for batch in file.iter_batches(batch_size=_AT_A_TIME, columns=columns):
            chosen = batch.filter(pc.is_in(batch["id"], wanted)).to_pylist()
            rows += [(row["id"], Explanation.from_dict({**row, "class_names": classes})) for row in chosen]
    return dict(sorted(rows, key=itemgetter(0)))


def iterate_documents(paths: Sequence[Path], measured: Sequence[str] = MEASURED) -> Iterator[EvaluatedDocument]:
    """Yield the documents of all files, in order; only a few are in memory at a time.

    Args:
        paths: The files.
        measured: The columns of measurements to read; other measurements stay empty.
    """
    for path in paths:
        file = open_documents(path)
        classes, unread = _class_names(file), set(MEASURED).difference(measured)
        columns = [name for name in file.schema_arrow.names if name not in unread]
        for batch in file.iter_batches(batch_size=_AT_A_TIME, columns=columns):
            yield from (EvaluatedDocument.from_row({**row, "class_names": classes}) for row in to_records(batch))


def read_rows(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yield the documents of all files, in order, as records for `from_row` and `Explanation.from_dict`."""
    for path in paths:
        file = open_documents(path)
        classes = _class_names(file)
        for batch in file.iter_batches(batch_size=_AT_A_TIME):
            yield from ({**row, "class_names": classes} for row in batch.to_pylist())


def _class_names(file: pq.ParquetFile) -> list[str]:
    return json.loads((file.schema_arrow.metadata or {}).get(CLASS_NAMES, b"[]"))

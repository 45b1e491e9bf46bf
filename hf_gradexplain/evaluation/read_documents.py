"""Read document files column by column, in blocks that do not depend on how the documents were split into files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hf_gradexplain.evaluation.documents import MEASURED, open_documents, read_left_out
from hf_gradexplain.explanation.correlation import COEFFICIENTS
from hf_gradexplain.explanation.remarks import COMPLETE_WITHIN
from hf_gradexplain.statistics.ragged_array import RaggedArray
from hf_gradexplain.statistics.rounding import ROUNDING

BLOCK = 256
"""Number of documents that are summed at a time; it is fixed, so that the split into files does not change the sums."""

SATURATED = 0.999
"""Above this probability of the target, a document counts as saturated: its gradients carry little information."""

_CURVES = ("curves", "negative_first", "random_orders")
_NUMBERS = ("correlations", "signs")


@dataclass(frozen=True, eq=False)
class DocumentBlock:
    """The measurements of `n` documents, at most `BLOCK`; empty if they were not measured.

    Attributes:
        ids: Row numbers of the documents.
        curves: Removal curves per method.
        negative_first: Curves of removing the lowest-scored units first, per method.
        random_orders: `mean` and `variance` over random orders.
        correlations: Per method and coefficient `(n,)`, NaN where undefined.
        signs: Per method `same`, `opposite` and `zero`, `(n,)` each.
        bounds: `lower`, `upper` and `exact`, `(n,)` each.
    """

    ids: list[int]
    curves: Mapping[str, RaggedArray]
    negative_first: Mapping[str, RaggedArray]
    random_orders: Mapping[str, RaggedArray]
    correlations: Mapping[str, Mapping[str, np.ndarray]]
    signs: Mapping[str, Mapping[str, np.ndarray]]
    bounds: Mapping[str, np.ndarray]


def read_blocks(
    paths: Sequence[Path], size: int = BLOCK, *, ids: np.ndarray | None = None, measured: Sequence[str] = MEASURED
) -> Iterator[DocumentBlock]:
    """Yield the documents of these files in order, `size` at a time; the last block may be smaller.

    Args:
        paths: The files.
        size: The number of documents of a block.
        ids: The documents to read; None for all.
        measured: The measurements to read; the others are empty.
    """
    for table in read_tables(paths, ["id", *measured], size, ids):
        columns = {name: struct_fields(table, name) for name in MEASURED}
        curves = {name: {key: to_ragged(x) for key, x in columns[name].items()} for name in _CURVES}
        numbers = {name: {key: _numbers(x) for key, x in columns[name].items()} for name in _NUMBERS}
        yield DocumentBlock(
            ids=table["id"].to_pylist(),
            curves=curves["curves"],
            negative_first=curves["negative_first"],
            random_orders=curves["random_orders"],
            correlations=numbers["correlations"],
            signs=numbers["signs"],
            bounds={key: to_array(x) for key, x in columns["bounds"].items()},
        )


def read_correlations(paths: Sequence[Path], method: str) -> dict[str, np.ndarray]:
    """Read the correlations of one method: every coefficient and its p-value, `(n,)` each, NaN where undefined.

    This is the only function that keeps numbers of all documents in memory: 48 MB for a million documents.
    """
    names = [name + end for name in COEFFICIENTS for end in ("", "_p")]
    columns = [f"correlations.{method}.{name}" for name in names]
    parts = [struct_fields(open_documents(path).read(columns), "correlations")[method] for path in paths]
    return {name: np.concatenate([to_array(part.field(name)) for part in parts]) for name in names}


def undefined_correlations(paths: Sequence[Path], methods: Sequence[str]) -> dict[tuple[str, str], int]:
    """Count the documents without a correlation, by method and then by reason."""
    counts: dict[tuple[str, str], int] = {}
    for path in paths:
        table = open_documents(path).read([f"correlations.{method}.undefined" for method in methods])
        for method, column in struct_fields(table, "correlations").items():
            for entry in pc.value_counts(column.field("undefined").drop_null()).to_pylist():
                key = (method, entry["values"])
                counts[key] = counts.get(key, 0) + entry["counts"]
    return dict(sorted(counts.items(), key=lambda entry: (methods.index(entry[0][0]), entry[0][1])))


def read_signed_methods(paths: Sequence[Path]) -> list[str]:
    """Return the methods whose signs these files compare with leave-one-out, as the run that wrote them named them.

    Unlike `compared_by_sign`, this also holds for methods that are not registered in this process.
    """
    columns = open_documents(paths[0]).schema_arrow
    return [method.name for method in columns.field("signs").type] if "signs" in columns.names else []


def count_documents(paths: Sequence[Path]) -> dict[str, int]:
    """Count the documents of these files.

    Returns:
        The number of `documents`; of documents with a label (`labelled`, never for regression); of labelled documents
        whose prediction is right (`predicted_right`); of `truncated` documents; of documents `without_units`; and of
        `saturated` documents, whose target has a probability above `SATURATED` (never for regression). `longest` is the
        largest number of units. `left_out` counts the documents that are not in the files because they could not be
        scored.
    """
    names = (
        "documents",
        "labelled",
        "predicted_right",
        "truncated",
        "without_units",
        "saturated",
        "longest",
        "left_out",
    )
    counts = dict.fromkeys(names, 0)
    for path in paths:
        file = open_documents(path)
        first = file.schema_arrow.field("curves").type[0].name
        part = file.read(["label", "prediction", "truncated_at", "regression", f"curves.{first}"])
        curves = to_ragged(struct_fields(part, "curves")[first])
        label, prediction, regression = (to_array(part[name]) for name in ("label", "prediction", "regression"))
        counts["documents"] += len(part)
        counts["left_out"] += len(read_left_out(path))
        counts["labelled"] += int((~np.isnan(label) & ~regression).sum())
        counts["predicted_right"] += int(((label == prediction) & ~regression).sum())
        counts["truncated"] += len(part) - part["truncated_at"].null_count
        counts["without_units"] += int((curves.lengths == 1).sum())
        counts["saturated"] += int(((curves.first > SATURATED) & ~regression).sum())
        counts["longest"] = max(counts["longest"], int(curves.lengths.max(initial=1)) - 1)
    return counts


def is_regression(paths: Sequence[Path]) -> bool:
    """Return whether all documents of these files are of a regression, so that AOPC is not about probabilities."""
    return all(to_array(open_documents(path).read(["regression"])["regression"]).all() for path in paths)


def read_output_range(paths: Sequence[Path]) -> float:
    """Return the range of the model's outputs: 1 for probabilities.

    For regression, it is the difference between the largest and the smallest output for the full texts of these files.
    If these outputs are equal up to rounding, as for a single text, it is the largest output without its sign.
    """
    if not is_regression(paths):
        return 1.0
    low, high, largest = np.inf, -np.inf, 0.0
    for path in paths:
        file = open_documents(path)
        first = file.schema_arrow.field("curves").type[0].name
        outputs = to_ragged(struct_fields(file.read([f"curves.{first}"]), "curves")[first]).first
        low, high = outputs.min(initial=low), outputs.max(initial=high)
        largest = np.abs(outputs).max(initial=largest)
    return float(high - low) if high - low > ROUNDING * largest else float(largest)


def count_incomplete(paths: Sequence[Path]) -> dict[str, int]:
    """Count the documents whose scores do not add up to the rise of the loss within 5 %, by method."""
    counts: dict[str, int] = {}
    for path in paths:
        file = open_documents(path)
        if "completeness" in file.schema_arrow.names:
            for method, gaps in struct_fields(file.read(["completeness"]), "completeness").items():
                counts[method] = counts.get(method, 0) + int((np.abs(to_array(gaps)) > COMPLETE_WITHIN).sum())
    return counts


def read_tables(
    paths: Sequence[Path], columns: Sequence[str], size: int, ids: np.ndarray | None = None
) -> Iterator[pa.Table]:
    """Yield the rows of all files, `size` at a time; columns that a file lacks are left out.

    Args:
        paths: The files.
        columns: The columns.
        size: The number of rows of a table; the last one may be smaller.
        ids: The documents to read, in which case `columns` must contain `id`; None for all.
    """
    rest = pa.table({})
    for path in paths:
        file = open_documents(path)
        table = file.read([name for name in columns if name.split(".")[0] in file.schema_arrow.names])
        if ids is not None:
            table = table.filter(pc.is_in(table["id"], pa.array(ids)))
        rest = pa.concat_tables([rest, table]) if len(rest) else table
        while len(rest) >= size:
            yield rest.slice(0, size)
            rest = rest.slice(size)
    if len(rest):
        yield rest


def struct_fields(table: pa.Table, name: str) -> dict[str, pa.Array]:
    """Return the fields of a struct column; none if the table has no such column."""
    if name not in table.column_names:
        return {}
    column = table[name].combine_chunks()
    return {field.name: column.field(field.name) for field in column.type}


def to_ragged(column: pa.ListArray) -> RaggedArray:
    """Convert a column of lists of numbers; the lists may be empty."""
    ends = column.offsets.to_numpy()
    return RaggedArray(column.values.to_numpy()[ends[0] : ends[-1]], np.diff(ends))


def _numbers(column: pa.StructArray) -> dict[str, np.ndarray]:
    """Return the fields of a struct column that are not strings."""
    numbers = (field.name for field in column.type if not pa.types.is_string(field.type))
    return {name: to_array(column.field(name)) for name in numbers}


def to_array(column: pa.Array) -> np.ndarray:
    """Convert a column to an array; null becomes NaN."""
    return column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()

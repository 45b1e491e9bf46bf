"""Converts units and numbers to Arrow columns and back, without a Python object for each unit and number."""

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from hf_gradexplain.explanation.records import NUMBERS, UNITS
from hf_gradexplain.text.unit import UnitPlaces


def to_table(records: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return records as the rows of a table, which `to_records` reads; a value that a record lacks is null.

    In the records, units are `UnitPlaces`, and numbers are arrays. `pa.Table.from_pylist` would make the same columns
    from lists and dictionaries, but takes several times as long.
    """
    columns = [_column([record.get(field.name) for record in records], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return the values of a column as an array of its type."""
    if kind == UNITS:
        return _unit_column(values)
    if kind == NUMBERS:
        return _number_column(values)
    if _holds_numbers(kind) and None not in values:
        parts = [_number_column([value.get(part.name) for value in values]) for part in kind]
        return pa.StructArray.from_arrays(parts, fields=list(kind))
    return pa.array(values, kind)


def _holds_numbers(kind: pa.DataType) -> bool:
    """Return whether a type is a struct of lists of numbers, such as the scores of each method."""
    parts = list(kind) if pa.types.is_struct(kind) else []
    return bool(parts) and all(part.type == NUMBERS for part in parts)  # equal types of files have other hashes


def _number_column(rows: Sequence[np.ndarray | None]) -> pa.ListArray:
    """Return an array per row as a column of lists of numbers."""
    known = [np.empty(0) if row is None else row for row in rows]
    missing = pa.array([row is None for row in rows]) if any(row is None for row in rows) else None
    values = pa.array(np.concatenate([np.empty(0), *known]), pa.float64())
    return pa.ListArray.from_arrays(_ends([len(row) for row in known]), values, mask=missing)


def _unit_column(places: Sequence[UnitPlaces]) -> pa.ListArray:
    """Return the units of each row as a column."""
    spans = np.concatenate([np.empty((0, 2), np.int64), *(row.spans for row in places)])
    pairs = pa.ListArray.from_arrays(_ends(np.full(len(spans), 2)), pa.array(spans.ravel()))
    lists = pa.ListArray.from_arrays(_ends(np.concatenate([np.empty(0, int), *(row.counts for row in places)])), pairs)
    texts = pa.array(chain.from_iterable(row.texts for row in places), pa.string())
    structs = pa.StructArray.from_arrays([texts, lists], fields=list(UNITS.value_type))
    return pa.ListArray.from_arrays(_ends([len(row.texts) for row in places]), structs)


def _ends(lengths: Sequence[int] | np.ndarray) -> pa.Array:
    """Return the offsets of lists of these lengths."""
    return pa.array(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), pa.int32())


def to_records(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file as records for `to_fields`, with numbers as arrays, units as `UnitPlaces`.

    `batch.to_pylist()` gives equal records, but makes a Python object for each number and takes several times as long.
    """
    columns: dict[str, Sequence[Any]] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name == "units":
            columns[name] = _unit_places(column)
        elif _holds_numbers(column.type) and not column.null_count:
            arrays = [_arrays(column.field(part.name)) for part in column.type]
            names = [part.name for part in column.type]
            columns[name] = [dict(zip(names, values, strict=True)) for values in zip(*arrays, strict=True)]
        else:
            columns[name] = column.to_pylist()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _arrays(column: pa.ListArray) -> list[np.ndarray | None]:
    """Return a column of lists of numbers as an array per row, None where it is null."""
    values, ends = column.values.to_numpy(zero_copy_only=False), column.offsets.to_numpy().tolist()
    rows: list[np.ndarray | None] = [values[start:end] for start, end in pairwise(ends)]
    for i in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)):
        rows[i] = None
    return rows


def _unit_places(column: pa.ListArray) -> list[UnitPlaces]:
    """Return a column of units as the places of the units of each row."""
    spans, texts = column.values.field("spans"), column.values.field("text").to_pylist()
    pairs, ends = spans.values.values.to_numpy().reshape(-1, 2), spans.offsets.to_numpy()
    counts = np.diff(ends)
    return [
        UnitPlaces(texts[start:end], counts[start:end], pairs[ends[start] : ends[end]])
        for start, end in pairwise(column.offsets.to_numpy().tolist())
    ]

"""The fields of an explanation as plain values, for JSON and for Parquet files."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike, fspath
from typing import Any

import numpy as np
import pyarrow as pa

from hf_gradexplain.errors import GradexplainError, one_line, translate_errors
from hf_gradexplain.self_check import SelfCheck
from hf_gradexplain.text.data import Unit
from hf_gradexplain.tokenizer_kwargs import read_kwargs, write_kwargs

NUMBERS = pa.list_(pa.float64())
"""The type of a column of scores."""

_CHECK = pa.struct(
    [
        ("top", pa.list_(pa.string())),
        ("full", pa.float64()),
        ("without", pa.float64()),
        ("random", NUMBERS),
        ("alone", pa.float64()),
        ("unit", pa.string()),
        ("signed", pa.bool_()),
        ("regression", pa.bool_()),
    ]
)


class NotAnExplanationError(GradexplainError):
    """A record was not made by `Explanation.to_dict`."""


def to_record(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an explanation as lists, numbers and strings; `to_fields` is the inverse."""
    return {
        **values,
        "units": [{"text": unit.text, "spans": [list(span) for span in unit.spans]} for unit in values["units"]],
        "scores": {name: scores.tolist() for name, scores in values["scores"].items()},
        "probabilities": values["probabilities"].tolist(),
        "self_check": {name: check.to_dict() for name, check in values["self_check"].items()},
        **{name: dict(values[name]) for name in ("completeness", "baselines", "tokenizer_kwargs")},
        "class_names": list(values["class_names"]),
    }


def to_fields(record: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return the fields of an explanation from plain values; unknown keys and methods without values are ignored.

    Args:
        record: What `to_record` returned, also read back from JSON, or a row of a Parquet file, whose `methods` are the
            names in `scores` in their order.
        names: The fields that an explanation has.
    """
    known = {name: record[name] for name in names if name in record}
    by_method = {name: _by_method(record, name) for name in ("scores", "self_check", "completeness", "baselines")}
    return {
        **known,
        **by_method,
        "units": tuple(Unit(u["text"], tuple((int(a), int(b)) for a, b in u["spans"])) for u in record["units"]),
        "scores": {name: np.asarray(x, dtype=float) for name, x in by_method["scores"].items()},
        "probabilities": np.asarray(record["probabilities"]),
        "self_check": {name: SelfCheck.from_dict(check) for name, check in by_method["self_check"].items()},
        "tokenizer_kwargs": read_kwargs(record.get("tokenizer_kwargs")),
        "class_names": tuple(record.get("class_names") or ()),
    }


@contextmanager
def reading_record() -> Iterator[None]:
    """Turn the errors of reading a record that is not that of an explanation into one sentence.

    Raises:
        NotAnExplanationError: Reading the record fails in the block.
    """

    def explain(error: Exception) -> str:
        reason = f"{type(error).__name__}: {one_line(error, 200)}"
        return f"the record is not that of an explanation ({reason}): give one that Explanation.to_dict made"

    kinds = (AttributeError, LookupError, TypeError, ValueError)
    with translate_errors(explain, *kinds, raises=NotAnExplanationError):
        yield


@contextmanager
def reading_file(path: str | PathLike[str], writer: str) -> Iterator[None]:
    """Turn the errors of reading a file into one sentence that names the file and what writes such files.

    Raises:
        GradexplainError: Reading the file fails in the block, or it holds no explanation.
    """

    def explain(error: Exception) -> str:
        reason = "it holds something else" if isinstance(error, NotAnExplanationError) else one_line(error, 200)
        return f"cannot load {fspath(path)} ({reason}): give a file that {writer} wrote"

    with translate_errors(explain, OSError, ValueError, RecursionError, pa.ArrowException, NotAnExplanationError):
        yield


def _by_method(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a field that has one value per method, in the order of the methods, without those that are null."""
    values = record.get(name) or {}
    return {m: values[m] for m in record.get("methods") or record["scores"].keys() if values.get(m) is not None}


def text_columns() -> list[tuple[str, pa.DataType]]:
    """Return the Parquet columns of a text, its prediction and its units."""
    unit = pa.struct([("text", pa.string()), ("spans", pa.list_(pa.list_(pa.int64())))])
    return [
        ("text", pa.string()),
        ("pair_start", pa.int64()),
        ("truncated_at", pa.int64()),
        ("unit", pa.string()),
        ("objective", pa.string()),
        ("target", pa.int64()),
        ("target_label", pa.string()),
        ("prediction", pa.int64()),
        ("prediction_label", pa.string()),
        ("regression", pa.bool_()),
        ("dtype", pa.string()),
        ("probabilities", NUMBERS),
        ("units", pa.list_(unit)),
    ]


def explanation_schema(explanations: Collection[Mapping[str, Any]]) -> pa.Schema:
    """Return the Parquet columns that hold every field of these records, see `to_record`.

    The scores of all methods are in one struct; where an explanation lacks a method, the value is null. `methods` are
    the names of an explanation's methods, in their order.
    """
    kinds = {"scores": NUMBERS, "self_check": _CHECK, "completeness": pa.float64(), "baselines": pa.string()}
    structs = {}
    for name, kind in kinds.items():
        if methods := dict.fromkeys(method for record in explanations for method in record[name]):
            structs[name] = pa.struct([(method, kind) for method in methods])
    names = pa.list_(pa.string())
    more = [("methods", names), ("why", pa.string()), ("tokenizer_kwargs", pa.string()), ("class_names", names)]
    return pa.schema([("label", pa.int64()), *text_columns(), *structs.items(), *more])


def to_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as a row of `explanation_schema`; `to_fields` reads it."""
    return {
        **record,
        "methods": list(record["scores"]),
        "tokenizer_kwargs": write_kwargs(record["tokenizer_kwargs"]),
    }

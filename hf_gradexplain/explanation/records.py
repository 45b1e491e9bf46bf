"""The fields of an explanation as plain values, for JSON and for Parquet files."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pyarrow as pa

from hf_gradexplain.errors import GradexplainError, one_line, translate_errors
from hf_gradexplain.explanation.classes import ClassScores
from hf_gradexplain.explanation.self_check import SelfCheck
from hf_gradexplain.options.tokenizer_kwargs import read_kwargs, write_kwargs
from hf_gradexplain.statistics.sampling import Sampling
from hf_gradexplain.text.unit import Message, Unit, UnitPlaces, Window, make_units

NUMBERS = pa.list_(pa.float64())
"""The type of a column of scores."""

SPANS = pa.list_(pa.list_(pa.int64()))
"""The type of a column of spans."""

UNITS = pa.list_(pa.struct([("text", pa.string()), ("spans", SPANS)]))
"""The type of a column of units."""

_MESSAGE = pa.struct([("role", pa.string()), ("start", pa.int64()), ("end", pa.int64())])
_WINDOW = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("tokens", pa.int64())])

SOMETIMES = {
    "messages": pa.list_(_MESSAGE),
    "unread": SPANS,
    "windows": pa.list_(_WINDOW),
    "deciding": pa.list_(pa.int64()),
}
"""The columns of fields that only some explanations have, such as those of conversations and long documents."""

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
        ("against", pa.string()),
    ]
)


SAMPLING = pa.struct([("errors", NUMBERS), *((name, pa.int64()) for name in ("draws", "copies", "seed"))])
"""The type of a column of `hf_gradexplain.statistics.sampling.Sampling`."""


class NotAnExplanationError(GradexplainError):
    """Raised for a record that `Explanation.to_dict` did not make."""


def to_record(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an explanation as lists, numbers and strings; `to_fields` is the inverse."""
    record = with_arrays(values)
    record["units"] = list(map(_plain_unit, values["units"]))
    record["scores"] = {name: scores.tolist() for name, scores in values["scores"].items()}
    record["probabilities"] = values["probabilities"].tolist()
    return record


def with_arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same fields as `to_record`, but leave units, scores and probabilities as they are."""
    messages, windows, deciding = values["messages"], values["windows"], values["deciding"]
    unread = list(map(list, values["unread"]))
    return {
        **{name: value for name, value in values.items() if name not in SOMETIMES},
        **({"messages": list(map(asdict, messages))} if messages else {}),
        **({"unread": unread} if messages or unread else {}),
        **({"windows": list(map(asdict, windows))} if windows else {}),
        **({"deciding": list(deciding)} if deciding else {}),
        "self_check": {name: check.to_dict() for name, check in values["self_check"].items()},
        "sampling": {name: sampling.to_dict() for name, sampling in values["sampling"].items()},
        **{name: dict(values[name]) for name in ("completeness", "baselines", "tokenizer_kwargs")},
        "class_names": list(values["class_names"]),
        "classes": [scores.to_dict() for scores in values["classes"]],
    }


def to_fields(record: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return the fields of an explanation from plain values, without unknown keys and methods that have no values.

    Args:
        record: The result of `to_record`, or the same record read from JSON, or a row of a Parquet file. The `methods`
            of a row are the names in `scores`, in their order.
        names: The fields that an explanation has.
    """
    known = {name: record[name] for name in names if name in record}
    messages = tuple(Message(**message) for message in record.get("messages") or ())
    names_by_method = ("scores", "self_check", "completeness", "sampling", "baselines")
    by_method = {name: _by_method(record, name) for name in names_by_method}
    return {
        **known,
        **by_method,
        "units": _units(record["units"], messages),
        "messages": messages,
        "unread": tuple((int(a), int(b)) for a, b in record.get("unread") or ()),
        "windows": tuple(Window(**window) for window in record.get("windows") or ()),
        "deciding": tuple(map(int, record.get("deciding") or ())),
        "scores": {name: np.asarray(x, dtype=float) for name, x in by_method["scores"].items()},
        "probabilities": np.asarray(record["probabilities"]),
        "self_check": {name: SelfCheck.from_dict(check) for name, check in by_method["self_check"].items()},
        "sampling": {name: Sampling.from_dict(of_method) for name, of_method in by_method["sampling"].items()},
        "tokenizer_kwargs": read_kwargs(record.get("tokenizer_kwargs")),
        "class_names": tuple(record.get("class_names") or ()),
        "classes": tuple(ClassScores.from_dict(each, record.get("methods")) for each in record.get("classes") or ()),
    }


def _plain_unit(unit: Unit) -> dict[str, Any]:
    plain = {"text": unit.text, "spans": [list(span) for span in unit.spans]}
    return plain if unit.message is None else {**plain, "message": unit.message, "role": unit.role}


def _units(
    units: UnitPlaces | Sequence[Mapping[str, Any]], messages: tuple[Message, ...]
) -> tuple[Unit, ...] | UnitPlaces:
    """Return the units, in a conversation with message and role; places of units stay places."""
    if isinstance(units, UnitPlaces):
        return replace(units, messages=messages)
    texts = [unit["text"] for unit in units]
    return tuple(make_units(texts, [tuple((int(a), int(b)) for a, b in unit["spans"]) for unit in units], messages))


@contextmanager
def reading_record() -> Iterator[None]:
    """Turn an error in the block into one sentence that says that the record is not that of an explanation.

    Raises:
        NotAnExplanationError: Reading the record fails in the block.
    """

    def explain(error: Exception) -> str:
        reason = f"{type(error).__name__}: {one_line(error, 200)}"
        return f"the record is not that of an explanation ({reason}): give one that Explanation.to_dict made"

    kinds = (AttributeError, LookupError, TypeError, ValueError)
    with translate_errors(explain, *kinds, raises=NotAnExplanationError):
        yield


def _by_method(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a field that has one value per method, in the order of the methods, without null values."""
    values = record.get(name) or {}
    return {m: values[m] for m in record.get("methods") or record["scores"].keys() if values.get(m) is not None}


def text_columns(more: Collection[str] = ()) -> list[tuple[str, pa.DataType]]:
    """Return the Parquet columns of a text, its prediction and its units.

    Args:
        more: Names in `SOMETIMES`: columns that only some explanations have, to return as well.
    """
    return [
        ("text", pa.string()),
        ("pair_start", pa.int64()),
        ("truncated_at", pa.int64()),
        ("unit", pa.string()),
        ("objective", pa.string()),
        ("mask", pa.string()),
        ("target", pa.int64()),
        ("target_label", pa.string()),
        ("against", pa.int64()),
        ("against_label", pa.string()),
        ("prediction", pa.int64()),
        ("prediction_label", pa.string()),
        ("regression", pa.bool_()),
        ("dtype", pa.string()),
        ("probabilities", NUMBERS),
        ("units", UNITS),
        *((name, kind) for name, kind in SOMETIMES.items() if name in more),
    ]


def explanation_schema(explanations: Collection[Mapping[str, Any]]) -> pa.Schema:
    """Return the Parquet columns that hold all fields of these records, see `to_record`.

    The scores of all methods are in one struct; where an explanation lacks a method, the value is null. The column
    `methods` has the names of an explanation's methods, in their order.
    """
    kinds = {"scores": NUMBERS, "self_check": _CHECK, "completeness": pa.float64(), "baselines": pa.string()}
    kinds["sampling"] = SAMPLING
    structs = {}
    for name, kind in kinds.items():
        if methods := dict.fromkeys(method for record in explanations for method in record[name]):
            structs[name] = pa.struct([(method, kind) for method in methods])
    if any(record["classes"] for record in explanations):
        structs["classes"] = pa.list_(_class_type(structs))
    names = pa.list_(pa.string())
    more = [("methods", names), ("why", pa.string()), ("tokenizer_kwargs", pa.string()), ("class_names", names)]
    texts = text_columns({name for record in explanations for name in SOMETIMES if name in record})
    return pa.schema([("label", pa.int64()), *texts, *structs.items(), *more])


def _class_type(structs: Mapping[str, pa.DataType]) -> pa.StructType:
    """Return the type of the scores for one of several explained classes."""
    by_method = [(name, structs[name]) for name in ("scores", "completeness", "sampling") if name in structs]
    whole, text = pa.int64(), pa.string()
    classes = [("target", whole), ("target_label", text), ("against", whole), ("against_label", text)]
    return pa.struct([*classes, *by_method])


def to_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as a row of `explanation_schema`; `to_fields` reads it."""
    return {
        **record,
        "methods": list(record["scores"]),
        "tokenizer_kwargs": write_kwargs(record["tokenizer_kwargs"]),
    }

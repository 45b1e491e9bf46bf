"""One row per evaluated document, and its Parquet form.

Columns: `id` (row number in the data set), `label` (null where there is none), every field of `Explanation`, and per
method `curves` (the target's probability without the top `k` units) and `correlations` with leave-one-out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hf_gradexplain.evaluation.correlation import COEFFICIENTS, correlated_methods
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.files import written_whole


@dataclass(frozen=True, eq=False)
class EvaluatedDocument:
    """A document's explanation and how it stood the test.

    Attributes:
        id: Row number in the data set.
        label: The class that the data set gives it, or None.
        explanation: Units and scores.
        curves: Per method `(U + 1,)`.
        correlations: Per method but the reference: every coefficient, its p-value (`pearson_p`), and the reason where
            they are undefined.
    """

    id: int
    label: int | None
    explanation: Explanation
    curves: Mapping[str, np.ndarray]
    correlations: Mapping[str, Mapping[str, Any]]

    def to_row(self) -> dict[str, Any]:
        """Plain values, one per column."""
        own = {"id": self.id, "label": self.label, "correlations": self.correlations}
        return {
            **own,
            **self.explanation.to_dict(),
            "curves": {m: c.tolist() for m, c in self.curves.items()},
        }


def schema(methods: Sequence[str]) -> pa.Schema:
    """The columns of a documents file; without a method to correlate with the reference, no `correlations`."""
    correlated = correlated_methods(methods)
    numbers = pa.list_(pa.float64())
    per_method = pa.struct([(method, numbers) for method in methods])
    coefficients = pa.struct(
        [(name + end, pa.float64()) for name in COEFFICIENTS for end in ("", "_p")] + [("undefined", pa.string())]
    )
    unit = pa.struct([("text", pa.string()), ("spans", pa.list_(pa.list_(pa.int64())))])
    correlations = [("correlations", pa.struct([(method, coefficients) for method in correlated]))]
    return pa.schema(
        [
            ("id", pa.int64()),
            ("label", pa.int64()),
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
            ("probabilities", numbers),
            ("units", pa.list_(unit)),
            ("scores", per_method),
            ("curves", per_method),
            *(correlations if correlated else []),
        ]
    )


def write_documents(documents: Sequence[EvaluatedDocument], path: Path, columns: pa.Schema) -> None:
    """Write documents to a Parquet file, whole or not at all."""
    table = pa.Table.from_pylist([document.to_row() for document in documents], schema=columns)
    with written_whole(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_explanations(path: Path, limit: int | None = None) -> list[tuple[int, Explanation]]:
    """The documents of a file, or the first `limit` of them, as `(id, explanation)`."""
    rows = pq.read_table(path).slice(0, limit).to_pylist()
    return [(row["id"], Explanation.from_dict(row)) for row in rows]


def read_curves(path: Path) -> tuple[list[int], dict[str, list[np.ndarray]]]:
    """The ids and, per method, the curves of one file."""
    table = pq.read_table(path, columns=["id", "curves"])
    curves = table["curves"].combine_chunks()
    return table["id"].to_pylist(), {field.name: list(_ragged(curves.field(field.name))) for field in curves.type}


def read_correlations(paths: Sequence[Path]) -> pd.DataFrame:
    """Columns `method, document`, every coefficient with its p-value, and `undefined`: the reason, if there is one."""
    names = [name + end for name in COEFFICIENTS for end in ("", "_p")]
    frames = []
    for path in paths:
        if "correlations" not in pq.read_schema(path).names:
            continue
        table = pq.read_table(path, columns=["id", "correlations"])
        correlations = table["correlations"].combine_chunks()
        for field in correlations.type:
            values = {part.name: correlations.field(field.name).field(part.name) for part in field.type}
            frames.append(pa.table({"document": table["id"], **values}).to_pandas().assign(method=field.name))
    empty = pd.DataFrame(columns=["document", *names, "undefined", "method"])
    return pd.concat(frames, ignore_index=True) if frames else empty


def _ragged(column: pa.ListArray) -> Iterator[np.ndarray]:
    values, ends = column.values.to_numpy(), column.offsets.to_numpy()
    for start, end in pairwise(ends):
        yield values[start:end]

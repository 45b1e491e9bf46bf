"""The explanations of several texts, as a list that can be displayed, converted to a table, saved and loaded."""

import json
from collections.abc import Iterator
from itertools import chain, islice
from math import nan
from os import PathLike
from pathlib import Path
from typing import Any, SupportsIndex, overload

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from markupsafe import Markup

from hf_gradexplain.errors import GradexplainError, one_line, translate_errors, translate_write_errors
from hf_gradexplain.explanation.explanation import Explanation
from hf_gradexplain.explanation.record_files import check_suffix, reading_file
from hf_gradexplain.explanation.records import explanation_schema, to_row
from hf_gradexplain.files import atomic_write, atomic_write_text
from hf_gradexplain.viz.report import render_report
from hf_gradexplain.viz.sanitize import json_text
from hf_gradexplain.viz.tables import counted

SHOWN = 5
"""How many explanations of a list a notebook or a terminal shows."""


class Explanations(list[Explanation]):
    """A list of explanations; its slices and copies, and sums of two such lists, are `Explanations` as well.

    A notebook shows the first five as coloured text.

    Examples:
        >>> import hf_gradexplain  # doctest: +SKIP
        >>> explainer = hf_gradexplain.Explainer.from_pretrained("org/model")  # doctest: +SKIP
        >>> explanations = explainer(["A gripping film.", "A dull film."])  # doctest: +SKIP
        >>> explanations.save("explanations.parquet")  # doctest: +SKIP
        >>> Explanations.load("explanations.parquet") == explanations  # doctest: +SKIP
        True
    """

    @overload
    def __getitem__(self, index: SupportsIndex) -> Explanation: ...

    @overload
    def __getitem__(self, index: slice) -> "Explanations": ...

    def __getitem__(self, index: SupportsIndex | slice) -> "Explanation | Explanations":
        return Explanations(super().__getitem__(index)) if isinstance(index, slice) else super().__getitem__(index)

    def __add__(self, more: list[Explanation]) -> "Explanations":  # type: ignore[override]  # a sum of one type
        return Explanations(super().__add__(more))

    def __mul__(self, times: SupportsIndex) -> "Explanations":
        return Explanations(super().__mul__(times))

    __rmul__ = __mul__

    def copy(self) -> "Explanations":
        """Return a new list of the same explanations."""
        return Explanations(self)

    def __repr__(self) -> str:
        rows = [f"[{number}] {explanation!r}" for number, explanation in enumerate(self[:SHOWN])]
        return "\n".join([f"Explanations of {counted(len(self), 'text')}", *rows, *self._more()])

    def _repr_html_(self) -> str:
        parts = [Markup("<p>{}</p>").format(f"Explanations of {counted(len(self), 'text')}")]
        parts += [Markup(explanation._repr_html_()) for explanation in islice(self, SHOWN)]
        return Markup("\n").join([*parts, *map(Markup("<p>{}</p>").format, self._more())])

    def _more(self) -> Iterator[str]:
        """Say how many explanations are not shown, if any."""
        if len(self) > SHOWN:
            yield f"... and {len(self) - SHOWN:,} more: take a slice to see them, or write all with to_html(path)"

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row per unit of every text.

        The columns are `text_id`, the position of the text in this list; `unit`, `start` and `end` as in
        `Explanation.to_frame`; and the scores of each method and their standard errors. A value that an explanation
        lacks is NaN.
        """
        columns = [explanation.columns() for explanation in self]
        names = list(dict.fromkeys(chain.from_iterable(columns)))
        rows = [
            (number, unit.text, *unit.spans[0], *(of[name][u] if name in of else nan for name in names))
            for number, (e, of) in enumerate(zip(self, columns, strict=True))
            for u, unit in enumerate(e)
        ]
        return pd.DataFrame(rows, columns=["text_id", "unit", "start", "end", *names])

    @overload
    def to_html(self, path: None = None) -> str: ...

    @overload
    def to_html(self, path: str | PathLike[str]) -> None: ...

    def to_html(self, path: str | PathLike[str] | None = None) -> str | None:
        """Return all explanations as one self-contained HTML page, or write it to a file.

        Args:
            path: The file to write; None to return the page instead.

        Raises:
            GradexplainError: The file cannot be written.
        """
        page = render_report(
            title=f"Explanations of {counted(len(self), 'text')}",
            facts={},
            tables={},
            figures={},
            explanations=[explanation.to_html() for explanation in self],
        )
        if path is None:
            return page
        with translate_write_errors(path, instead="path"):
            atomic_write_text(Path(path), page)
        return None

    def save(self, path: str | PathLike[str]) -> None:
        """Write the explanations to a file, which `load` reads; an existing file is replaced.

        Args:
            path: The file. If its name ends in `.parquet`, it gets a row per explanation. If its name ends in `.jsonl`,
                each line is the JSON of one `Explanation.to_dict()`, as with `--format jsonl` on the command line.

        Raises:
            GradexplainError: The file cannot be written, or its name ends in something else.
        """
        suffix = check_suffix(path, (".parquet", ".jsonl"))
        records = [explanation.to_dict() for explanation in self]
        if suffix == ".jsonl":
            with translate_write_errors(path, instead="path"):
                atomic_write_text(Path(path), "".join(f"{json_text(record)}\n" for record in records))
            return
        with translate_errors(_unwritable, pa.ArrowException, UnicodeError):
            table = pa.Table.from_pylist(list(map(to_row, records)), schema=explanation_schema(records))
        with translate_write_errors(path, instead="path"), atomic_write(Path(path)) as temporary:
            pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Explanations":
        """Load the explanations that `save` wrote, in the same order.

        `load` also reads the `explanations.jsonl` that `recipes/explain.py` writes, and the output of
        `hf-gradexplain explain --format jsonl`. Loading never runs code from the file.

        Args:
            path: The file: JSON lines if its name ends in `.jsonl`, otherwise Parquet.

        Raises:
            GradexplainError: The file cannot be read, or `save` did not write it.
        """
        if Path(path).suffix.lower() == ".json":
            raise GradexplainError(
                f"{path} is a name for one explanation: use Explanation.load, or give a file that ends in .parquet or "
                ".jsonl"
            )
        with reading_file(path, "Explanations.save"):
            return cls(map(Explanation.from_dict, _read_lines(path) if _holds_lines(path) else _read_rows(path)))


def _holds_lines(path: str | PathLike[str]) -> bool:
    return Path(path).suffix.lower() == ".jsonl"


def _read_lines(path: str | PathLike[str]) -> list[dict[str, Any]]:
    lines = Path(path).read_text(encoding="utf-8").split("\n")  # splitlines would also split inside of texts
    return [json.loads(line) for line in lines if line.strip()]


def _read_rows(path: str | PathLike[str]) -> list[dict[str, Any]]:
    return pq.ParquetFile(path, page_checksum_verification=True).read().to_pylist()


def _unwritable(error: Exception) -> str:
    return f"cannot write the explanations to a Parquet file ({one_line(error, 200)}): give a path that ends in .jsonl"

"""What every way of loading a data set shares: its errors, and the columns that are asked for."""

from collections.abc import Iterable
from difflib import get_close_matches
from textwrap import shorten

import pyarrow as pa
from datasets import Dataset, IterableDataset
from datasets.exceptions import DatasetBuildError

from hf_gradexplain.errors import GradexplainError

FILE_BUILDERS = {".csv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}
SAVED_TO_DISK = ("dataset_dict.json", "state.json")


class CorpusError(GradexplainError):
    """A data set does not hold the labelled texts that were asked for."""


class DatasetUnavailableError(CorpusError):
    """A data set was not found, could not be reached or could not be read."""


def check_max_samples(max_samples: int | None) -> None:
    """Refuse a sample of no rows."""
    if max_samples is not None and max_samples < 1:
        raise CorpusError(f"max_samples must be at least 1, or None for all rows; it is {max_samples}.")


def requested_columns(text_column: str, label_column: str | None) -> dict[str, str]:
    """Map the names of the source columns to ours, in our order."""
    texts = [name.strip() for name in text_column.split(",")]
    names = texts if label_column is None else [*texts, label_column]
    if len(texts) > 2 or len(set(names)) < len(names):
        raise CorpusError(
            "text_column must name one column, or two joined by a comma, other than the label column; "
            f"it is {text_column!r}, with label_column={label_column!r}."
        )
    targets = ["text", "text_pair"][: len(texts)]
    return dict(zip(names, targets if label_column is None else [*targets, "label"], strict=True))


def explain_failure(name: str, error: Exception) -> str:
    """Say in one sentence why a data set could not be loaded, and what to do."""
    cause = error.__cause__ if isinstance(error, DatasetBuildError) and error.__cause__ else error
    reason = shorten(str(cause) or type(cause).__name__, width=300).rstrip(".")
    if isinstance(error, ConnectionError):
        mend = "correct the path or, for a data set on the hub, go online (unset HF_HUB_OFFLINE)"
    elif isinstance(error, FileNotFoundError):
        mend = f"give a name on the hub, a folder of data files, or one {quoted(FILE_BUILDERS)} file"
    else:
        mend = "check its configuration and its files, which must hold rows that datasets.load_dataset reads"
    return f"Could not load the data set {name!r} ({reason}); {mend}."


def check_columns(rows: Dataset | IterableDataset, columns: dict[str, str], source: str) -> None:
    """Refuse columns that are not there and text columns that hold no strings."""
    strings = [name for name in rows.column_names if is_string(rows, name)]
    for name, target in columns.items():
        option = "label_column" if target == "label" else "text_column"
        if name not in rows.column_names:
            nearest = get_close_matches(name, rows.column_names, n=1)
            hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
            raise CorpusError(
                f"There is no column {name!r} in {source}{hint}; set {option} to one of {quoted(rows.column_names)}."
            )
        if option == "text_column" and name not in strings:
            mend = f"set text_column to one of {quoted(strings)}" if strings else "choose a data set with texts"
            raise CorpusError(
                f"The column {name!r} in {source} must hold strings, but holds {rows.features[name]}; {mend}."
            )


def is_string(rows: Dataset | IterableDataset, column: str) -> bool:
    """Whether a column holds strings."""
    dtype = rows.features.arrow_schema.field(column).type
    return pa.types.is_string(dtype) or pa.types.is_large_string(dtype)


def quoted(names: Iterable[str]) -> str:
    """Names as a message lists them."""
    return ", ".join(repr(name) for name in names)

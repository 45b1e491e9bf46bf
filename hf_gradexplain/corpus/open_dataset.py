"""The splits of a dataset: from the hub, a folder of data files, a saved dataset or one file."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from lzma import LZMAError
from pathlib import Path
from textwrap import shorten
from typing import Any

import pandas as pd
import pyarrow as pa
from datasets import Dataset, IterableDataset, load_dataset, load_from_disk
from datasets.exceptions import DatasetBuildError, DatasetsError

from hf_gradexplain.corpus.columns import CorpusError, DatasetUnavailableError, holds_strings
from hf_gradexplain.corpus.json_depth import UNPACK, check_depth
from hf_gradexplain.corpus.repository import load_repository
from hf_gradexplain.errors import translate_errors
from hf_gradexplain.viz.tables import join_words

FILE_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    ".csv": ("csv", {}),
    ".tsv": ("csv", {"sep": "\t"}),
    ".json": ("json", {}),
    ".jsonl": ("json", {}),
    ".ndjson": ("json", {}),
    ".parquet": ("parquet", {}),
    ".arrow": ("arrow", {}),
    ".txt": ("text", {}),
}
"""The builder of `datasets` that reads a file, and its settings, by the file's suffix."""

_JSON = tuple(kind for kind, (builder, _) in FILE_KINDS.items() if builder == "json")
_KINDS = join_words(FILE_KINDS, "or")

MISSING_WORDS = (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""The words that pandas reads as missing values: `na_values` in the documentation of `pandas.read_csv`."""

_FIRST_ROWS = 1000
"""When a CSV file is streamed, the types of its columns are inferred from this number of first rows."""

SAVED_TO_DISK = ("dataset_dict.json", "state.json")
"""Files in the folders that `DatasetDict.save_to_disk` and `Dataset.save_to_disk` write."""


def open_splits(
    name: str, config: str | None, split: str, revision: str | None, *, streaming: bool = False
) -> dict[str, Any]:
    """Open all splits of a dataset.

    Args:
        name: Hub name, folder or file.
        config: The configuration, if there are several.
        split: The requested split or slice; a dataset without splits is read as one split of this name.
        revision: Branch, tag or commit on the hub.
        streaming: Whether to read row by row.

    Returns:
        A `Dataset` per split; with `streaming` an `IterableDataset`, except for a saved dataset.

    Raises:
        DatasetUnavailableError: The dataset was not found, could not be reached or could not be read.
        CorpusError: A configuration or a revision was given for a saved dataset or a file.
    """
    path = Path(name)
    saved = any((path / marker).is_file() for marker in SAVED_TO_DISK)
    if (path.is_file() or saved) and (config is not None or revision is not None):
        raise CorpusError(f"config and revision do not apply to {name!r}, a local file; leave them out")
    with translate_read_errors(name):
        for file in path.rglob("*") if path.is_dir() and not saved else [path]:
            if file_kind(file) in _JSON and file.is_file():
                check_depth(file)
        if path.is_file():
            loaded = _load_file(path, split_name(split), streaming=streaming)
        elif saved:
            loaded = load_from_disk(name)
        else:
            read = partial(load_repository, name, config, revision, streaming=streaming)
            loaded = read()
            if path.is_dir() and not streaming and all(rows.builder_name == "csv" for rows in loaded.values()):
                settings = _keep_words([rows.data for rows in loaded.values()])
                loaded = read(settings=settings) if settings else loaded
    return {split_name(split): loaded} if isinstance(loaded, Dataset) else dict(loaded)


def file_kind(path: str | Path) -> str | None:
    """Return the suffix of a file, without the suffix of a compression; None if `FILE_KINDS` does not have it.

    >>> file_kind("texts.CSV"), file_kind("texts.csv.gz"), file_kind("texts.gz")
    ('.csv', '.csv', None)
    """
    path = Path(path)
    kind = (Path(path.stem) if path.suffix.lower() in UNPACK else path).suffix.lower()
    return kind if kind in FILE_KINDS else None


def names_file(text: str) -> bool:
    """Return whether a text is the name of a file of texts."""
    with suppress(OSError, ValueError):  # a text is often longer than a path may be
        return file_kind(text) is not None and Path(text).is_file()
    return False


def _load_file(path: Path, split: str, *, streaming: bool) -> Any:
    """Load a file as one split. Of a text file, only the lines that are not blank are loaded."""
    kind = file_kind(path)
    if kind is None:
        raise CorpusError(
            f"{str(path)!r} must be a {_KINDS} file, also compressed as in .csv.gz; a file with one text per line "
            "is named .txt"
        )
    builder, settings = FILE_KINDS[kind]
    if path.stat().st_size == 0:
        raise CorpusError(f"the file {str(path)!r} is empty: give one with at least one text")
    read = partial(load_dataset, builder, data_files={split: str(path)}, streaming=streaming, **settings)
    if builder == "text":
        return {split: _lines(read()[split])}
    if builder != "csv":
        return read()
    if streaming:
        with pd.read_csv(path, chunksize=_FIRST_ROWS, **settings) as chunks:
            first = pa.Table.from_pandas(next(iter(chunks)))
        return read(**_keep_words([first], whole=len(first) < _FIRST_ROWS))
    loaded = read()
    settings = _keep_words([loaded[split].data])
    return read(**settings) if settings else loaded


def _keep_words(tables: Sequence[Any], *, whole: bool = True) -> dict[str, Any]:
    """Return settings of `pandas.read_csv` with which words such as `None`, `NA` or `null` are strings.

    In columns of numbers, these words still count as missing values.

    Args:
        tables: Arrow tables of CSV files, in which such words were read as missing values.
        whole: Whether the tables have all rows of the files, and not only the first ones.

    Returns:
        `keep_default_na` and `na_values`; empty if no value of a column of strings is missing.
    """
    columns: dict[str, list[Any]] = {}
    for table in tables:
        for name in table.column_names:
            columns.setdefault(name, []).append(table.column(name))
    strings = set()
    for name, parts in columns.items():
        missing, rows = sum(part.null_count for part in parts), sum(map(len, parts))
        if any(holds_strings(part.type) for part in parts):
            lacks_words = missing > 0 or not whole
        else:
            lacks_words = whole and missing == rows
        if lacks_words:
            strings.add(name)
    if not strings:
        return {}
    missing_words = {name: [""] if name in strings else ["", *MISSING_WORDS] for name in columns}
    return {"keep_default_na": False, "na_values": missing_words}


def _lines(rows: Dataset | IterableDataset) -> Dataset | IterableDataset:
    """Return the lines that are not blank, without a byte order mark, which remains if a file is compressed."""
    if isinstance(rows, IterableDataset):
        return rows.map(_without_mark, features=rows.features).filter(str.strip, input_columns="text")
    lines = [_without_mark(row)["text"] for row in rows]
    return Dataset.from_dict({"text": [line for line in lines if line.strip()]}, rows.features)


def _without_mark(row: dict[str, str]) -> dict[str, str]:
    return {"text": row["text"].removeprefix("\ufeff")}


def has_splits(dataset_name: str) -> bool:
    """Return whether a dataset has its own splits.

    A single file and a saved `Dataset` have none: they are read as any requested split.
    """
    path = Path(dataset_name)
    return not (path.is_file() or ((path / "state.json").is_file() and not (path / "dataset_dict.json").is_file()))


def split_name(split: str) -> str:
    """Return the name of the split that a slice is taken from.

    >>> split_name("train[:10%]"), split_name("train")
    ('train', 'train')
    """
    return split.partition("[")[0]


def translate_read_errors(name: str) -> AbstractContextManager[None]:
    """Turn what `datasets` raises in the block into a `DatasetUnavailableError` that says how to fix it."""
    return translate_errors(
        lambda error: _explain(name, error),
        *(OSError, ValueError, LookupError, RuntimeError, EOFError, LZMAError, DatasetsError),
        raises=DatasetUnavailableError,
    )


def _explain(name: str, error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, DatasetBuildError) and error.__cause__ else error
    reason = shorten(str(cause) or type(cause).__name__, width=300).rstrip(".")
    if isinstance(error, ConnectionError):
        fix = "correct the path or, for a dataset on the hub, go online (unset HF_HUB_OFFLINE)"
    elif isinstance(error, FileNotFoundError):
        fix = f"give a name on the hub, a folder of data files, or one {_KINDS} file"
    elif isinstance(cause, UnicodeDecodeError):
        fix = "save its files in UTF-8"
    else:
        fix = "check its configuration and its files, which must hold rows that datasets.load_dataset can read"
    return f"cannot load the dataset {name!r} ({reason}); {fix}"

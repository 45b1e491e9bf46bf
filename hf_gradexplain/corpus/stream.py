"""A data set read row by row, for those that are larger than the disk."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from datasets import (
    Dataset,
    Features,
    IterableDataset,
    Value,
    load_dataset,
    load_from_disk,
)
from datasets.exceptions import DatasetsError

from hf_gradexplain.corpus.columns import (
    FILE_BUILDERS,
    SAVED_TO_DISK,
    CorpusError,
    DatasetUnavailableError,
    check_columns,
    check_max_samples,
    explain_failure,
    quoted,
    requested_columns,
)
from hf_gradexplain.corpus.repository import load_repository


def stream_texts(
    dataset_name: str,
    *,
    config: str | None = None,
    split: str = "test",
    text_column: str = "text",
    label_column: str | None = "label",
    revision: str | None = None,
    max_samples: int | None = None,
) -> IterableDataset:
    """Read the labelled texts of one split as they come; nothing is stored, and memory does not grow with them.

    Columns and arguments are those of `load_texts`, with three differences, since nothing is known of rows that were
    not read yet: string labels stay strings, `split` is the name of a split and no slice of it, and `max_samples`
    takes the first rows. Rows are checked as they are read.

    Raises:
        DatasetUnavailableError: The data set was not found, not reached, or not readable.
        CorpusError: No such split or column, texts that are not strings; and from the iteration, a row with a missing
            value or a hidden label.
    """
    check_max_samples(max_samples)
    columns = requested_columns(text_column, label_column)
    source = f"split {split!r} of {dataset_name!r}"
    try:
        rows = _open(dataset_name, config, split, revision)
        rows = rows if rows.features else rows._resolve_features()
    except CorpusError:
        raise
    except (OSError, ValueError, LookupError, RuntimeError, DatasetsError) as error:
        raise DatasetUnavailableError(explain_failure(dataset_name, error)) from error
    if not rows.features:
        raise CorpusError(f"There are no rows in {source}; choose a split that has some.")
    check_columns(rows, columns, source)
    features = _features({target: rows.features[name] for name, target in columns.items()})
    rows = rows.select_columns(list(columns))
    if max_samples is not None:
        rows = rows.take(max_samples)
    check = partial(_checked, columns=columns, source=source)
    return rows.map(check, with_indices=True, batched=True, remove_columns=list(columns), features=features)


def _open(name: str, config: str | None, split: str, revision: str | None) -> IterableDataset:
    """Open one split; what has no splits is read as the one that was asked for."""
    path = Path(name)
    builder = FILE_BUILDERS.get(path.suffix.lower()) if path.is_file() else None
    saved = any((path / marker).is_file() for marker in SAVED_TO_DISK)
    if (builder or saved) and (config is not None or revision is not None):
        raise CorpusError(f"config and revision do not apply to {name!r}, a local file; leave them out.")
    if builder:
        return load_dataset(builder, data_files={"all": name}, split="all", streaming=True)
    if saved:
        loaded = load_from_disk(name)
        splits = {split: loaded} if isinstance(loaded, Dataset) else loaded
    else:
        splits = load_repository(name, config, revision, streaming=True)
    return _choose(splits, split, name)


def _choose(splits: Mapping[str, Dataset | IterableDataset], split: str, name: str) -> IterableDataset:
    if split not in splits:
        mend = "a slice needs the whole split, so give --max_samples in its place" if "[" in split else "choose one"
        raise CorpusError(f"There is no split {split!r} to stream in {name!r}; it has {quoted(splits)}: {mend}.")
    rows = splits[split]
    return rows.to_iterable_dataset() if isinstance(rows, Dataset) else rows


def _features(found: Mapping[str, Any]) -> Features:
    counted = {name: Value("int64") for name, feature in found.items() if feature == Value("bool")}
    return Features({"id": Value("int64"), **found, **counted})


def _checked(
    batch: Mapping[str, Sequence[Any]], numbers: Sequence[int], columns: Mapping[str, str], source: str
) -> dict[str, Sequence[Any]]:
    """Number the rows, name their columns as ours, and refuse missing values and hidden labels."""
    for name, target in columns.items():
        for number, value in zip(numbers, batch[name], strict=True):
            if value is None or value != value:
                raise CorpusError(
                    f"The value of {name!r} is missing in row {number} of {source}; fill or remove such rows."
                )
            if target == "label" and isinstance(value, int) and value < 0:
                raise CorpusError(
                    f"The label of row {number} is negative in {source}, which marks hidden labels; choose a split "
                    "that shows them, or set label_column to None."
                )
    rows = {target: batch[name] for name, target in columns.items()}
    if isinstance(rows.get("label", [None])[0], bool):
        rows["label"] = [int(value) for value in rows["label"]]
    return {"id": numbers, **rows}

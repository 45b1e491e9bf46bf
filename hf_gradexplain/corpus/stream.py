"""Labelled texts read row by row, for datasets that are larger than the disk."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from datasets import Dataset, Features, IterableDataset, Value

from hf_gradexplain.corpus.columns import (
    RATIONALES,
    CorpusError,
    check_columns,
    check_max_samples,
    choose_in,
    is_blank,
    requested_columns,
)
from hf_gradexplain.corpus.open_dataset import open_splits, split_name, translate_read_errors


def stream_texts(
    dataset_name: str,
    *,
    config: str | None = None,
    split: str = "test",
    text_column: str = "text",
    label_column: str | None = "label",
    rationale_column: str | None = None,
    rationale_mask_column: str | None = None,
    conversations: bool = False,
    revision: str | None = None,
    max_samples: int | None = None,
) -> IterableDataset:
    """Stream the labelled texts of one split: nothing is stored, and memory use does not grow.

    Columns and arguments are those of `load_texts`, with three differences, because rows are not known before they are
    read: string labels stay strings, `split` is the name of a split and not a slice, and `max_samples` takes the
    first rows. Each row is checked when it is read. In a folder of .csv or .tsv files, words such as `None` and
    `NA` count as missing values. In a single file, they do so only in columns of numbers, as in `load_texts`.

    Raises:
        DatasetUnavailableError: The dataset was not found, could not be reached or could not be read.
        CorpusError: The split or a column does not exist, or texts are not strings. While iterating: a value or a label
            of a row is missing, or the label is hidden.
    """
    check_max_samples(max_samples)
    columns = requested_columns(text_column, label_column, rationale_column, rationale_mask_column)
    source = f"split {split!r} of {dataset_name!r}"
    rows = _open(dataset_name, config, split, revision)
    with translate_read_errors(dataset_name):
        rows = rows if rows.features else rows._resolve_features()
    if not rows.features:
        raise CorpusError(f"there are no rows in {source}; choose a split that has some")
    check_columns(rows, columns, source, conversations=conversations)
    features = _features({target: rows.features[name] for name, target in columns.items()})
    rows = rows.select_columns(list(columns))
    if max_samples is not None:
        rows = rows.take(max_samples)
    check = partial(_check_batch, columns=columns, source=source)
    return rows.map(check, with_indices=True, batched=True, remove_columns=list(columns), features=features)


def _open(name: str, config: str | None, split: str, revision: str | None) -> IterableDataset:
    splits = open_splits(name, config, split, revision, streaming=True)
    choose_in(f"dataset {name!r}", "split", split_name(split), splits)
    if split not in splits:
        raise CorpusError(f"cannot stream the slice {split!r} of {name!r}; name the split and give max_samples")
    rows = splits[split]
    return rows.to_iterable_dataset() if isinstance(rows, Dataset) else rows


def _features(columns: Mapping[str, Any]) -> Features:
    booleans = {name: Value("int64") for name, feature in columns.items() if feature == Value("bool")}
    return Features({"id": Value("int64"), **columns, **booleans})


def _check_batch(
    batch: Mapping[str, Sequence[Any]], numbers: Sequence[int], columns: Mapping[str, str], source: str
) -> dict[str, Sequence[Any]]:
    """Number the rows and rename their columns; check that no value is missing and no label is hidden."""
    for name, target in columns.items():
        for number, value in zip(numbers, batch[name], strict=True):
            is_missing = value is None or value != value or (target == "label" and is_blank(value))
            if target not in RATIONALES and is_missing:
                raise CorpusError(
                    f"the value of {name!r} is missing in row {number} of {source}; fill or remove such rows"
                )
            if target == "label" and isinstance(value, int) and value < 0:
                raise CorpusError(
                    f"the label of row {number} is negative in {source}, which marks hidden labels; choose a split "
                    "with visible labels, or set label_column to None"
                )
    rows = {target: batch[name] for name, target in columns.items()}
    if isinstance(rows.get("label", [None])[0], bool):
        rows["label"] = [int(value) for value in rows["label"]]
    return {"id": numbers, **rows}

"""A data set of the hub, a folder or a file, loaded as labelled texts."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, DatasetDict, ReadInstruction, Value, load_dataset, load_from_disk
from datasets.exceptions import DatasetsError

from hf_gradexplain.corpus.columns import (
    FILE_BUILDERS,
    SAVED_TO_DISK,
    CorpusError,
    DatasetUnavailableError,
    check_columns,
    check_max_samples,
    explain_failure,
    is_string,
    quoted,
    requested_columns,
)
from hf_gradexplain.corpus.repository import load_repository


def load_texts(
    dataset_name: str,
    *,
    config: str | None = None,
    split: str = "test",
    text_column: str = "text",
    label_column: str | None = "label",
    revision: str | None = None,
    max_samples: int | None = None,
    seed: int = 0,
) -> Dataset:
    """Load the labelled texts of one split.

    The result has these columns and no others:

    - `id` (int64): the row number in the whole split, so that a sampled or sliced row can be traced;
    - `text` (string) and, for text pairs, `text_pair` (string);
    - `label`, unless `label_column` is None: class ids (a `ClassLabel` keeps its names), floats for
      regression, or lists for multi-label. Strings become a `ClassLabel` named by the sorted values
      of all splits, booleans become 0 and 1.

    Args:
        dataset_name: A hub name, a folder of data files, a folder written by `save_to_disk`, or one .csv,
            .json, .jsonl or .parquet file. A single file and a saved `Dataset` have no splits: they are
            read as the split asked for.
        config: The configuration, where the data set has several.
        split: The name of a split, or a slice of one such as `"train[:10%]"`.
        text_column: The column of texts, or two columns joined by a comma for pairs: `"premise,hypothesis"`.
        label_column: The column of labels, or None where there are none.
        revision: The branch, tag or commit of a data set on the hub.
        max_samples: Keep at most so many rows, drawn without replacement and left in their order. Under one
            seed a larger sample holds every smaller one. None keeps all.
        seed: The seed of the sample.

    Raises:
        DatasetUnavailableError: The data set was not found, not reached, or not readable.
        CorpusError: No such split or column, no rows, texts that are not strings, or missing or hidden
            labels.
    """
    check_max_samples(max_samples)
    columns = requested_columns(text_column, label_column)
    splits = _load_splits(dataset_name, config, split, revision)
    split_name, ids = _row_numbers(splits, split, dataset_name)
    source = f"split {split!r} of {dataset_name!r}"
    if len(ids) == 0:
        raise CorpusError(f"There are no rows in {source}; choose a split or slice that has some.")
    check_columns(splits[split_name], columns, source)
    rows = splits[split_name].select_columns(list(columns)).rename_columns(columns)
    rows = rows.add_column("id", np.arange(len(rows)))
    if label_column is not None:
        rows = _encode_labels(rows, splits, label_column)
    rows = rows.select_columns(["id", *columns.values()]).select(_sample(ids, max_samples, seed))
    for column in columns.values():
        _check_complete(rows, column, source)
    if label_column is not None:
        _check_visible(rows, splits, source)
    return rows


def has_splits(dataset_name: str) -> bool:
    """Whether a data set has splits of its own; a single file and a saved `Dataset` are read as any split asked for."""
    path = Path(dataset_name)
    return not (path.is_file() or ((path / "state.json").is_file() and not (path / "dataset_dict.json").is_file()))


def _load_splits(name: str, config: str | None, split: str, revision: str | None) -> DatasetDict:
    """Load all splits; what has no splits becomes the one that `split` names."""
    path = Path(name)
    builder = FILE_BUILDERS.get(path.suffix.lower()) if path.is_file() else None
    saved = any((path / marker).is_file() for marker in SAVED_TO_DISK)
    if (builder or saved) and (config is not None or revision is not None):
        raise CorpusError(f"config and revision do not apply to {name!r}, a local file; leave them out.")
    try:
        if builder:
            return load_dataset(builder, data_files={_split_name(split): name})
        loaded = load_from_disk(name) if saved else load_repository(name, config, revision)
    except CorpusError:
        raise
    except (OSError, ValueError, LookupError, RuntimeError, DatasetsError) as error:
        raise DatasetUnavailableError(explain_failure(name, error)) from error
    return loaded if isinstance(loaded, DatasetDict) else DatasetDict({_split_name(split): loaded})


def _row_numbers(splits: DatasetDict, split: str, dataset_name: str) -> tuple[str, np.ndarray]:
    """Resolve a split or a slice of one to the name of the split and the numbers of its rows."""
    lengths = {name: len(rows) for name, rows in splits.items()}
    name = _split_name(split)
    if name not in lengths:
        raise CorpusError(f"There is no split {split!r} in {dataset_name!r}; it has {quoted(lengths)}.")
    if name == split:
        return name, np.arange(lengths[name])
    try:
        (part,) = ReadInstruction.from_spec(split).to_absolute(lengths)
    except ValueError as error:
        message = f"split must be the name or one slice of a split, as 'train[:10%]'; it is {split!r}."
        raise CorpusError(message) from error
    return name, np.arange(part.from_, part.to)


def _split_name(split: str) -> str:
    return split.partition("[")[0]


def _sample(ids: np.ndarray, max_samples: int | None, seed: int) -> np.ndarray:
    if max_samples is None or max_samples >= len(ids):
        return ids
    return np.sort(np.random.default_rng(seed).permutation(ids)[:max_samples])


def _encode_labels(rows: Dataset, splits: DatasetDict, label_column: str) -> Dataset:
    """Turn string labels into class ids, the same in every split, and booleans into 0 and 1."""
    labels = _arrow(rows, "label")
    feature: ClassLabel | Value = Value("int64")
    if is_string(rows, "label"):
        parts = (_arrow(part, label_column) for part in splits.values() if label_column in part.column_names)
        found = {name for part in parts for name in pc.unique(part).drop_null().to_pylist()}
        names = sorted(found, key=int if all(re.fullmatch("[0-9]+", name) for name in found) else str)
        labels, feature = pc.index_in(labels, pa.array(names, labels.type)), ClassLabel(names=names)
    elif not pa.types.is_boolean(labels.type):
        return rows
    return rows.remove_columns("label").add_column("label", labels.cast(pa.int64()), feature=feature)


def _check_complete(rows: Dataset, column: str, source: str) -> None:
    """Refuse missing values: null, or NaN among numbers."""
    missing = pc.is_null(_arrow(rows, column), nan_is_null=True).to_numpy()
    if missing.any():
        raise CorpusError(
            f"{missing.sum()} of {len(rows)} values of {column!r} are missing in {source}, first in row "
            f"{rows[int(missing.argmax())]['id']}; fill or remove these rows."
        )


def _check_visible(rows: Dataset, splits: DatasetDict, source: str) -> None:
    """Refuse class ids below zero, which stand for labels that are kept from the public."""
    labels = _arrow(rows, "label")
    if pa.types.is_integer(labels.type) and (hidden := pc.sum(pc.less(labels, 0)).as_py()):
        raise CorpusError(
            f"{hidden} of {len(rows)} labels are negative in {source}, which marks hidden labels; choose a "
            f"split that shows them (there are {quoted(splits)}), or set label_column to None."
        )


def _arrow(rows: Dataset, column: str) -> pa.ChunkedArray:
    return rows.with_format("arrow")[column][:]

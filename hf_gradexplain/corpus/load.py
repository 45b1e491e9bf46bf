"""Labelled texts from the hub, a folder or a file, loaded as a whole."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, ReadInstruction, Value

from hf_gradexplain.corpus.columns import (
    RATIONALES,
    CorpusError,
    check_columns,
    check_max_samples,
    choose_in,
    is_blank,
    is_string,
    quoted,
    requested_columns,
)
from hf_gradexplain.corpus.open_dataset import MISSING_WORDS, open_splits, split_name
from hf_gradexplain.errors import warn


def load_texts(
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
    seed: int = 0,
) -> Dataset:
    """Load the labelled texts of one split.

    The result has these columns and no others:

    - `id` (int64): the row number in the whole split, even if only a sample or a slice is loaded;
    - `text` (string) and, for text pairs, `text_pair` (string);
    - `label`, unless `label_column` is None: class ids (a `ClassLabel` keeps its names), floats for
      regression, or lists for multi-label classification. Strings become a `ClassLabel`: its names are the
      sorted values of all splits, without blanks around them. A blank string is a missing label. Booleans become
      0 and 1;
    - `rationale` and `rationale_mask`, if their columns are given; their values are not changed.

    Args:
        dataset_name: A hub name, a folder of data files, a folder written by `save_to_disk`, or one file: .csv, .tsv,
            .json, .jsonl, .parquet, .arrow, or .txt with one text per line, also compressed (.gz, .bz2, .xz). A single
            file and a saved `Dataset` have no splits: they are read as the requested split. In a local .csv or .tsv
            file, words such as `None` and `NA` count as missing values only in columns of numbers. There is a warning
            if such a word becomes the name of a class.
        config: The configuration, if the dataset has several.
        split: The name of a split, or a slice of one such as `"train[:10%]"`.
        text_column: The column of texts, or two columns joined by a comma for pairs: `"premise,hypothesis"`.
        label_column: The column of labels, or None if there are none.
        rationale_column: The column of rationales as spans of characters; None for none.
        rationale_mask_column: The column of rationales with a 0 or 1 for each word; None for none.
        conversations: Whether texts may be conversations: lists of messages, `{"role": ..., "content": ...}`.
        revision: The branch, tag or commit of a dataset on the hub.
        max_samples: The largest number of rows, drawn without replacement and kept in their order. With the
            same seed a larger sample contains every smaller one. None keeps all rows.
        seed: The seed of the sample.

    Raises:
        DatasetUnavailableError: The dataset was not found, could not be reached or could not be read.
        CorpusError: The split or a column does not exist, there are no rows, texts are not strings, or labels
            are missing or hidden.
    """
    check_max_samples(max_samples)
    columns = requested_columns(text_column, label_column, rationale_column, rationale_mask_column)
    splits = open_splits(dataset_name, config, split, revision)
    name, ids = _row_numbers(splits, split, dataset_name)
    source = f"split {split!r} of {dataset_name!r}"
    if len(ids) == 0:
        raise CorpusError(f"there are no rows in {source}; choose a split or slice that has some")
    check_columns(splits[name], columns, source, conversations=conversations)
    rows = splits[name].select_columns(list(columns)).rename_columns(columns)
    rows = rows.add_column("id", np.arange(len(rows)))
    _check_utf8(rows, source)
    if label_column is not None:
        rows = _encode_labels(rows, splits, label_column)
        _warn_of_words_like_none(rows, source)
    rows = rows.select_columns(["id", *columns.values()]).select(_sample(ids, max_samples, seed))
    for column, target in columns.items():
        if target not in RATIONALES:
            _check_complete(rows, target, column, source)
    if label_column is not None:
        _check_visible(rows, splits, source)
    return rows


def load_column(
    dataset_name: str,
    column: str,
    *,
    config: str | None = None,
    split: str = "test",
    revision: str | None = None,
) -> list[Any]:
    """Load one more column of a dataset: a value per row of the whole split, None where it is missing.

    Args:
        dataset_name: See `load_texts`.
        column: The column: strings, numbers, booleans, or a `ClassLabel`, of which the names are returned.
        config: The configuration, if the dataset has several.
        split: The name of a split. Of a slice, the whole split is loaded.
        revision: The branch, tag or commit of a dataset on the hub.

    Raises:
        DatasetUnavailableError: The dataset was not found, could not be reached or could not be read.
        CorpusError: The split or the column does not exist, or its values are lists or records.
    """
    splits = open_splits(dataset_name, config, split, revision)
    name = choose_in(f"dataset {dataset_name!r}", "split", split_name(split), splits)
    rows, source = splits[name], f"split {name!r} of {dataset_name!r}"
    feature = rows.features[choose_in(source, "column", column, rows.column_names)]
    if not isinstance(feature, ClassLabel | Value):
        raise CorpusError(f"column {column!r} of {source} holds lists or records; choose one with a value per row")
    values = _arrow(rows, column).to_pylist()
    names = feature.names if isinstance(feature, ClassLabel) else []
    return [names[value] if names and value is not None and value >= 0 else value for value in values]


def count_rows(dataset_name: str, config: str | None, split: str, revision: str | None) -> int:
    """Return the number of rows of a split or of a slice of one; for the arguments see `load_texts`."""
    return len(_row_numbers(open_splits(dataset_name, config, split, revision), split, dataset_name)[1])


def _row_numbers(splits: Mapping[str, Dataset], split: str, dataset_name: str) -> tuple[str, np.ndarray]:
    """Resolve a split or a slice of one to the name of the split and the numbers of its rows."""
    lengths = {name: len(rows) for name, rows in splits.items()}
    name = choose_in(f"dataset {dataset_name!r}", "split", split_name(split), lengths)
    if name == split:
        return name, np.arange(lengths[name])
    try:
        (part,) = ReadInstruction.from_spec(split).to_absolute(lengths)
    except ValueError as error:
        message = f"split must be the name or one slice of a split, such as 'train[:10%]'; it is {split!r}"
        raise CorpusError(message) from error
    return name, np.arange(part.from_, part.to)


def _sample(ids: np.ndarray, max_samples: int | None, seed: int) -> np.ndarray:
    if max_samples is None or max_samples >= len(ids):
        return ids
    return np.sort(np.random.default_rng(seed).permutation(ids)[:max_samples])


def _encode_labels(rows: Dataset, splits: Mapping[str, Dataset], label_column: str) -> Dataset:
    """Replace string labels with class ids, the same in every split, and booleans with 0 and 1.

    A blank string becomes null.
    """
    labels = _arrow(rows, "label")
    feature: ClassLabel | Value = Value("int64")
    if is_string(rows, "label"):
        with_column = (part for part in splits.values() if label_column in part.column_names)
        columns = (_arrow(part, label_column) for part in with_column if is_string(part, label_column))
        values = {name for column in columns for name in pc.unique(column).drop_null().to_pylist()}
        distinct = sorted(name for name in values if not is_blank(name))
        names = sorted({name.strip() for name in distinct}, key=int if _are_digits(distinct) else str)
        classes = pa.array([names.index(name.strip()) for name in distinct], pa.int64())
        labels, feature = classes.take(pc.index_in(labels, pa.array(distinct, labels.type))), ClassLabel(names=names)
    elif not pa.types.is_boolean(labels.type):
        return rows
    return rows.remove_columns("label").add_column("label", labels.cast(pa.int64()), feature=feature)


def _warn_of_words_like_none(rows: Dataset, source: str) -> None:
    """Warn if one of several classes of a CSV file has a name that often marks missing values, such as `None`."""
    feature = rows.features["label"]
    if rows.builder_name != "csv" or not isinstance(feature, ClassLabel) or len(feature.names) == 1:
        return
    if names := [name for name in feature.names if name in MISSING_WORDS]:
        warn(
            f"{quoted(names)} {'is the name of a class' if len(names) == 1 else 'are names of classes'} in {source}; "
            "if this marks missing labels, remove these rows"
        )


def _check_utf8(rows: Dataset, source: str) -> None:
    """Check that all strings are UTF-8, which a Parquet file does not promise."""
    for column in (name for name in rows.column_names if is_string(rows, name)):
        values = _arrow(rows, column)
        try:
            values.validate(full=True)
        except pa.ArrowInvalid:
            number = next(i for i, value in enumerate(values.cast(pa.large_binary())) if not _is_utf8(value.as_py()))
            raise CorpusError(
                f"the value of {column!r} in row {number} of {source} is not UTF-8; convert the file to UTF-8"
            ) from None


def _is_utf8(value: bytes | None) -> bool:
    return value is None or value.decode(errors="replace").encode() == value


def _are_digits(names: Iterable[str]) -> bool:
    return all(re.fullmatch("[0-9]+", name.strip()) for name in names)


def _check_complete(rows: Dataset, column: str, name: str, source: str) -> None:
    """Check that no value is missing: null, or NaN in a column of numbers. Messages call the column `name`."""
    missing = pc.is_null(_arrow(rows, column), nan_is_null=True).to_numpy()
    if missing.any():
        raise CorpusError(
            f"{missing.sum()} of {len(rows)} values of {name!r} are missing in {source}, first in row "
            f"{rows[int(missing.argmax())]['id']}; fill or remove these rows"
        )


def _check_visible(rows: Dataset, splits: Mapping[str, Dataset], source: str) -> None:
    """Check that no class id is negative: a negative id marks a hidden label."""
    labels = _arrow(rows, "label")
    if pa.types.is_integer(labels.type) and (hidden := pc.sum(pc.less(labels, 0)).as_py()):
        raise CorpusError(
            f"{hidden} of {len(rows)} labels are negative in {source}, which marks hidden labels; choose a "
            f"split with visible labels (there are {quoted(splits)}), or set label_column to None"
        )


def _arrow(rows: Dataset, column: str) -> pa.ChunkedArray:
    return rows.with_format("arrow")[column][:]

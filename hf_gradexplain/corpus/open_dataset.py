"""The splits of a dataset: from the hub, a folder of data files, a saved dataset or one file."""

from contextlib import AbstractContextManager
from pathlib import Path
from textwrap import shorten
from typing import Any

from datasets import Dataset, load_dataset, load_from_disk
from datasets.exceptions import DatasetBuildError, DatasetsError

from hf_gradexplain.corpus.columns import CorpusError, DatasetUnavailableError, quoted
from hf_gradexplain.corpus.json_depth import check_depth
from hf_gradexplain.corpus.repository import load_repository
from hf_gradexplain.errors import translate_errors

FILE_BUILDERS = {".csv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}
"""The builder of `datasets` that reads a file, by its suffix."""

SAVED_TO_DISK = ("dataset_dict.json", "state.json")
"""Files in the folders that `DatasetDict.save_to_disk` and `Dataset.save_to_disk` write."""


def open_splits(
    name: str, config: str | None, split: str, revision: str | None, *, streaming: bool = False
) -> dict[str, Any]:
    """Open all splits of a dataset.

    Args:
        name: Hub name, folder or file.
        config: The configuration, if there are several.
        split: The requested split or slice: the name of the only split of a dataset without splits.
        revision: Branch, tag or commit on the hub.
        streaming: Whether to read row by row.

    Returns:
        A `Dataset` per split; with `streaming` an `IterableDataset`, except for a saved dataset.

    Raises:
        DatasetUnavailableError: The dataset was not found, could not be reached or could not be read.
        CorpusError: A configuration or a revision was given for a saved dataset or a file.
    """
    path = Path(name)
    builder = FILE_BUILDERS.get(path.suffix.lower()) if path.is_file() else None
    saved = any((path / marker).is_file() for marker in SAVED_TO_DISK)
    if (builder or saved) and (config is not None or revision is not None):
        raise CorpusError(f"config and revision do not apply to {name!r}, a local file; leave them out")
    for file in path.rglob("*") if path.is_dir() and not saved else [path]:
        if file.is_file() and FILE_BUILDERS.get(file.suffix.lower()) == "json":
            check_depth(file)
    with translate_read_errors(name):
        if builder:
            loaded = load_dataset(builder, data_files={split_name(split): name}, streaming=streaming)
        elif saved:
            loaded = load_from_disk(name)
        else:
            loaded = load_repository(name, config, revision, streaming=streaming)
    return {split_name(split): loaded} if isinstance(loaded, Dataset) else dict(loaded)


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
        *(OSError, ValueError, LookupError, RuntimeError, DatasetsError),
        raises=DatasetUnavailableError,
    )


def _explain(name: str, error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, DatasetBuildError) and error.__cause__ else error
    reason = shorten(str(cause) or type(cause).__name__, width=300).rstrip(".")
    if isinstance(error, ConnectionError):
        fix = "correct the path or, for a dataset on the hub, go online (unset HF_HUB_OFFLINE)"
    elif isinstance(error, FileNotFoundError):
        fix = f"give a name on the hub, a folder of data files, or one {quoted(FILE_BUILDERS)} file"
    else:
        fix = "check its configuration and its files, which must hold rows that datasets.load_dataset can read"
    return f"cannot load the dataset {name!r} ({reason}); {fix}"

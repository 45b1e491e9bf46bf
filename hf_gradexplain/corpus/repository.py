"""Load a dataset from a folder of data files, or from the hub: at one commit, and without files from elsewhere."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from datasets import DatasetDict, IterableDatasetDict, load_dataset
from datasets.config import HF_DATASETS_CACHE
from huggingface_hub import DatasetCard
from huggingface_hub.constants import is_offline_mode

from hf_gradexplain.corpus.columns import DatasetUnavailableError
from hf_gradexplain.hub.provenance import Provenance, UnavailableError, fetch, resolve


def load_repository(
    name: str,
    config: str | None,
    revision: str | None,
    *,
    streaming: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> DatasetDict | IterableDatasetDict:
    """Load all splits with `datasets.load_dataset`.

    Args:
        name: Hub name or folder.
        config: The configuration, if there are several.
        revision: Branch, tag or commit on the hub.
        streaming: Whether to read row by row.
        settings: Settings of the builder of `datasets` that reads the files; None for its defaults.

    Raises:
        DatasetUnavailableError: The dataset cannot be found, accessed or reached; its card refers to external files;
            or the process is offline, and the cached commit is not the requested one.
    """
    try:
        provenance = resolve(name, revision, "dataset")
        _check_card(provenance)
    except UnavailableError as error:
        raise DatasetUnavailableError(str(error)) from error
    cached = provenance.commit is not None and is_offline_mode()
    if cached:
        _select_cached_commit(provenance)
    loaded = load_dataset(name, config, revision=provenance.commit, streaming=streaming, **(settings or {}))
    if cached:
        _check_cached(provenance, loaded)
    return loaded


def _check_card(provenance: Provenance) -> None:
    """Check that a card names no data files outside its own repository or folder."""
    for file in ("README.md", ".huggingface.yaml"):
        path = fetch(provenance, file, "dataset")
        for data_file in _strings(_data_files(path)) if path is not None else ():
            if "://" in data_file or Path(data_file).is_absolute() or ".." in Path(data_file).parts:
                raise DatasetUnavailableError(
                    f"the card of the dataset {provenance.name!r} names data files elsewhere ({data_file!r}); load "
                    "them by their own name if you trust them"
                )


def _data_files(path: Path) -> list[Any]:
    """Return what the configurations of a card give as `data_files` and `data_dir`, unchanged."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        data = yaml.safe_load(text) if path.suffix == ".yaml" else DatasetCard(text).data.to_dict()
    except (ValueError, yaml.YAMLError):  # `datasets` cannot read such metadata either
        return []
    configs = data.get("configs") if isinstance(data, dict) else None
    entries = configs if isinstance(configs, list) else []
    return [[entry.get("data_files"), entry.get("data_dir")] for entry in entries if isinstance(entry, dict)]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _select_cached_commit(provenance: Provenance) -> None:
    """Make the cached folder of a commit the newest: offline, `datasets` takes the newest folder of any commit."""
    for folder in Path(HF_DATASETS_CACHE).glob(f"*/*/*/{provenance.commit}"):
        os.utime(folder)


def _check_cached(provenance: Provenance, loaded: DatasetDict | IterableDatasetDict) -> None:
    """Check that the rows come from the requested commit."""
    files = [Path(file["filename"]) for rows in loaded.values() for file in getattr(rows, "cache_files", [])]
    other_commits = {path.parent.name for path in files} - {str(provenance.commit)}
    if other_commits:
        raise DatasetUnavailableError(
            f"offline, and the dataset {provenance.name!r} is cached at the commit {min(other_commits)}, not at "
            f"{provenance.commit}: go online once (unset HF_HUB_OFFLINE), or request the cached revision"
        )

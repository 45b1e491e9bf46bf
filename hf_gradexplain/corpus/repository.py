"""A data set of the hub, or a folder of data files, read from one commit and from nowhere else."""

import os
from collections.abc import Iterator
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
    name: str, config: str | None, revision: str | None, *, streaming: bool = False
) -> DatasetDict | IterableDatasetDict:
    """Load all splits, as `datasets.load_dataset` does.

    Args:
        name: Hub name or folder.
        config: The configuration, where there are several.
        revision: Branch, tag or commit of the hub.
        streaming: Whether to read row by row.

    Raises:
        DatasetUnavailableError: It cannot be found, seen or reached, its card sends for files elsewhere, or offline
            another commit is at hand than the one that was asked for.
    """
    try:
        provenance = resolve(name, revision, "dataset")
        _check_card(provenance)
    except UnavailableError as error:
        raise DatasetUnavailableError(str(error)) from error
    cached = provenance.commit is not None and is_offline_mode()
    if cached:
        _prefer(provenance)
    loaded = load_dataset(name, config, revision=provenance.commit, streaming=streaming)
    if cached:
        _check_cached(provenance, loaded)
    return loaded


def _check_card(provenance: Provenance) -> None:
    """Refuse a card that names files outside of its own repository or folder: nobody has asked for those."""
    for file in ("README.md", ".huggingface.yaml"):
        path = fetch(provenance, file, "dataset")
        for named in _strings(_data_files(path)) if path is not None else ():
            if "://" in named or Path(named).is_absolute() or ".." in Path(named).parts:
                raise DatasetUnavailableError(
                    f"The card of the data set {provenance.name!r} names data files elsewhere ({named!r}); load them "
                    "by their own name if you trust them."
                )


def _data_files(path: Path) -> list[Any]:
    """What the configurations of a card name as their files, as it stands there."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        data = yaml.safe_load(text) if path.suffix == ".yaml" else DatasetCard(text).data.to_dict()
    except (ValueError, yaml.YAMLError):  # no metadata that datasets could read either
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


def _prefer(provenance: Provenance) -> None:
    """Offline, `datasets` asks for no commit, but takes the one whose folder in its cache was changed last."""
    for folder in Path(HF_DATASETS_CACHE).glob(f"*/*/*/{provenance.commit}"):
        os.utime(folder)


def _check_cached(provenance: Provenance, loaded: DatasetDict | IterableDatasetDict) -> None:
    """Refuse another commit than was asked for."""
    files = [Path(file["filename"]) for rows in loaded.values() for file in getattr(rows, "cache_files", [])]
    found = {path.parent.name for path in files} - {str(provenance.commit)}
    if found:
        raise DatasetUnavailableError(
            f"Offline, the data set {provenance.name!r} is at hand at the commit {min(found)}, not at {provenance.commit}; "
            "go online once (unset HF_HUB_OFFLINE), or ask for that revision."
        )

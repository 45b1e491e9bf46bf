"""Explanations loaded by name, from the hub or from the folder of a run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HTTPError

from hf_gradexplain.corpus import load_texts
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.hub.provenance import resolve
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.sharing.source import TextSource, digest
from hf_gradexplain.text.encode import whole_text

DATA = "data"
"""The folder of a published data set that holds its rows."""


def load_explanations(
    name: str | Path, revision: str | None = None, *, texts: str | Dataset | None = None
) -> list[Explanation]:
    """Load the explanations that `recipes/evaluate.py` made, in the order of the data set, field by field as they were.

    No code runs. Where the texts were not published with them, they are loaded from the data set they were taken from,
    at the commit that was explained, put back by row number, and compared with a digest of the explained texts.

    Args:
        name: A data set of the hub that `--push_to_hub` made, or the folder of a run.
        revision: The branch, tag or commit of a data set on the hub.
        texts: Where to take texts from that were not published: another name or folder of the same data set, or the
            rows as `hf_gradexplain.corpus.load_texts` gives them; None for where they came from.

    Returns:
        One explanation per document.

    Raises:
        GradexplainError: There is no such data set, it holds no explanations, or its texts cannot be had: the message
            says why and the mend.
    """
    paths = _files(str(name), revision)
    source = TextSource.from_metadata(pq.read_schema(paths[0]).metadata)
    rows = (row for path in paths for row in pq.ParquetFile(path).read().to_pylist())
    try:
        if source is None or source.included:
            return [Explanation.from_dict(row) for row in rows]
        return [Explanation.from_dict(row) for row in _with_texts(list(rows), source, texts)]
    except (KeyError, TypeError, pa.ArrowException) as error:
        raise GradexplainError(f"{str(name)!r} holds rows that are no explanations ({error!r})") from error


def _files(name: str, revision: str | None) -> list[Path]:
    """The files of the rows, fetched first if they are on the hub."""
    provenance = resolve(name, revision, "dataset")
    folder = Path(name) if provenance.commit is None else _fetched(name, provenance.commit)
    paths = document_paths(folder) or sorted((folder / DATA).glob("*.parquet"))
    if not paths:
        raise GradexplainError(
            f"{name!r} holds no explanations: name a data set that `recipes/evaluate.py --push_to_hub` made, or the "
            "folder of its run"
        )
    return paths


def _fetched(name: str, commit: str) -> Path:
    try:
        return Path(snapshot_download(name, repo_type="dataset", revision=commit, allow_patterns=f"{DATA}/*.parquet"))
    except (OSError, HTTPError) as error:
        raise GradexplainError(
            f"cannot fetch the explanations {name!r} ({' '.join(str(error).split())[:200]}): run it again, which goes "
            "on with what is missing; offline, only what was fetched before can be had"
        ) from error


def _with_texts(
    rows: Sequence[dict[str, Any]], source: TextSource, texts: str | Dataset | None
) -> Iterator[dict[str, Any]]:
    """The rows with their texts and the surface forms of their units."""
    found = _texts_of([row["id"] for row in rows], _source_rows(source, texts))
    if digest(zip((row["id"] for row in rows), found, strict=True)) != source.sha256:
        raise GradexplainError(
            f"the texts of {_named(source, texts)} are not those that were explained: give those with texts=..., or "
            "ask whoever published the explanations to push them with --publish_text true"
        )
    for row, text in zip(rows, found, strict=True):
        units = [{**unit, "text": _form(unit, text)} for unit in row["units"]]
        yield {**row, "text": text, "units": units}


def _form(unit: Mapping[str, Any], text: str) -> str:
    start, end = unit["spans"][0]
    return text[start:end] if unit["text"] is None else unit["text"]


def _source_rows(source: TextSource, texts: str | Dataset | None) -> Dataset:
    if isinstance(texts, Dataset):
        return texts
    name = texts or source.dataset_name
    if name is None:
        raise GradexplainError(
            "the explained texts were left out, and lie on the machine of whoever published them: give them with "
            "texts=..., a name, a folder or the rows of load_texts"
        )
    return load_texts(
        name,
        config=source.config,
        split=source.split,
        text_column=source.text_column,
        label_column=None,
        revision=source.revision if name == source.dataset_name else None,
    )


def _texts_of(ids: Sequence[int], rows: Dataset) -> list[str]:
    """The texts of these row numbers."""
    known = np.asarray(rows["id"][:])
    order = np.argsort(known)
    places = order[np.minimum(np.searchsorted(known, ids, sorter=order), len(known) - 1)]
    if not np.array_equal(known[places], ids):
        missing = int(np.setdiff1d(ids, known)[0])
        raise GradexplainError(f"row {missing} was explained, but is not among the {len(known):,} texts given")
    chosen = rows.select(places)
    pairs: Iterable[str | tuple[str, str]] = chosen["text"]
    if "text_pair" in chosen.column_names:
        pairs = zip(chosen["text"], chosen["text_pair"], strict=True)
    return [whole_text(text) for text in pairs]


def _named(source: TextSource, texts: str | Dataset | None) -> str:
    if isinstance(texts, Dataset):
        return "the rows given"
    return repr(texts or source.dataset_name)

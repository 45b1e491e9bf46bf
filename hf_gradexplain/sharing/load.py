"""Load explanations by name, from the hub or from the folder of a run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HTTPError

from hf_gradexplain.corpus import load_texts
from hf_gradexplain.errors import GradexplainError, one_line, translate_errors
from hf_gradexplain.evaluation.documents import open_documents, read_rows
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.explanation.records import NotAnExplanationError
from hf_gradexplain.hub.provenance import resolve
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.sharing.source import TextSource, digest
from hf_gradexplain.text.texts import texts_of, whole_text

DATA = "data"
"""The folder of a published dataset that holds its rows."""


def load_explanations(
    name: str | Path, revision: str | None = None, *, texts: str | Dataset | None = None
) -> Explanations:
    """Load the explanations that `recipes/evaluate.py` wrote, unchanged, in the order of the dataset.

    No code from the hub is executed. If the texts were not published with the explanations, they are loaded from their
    source dataset, at the commit that was explained. They are inserted by row number and compared with a digest of the
    explained texts.

    Args:
        name: A hub dataset that `--push_to_hub` published, or the folder of a run.
        revision: The branch, tag or commit of a hub dataset.
        texts: Where to find texts that were not published: another name or folder of the same dataset, or its rows as
            returned by `hf_gradexplain.corpus.load_texts`. None for the source dataset, which the files name.

    Returns:
        One explanation per document.

    Raises:
        GradexplainError: There is no such dataset, it does not hold explanations, or its texts cannot be loaded.
    """
    paths = _files(str(name), revision)
    rows = read_rows(paths)

    def explain(error: Exception) -> str:
        return (
            f"{str(name)!r} holds rows that are not explanations ({error!r}): give a dataset that `recipes/evaluate.py "
            "--push_to_hub` published, or the folder of a run"
        )

    with translate_errors(explain, KeyError, TypeError, OSError, pa.ArrowException, NotAnExplanationError):
        source = TextSource.from_metadata(open_documents(paths[0]).schema_arrow.metadata)
        if source is None or source.included:
            return Explanations(map(Explanation.from_dict, rows))
        return Explanations(map(Explanation.from_dict, _with_texts(list(rows), source, texts)))


def _files(name: str, revision: str | None) -> list[Path]:
    """Return the files that hold the rows, downloaded first if they are on the hub."""
    provenance = resolve(name, revision, "dataset")
    folder = Path(name) if provenance.commit is None else _download(name, provenance.commit)
    paths = document_paths(folder) or sorted((folder / DATA).glob("*.parquet"))
    if not paths:
        raise GradexplainError(
            f"{name!r} holds no explanations: give a dataset that `recipes/evaluate.py --push_to_hub` published, or "
            "the folder of a run"
        )
    return paths


def _download(name: str, commit: str) -> Path:
    def explain(error: Exception) -> str:
        return (
            f"cannot download the explanations {name!r} ({one_line(error, 200)}): try again, which downloads only the "
            "missing files; offline, only files in the cache can be loaded"
        )

    with translate_errors(explain, OSError, HTTPError):
        return Path(snapshot_download(name, repo_type="dataset", revision=commit, allow_patterns=f"{DATA}/*.parquet"))


def _with_texts(
    rows: Sequence[dict[str, Any]], source: TextSource, texts: str | Dataset | None
) -> Iterator[dict[str, Any]]:
    """Yield the rows with their texts and the surface forms of their units."""
    row_texts = _select_texts([row["id"] for row in rows], _source_rows(source, texts))
    if digest(zip((row["id"] for row in rows), row_texts, strict=True)) != source.sha256:
        raise GradexplainError(
            f"the texts of {_describe(source, texts)} are not the explained texts: give the explained texts with "
            "texts=..., or ask the publisher of the explanations to push them again with --publish_text true"
        )
    for row, text in zip(rows, row_texts, strict=True):
        units = [{**unit, "text": _surface_form(unit, text)} for unit in row["units"]]
        yield {**row, "text": text, "units": units}


def _surface_form(unit: Mapping[str, Any], text: str) -> str:
    start, end = unit["spans"][0]
    return text[start:end] if unit["text"] is None else unit["text"]


def _source_rows(source: TextSource, texts: str | Dataset | None) -> Dataset:
    if isinstance(texts, Dataset):
        return texts
    name = texts or source.dataset_name
    if name is None:
        raise GradexplainError(
            "the explained texts were not published, and their dataset is not on the hub: give the texts with "
            "texts=... (a name, a folder or the rows of load_texts)"
        )
    return load_texts(
        name,
        config=source.config,
        split=source.split,
        text_column=source.text_column,
        label_column=None,
        conversations=True,
        revision=source.revision if name == source.dataset_name else None,
    )


def _select_texts(ids: Sequence[int], rows: Dataset) -> list[str]:
    """Return the texts with these row numbers."""
    available = np.asarray(rows["id"][:])
    order = np.argsort(available)
    positions = order[np.minimum(np.searchsorted(available, ids, sorter=order), len(available) - 1)]
    if not np.array_equal(available[positions], ids):
        missing = int(np.setdiff1d(ids, available)[0])
        raise GradexplainError(
            f"row {missing} was explained, but is not among the {len(available):,} texts given: give all rows of the "
            "explained split"
        )
    return list(map(whole_text, texts_of(rows.select(positions).to_dict())))


def _describe(source: TextSource, texts: str | Dataset | None) -> str:
    if isinstance(texts, Dataset):
        return "the given rows"
    return repr(texts or source.dataset_name)

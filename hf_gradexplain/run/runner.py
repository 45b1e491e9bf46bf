"""Evaluates a data set shard by shard, on any number of processes, and leaves a folder of finished files.

The documents are cut into fixed shards, and each shard becomes one Parquet file, written whole or not at all. So a run
that was stopped goes on where it was, on as many processes as there are then, and ends in the same bytes. The tables
are made from the files alone.
"""

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from datasets import Dataset, IterableDataset
from rich.console import Console

from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import EvaluatedDocument, schema, write_documents
from hf_gradexplain.evaluation.evaluate import evaluate_batch
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.tables import Tables, make_tables
from hf_gradexplain.hub.provenance import Provenance, commits
from hf_gradexplain.options import Options
from hf_gradexplain.run.folder import (
    ROWS,
    check_inputs,
    document_path,
    finished_shards,
    lock_run_folder,
    named_if_unreadable,
)
from hf_gradexplain.run.processes import process_state
from hf_gradexplain.run.progress import Work, progress_bar
from hf_gradexplain.run.shards import Shard, make_shards
from hf_gradexplain.run.work_queue import WorkQueue


def evaluate(
    engine: AttributionEngine,
    texts: Dataset | IterableDataset,
    options: Options,
    output_dir: Path,
    *,
    inputs: Mapping[str, Any],
    max_k: int | None = None,
    measures: Measures | None = None,
    provenances: Mapping[str, Provenance] | None = None,
) -> Tables | None:
    """Explain every text, remove its units in the order of every method, and make the tables.

    Args:
        engine: The classifier's engine, the same on every process.
        texts: Columns `id`, `text`, `text_pair` for pairs, and `label` if `options.target` is `label`. A stream is read
            once by every process.
        options: How to explain.
        output_dir: Where `documents/*.parquet` go, a folder that all processes share. Finished shards in it are used
            again.
        inputs: Everything that the result depends on, in JSON values; those of the main process count. A folder made
            from other inputs is refused.
        max_k: The largest number of removed units in the tables; None for the longest document's.
        measures: What to measure beside removal curves and correlations; None for nothing.
        provenances: Where model and data set come from; their commits stand in the metadata of every file.

    Returns:
        The tables, on the main process; None on the others.

    Raises:
        GradexplainError: The folder belongs to other inputs or to a run that is going on, it was made from other texts,
            a file in it cannot be read, or there is no text.
    """
    state, queue = process_state(), WorkQueue(output_dir)
    noted = {COMMITS: json.dumps(commits(provenances or {}))}
    with lock_run_folder(output_dir, state):
        finished: list[Any] = [None]
        if state.is_main_process:
            check_inputs(output_dir, inputs)
            finished = [_usable(output_dir)]
            queue.start()
        broadcast_object_list(finished)
        longest = engine.profile.max_length
        with _progress(texts, longest, finished[0], queue) if state.is_main_process else nullcontext():
            paths = _evaluate_shards(engine, texts, options, measures, output_dir, finished[0], state, noted)
        if not state.is_main_process:
            return None
        queue.end()
        with named_if_unreadable(paths):
            return make_tables(paths, options, max_k)


def _evaluate_shards(
    engine: AttributionEngine,
    texts: Dataset | IterableDataset,
    options: Options,
    measures: Measures | None,
    output_dir: Path,
    finished: Mapping[int, str],
    state: PartialState,
    noted: Mapping[bytes, str],
) -> list[Path]:
    """Do this process's share of the open shards, and on the main process wait for the others to do theirs.

    Every process walks through all shards and counts the open ones; it does those whose numbers it draws. Whoever has
    drawn a number that no shard has is done; when all have, all shards are finished.

    Returns:
        The files of all shards.
    """
    columns, queue = schema(options.methods, measures), WorkQueue(output_dir)
    paths, number, claimed = [], 0, queue.claim_next()
    for part in make_shards(texts, engine.profile.max_length):
        path = document_path(output_dir, part.start)
        paths.append(path)
        if part.start in finished:
            _check_rows(part, finished[part.start], path)
            continue
        if number == claimed:
            documents = evaluate_texts(engine, part.texts, options, measures)
            write_documents(documents, path, columns.with_metadata({ROWS: part.digest(), **noted}))
            claimed = queue.claim_next(len(part), part.cost)
        number += 1
    _check_all(paths, finished, output_dir)
    while state.is_main_process and queue.totals().claimed < number + state.num_processes:
        time.sleep(_LOOK_EVERY)
    return paths


COMMITS = b"commits"
"""The key of a document file's metadata under which the commits of model and data set stand, as JSON."""

_LOOK_EVERY = 0.05
"""Seconds between two looks at what the other processes have finished."""


def evaluate_texts(
    engine: AttributionEngine, texts: Dataset, options: Options, measures: Measures | None = None
) -> list[EvaluatedDocument]:
    """Explain a few texts and put every method to the test; in the order of the texts."""
    columns = texts.to_dict()
    pairs = columns.get("text_pair")
    read = columns["text"] if pairs is None else list(zip(columns["text"], pairs, strict=True))
    labels = columns.get("label")
    documents: dict[int, EvaluatedDocument] = {}
    for scored in engine.run(read, options, labels if options.target == "label" else None):
        ids = [columns["id"][i] for i in scored.indices]
        known = [labels[i] if labels and isinstance(labels[i], int) else None for i in scored.indices]
        found = evaluate_batch(scored, ids, known, measures or Measures())
        documents |= dict(zip(scored.indices, found, strict=True))
    return [documents[i] for i in range(len(read))]


def _usable(output_dir: Path) -> dict[int, str]:
    """The finished shards; a torn one is done again, since doing it again gives the same bytes."""
    found, torn = finished_shards(output_dir)
    for path in torn:
        Console(stderr=True, soft_wrap=True).print(f"{path} is torn: its shard is done again", highlight=False)
        path.unlink()
    return found


def _check_rows(part: Shard, digest: str, path: Path) -> None:
    if part.digest() != digest:
        raise GradexplainError(
            f"{path} was made from other texts than those that now stand in rows {part.start} to "
            f"{part.start + len(part) - 1}: the data set has changed; give another --output_dir, or delete that one"
        )


def _check_all(paths: Iterable[Path], finished: Mapping[int, str], output_dir: Path) -> None:
    """Every finished file has to be one of a shard of this data set."""
    if not paths:
        raise GradexplainError("there is no text to evaluate: the data set is empty")
    foreign = {document_path(output_dir, start) for start in finished}.difference(paths)
    if foreign:
        raise GradexplainError(
            f"{min(foreign)} is of a shard that the data set does not have: it has changed; "
            "give another --output_dir, or delete that one"
        )


def _progress(
    texts: Dataset | IterableDataset, longest: int | None, finished: Mapping[int, str], queue: WorkQueue
) -> Any:
    work = None
    if isinstance(texts, Dataset):
        todo = [(1, len(part), part.cost) for part in make_shards(texts, longest) if part.start not in finished]
        work = Work(*(sum(column) for column in zip(*todo, strict=True))) if todo else Work(0, 0, 0)
    return progress_bar(queue.totals, work, len(finished))

"""The evaluation of a dataset, shard by shard, on any number of processes.

The documents are cut into fixed shards, and each shard becomes one Parquet file, written atomically. A stopped run can
be resumed, also with another number of processes; on CPUs, the files have the same bytes as without the stop. The
tables are made only from these files.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from datasets import Dataset, IterableDataset

from hf_gradexplain.corpus.columns import holds_conversations
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.engine.leave_out import check_any_scored, leave_out
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation import (
    EvaluatedDocument,
    Measures,
    Tables,
    evaluate_batch,
    make_tables,
    schema,
    write_documents,
)
from hf_gradexplain.evaluation.documents import RATIONALE, open_documents, read_left_out
from hf_gradexplain.evaluation.extra_measures import largest_k
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
from hf_gradexplain.run.shard_queue import ShardQueue
from hf_gradexplain.run.shards import DocumentCost, Shard, make_shards
from hf_gradexplain.run.shared_tasks import remove_results
from hf_gradexplain.text.chat import check_roles, checking_roles
from hf_gradexplain.text.texts import listed, text_parts, texts_of
from hf_gradexplain.viz.terminal import say

COMMITS = b"commits"
"""The key under which a document file's metadata has the commits of model and dataset, as JSON."""

_POLL_SECONDS = 0.05
"""Seconds between two checks of what the other processes have finished."""


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
    progress: bool = True,
) -> Tables | None:
    """Explain every text, remove its units in the order of each method, and make the tables.

    Args:
        engine: The classifier's engine, the same on every process.
        texts: Columns `id`, `text` (strings or conversations), `text_pair` for pairs, `label` if `options.target` is
            `label`, and `rationale` if there are rationales. A stream is read once by every process.
        options: How to explain.
        output_dir: The folder of `documents/*.parquet`, shared by all processes. Finished shards in it are reused.
        inputs: Everything that the result depends on, as JSON values; those of the main process are used. A folder with
            a run from other inputs raises an error.
        max_k: The largest number of removed units in the tables. None for the longest document's number of units, or
            for the largest value of `measures.k_grid`.
        measures: What to measure in addition to removal curves and correlations; None for no other measurements.
        provenances: Where model and dataset come from; the commits are written to the metadata of every file.
        progress: Whether to show a progress bar.

    Returns:
        The tables, on the main process; None on the others.

    Raises:
        GradexplainError: The folder belongs to other inputs, other texts or a run in progress, a file in it cannot be
            read, or there is no text.
    """
    if options.explain_roles and isinstance(texts, Dataset):
        check_roles(texts["text"][:], options.explain_roles)
    state, queue = process_state(), ShardQueue(output_dir)
    metadata = {COMMITS: json.dumps(commits(provenances or {}))}
    with lock_run_folder(output_dir, state):
        finished: list[Any] = [None]
        if state.is_main_process:
            check_inputs(output_dir, inputs)
            finished = [_reusable_shards(output_dir)]
            remove_results(output_dir)
            queue.start()
        broadcast_object_list(finished)
        cost = DocumentCost.of(engine, options)
        shown = progress and state.is_main_process
        with _progress(texts, cost, finished[0], queue) if shown else nullcontext():
            paths = _evaluate_shards(engine, texts, options, measures, output_dir, queue, finished[0], state, metadata)
        if not state.is_main_process:
            return None
        queue.end()
        with named_if_unreadable(paths):
            _check_any_documents(paths)
            measured = measures or Measures()
            largest = largest_k(measured, engine.shortcut(options), max_k)
            return make_tables(paths, options, largest, measured.random_orders)


def _evaluate_shards(
    engine: AttributionEngine,
    texts: Dataset | IterableDataset,
    options: Options,
    measures: Measures | None,
    output_dir: Path,
    queue: ShardQueue,
    finished: Mapping[int, str],
    state: PartialState,
    metadata: Mapping[bytes, str],
) -> list[Path]:
    """Compute this process's share of the open shards; the main process then waits for the other processes.

    Every process iterates over all shards and counts the open shards; it computes the shards whose numbers it claims. A
    process is done when it claims a number beyond the last open shard. When all processes are done, all shards are
    finished.

    Returns:
        The document files of all shards.
    """
    columns, paths = schema(options.methods, measures, more_columns(texts, options)), list[Path]()
    number, claimed = 0, queue.claim_next()
    shards = make_shards(texts, DocumentCost.of(engine, options))
    for part in checking_roles(shards, lambda part: listed(part.texts["text"][:]), options.explain_roles):
        path = document_path(output_dir, part.start)
        paths.append(path)
        if part.start in finished:
            _check_rows(part, finished[part.start], path)
            continue
        if number == claimed:
            documents, left_out = evaluate_finite(engine, part.texts, options, measures, queue.advance)
            for row, reason in left_out.items():
                say(f"row {row} is left out: {reason}")
            write_documents(documents, path, columns.with_metadata({ROWS: part.digest(), **metadata}), left_out)
            claimed = queue.claim_next(len(part), part.cost)
        number += 1
    _check_no_foreign_shard(paths, finished, output_dir)
    while state.is_main_process and queue.totals().claimed < number + state.num_processes:
        time.sleep(_POLL_SECONDS)
    return paths


def evaluate_texts(
    engine: AttributionEngine,
    texts: Dataset,
    options: Options,
    measures: Measures | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> list[EvaluatedDocument]:
    """Explain texts and evaluate every method on them; return the documents in the order of the texts.

    After each batch, `advance` is called with the number of its documents and their cost.
    """
    columns = texts.to_dict()
    inputs = texts_of(columns)
    labels = columns.get("label")
    known = labels if len(engine.class_names) > 1 else None  # with one output, the prediction is always the same
    documents: dict[int, EvaluatedDocument] = {}
    cost = DocumentCost.of(engine, options)
    for scored in engine.run(inputs, options, labels if options.target == "label" else None):
        ids = [columns["id"][i] for i in scored.indices]
        label_ids = [known[i] if known and isinstance(known[i], int) else None for i in scored.indices]
        evaluated = evaluate_batch(scored, ids, label_ids, measures or Measures())
        documents |= dict(zip(scored.indices, evaluated, strict=True))
        if advance is not None:
            advance(len(ids), sum(cost(text_parts(inputs[i])) for i in scored.indices))
    ordered = [documents[i] for i in range(len(inputs))]
    if RATIONALE not in columns:
        return ordered
    rationales = (tuple((start, end) for start, end in spans) for spans in columns[RATIONALE])
    return [replace(document, rationale=spans) for document, spans in zip(ordered, rationales, strict=True)]


def evaluate_finite(
    engine: AttributionEngine,
    texts: Dataset,
    options: Options,
    measures: Measures | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> tuple[list[EvaluatedDocument], dict[int, str]]:
    """Evaluate texts as `evaluate_texts` does, but leave out texts that cannot be scored.

    These are texts whose scores are not finite, and texts that do not fit into memory.

    Returns:
        The evaluated documents, and the reason for each left-out document by its id.
    """

    def evaluate_rows(rows: Sequence[int]) -> list[EvaluatedDocument]:
        if len(rows) == len(texts):
            return evaluate_texts(engine, texts, options, measures, advance)
        return evaluate_texts(engine, texts.select(rows), options, measures)

    parts, reasons = leave_out(evaluate_rows, range(len(texts)))
    return list(chain.from_iterable(parts)), {texts["id"][row]: reason for row, reason in reasons.items()}


def more_columns(texts: Dataset | IterableDataset, options: Options) -> list[str]:
    """Return the additional columns of conversations, pairs, long texts and texts with rationales."""
    conversations = texts.features is not None and holds_conversations(texts, "text")
    fields = ["messages", "unread"] if conversations else []
    fields += ["unread"] if "text_pair" in (texts.features or ()) else []
    fields += ["windows"] if options.stride is not None else []
    fields += [RATIONALE] if RATIONALE in (texts.features or ()) else []
    return [*fields, "deciding"] if options.pool == "max" else fields


def _check_any_documents(paths: Sequence[Path]) -> None:
    """Check that at least one text was evaluated."""
    left_out: dict[int, str] = {}
    for path in paths:
        if open_documents(path).metadata.num_rows:
            return
        left_out |= read_left_out(path)
    check_any_scored(left_out, len(left_out), "text", place="row")


def _reusable_shards(output_dir: Path) -> dict[int, str]:
    """Return the finished shards, and delete corrupt files, whose shards are then computed again."""
    digests, corrupt = finished_shards(output_dir)
    for path, reason in corrupt.items():
        say(f"{path} is corrupt ({reason}): computing its shard again")
        path.unlink()
    return digests


def _check_rows(part: Shard, digest: str, path: Path) -> None:
    if part.digest() != digest:
        raise GradexplainError(
            f"{path} was made from other texts than rows {part.start} to {part.start + len(part) - 1} now hold: the "
            "dataset has changed; give another output_dir, or delete this one"
        )


def _check_no_foreign_shard(paths: Iterable[Path], finished: Mapping[int, str], output_dir: Path) -> None:
    """Check that every finished file belongs to a shard of this dataset."""
    if not paths:
        raise GradexplainError("there is no text to evaluate: the dataset is empty; give one with at least one text")
    foreign = {document_path(output_dir, start) for start in finished}.difference(paths)
    if foreign:
        raise GradexplainError(
            f"{min(foreign)} belongs to a shard that the dataset does not have: the dataset has changed; give another "
            "output_dir, or delete this one"
        )


def _progress(
    texts: Dataset | IterableDataset, cost: DocumentCost, finished: Mapping[int, str], queue: ShardQueue
) -> Any:
    work = None
    if isinstance(texts, Dataset):
        todo = [(1, len(part), part.cost) for part in make_shards(texts, cost) if part.start not in finished]
        work = Work(*(sum(column) for column in zip(*todo, strict=True))) if todo else Work(0, 0, 0)
    return progress_bar(queue.totals, work, len(finished))

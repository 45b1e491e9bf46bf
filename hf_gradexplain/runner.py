"""Evaluates a data set range by range, on any number of processes, and leaves a folder of finished files.

The documents are cut into fixed ranges. Each range becomes one Parquet file, written whole or not at all, so a run
that was stopped goes on where it was: finished ranges are kept, the others are done. The tables are made from the files
alone.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from datasets import Dataset
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import EvaluatedDocument, schema, write_documents
from hf_gradexplain.evaluation.evaluate import evaluate_batch
from hf_gradexplain.evaluation.measures import Measures
from hf_gradexplain.evaluation.summary import Tables, make_tables
from hf_gradexplain.explain import Explainer
from hf_gradexplain.files import write_text
from hf_gradexplain.options import Options
from hf_gradexplain.processes import process_state

RANGE = 128
"""Documents per file: large enough to fill batches, small enough to lose little when a run is stopped."""


def evaluate(
    explainer: Explainer,
    texts: Dataset,
    options: Options,
    output_dir: Path,
    *,
    inputs: Mapping[str, Any],
    max_k: int | None = None,
    measures: Measures | None = None,
) -> Tables | None:
    """Explain every text, remove its units in the order of every method, and make the tables.

    Args:
        explainer: The classifier's explainer, the same on every process.
        texts: Columns `id`, `text`, `text_pair` for pairs, and `label` if `options.target` is `label`.
        options: How to explain.
        output_dir: Where `documents/*.parquet` go. Finished ranges in it are used again.
        inputs: Everything that the result depends on, in JSON values. A folder made from other inputs is refused.
        max_k: The largest number of removed units in the tables; None for the longest document's.
        measures: What to measure beside removal curves and correlations; None for nothing.

    Returns:
        The tables, on the main process; None on the others.

    Raises:
        GradexplainError: The folder belongs to other inputs or to a run that is going on, or there is no text.
    """
    if not len(texts):
        raise GradexplainError("there is no text to evaluate: the data set is empty")
    state, paths = process_state(), range_paths(output_dir, len(texts))
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    with _claimed(output_dir, inputs) if state.is_main_process else nullcontext():
        state.wait_for_everyone()
        open_ranges = [i for i, path in enumerate(paths) if not path.exists()]
        state.wait_for_everyone()
        mine = open_ranges[state.process_index :: state.num_processes]
        for i in _progress(mine, reused=len(paths) - len(open_ranges), total=len(paths), shown=state.is_main_process):
            part = texts.select(range(i * RANGE, min((i + 1) * RANGE, len(texts))))
            documents = evaluate_texts(explainer, part, options, measures)
            write_documents(documents, paths[i], schema(options.methods, measures))
        state.wait_for_everyone()
        return make_tables(paths, options, max_k) if state.is_main_process else None


def range_paths(output_dir: Path, n: int) -> list[Path]:
    """Where the ranges of `n` documents are written; the name is the number of a range's first document."""
    return [output_dir / "documents" / f"{start:08d}.parquet" for start in range(0, n, RANGE)]


def evaluate_texts(
    explainer: Explainer, texts: Dataset, options: Options, measures: Measures | None = None
) -> list[EvaluatedDocument]:
    """Explain a few texts and put every method to the test; in the order of the texts."""
    columns = texts.to_dict()
    pairs = columns.get("text_pair")
    read = columns["text"] if pairs is None else list(zip(columns["text"], pairs, strict=True))
    labels = columns.get("label")
    documents: dict[int, EvaluatedDocument] = {}
    for scored in explainer.run(read, options, labels if options.target == "label" else None):
        ids = [columns["id"][i] for i in scored.indices]
        known = [labels[i] if labels and isinstance(labels[i], int) else None for i in scored.indices]
        found = evaluate_batch(scored, ids, known, measures or Measures())
        documents |= dict(zip(scored.indices, found, strict=True))
    return [documents[i] for i in range(len(read))]


@contextmanager
def _claimed(output_dir: Path, inputs: Mapping[str, Any]) -> Iterator[None]:
    """Hold the folder for one run at a time, and for one set of inputs for ever."""
    lock, record = FileLock(output_dir / ".lock"), output_dir / "documents" / "inputs.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise GradexplainError(
            f"another run is writing to {output_dir}: wait for it, or give another --output_dir"
        ) from None
    with lock:
        wanted = json.loads(json.dumps(inputs))
        if any(record.parent.glob("*.parquet")):
            _refuse_other_inputs(output_dir, json.loads(record.read_text(encoding="utf-8")), wanted)
        elif not record.exists():
            _refuse_foreign_files(output_dir)
        write_text(record, json.dumps(wanted, indent=2, ensure_ascii=False) + "\n")
        yield


def _refuse_other_inputs(output_dir: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    different = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
    if different:
        raise GradexplainError(
            f"{output_dir} holds a run made from other inputs "
            f"({'; '.join(_change(key, found.get(key), wanted.get(key)) for key in different)}): "
            "give another --output_dir, or delete that one"
        )


def _change(key: str, before: Any, now: Any) -> str:
    hashes = all(isinstance(value, str) and len(value) == 64 for value in (before, now))
    return f"another {key}" if hashes else f"{key} was {before!r}, now {now!r}"


def _refuse_foreign_files(output_dir: Path) -> None:
    """Nobody's files are overwritten: those of a run stand in a folder that a run began."""
    for name in ("README.md", "report.html", "results.json", "run.yaml"):
        if (output_dir / name).exists():
            raise GradexplainError(
                f"{output_dir / name} is not of a run and would be overwritten: give another --output_dir"
            )


def _progress(ranges: Sequence[int], *, reused: int, total: int, shown: bool) -> Iterator[int]:
    """Show the progress of this process on standard error."""
    console = Console(stderr=True)
    if shown and reused:
        console.print(f"reused {reused} of {total} ranges", highlight=False)
    columns = (
        TextColumn("evaluating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("ranges"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not shown) as progress:
        yield from progress.track(ranges)

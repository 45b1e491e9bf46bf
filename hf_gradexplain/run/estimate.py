"""Estimate the cost of a run from a sample of its documents."""

import random
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import psutil
import torch
from datasets import Dataset, IterableDataset

from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.options import Options
from hf_gradexplain.run.cost import Estimate
from hf_gradexplain.run.passes import Passes, TextSize
from hf_gradexplain.run.runner import evaluate_finite
from hf_gradexplain.run.shards import DocumentCost, Shard, make_shards
from hf_gradexplain.text.texts import texts_of

SAMPLE = 200
"""The number of documents whose units are counted."""

SECONDS = 10
"""How many seconds documents are evaluated to measure time; documents in progress are still finished."""

_STREAM_SHARDS = 20
"""The number of shards that are read from a stream."""


def estimate(
    engine: AttributionEngine, texts: Dataset | IterableDataset, options: Options, measures: Measures | None = None
) -> Estimate:
    """Estimate the cost of a run by reading the dataset and evaluating a few of its documents.

    A dataset is read completely; of a stream, only the first 20 shards are read. Units are counted on 200 documents.
    Time is measured on groups of documents, each twice as large as the group before, until 10 seconds have passed. The
    time of the last group is scaled to an average document, in proportion to the tokens of its passes.

    Raises:
        GradexplainError: There is no text, or an option is invalid.
    """
    stream = isinstance(texts, IterableDataset)
    parts = make_shards(texts, DocumentCost.of(engine, options))
    documents, n_shards, rows = _sample(islice(parts, _STREAM_SHARDS) if stream else parts)
    shortcut = engine.shortcut(options)
    measures = measures or Measures()
    passes, sizes = Passes(options, measures, shortcut), _sizes(engine, rows, options)
    units, work = [size.units for size in sizes], passes.work(sizes)
    masked = {name: _mean([source.masked_copies(u) for u in units]) for name, source in passes.masking.items()}
    saved = [name for name, source in passes.masking.items() if all(source.saved_by(shortcut, u) for u in units)]
    measured, seconds = _measure(engine, rows, options, measures)
    return Estimate(
        documents=None if stream else documents,
        shards=None if stream else n_shards,
        forward=_mean([passes.forward(u) for u in units]),
        backward=_mean([passes.backward(u) for u in units]),
        masked=masked,
        sampled=frozenset(name for name, source in passes.masking.items() if source.sampled),
        curves=_mean([measures.steps(u) for u in units]),
        orders=passes.orders,
        bounds=_mean([passes.bounds(u) for u in units]),
        saved=frozenset([*saved, *(["curves"] if shortcut.has_curves else [])]),
        seconds=seconds * _mean(work) / sum(work[measured]),
        cheaper={option: sum(other.work(sizes)) / sum(work) for option, other in passes.cheaper().items()},
        measured=measured.stop - measured.start,
        memory=_memory(device_of(engine.model)),
        model=type(engine.model).__name__,
    )


def _sample(parts: Iterable[Shard]) -> tuple[int, int, list[dict[str, Any]]]:
    """Return the numbers of documents and shards, and a uniform sample of the rows (reservoir sampling)."""
    rng, documents, n_shards, sample = random.Random(0), 0, 0, list[dict[str, Any]]()
    for part in parts:
        n_shards += 1
        for i in range(len(part)):
            documents += 1
            position = len(sample) if len(sample) < SAMPLE else rng.randrange(documents)
            if position < SAMPLE:
                sample[position : position + 1] = [{name: values[i] for name, values in part.columns.items()}]
    if not documents:
        raise GradexplainError("there is no text to evaluate: the dataset is empty; give one with at least one text")
    rng.shuffle(sample)
    return documents, n_shards, sample


def _sizes(engine: AttributionEngine, rows: Sequence[dict[str, Any]], options: Options) -> list[TextSize]:
    """Return the size of each document."""
    documents = engine.encode(texts_of({name: [row[name] for row in rows] for name in rows[0]}), options)
    return list(map(TextSize.of, documents))


def _measure(
    engine: AttributionEngine, rows: Sequence[dict[str, Any]], options: Options, measures: Measures
) -> tuple[slice, float]:
    """Evaluate one document to warm up, then groups that double in size; return the last group and its seconds."""
    evaluate_finite(engine, Dataset.from_list(list(rows[:1])), options, measures)
    group, size, seconds, total = slice(0, 0), 1, 0.0, 0.0
    while group.stop < len(rows) and total < SECONDS:
        group, size = slice(group.stop, min(group.stop + size, len(rows))), 2 * size
        started = time.monotonic()
        evaluate_finite(engine, Dataset.from_list(list(rows[group])), options, measures)
        seconds = time.monotonic() - started
        total += seconds
    return group, seconds


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return psutil.Process().memory_info().rss


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

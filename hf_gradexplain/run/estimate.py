"""What a run would take, from a look at the data set and a few documents done."""

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psutil
import torch
from datasets import Dataset, IterableDataset

from hf_gradexplain.attribution.methods import select
from hf_gradexplain.attribution.sources import LeaveOneOut, takes_gradients
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.naopc import search_size
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import GENERIC, shortcut_of
from hf_gradexplain.run.runner import evaluate_texts
from hf_gradexplain.run.shards import Shard, make_shards
from hf_gradexplain.text.encode import Encoder

SAMPLE = 200
"""Documents whose units are counted."""

SECONDS = 10
"""How long documents are done for the measurement; those that were begun then are ended."""

_LOOK_AHEAD = 20
"""Shards of a stream that are read."""


@dataclass(frozen=True)
class Estimate:
    """What a run would take.

    Attributes:
        documents: How many there are; None of a stream.
        shards: How many shards; None of a stream.
        backward: Whether every document takes a backward pass.
        loo: Forward passes for leave-one-out, per document; 0 if no method needs them.
        curves: Forward passes for the removal curve of one order, per document.
        orders: In how many orders the units of a document are removed.
        bounds: Forward passes to search for the best and the worst order, per document.
        saved: Which of `loo` and `curves` an exact short cut of the model class saves.
        seconds: Per document, on one process.
        measured: How many documents that was measured on.
        memory: Bytes that one process has in use afterwards; on a GPU, the most that it had of the GPU's.
    """

    documents: int | None
    shards: int | None
    backward: bool
    loo: float
    curves: float
    orders: int
    bounds: float
    saved: frozenset[str]
    seconds: float
    measured: int
    memory: int


def estimate(
    engine: AttributionEngine, texts: Dataset | IterableDataset, options: Options, measures: Measures | None = None
) -> Estimate:
    """Look the data set over and do a few of its documents.

    All of a data set is read, but only the beginning of a stream. Units are counted on 200 documents. Time is measured
    on more and more of them at once until 10 seconds are over; the last ones count, scaled by the passes that a
    document takes times its tokens.

    Raises:
        GradexplainError: There is no text, or an option cannot be used.
    """
    stream = isinstance(texts, IterableDataset)
    parts = make_shards(texts, engine.profile.max_length)
    documents, n_shards, rows = _look(islice(parts, _LOOK_AHEAD) if stream else parts)
    sources = [method.source for method in select(options.methods).values()]
    shortcut, left_out = shortcut_of(engine.model), any(isinstance(source, LeaveOneOut) for source in sources)
    saved = frozenset(
        name
        for name, function in (("loo", "leave_one_out"), ("curves", "removal_curves"))
        if getattr(shortcut, function) is not getattr(GENERIC, function)
    )
    measures = measures or Measures()
    orders = measures.orders(len(options.methods))

    def bounds_of(u: int) -> int:
        return search_size(u, measures.beam_size) if measures.bounds else 0

    units, tokens = zip(*_sizes(engine, rows, options), strict=True)
    work = []
    for u, t in zip(units, tokens, strict=True):
        loo = u if left_out and "loo" not in saved else 0
        curves = orders * measures.steps(u) + 1 if "curves" not in saved else 0
        work.append(t * (1 + loo + curves + bounds_of(u)))
    measured, seconds = _measure(engine, rows, options, measures)
    return Estimate(
        documents=None if stream else documents,
        shards=None if stream else n_shards,
        backward=any(map(takes_gradients, sources)),
        loo=_mean(units) if left_out else 0,
        curves=_mean([measures.steps(u) for u in units]),
        orders=orders,
        bounds=_mean([bounds_of(u) for u in units]),
        saved=saved,
        seconds=seconds * _mean(work) / sum(work[measured]),
        measured=measured.stop - measured.start,
        memory=_memory(device_of(engine.model)),
    )


def _look(parts: Iterable[Shard]) -> tuple[int, int, list[dict[str, Any]]]:
    """Count documents and shards, and draw a sample, each document as likely as any other."""
    rng, documents, n_shards, drawn = random.Random(0), 0, 0, list[dict[str, Any]]()
    for part in parts:
        n_shards += 1
        for i in range(len(part)):
            documents += 1
            place = len(drawn) if len(drawn) < SAMPLE else rng.randrange(documents)
            if place < SAMPLE:
                drawn[place : place + 1] = [{name: values[i] for name, values in part.columns.items()}]
    if not documents:
        raise GradexplainError("there is no text to evaluate: the data set is empty")
    rng.shuffle(drawn)
    return documents, n_shards, drawn


def _sizes(engine: AttributionEngine, rows: Sequence[dict[str, Any]], options: Options) -> list[tuple[int, int]]:
    """The units and the tokens of each document."""
    texts = [(row["text"], row["text_pair"]) if "text_pair" in row else row["text"] for row in rows]
    documents = Encoder(engine.tokenizer, engine.profile.max_length, options.unit)(texts)
    return [(len(document.units), len(document)) for document in documents]


def _measure(
    engine: AttributionEngine, rows: Sequence[dict[str, Any]], options: Options, measures: Measures
) -> tuple[slice, float]:
    """Do one document to warm up, then twice as many again and again: the last ones, and in how many seconds."""
    evaluate_texts(engine, Dataset.from_list(list(rows[:1])), options, measures)
    done, seconds, spent, at_once = slice(0, 0), 0.0, 0.0, 1
    while done.stop < len(rows) and spent < SECONDS:
        done, at_once = slice(done.stop, min(done.stop + at_once, len(rows))), 2 * at_once
        started = time.monotonic()
        evaluate_texts(engine, Dataset.from_list(list(rows[done])), options, measures)
        seconds = time.monotonic() - started
        spent += seconds
    return done, seconds


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return psutil.Process().memory_info().rss


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

"""Estimate the cost of a run from a sample of its documents."""

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import psutil
import torch
from datasets import Dataset, IterableDataset

from hf_gradexplain.attribution.methods import select
from hf_gradexplain.attribution.sources import (
    Source,
    gradient_passes,
    is_sampled,
    is_saved,
    masked_copies,
    masks_words,
    takes_gradients,
)
from hf_gradexplain.classifier.state import device_of
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.naopc import search_size
from hf_gradexplain.evaluation.tables import SHORT_K
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import Shortcut
from hf_gradexplain.run.cost import Estimate
from hf_gradexplain.run.runner import evaluate_texts
from hf_gradexplain.run.shards import Shard, make_shards
from hf_gradexplain.text.texts import texts_of

SAMPLE = 200
"""The number of documents whose units are counted."""

SECONDS = 10
"""How long documents are evaluated to measure time; documents in progress are finished."""

K_GRID = (1, 2, 3, 5, SHORT_K)
"""Numbers of removed words where the removal curves are exact in a cheaper run."""

FEW = 500
"""The largest number of masked copies of a text in a cheaper run, for methods that draw them at random."""

_STREAM_SHARDS = 20
"""The number of shards that are read from a stream."""


def estimate(
    engine: AttributionEngine, texts: Dataset | IterableDataset, options: Options, measures: Measures | None = None
) -> Estimate:
    """Estimate the cost of a run by reading the dataset and evaluating a few of its documents.

    A dataset is read completely, a stream only at its beginning. Units are counted on 200 documents. Time is measured
    on groups of documents, each twice as large as the one before, until 10 seconds have passed. The time of the
    last group is scaled to an average document, in proportion to its forward passes times its tokens.

    Raises:
        GradexplainError: There is no text, or an option is invalid.
    """
    stream = isinstance(texts, IterableDataset)
    parts = make_shards(texts, engine.longest(options))
    documents, n_shards, rows = _sample(islice(parts, _STREAM_SHARDS) if stream else parts)
    shortcut = engine.shortcut(options)
    measures = measures or Measures()
    passes, sizes = _Passes(options, measures, shortcut), _sizes(engine, rows, options)
    units, work = [u for u, _ in sizes], passes.work(sizes)
    masked = {name: _mean([masked_copies(source, u) for u in units]) for name, source in passes.masking.items()}
    saved = [name for name, source in passes.masking.items() if all(is_saved(source, shortcut, u) for u in units)]
    measured, seconds = _measure(engine, rows, options, measures)
    return Estimate(
        documents=None if stream else documents,
        shards=None if stream else n_shards,
        forward=_mean([passes.forward(u) for u in units]),
        backward=_mean([passes.backward(u) for u in units]),
        masked=masked,
        sampled=frozenset(name for name, source in passes.masking.items() if is_sampled(source)),
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


@dataclass(frozen=True)
class _Passes:
    """The passes that a document takes.

    Attributes:
        options: How to explain.
        measures: What to measure.
        shortcut: The shortcut of the model class, which may save passes.
    """

    options: Options
    measures: Measures
    shortcut: Shortcut

    @cached_property
    def _sources(self) -> dict[Source, str]:
        """Each source with the name of the first method that uses it."""
        methods = select(self.options.methods, self.options)
        return {method.source: name for name, method in reversed(methods.items())}

    @property
    def _gradient_sources(self) -> list[Source]:
        return [source for source in self._sources if takes_gradients(source)]

    @property
    def masking(self) -> dict[str, Source]:
        """The sources that run masked copies, by method."""
        named = {name: source for source, name in self._sources.items() if masks_words(source)}
        return {name: named[name] for name in self.options.methods if name in named}

    def masked(self, units: int) -> int:
        """Return the number of masked copies that no shortcut saves."""
        sources = self.masking.values()
        return sum(masked_copies(each, units) for each in sources if not is_saved(each, self.shortcut, units))

    def forward(self, units: int) -> float:
        return 1 + sum(gradient_passes(source, units) for source in self._gradient_sources if not source.graph)

    def backward(self, units: int) -> float:
        return sum(gradient_passes(source, units) for source in self._gradient_sources)

    @property
    def orders(self) -> int:
        return self.measures.orders(len(self.options.methods))

    def bounds(self, units: int) -> int:
        return search_size(units, self.measures.beam_size) if self.measures.bounds else 0

    def work(self, sizes: Sequence[tuple[int, int]]) -> list[float]:
        """Return the work on documents of these units and tokens: tokens times forward passes; a backward is two."""
        orders = 0 if self.shortcut.has_curves else self.orders
        return [
            tokens
            * (
                self.forward(units)
                + 2 * self.backward(units)
                + self.masked(units)
                + orders * self.measures.steps(units)
                + (orders > 0)
                + self.bounds(units)
            )
            for units, tokens in sizes
        ]

    def cheaper(self) -> dict[tuple[str, Any], "_Passes"]:
        """Return cheaper runs, by the option and its value that choose them; each method may be left out."""
        measures, others = self.measures, dict[tuple[str, Any], _Passes]()
        if measures.bounds:
            others["naopc", False] = replace(self, measures=replace(measures, bounds=False))
        if not measures.k_grid and not measures.bounds:
            others["k_grid", K_GRID] = replace(self, measures=replace(measures, k_grid=K_GRID))
        if any(map(is_sampled, self.masking.values())) and self.options.max_evals > FEW:
            others["max_evals", FEW] = replace(self, options=replace(self.options, max_evals=FEW))
        for method in self.options.methods if len(self.options.methods) > 1 else ():
            kept = tuple(name for name in self.options.methods if name != method)
            others["methods", kept] = replace(self, options=replace(self.options, methods=kept))
        return others


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


def _sizes(engine: AttributionEngine, rows: Sequence[dict[str, Any]], options: Options) -> list[tuple[int, int]]:
    """Return the numbers of units and of tokens of each document."""
    documents = engine.encode(texts_of({name: [row[name] for row in rows] for name in rows[0]}), options)
    return [(document.n_units, len(document)) for document in documents]


def _measure(
    engine: AttributionEngine, rows: Sequence[dict[str, Any]], options: Options, measures: Measures
) -> tuple[slice, float]:
    """Evaluate one document to warm up, then groups that double in size; return the last group and its seconds."""
    evaluate_texts(engine, Dataset.from_list(list(rows[:1])), options, measures)
    group, size, seconds, total = slice(0, 0), 1, 0.0, 0.0
    while group.stop < len(rows) and total < SECONDS:
        group, size = slice(group.stop, min(group.stop + size, len(rows))), 2 * size
        started = time.monotonic()
        evaluate_texts(engine, Dataset.from_list(list(rows[group])), options, measures)
        seconds = time.monotonic() - started
        total += seconds
    return group, seconds


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return psutil.Process().memory_info().rss


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

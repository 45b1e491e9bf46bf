"""Check that several runs are over the same texts, and read them together, block by block."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from hf_gradexplain.audit.read_words import Vocabulary, WordBlock, methods_of, read_words
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import open_documents, read_left_out, read_rows
from hf_gradexplain.evaluation.read_documents import BLOCK, DocumentBlock, read_blocks, read_tables, to_array

ALIKE = ("unit", "objective", "mask", "class_names", "regression")
"""Columns of documents that have to be the same in runs that are compared."""

ALIKE_OPTIONS = (
    *("target", "against", "explain_roles", "problem_type"),
    *("baseline", "steps", "max_evals", "max_error", "tell_apart", "occlusion_window", "reference_texts"),
    *("tokenizer_kwargs", "stride", "pool"),
    *("k_grid", "ties", "beam_size"),
)
"""Options that also have to be the same: what is explained, how, what the model reads, and how it is measured.

Any other option may differ. Seeds and random orders only add noise, and how a model is run, such as its precision, is a
part of what is compared.
"""


@dataclass(frozen=True, eq=False)
class RunFiles:
    """The document files of a run, with a name for messages.

    Attributes:
        name: The name.
        documents: The files, in the order of the dataset.
        options: The options of the run, by name, as JSON values. Options that are missing here are not compared.
    """

    name: str
    documents: tuple[Path, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def first(self) -> dict[str, Any]:
        """The first document, as a record."""
        for row in read_rows(self.documents):
            return row
        raise GradexplainError(f"{self.name} has no texts: evaluate it on one text or more")

    @cached_property
    def ids(self) -> np.ndarray:
        """`(n,)` the row numbers of its documents."""
        return np.concatenate([to_array(open_documents(path).read(["id"])["id"]) for path in self.documents])

    @property
    def left_out(self) -> set[int]:
        """The row numbers of documents without finite scores."""
        return {number for path in self.documents for number in read_left_out(path)}


@dataclass(frozen=True, eq=False)
class Step:
    """A block of documents as each of `R` runs explains them.

    Attributes:
        words: Their words, per run.
        measures: Their measurements, per run.
    """

    words: tuple[WordBlock, ...]
    measures: tuple[DocumentBlock, ...]


@dataclass(frozen=True, eq=False)
class AlikeRuns:
    """Runs that explain the same texts with the same options; `match` creates this object.

    Attributes:
        runs: The runs.
        ids: The documents that all runs have.
        methods: The methods that all runs have, in the order of the first run.
    """

    runs: tuple[RunFiles, ...]
    ids: np.ndarray
    methods: tuple[str, ...]

    @property
    def class_names(self) -> list[str]:
        """The names of the classes."""
        return self.runs[0].first["class_names"]

    def steps(self, vocabulary: Vocabulary, size: int = BLOCK) -> Iterator[Step]:
        """Yield the documents of all runs, `size` at a time; the words of all runs share one vocabulary."""
        words = [read_words(run.documents, vocabulary, self.methods, size, self.ids) for run in self.runs]
        measures = [read_blocks(run.documents, size, ids=self.ids) for run in self.runs]
        for blocks in zip(*words, *measures, strict=True):
            yield Step(blocks[: len(self.runs)], blocks[len(self.runs) :])


def match(runs: Sequence[RunFiles]) -> AlikeRuns:
    """Check that runs can be compared.

    If one run left out a document, because its scores are not finite or it did not fit into memory, the document is
    left out for all runs.

    Raises:
        GradexplainError: The runs explain different texts, have different classes or different options (`ALIKE`,
            `ALIKE_OPTIONS`), or have no method or no text with scores in common.
    """
    first, *others = runs
    without = set().union(*(run.left_out for run in runs))
    ids = np.setdiff1d(first.ids, list(without))
    for other in others:
        _check_options(first, other)
        if not np.array_equal(ids, np.setdiff1d(other.ids, list(without))):
            raise GradexplainError(_other_texts(first, other, f"{len(first.ids):,} and {len(other.ids):,} rows"))
        _check_texts(first, other, ids)
    if not len(ids):
        raise GradexplainError(
            f"{' and '.join(run.name for run in runs)} have no text with scores in common: evaluate them on more texts"
        )
    names = [methods_of(run.documents) for run in runs]
    methods = tuple(name for name in names[0] if all(name in of_run for of_run in names))
    if not set(methods) - {"random"}:
        raise GradexplainError(f"{first.name} and the other runs share no method: evaluate them with a common method")
    return AlikeRuns(tuple(runs), ids, methods)


def _check_options(a: RunFiles, b: RunFiles) -> None:
    """Compare what has to be the same in two runs."""
    known = [name for name in ALIKE_OPTIONS if name in a.options and name in b.options]
    pairs = [(name, a.first[name], b.first[name]) for name in ALIKE]
    for name, of_a, of_b in [*pairs, *((name, a.options[name], b.options[name]) for name in known)]:
        if of_a != of_b:
            raise GradexplainError(
                f"{a.name} and {b.name} differ in {name}, {of_a} and {of_b}: evaluate both with the same options"
            )


def _check_texts(a: RunFiles, b: RunFiles, ids: np.ndarray) -> None:
    """Compare the texts and the labels of two runs."""
    tables = (read_tables(run.documents, ("id", "text", "label"), BLOCK, ids) for run in (a, b))
    for left, right in zip(*tables, strict=True):
        if left["text"].null_count or right["text"].null_count:
            raise GradexplainError(
                f"{a.name} or {b.name} was published without its texts: give the folders of the runs themselves"
            )
        for name in ("text", "label"):
            if not left[name].equals(right[name]):
                same = to_array(pc.fill_null(pc.equal(left[name], right[name]), False))
                row = left["id"][int(np.argmin(same))].as_py()
                raise GradexplainError(_other_texts(a, b, f"row {row} has another {name}"))


def _other_texts(a: RunFiles, b: RunFiles, what: str) -> str:
    return f"{a.name} and {b.name} explain different texts ({what}): evaluate both on the same rows of one dataset"

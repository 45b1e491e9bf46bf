"""Several runs over the same texts, checked to be alike and read block by block in step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
"""What has to be the same in runs that are compared, apart from their texts."""


@dataclass(frozen=True, eq=False)
class RunFiles:
    """The document files of a run, with a name for messages.

    Attributes:
        name: The name.
        documents: The files, in the order of the dataset.
    """

    name: str
    documents: tuple[Path, ...]

    @cached_property
    def first(self) -> dict[str, Any]:
        """The first document, as a record."""
        for row in read_rows(self.documents):
            return row
        raise GradexplainError(f"{self.name} has no texts: evaluate it on some")

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
    """The same documents as each of `R` runs explains them.

    Attributes:
        words: Their words, per run.
        measures: Their measurements, per run.
    """

    words: tuple[WordBlock, ...]
    measures: tuple[DocumentBlock, ...]


@dataclass(frozen=True, eq=False)
class AlikeRuns:
    """Runs that explain the same texts in the same way; `match` makes it.

    Attributes:
        runs: The runs.
        ids: The documents that all of them have.
        methods: The methods that all of them have, in the order of the first run.
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

    Documents that one of them left out, because their scores are not finite, are left out of all.

    Raises:
        GradexplainError: They explain other texts, other units or another objective, remove units in another way, have
            other classes, or share no method.
    """
    first, *others = runs
    without = set().union(*(run.left_out for run in runs))
    ids = np.setdiff1d(first.ids, list(without))
    for other in others:
        for name in ALIKE:
            if first.first[name] != other.first[name]:
                raise GradexplainError(
                    f"{first.name} and {other.name} differ in {name.replace('_', ' ')}, {first.first[name]} and "
                    f"{other.first[name]}: evaluate both with the same options"
                )
        if not np.array_equal(ids, np.setdiff1d(other.ids, list(without))):
            raise GradexplainError(_other_texts(first, other, f"{len(first.ids):,} and {len(other.ids):,} rows"))
        _check_texts(first, other, ids)
    names = [methods_of(run.documents) for run in runs]
    methods = tuple(name for name in names[0] if all(name in of_run for of_run in names))
    if not set(methods) - {"random"}:
        raise GradexplainError(f"{first.name} and the other runs share no method: evaluate them with one in common")
    return AlikeRuns(tuple(runs), ids, methods)


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

"""A dataset cut into shards of documents, which depend on the data alone."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset, IterableDataset
from datasets.exceptions import DatasetsError

from hf_gradexplain.engine.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError, one_line, translate_errors
from hf_gradexplain.options import Options
from hf_gradexplain.text.texts import is_conversation, messages_of, text_parts

DOCUMENTS = 128
"""The largest number of documents in a shard: enough to fill batches, but little work is lost if a run stops."""

_WORDS = 64

COST = DOCUMENTS * _WORDS**2
"""The largest cost of a shard of several documents: 128 documents of 64 words, or 2 documents of 500 words.

Where the cost is linear: 128 documents of 256 words, or 16 of 2,000 words.
"""

_LINEAR = 16
"""The cost of a word where the cost of a document is linear: that of a word in a text of 16 words."""

_ROWS_PER_READ = 1000


@dataclass(frozen=True, eq=False)
class Shard:
    """Documents that one process evaluates together and writes to one file.

    Attributes:
        start: The position of its first document in the dataset.
        columns: Its rows, by column.
        cost: The sum of the costs of its documents, see `DocumentCost`.
    """

    start: int
    columns: Mapping[str, Sequence[Any]] = field(repr=False)
    cost: int

    def __len__(self) -> int:
        return len(self.columns["text"])

    @property
    def texts(self) -> Dataset:
        """The rows as a dataset."""
        return Dataset.from_dict(dict(self.columns))

    def digest(self) -> str:
        """Return the SHA-256 of the rows."""
        return hashlib.sha256(json.dumps(self.columns, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class DocumentCost:
    """The approximate work for a document: the square of its number of words (if `linear`, 16 times it), plus one.

    Leave-one-out and curves run the model about once per word, each time on the whole text. With the shortcuts of some
    model classes, the cost of a word does not depend on the length of the text. A word is estimated as six bytes of
    UTF-8, whatever the language and the tokenizer.

    Attributes:
        longest: The largest number of tokens that the model reads; None for no limit.
        linear: Whether the model class has such a shortcut.
    """

    longest: int | None = None
    linear: bool = False

    @classmethod
    def of(cls, engine: AttributionEngine, options: Options) -> "DocumentCost":
        """Return the cost of documents for a model."""
        return cls(engine.longest(options), engine.shortcut(options).linear)

    def __call__(self, texts: Iterable[str]) -> int:
        """Return the cost of a document, given its text, the two texts of a pair, or the contents of a conversation."""
        words = 1 + sum(len(text.encode(errors="replace")) for text in texts) // 6
        read = words if self.longest is None else min(words, self.longest)
        return 1 + read * (_LINEAR if self.linear else read)


def make_shards(texts: Dataset | IterableDataset, document_cost: DocumentCost | None = None) -> Iterator[Shard]:
    """Cut a dataset into shards, in order; the dataset is read once, and only one shard is in memory.

    A shard ends with its 128th document, or before the document that would raise its cost above that of 128 documents
    of 64 words. A document that costs more than that is a shard of its own. The shards depend only on the data and on
    the cost of documents, no shard takes much longer than another, and the batches of a shard are always the same.

    Args:
        texts: Columns `id`, `text`, optionally `text_pair`, `spans` and `label`.
        document_cost: The cost of a document; None for the cost with a model that has no limit of tokens and no
            shortcut.

    Raises:
        GradexplainError: Reading the dataset fails, or a message cannot be used.
    """
    start, cost, rows, document_cost = 0, 0, list[dict[str, Any]](), document_cost or DocumentCost()
    for read in _rows(texts):
        row, parts = _with_parts(read)
        row_cost = document_cost(parts)
        if rows and (len(rows) == DOCUMENTS or cost + row_cost > COST):
            yield _shard(start, rows, cost)
            start, cost, rows = start + len(rows), 0, []
        rows.append(row)
        cost += row_cost
    if rows:
        yield _shard(start, rows, cost)


def _with_parts(row: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return a row without the entries of messages that are None, which datasets may add, and the parts of its texts.

    Raises:
        GradexplainError: A message cannot be used. The error names the row.
    """
    with translate_errors(lambda error: f"row {row['id']}: {error}", GradexplainError):
        if is_conversation(row["text"]):
            row = {**row, "text": messages_of(row["text"])}
        return row, [part for name in ("text", "text_pair") if name in row for part in text_parts(row[name])]


def _shard(start: int, rows: Sequence[Mapping[str, Any]], cost: int) -> Shard:
    return Shard(start, {name: [row[name] for row in rows] for name in rows[0]}, cost)


def _rows(texts: Dataset | IterableDataset) -> Iterator[dict[str, Any]]:
    number, batches = 0, iter(texts.iter(batch_size=_ROWS_PER_READ))

    def explain(error: Exception) -> str:
        return (
            f"cannot read the dataset after row {number} ({one_line(error, 200)}): fix it or the connection, and run "
            "the same command again, which keeps the finished shards"
        )

    while True:
        with translate_errors(explain, OSError, ValueError, LookupError, RuntimeError, DatasetsError):
            batch = next(batches, None)
        if batch is None:
            return
        for values in zip(*batch.values(), strict=True):
            yield dict(zip(batch, values, strict=True))
            number += 1

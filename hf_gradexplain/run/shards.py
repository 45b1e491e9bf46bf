"""A data set cut into shards of documents, the same ones whatever reads them."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset, IterableDataset
from datasets.exceptions import DatasetsError

from hf_gradexplain.errors import GradexplainError

DOCUMENTS = 128
"""The most documents of a shard: large enough to fill batches, small enough to lose little when a run is stopped."""

COST = DOCUMENTS * 64**2
"""The most cost of a shard of several documents: that of 128 documents of 64 words, or of 2 of 500."""

_READ_AT_ONCE = 1000


@dataclass(frozen=True, eq=False)
class Shard:
    """Documents that are evaluated together, by one process, into one file.

    Attributes:
        start: The place of its first document in the data set.
        columns: Its rows, by column.
        cost: The sum of its documents' `document_cost`.
    """

    start: int
    columns: Mapping[str, Sequence[Any]] = field(repr=False)
    cost: int

    def __len__(self) -> int:
        return len(self.columns["text"])

    @property
    def texts(self) -> Dataset:
        """Its rows as a data set."""
        return Dataset.from_dict(dict(self.columns))

    def digest(self) -> str:
        """SHA-256 over its rows."""
        return hashlib.sha256(json.dumps(self.columns, sort_keys=True, default=str).encode()).hexdigest()


def document_cost(texts: Iterable[str], longest: int | None = None) -> int:
    """About how much work a document is: the square of its number of words, plus one.

    Leave-one-out and curves read a text about once per word, and each time all of it. A word is taken for six bytes of
    UTF-8, whatever the language and the tokenizer.

    Args:
        texts: The document's text, or the two of a pair.
        longest: The most tokens that the model reads; None for no limit.
    """
    words = 1 + sum(len(text.encode(errors="replace")) for text in texts) // 6
    return 1 + (words if longest is None else min(words, longest)) ** 2


def make_shards(texts: Dataset | IterableDataset, longest: int | None = None) -> Iterator[Shard]:
    """Cut a data set into shards, in order, reading it once and holding one shard at a time.

    A shard ends with its 128th document, or before the one that would bring its cost above that of 128 documents of 64
    words; a document that is longer than that stands alone. So the shards depend on the data and on `longest` alone,
    none takes much longer than another, and the batches within them are always the same.

    Args:
        texts: Columns `id`, `text`, maybe `text_pair` and `label`.
        longest: The most tokens that the model reads; None for no limit.

    Raises:
        GradexplainError: The data set cannot be read on.
    """
    start, cost, rows = 0, 0, list[dict[str, Any]]()
    for row in _rows(texts):
        own = document_cost([row[name] for name in ("text", "text_pair") if name in row], longest)
        if rows and (len(rows) == DOCUMENTS or cost + own > COST):
            yield _shard(start, rows, cost)
            start, cost, rows = start + len(rows), 0, []
        rows.append(row)
        cost += own
    if rows:
        yield _shard(start, rows, cost)


def _shard(start: int, rows: Sequence[Mapping[str, Any]], cost: int) -> Shard:
    return Shard(start, {name: [row[name] for row in rows] for name in rows[0]}, cost)


def _rows(texts: Dataset | IterableDataset) -> Iterator[dict[str, Any]]:
    number, batches = 0, iter(texts.iter(batch_size=_READ_AT_ONCE))
    while True:
        try:
            batch = next(batches, None)
        except GradexplainError:
            raise
        except (OSError, ValueError, LookupError, RuntimeError, DatasetsError) as error:
            raise GradexplainError(
                f"the data set cannot be read on after row {number} ({' '.join(str(error).split())[:200]}): mend it or "
                "its connection, and run the same command again, which goes on with the finished shards"
            ) from error
        if batch is None:
            return
        for values in zip(*batch.values(), strict=True):
            yield dict(zip(batch, values, strict=True))
            number += 1

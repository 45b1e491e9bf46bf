"""The documents of a query as a reranker orders them, and why one document ranks above another."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import index

import numpy as np
import pandas as pd
import torch

from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.engine.scored import ScoredBatch, to_arrays
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import Options
from hf_gradexplain.options.values import as_list, plain, whole_number
from hf_gradexplain.perturb import subset_logits
from hf_gradexplain.ranking.comparison import check_one_logit, compare
from hf_gradexplain.text.data import Document
from hf_gradexplain.text.given_units import Spans, divide_pair, with_function
from hf_gradexplain.text.joined import Piece, join, unread_of
from hf_gradexplain.text.texts import SEPARATOR, Text, text_parts
from hf_gradexplain.text.unit import Message
from hf_gradexplain.viz.cell import cell_html, cell_text
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import TextTable, counted, text_table

QUERY = "query"
"""The role of the words of the query."""

MAX_COPIES = 10_000
"""The largest number of masked copies that a table takes, unless `max_copies` is given."""

_SHOWN, _WIDTH = 10, 60
"""The number of documents that a notebook or a terminal shows, and the number of characters of each."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """The documents of a query, ranked by a reranker; `why` and `table` explain the ranking on request.

    The best document has rank 1. `len(ranking)` is the number of ranked documents.

    Attributes:
        query: The query.
        documents: All `N` documents, in the order given.
        order: The ranked documents, the best first, as positions in `documents`. Documents with
            equal scores stay in the order given.
        scores: `(N,)` the model's logit of each document.
        outputs: `(N,)` the logits after the model's activation function, as `CrossEncoder.rank` returns them. Equal to
            `scores` if the model has no activation function.
        engine: The model.
        options: How to explain.
        units: A function from the query or a document to the spans of its units; None for the unit of the options.
    """

    query: str
    documents: tuple[str, ...]
    order: tuple[int, ...]
    scores: np.ndarray
    outputs: np.ndarray
    engine: AttributionEngine
    options: Options
    units: Callable[[str], Spans] | None = None

    def __len__(self) -> int:
        return len(self.order)

    def why(self, first: int = 1, second: int = 2) -> Explanation:
        """Explain why one document ranks above another: the logit of the first minus the logit of the second.

        `explanation.text` is the query and the two documents, joined by newlines. The model reads two pairs, the query
        with each document. A word of the query is masked in both pairs at once. A positive score supports the first
        document. `unit.role` is `query`, or the rank of the document that the unit is in, such as `rank 1`.

        Args:
            first: The rank of a document.
            second: The rank of the document to compare it with.

        Raises:
            GradexplainError: There is no such rank, the ranks are equal, or the model cannot be explained.
        """
        pair = [self._document(first), self._document(second)]
        if first == second:
            raise GradexplainError(f"why compares two documents, but both have rank {first}: give two different ranks")
        names = f"rank {first}", f"rank {second}"
        options = replace(self.options, self_check=self.options.self_check is not False)
        (explanation,), _ = compare(self.engine, [self._joined(pair, names)], options, names)
        return explanation

    def table(self, rank: int = 1, *, max_copies: int = MAX_COPIES) -> pd.DataFrame:
        """Return how each word of the query and each word of the document act together on the document's score.

        The value of query word `i` and document word `j` is `s - s(without i) - s(without j) + s(without both)`, where
        `s` is the logit. It is positive if the two words together raise the score by more than the sum of their single
        effects, and 0 if their effects do not depend on each other. Words are removed as for `loo`: replaced by the
        baseline or, with `mask="deletion"`, cut out.

        With `q` words in the query and `d` in the document, this runs `q + d + q d` masked copies of the pair.

        Args:
            rank: The rank of the document.
            max_copies: The largest number of copies to run.

        Returns:
            A table `(q, d)` of values in logits. Its index has the words of the query, its columns the words of the
            document. The unit `word_type` is replaced by `word` here, so each occurrence of a word has its own row or
            column. `hf_gradexplain.plots.interactions` draws the table.

        Raises:
            GradexplainError: There is no such rank, or the table takes more than `max_copies` copies.
        """
        (document,) = self.engine.encode([self._pair(self._document(rank))], self._of_occurrences)
        of_query = np.array([unit.spans[0][0] < (document.pair_start or 0) for unit in document.units], dtype=bool)
        rows, columns = np.flatnonzero(of_query), np.flatnonzero(~of_query)
        if (copies := len(rows) + len(columns) + len(rows) * len(columns)) > max_copies:
            raise GradexplainError(
                f"the table of {len(rows)} units of the query and {len(columns)} of the document takes {copies:,} "
                f"masked copies, more than {max_copies:,}: give max_copies={copies}, or call rank with a larger unit"
            )
        (scored,) = _score(self.engine, [document], self.options)
        (full,), without = self._without(scored, _sets(rows, columns, document.n_units))
        of_rows, of_columns, of_both = np.split(without, [len(rows), len(rows) + len(columns)])
        values = of_both.reshape(len(rows), len(columns)) - of_rows[:, None] - of_columns + full
        names = [unit.text for unit in document.units]
        return pd.DataFrame(
            values, pd.Index([names[u] for u in rows], name=QUERY), pd.Index([names[u] for u in columns])
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row per ranked document, the best first.

        The columns are `rank`; `document`, the position of the document in `documents`; `score`; `output`; and `text`.
        """
        order = list(self.order)
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(order) + 1),
                "document": order,
                "score": self.scores[order],
                "output": self.outputs[order],
                "text": [self.documents[i] for i in order],
            }
        )

    def __repr__(self) -> str:
        return cell_text(title=self._title, sentences=self._sentences, table=self._table())

    def _repr_html_(self) -> str:
        return cell_html(title=self._title, sentences=self._sentences, table=self._table())

    @property
    def _title(self) -> str:
        return f"{counted(len(self.documents), 'document')} ranked for {one_line(self.query, width=_WIDTH)!r}"

    @property
    def _sentences(self) -> list[str]:
        more = len(self) - _SHOWN
        return [f"the first {_SHOWN} of {len(self):,}; to_frame() has all"] if more > 0 else []

    def _table(self) -> TextTable:
        frame = self.to_frame().head(_SHOWN)
        if np.array_equal(self.scores, self.outputs):
            frame = frame.drop(columns="output")
        short = [text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…" for text in frame["text"]]
        return text_table(frame.assign(text=short))

    def _document(self, rank: int) -> str:
        """Return the document of a rank."""
        try:
            number = index(rank)
        except TypeError:
            number = 0
        if not 1 <= number <= len(self):
            raise GradexplainError(f"a rank is a number from 1, the best, to {len(self)}, but got {rank!r}")
        return self.documents[self.order[number - 1]]

    def _pair(self, document: str) -> Text:
        """Return the query and a document as the model reads them."""
        return divide_pair(self.query, document, self.units, self.documents.index(document))

    @property
    def _of_occurrences(self) -> Options:
        """The options, with the unit `word` in place of `word_type`."""
        return replace(self.options, unit="word") if self.options.unit == "word_type" else self.options

    def _joined(self, pair: Sequence[str], names: tuple[str, str]) -> Document:
        """Return the query and two documents as one text, which is read as two pairs."""
        encoded = self.engine.encode(list(map(self._pair, pair)), self._of_occurrences)
        texts = [text_parts(text)[0] for text in (self.query, *pair)]
        starts = list(accumulate((len(text) + len(SEPARATOR) for text in texts[:-1]), initial=0))
        parts = [
            Message(role, start, start + len(text))
            for role, start, text in zip((QUERY, *names), starts, texts, strict=True)
        ]
        pieces = [
            [Piece(0, len(texts[0]), 0), Piece(starts[1], starts[1] + part.end - part.start, part.start)]
            for part in parts[1:]
        ]
        types, unknown = self.options.unit == "word_type", self.engine.tokenizer.unk_token_id
        document = join(SEPARATOR.join(texts), encoded, pieces, types, unknown)
        cut = [each.truncated_at is not None for each in encoded]
        unread = unread_of(document, [part for part, is_cut in zip(parts, (any(cut), *cut), strict=True) if is_cut])
        return replace(
            document,
            occurrences=replace(document.occurrences, messages=tuple(parts)),
            pair_start=starts[1],
            unread=unread,
            truncated_at=unread[0][0] if unread else None,
        )

    def _without(self, scored: ScoredBatch, sets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logit of a pair, and its logits without sets of units: `(1,)` and `(N,)`."""
        logits = scored.forward.logits
        with frozen_eval_mode(self.engine.model):
            removed = torch.from_numpy(sets).to(logits.device)
            masked = subset_logits(scored.forward, removed.new_zeros(len(sets), dtype=torch.long), removed)
        full, without = to_arrays([logits[0], masked[:, 0]])
        return full, without


def rank_documents(
    engine: AttributionEngine,
    query: str,
    documents: Iterable[str],
    options: Options,
    top: int | None = None,
    units: Callable[[str], Spans] | None = None,
) -> Ranking:
    """Rank documents for a query; see `Explainer.rank`.

    Args:
        engine: A reranker: a model of pairs with one logit.
        query: The query.
        documents: The documents.
        options: How to explain, see `comparison_options`.
        top: The number of documents to keep in the order; None for all.
        units: A function from the query or a document to the spans of its units; None for the unit of the options.

    Raises:
        GradexplainError: The model has several logits, the query or a document is not a text, `explain_roles` is given,
            or a span cannot be used.
    """
    check_one_logit(engine, "rank", "reranker")
    if options.explain_roles:
        raise GradexplainError("rank takes texts, not conversations, so there are no roles: leave out explain_roles")
    query, texts, top = _checked(query, documents, top)
    options = with_function("rank", options, units)
    pairs = engine.encode([divide_pair(query, text, units, i) for i, text in enumerate(texts)], options)
    scores, outputs = np.empty((2, len(pairs)))
    for batch in _score(engine, pairs, options):
        logits = batch.forward.logits
        activated = batch.forward.classifier.objective.probability(logits)
        numbers = list(batch.indices)
        scores[numbers], outputs[numbers] = (x[:, 0] for x in to_arrays([logits, activated]))
    order = np.argsort(-scores, kind="stable")[:top].tolist()
    return Ranking(query, tuple(texts), tuple(order), scores, outputs, engine, options, units)


def _checked(query: str, documents: Iterable[str], top: int | None) -> tuple[str, list[str], int | None]:
    """Return the query, the documents and `top`, after a check of their types."""
    if not isinstance(query := plain(query), str):
        raise GradexplainError(f"the query must be a str, not {type(query).__name__}")
    expected = "documents must be a list of str"
    if isinstance(documents, str):
        raise GradexplainError(f"{expected}, not one str")
    texts = as_list(documents, expected, "document", str)
    if wrong := [type(text).__name__ for text in texts if not isinstance(text, str)]:
        raise GradexplainError(f"{expected}, but one of them is of type {wrong[0]}")
    top = None if top is None else whole_number("top", top)
    if top is not None and top < 1:
        raise GradexplainError(f"top must be a number of documents, 1 or larger, but is {top}")
    return query, texts, top


def _score(engine: AttributionEngine, pairs: Sequence[Document], options: Options) -> Iterable[ScoredBatch]:
    """Run the model on pairs, in batches, with the method `random`, which takes no further passes."""
    return engine.score(
        pairs, replace(options, methods=("random",), target="predicted", against=None, objective="loss")
    )


def _sets(rows: np.ndarray, columns: np.ndarray, units: int) -> np.ndarray:
    """Return the sets of one row unit, then of one column unit, then of one of each: `(N, U)` bool."""
    one_row, one_column = np.eye(units, dtype=bool)[rows], np.eye(units, dtype=bool)[columns]
    both = one_row[:, None] | one_column[None]
    sets: np.ndarray = np.concatenate([one_row, one_column, both.reshape(-1, units)])
    return sets

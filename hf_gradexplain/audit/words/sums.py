"""Sums over documents for pairs of a group and a word, in two passes over the files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from hf_gradexplain.audit.read_words import Vocabulary, WordBlock, read_words
from hf_gradexplain.audit.words.word_tests import TILTS, document_cumulants, upper_tail
from hf_gradexplain.errors import choose
from hf_gradexplain.evaluation.bootstrap import ANY, CHANGE, REPLICATES, bootstrap_weights, percentile_interval
from hf_gradexplain.evaluation.documents import read_class_names
from hf_gradexplain.evaluation.read_documents import is_regression

CLASSES = ("target", "label", "prediction")
"""The columns of documents that can group them."""

ROWS = 4096
"""The number of pairs that are summed in one pass: about 150 MB of bootstrap replicates."""


class Groups:
    """Assigns documents to groups.

    Args:
        by: `target`, `label` or `prediction`, or a mapping from row numbers of documents to values. Documents without a
            value belong to no group.
        paths: The document files, which name the classes.

    Attributes:
        names: The names of the groups, by code.

    Raises:
        GradexplainError: `by` is unknown.
    """

    def __init__(self, by: str | Mapping[int, Any], paths: Sequence[Path]) -> None:
        if isinstance(by, str):
            choose("value of by", by, CLASSES)
            self._column, self._code_of = by, pd.Series(dtype=np.int64)
            self.names = next(filter(None, map(read_class_names, paths)), [])  # a file without documents has none
        else:
            values = pd.Series(by, dtype=object).dropna().map(str)
            codes, names = pd.factorize(values, sort=True)
            self._column, self._code_of = "", pd.Series(codes, index=values.index)
            self.names = list(names)

    def codes(self, block: WordBlock) -> np.ndarray:
        """Return the code of the group of each document `(n,)`, -1 for documents in no group."""
        if self._column:
            return getattr(block, self._column)
        return self._code_of.reindex(block.ids, fill_value=-1).to_numpy()

    def name(self, code: int) -> str:
        """Return the name of a group."""
        return self.names[code] if code < len(self.names) else f"class {code}"


class WordCounts(NamedTuple):
    """The number of documents with each word, `(groups, words)`, and of all documents, `(groups,)`."""

    words: csr_array
    documents: np.ndarray


def count_words(paths: Sequence[Path], vocabulary: Vocabulary, groups: Groups, method: str) -> WordCounts:
    """Count the documents of each group, and those with each word; new words are added to the vocabulary."""
    words, documents = csr_array((0, 0), dtype=np.int64), np.zeros(0, dtype=np.int64)
    for block in read_words(paths, vocabulary, [method]):
        codes = groups.codes(block)
        documents = _add(documents, np.bincount(codes[codes >= 0]))
        group = codes[block.document]
        known = group >= 0
        shape = len(documents), len(vocabulary)
        words.resize(shape)
        words += csr_array((np.ones(known.sum(), np.int64), (group[known], block.word[known])), shape)
    return WordCounts(words, documents)


def _add(counts: np.ndarray, more: np.ndarray) -> np.ndarray:
    size = max(len(counts), len(more))
    return np.pad(counts, (0, size - len(counts))) + np.pad(more, (0, size - len(more)))


class WordRows(NamedTuple):
    """Pairs of a group and a word, as codes `(R,)`, sorted."""

    group: np.ndarray
    word: np.ndarray

    def find(self, group: np.ndarray, word: np.ndarray) -> np.ndarray:
        """Return the row of each pair, -1 for pairs without a row."""
        size = max(self.word.max(initial=0), word.max(initial=0)) + 1
        keys, wanted = self.group * size + self.word, group * size + word
        row = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[row] == wanted, row, -1)


def summarise_words(
    paths: Sequence[Path], vocabulary: Vocabulary, groups: Groups, method: str, rows: WordRows, seed: int
) -> pd.DataFrame:
    """Return a table with the statistics of these rows, see `hf_gradexplain.audit.words.words.Words`."""
    parts, limits = [], ANY if is_regression(paths) else CHANGE
    for start in range(0, len(rows.group), ROWS):
        part = WordRows(rows.group[start : start + ROWS], rows.word[start : start + ROWS])
        sums = WordSums(len(part.group))
        for block in read_words(paths, vocabulary, [method]):
            sums.add(block, part.find(groups.codes(block)[block.document], block.word), method, seed)
        parts.append(sums.table(limits))
    return pd.concat(parts, ignore_index=True) if parts else WordSums(0).table()


class WordSums:
    """Sums over documents for `size` rows: of shares of the score, of drops of the probability, and for the test."""

    def __init__(self, size: int) -> None:
        self.share, self.drop = SparseMeans(size), SparseMeans(size)
        self.excess = np.zeros(size)
        self.cumulants = np.zeros((size, 3 * len(TILTS)))

    def add(self, block: WordBlock, row: np.ndarray, method: str, seed: int) -> None:
        """Add documents.

        Args:
            block: The documents.
            row: `(W,)` the row of each word of the documents, -1 for words without a row.
            method: The method whose scores are added.
            seed: The seed of the bootstrap.
        """
        share, weights = shares(block, method), bootstrap_weights(block.ids.tolist(), seed)
        expected = np.bincount(block.document, share, len(block)) / np.maximum(block.counts, 1)
        kept = np.flatnonzero(row >= 0)
        row, document = row[kept], block.document[kept]
        self.share.add(row, document, share[kept], weights)
        self.drop.add(row, document, block.drop[kept], weights)
        self.excess += np.bincount(row, share[kept] - expected[document], len(self.excess))
        present, starts = np.unique(block.document, return_index=True)
        cumulants = np.zeros((len(block), 3 * len(TILTS)))
        cumulants[present] = document_cumulants(share, starts).reshape(len(present), -1)
        self.cumulants += csr_array((np.ones(len(row)), (row, document)), (len(self.excess), len(block))) @ cumulants

    def table(self, limits: tuple[float, float] = ANY) -> pd.DataFrame:
        """Return a table with the statistics of all rows; the intervals of drops end at `limits`."""
        columns = {"n": self.share.n, "share": self.share.mean}
        columns["share_ci_low"], columns["share_ci_high"] = self.share.interval((-1, 1))
        columns["others"] = self.share.mean - self.excess / np.maximum(self.share.n, 1)
        columns["drop"] = self.drop.mean
        columns["drop_ci_low"], columns["drop_ci_high"] = self.drop.interval(limits)
        columns["p"] = upper_tail(self.excess, self.cumulants.reshape(-1, 3, len(TILTS)))
        return pd.DataFrame(columns)


class SparseMeans:
    """Means over documents of many quantities, of which each document has a few, with bootstrap replicates.

    For quantities that all documents have, see `hf_gradexplain.evaluation.bootstrap.Means`.
    """

    def __init__(self, size: int, replicates: int = REPLICATES) -> None:
        self.n, self.sums = np.zeros(size, dtype=np.int64), np.zeros(size)
        self.replicate_n, self.replicate_sums = np.zeros((size, replicates)), np.zeros((size, replicates))

    def add(self, row: np.ndarray, document: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
        """Add values of quantities for documents, in arrays `(P,)`; NaN values are left out.

        Args:
            row: The quantity of each value.
            document: The document of each value, as an index into `weights`.
            values: The values.
            weights: The `bootstrap_weights` of the documents `(n, replicates)`.
        """
        defined = ~np.isnan(values)
        row, document, values = row[defined], document[defined], values[defined]
        shape = len(self.n), len(weights)
        self.n += np.bincount(row, minlength=shape[0])
        self.sums += np.bincount(row, values, shape[0])
        self.replicate_n += csr_array((np.ones(len(row)), (row, document)), shape) @ weights
        self.replicate_sums += csr_array((values, (row, document)), shape) @ weights

    @property
    def mean(self) -> np.ndarray:
        """The means; NaN if no document has the quantity."""
        return _ratio(self.sums, self.n)

    def interval(self, limits: tuple[float, float] = ANY) -> tuple[np.ndarray, np.ndarray]:
        """Return the 95 % interval of each mean; see `hf_gradexplain.evaluation.bootstrap.percentile_interval`."""
        deviations = _ratio(self.replicate_sums, self.replicate_n) - self.mean[:, None]
        return percentile_interval(self.mean, deviations.T, self.n, limits)


def _ratio(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.divide(sums, n, out=np.full(sums.shape, np.nan), where=n > 0)


def shares(block: WordBlock, method: str) -> np.ndarray:
    """Return the share of each word in the score of its document, `s_w / sum_u |s_u|`, `(W,)`; 0 if all are 0."""
    scores = block.scores[method]
    total = np.bincount(block.document, np.abs(scores), len(block))[block.document]
    return np.divide(scores, total, out=np.zeros(len(scores)), where=total > 0)

"""Find words that may be suspicious, because they decide a class and are concentrated in its documents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.stats import binom

from hf_gradexplain.audit.read_words import Vocabulary
from hf_gradexplain.audit.words.sums import Groups, WordRows, count_words, summarise_words

DECIDES = 0.05
"""The largest p-value of words that may decide a class. It only chooses the words to try, so p is not adjusted."""

_CONTROL = 2
"""The purpose of the draw of control words, which no other draw of the audit has."""


@dataclass(frozen=True, eq=False)
class WordFrequencies:
    """The number of documents that each word is in.

    Attributes:
        words: The words.
        by_class: `(C, V)` for each class and word, the number of documents with the word in which the class was
            explained.
        documents: `(C,)` the number of documents in which each class was explained.
    """

    words: list[str]
    by_class: csr_array
    documents: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """`(V,)` the number of documents with each word."""
        return self.by_class.sum(0)

    def pairs(self, min_documents: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the pairs of a class and a word with at least `min_documents` (1 or more) documents, and how many."""
        counts = self.by_class.sorted_indices().tocoo()
        kept = counts.data >= min_documents
        return counts.row[kept], counts.col[kept], counts.data[kept]

    def concentration(self, target: np.ndarray, word: np.ndarray, k: np.ndarray) -> pd.DataFrame:
        """Return how concentrated words are in the documents of a class, with a row per pair of class and word.

        Of the `n` documents with the word, `k` are of the class. The lift is `(k / n) / pi`, where `pi` is the share of
        the class among all documents. `p_concentrated` is the probability of `k` or more under the binomial
        distribution with `n` draws of probability `pi`.

        Args:
            target: `(R,)` the classes.
            word: `(R,)` the words, as indices.
            k: `(R,)` the number of documents of the class with the word.
        """
        n = self.total[word]
        base = self.documents[target] / self.documents.sum()
        columns = {"n": k, "n_all": n, "concentration": k / n, "lift": k / n / base}
        return pd.DataFrame({**columns, "p_concentrated": binom.sf(k - 1, n, base)})

    def controls(self, frequency: int, min_documents: int, n: int, seed: int) -> np.ndarray:
        """Return the indices of `n` random words of a frequency class, or of fewer words if there are not enough.

        Any word can be drawn, whether it decides a class or not. If the frequency class has too few words, the
        remaining ones are drawn from the nearest frequency classes.

        Args:
            frequency: The frequency class.
            min_documents: The smallest number of documents that a word has to be in.
            n: The number of words.
            seed: The seed.
        """
        words = np.flatnonzero(self.total >= min_documents)
        order = np.random.default_rng((seed, _CONTROL)).permutation(words)
        distance = np.abs(frequency_class(self.total[order]) - frequency)
        return order[np.argsort(distance, kind="stable")][:n]


def frequency_class(frequency: np.ndarray) -> np.ndarray:
    """Return the frequency classes `floor(log8(frequency))`, for frequencies of 1 and more.

    >>> frequency_class(np.array([1, 7, 8, 63, 64])).tolist()
    [0, 0, 1, 1, 2]
    """
    return (np.frexp(frequency)[1] - 1) // 3


def count_frequencies(paths: Sequence[Path], method: str, key: Callable[[str], str] | None) -> WordFrequencies:
    """Count the words of document files.

    Args:
        paths: The files.
        method: A method of the run.
        key: A function that tells which units are the same word, see `Vocabulary`.
    """
    vocabulary = Vocabulary(key)
    counts = count_words(paths, vocabulary, Groups("target", paths), method)
    return WordFrequencies(vocabulary.words, counts.words, counts.documents)


def find_candidates(
    paths: Sequence[Path],
    method: str,
    key: Callable[[str], str] | None,
    frequencies: WordFrequencies,
    min_documents: int,
    seed: int,
) -> pd.DataFrame:
    """Return words that decide a class and are concentrated in its documents, the most decisive first.

    A word decides a class if its mean share of the score is larger than the mean share of all words of the same
    documents, among the documents in which the class was explained, with a p-value of at most `DECIDES`; see
    `hf_gradexplain.audit.words.words.find_words`. A word is concentrated in the class if its lift is above 1.

    Args:
        paths: The files.
        method: The method whose scores are used.
        key: A function that tells which units are the same word, see `Vocabulary`.
        frequencies: The result of `count_frequencies`.
        min_documents: The smallest number of documents of the class that a word has to be in.
        seed: A seed.

    Returns:
        A row per class and word: `target`, `code` (the index of the word), `word`, the columns of
        `WordFrequencies.concentration`, `share` and `p_decides`.
    """
    target, code, n = frequencies.pairs(min_documents)
    vocabulary = Vocabulary(key)
    vocabulary.codes(frequencies.words)
    sums = summarise_words(paths, vocabulary, Groups("target", paths), method, WordRows(target, code), seed)
    words = pd.DataFrame({"target": target, "code": code, "word": [frequencies.words[i] for i in code]})
    rows = pd.concat([words, frequencies.concentration(target, code, n)], axis=1)
    rows = rows.assign(share=sums["share"], p_decides=sums["p"])
    chosen = rows[(rows["p_decides"] <= DECIDES) & (rows["lift"] > 1)]
    return chosen.sort_values("p_decides", kind="stable", ignore_index=True)

"""Compare how two explanations of one text rank its words."""

import numpy as np

from hf_gradexplain.audit.read_words import WordBlock
from hf_gradexplain.explanation.correlation import MIN_UNITS
from hf_gradexplain.statistics.coefficients import rank, spearman
from hf_gradexplain.statistics.ragged_array import RaggedArray
from hf_gradexplain.statistics.rounding import ROUNDING

TOP = 5
"""Number of highest-scored words whose overlap is measured."""


def pair_words(a: WordBlock, b: WordBlock) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the words that two blocks of the same documents share, document after document.

    Tokenizers may split a text differently; words that are in only one block are left out.
    """
    size = 1 + max(block.word.max(initial=0) for block in (a, b))
    keys_a, keys_b = (block.document * size + block.word for block in (a, b))
    _, of_a, of_b = np.intersect1d(keys_a, keys_b, assume_unique=True, return_indices=True)
    return of_a, of_b


def rank_correlations(x: np.ndarray, y: np.ndarray, document: np.ndarray, n: int, tie: float) -> np.ndarray:
    """Return Spearman's coefficient of each document: `(n,)`, NaN for fewer than 3 words and for constant scores.

    Args:
        x: `(W,)` scores, document after document.
        y: `(W,)` other scores of the same words.
        document: `(W,)` the index of the document of each word.
        n: The number of documents.
        tie: Scores are ties if they differ by at most `tie` times the largest absolute score of the document.
    """
    counts = np.bincount(document, minlength=n)
    enough = counts >= MIN_UNITS
    coefficients = np.full(n, np.nan)
    if enough.any():
        rows = (RaggedArray(scores[enough[document]], counts[enough]) for scores in (x, y))
        ranks = [rank(row, tie, float(ROUNDING)) for row in rows]
        with np.errstate(invalid="ignore", divide="ignore"):  # of constant scores
            r, _ = spearman(*ranks)
        coefficients[enough] = np.where(ranks[0].constant | ranks[1].constant, np.nan, r)
    return coefficients


def top_words(block: WordBlock, method: str, k: int = TOP) -> np.ndarray:
    """Return the indices of the `k` highest-scored words of each document, highest first; ties in text order."""
    order = np.lexsort((-block.scores[method], block.document))
    counts = block.counts
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[place < k]


def top_overlap(a: WordBlock, b: WordBlock, method: str, k: int = TOP) -> np.ndarray:
    """Return, for each document, the share of the `k` highest-scored words that are in both: `(n,)`, NaN without words.

    If a document has fewer than `k` words, all of its words count.
    """
    size = 1 + max(block.word.max(initial=0) for block in (a, b))
    tops = [(block, top_words(block, method, k)) for block in (a, b)]
    keys_a, keys_b = (block.document[top] * size + block.word[top] for block, top in tops)
    shared = np.bincount(np.intersect1d(keys_a, keys_b, assume_unique=True) // size, minlength=len(a))
    of = np.minimum(np.maximum(a.counts, b.counts), k)
    return np.divide(shared, of, out=np.full(len(a), np.nan), where=of > 0)

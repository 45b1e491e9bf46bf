"""Find words whose share of the score differs between two runs, for each class."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from hf_gradexplain.audit.compare.moderated import moderated_test
from hf_gradexplain.audit.compare.paired_words import pair_words
from hf_gradexplain.audit.read_words import Vocabulary, WordBlock
from hf_gradexplain.audit.words.sums import shares
from hf_gradexplain.evaluation.comparisons import FALSE_DISCOVERY_RATE

MIN_TEXTS = 5
"""The difference of a word is tested over the texts of a class if at least this many of them have the word."""

SEED_TEXTS = 5
"""A word in at least this many texts, of any class, is compared with other seeds; rarer words vary much more."""

EXPONENTS = (1.0, 0.75, 0.5)
"""The exponents `k` of `WordSums` that are tried; the smaller `k` is, the more small shares count."""

LEAST_PULL = 0.1
"""This share of the mean pull is added to each pull, so that all small pulls have about the same expected variance."""

COLUMNS = ["class", "word", "n", "a", "b", "difference", "ci_low", "ci_high", "p", "q"]
SEED_COLUMNS = ["seeds", "t_seeds", "p_seeds", "q_seeds", "moved"]


class PairSums:
    """Sums over documents for pairs of a word and a class; only pairs that occur use memory.

    Args:
        size: `S`, the number of sums for each pair.

    Attributes:
        codes: `(P,)` the codes of the pairs, sorted.
        sums: `(S, P)` the sums.
    """

    def __init__(self, size: int) -> None:
        self.codes, self.sums = np.zeros(0, dtype=np.int64), np.zeros((size, 0))

    def add(self, rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Add to each of the `S` sums a row of codes of pairs, which may be repeated, and a row of their values."""
        codes = np.unique(np.concatenate([self.codes, *(of_row for of_row, _ in rows)]))
        n, sums = len(codes), np.zeros((len(rows), len(codes)))
        sums[:, np.searchsorted(codes, self.codes)] = self.sums
        for total, (of_row, values) in zip(sums, rows, strict=True):
            total += np.bincount(np.searchsorted(codes, of_row), values, n)
        self.codes, self.sums = codes, sums


class WordSums:
    """Sums over documents of the shares of words, by class, in each of `R` runs: A, then references, then B.

    The share `s` of a word in a document is its score, divided by the sum of the absolute scores.

    Other seeds are compared by the *pull* of a word `w` towards a class `c`: over the `n_w` texts with the word, of
    whatever class,

        pull_wc = 1/n_w [ sum_{texts of c} r(s) - sum_{texts of other classes} r(s) ],    r(s) = sign(s) |s|^k

    A word that speaks for `c` does so in all of its texts: it has a positive share in the texts of `c`, and a negative
    share in the other texts. If all texts with a word are of the class `c`, its pull is the mean of `r`. Large shares
    have more noise than small shares; how much more depends on the model. With an exponent below 1, their noise is more
    alike, and the differences between seeds have lighter tails. `k` is the number in `EXPONENTS` with the lightest
    tails among A and the references; the scores of B do not influence it.

    Args:
        n_runs: `R`.
        n_classes: The number of classes.
        method: The method of the scores.
    """

    def __init__(self, n_runs: int, n_classes: int, method: str) -> None:
        self.n_runs, self.n_classes, self.method = n_runs, n_classes, method
        self.pairs = PairSums((1 + len(EXPONENTS)) * n_runs + 4)

    def add(self, blocks: Sequence[WordBlock]) -> None:
        """Add documents as each run explains them."""
        ones = np.ones_like
        of_block = [shares(block, self.method) for block in blocks]
        groups = [block.word * self.n_classes + block.target[block.document] for block in blocks]
        rows = [
            (group, values)
            for group, share in zip(groups, of_block, strict=True)
            for values in (ones(share), *(np.sign(share) * np.abs(share) ** k for k in EXPONENTS))
        ]
        of_a, of_b = pair_words(blocks[0], blocks[-1])
        same = groups[0][of_a] == groups[-1][of_b]
        of_a, of_b = of_a[same], of_b[same]
        a, b = of_block[0][of_a], of_block[-1][of_b]
        self.pairs.add([*rows, *((groups[0][of_a], x) for x in (ones(a), a, b, np.square(b - a)))])

    def table(self, vocabulary: Vocabulary, class_names: Sequence[str]) -> pd.DataFrame:
        """Return one row per class and word: the clearest moves first or, without references, the largest differences.

        Returns:
            The columns are

            - `class` and `word`;
            - `n`, the number of texts of the class with the word; means are over these texts;
            - `a` and `b`, the mean share of the word in A and in B;
            - `difference`, the mean difference, with its 95 % interval `ci_low`, `ci_high`;
            - `p`, its p-value by the paired t-test, and `q`, the p-value adjusted for the false discovery rate
              (Benjamini and Hochberg).

            Words in fewer than `MIN_TEXTS` texts have no interval and no test over texts; without references, they have
            no row. With references, words in at least `SEED_TEXTS` texts of any class have a row for each class that
            they occur in, and there are also

            - `seeds`, the mean share of the word in A and the references;
            - `t_seeds`, how far the pull of B is from the mean pull of A and the references, in standard errors, and
              its p-value `p_seeds`, see `hf_gradexplain.audit.compare.moderated.moderated_test`;
            - `q_seeds`, `p_seeds` adjusted like `q`;
            - `moved`, whether `q_seeds` is at most 0.05.
        """
        word, target = np.divmod(self.pairs.codes, self.n_classes)
        n = self.pairs.sums[-4]
        enough = (n >= 1) & (np.bincount(word, n)[word] >= SEED_TEXTS) if self.n_runs > 2 else n >= MIN_TEXTS
        kept = np.flatnonzero(enough & (self._of_runs()[:, 0].min(0) >= 1))
        n, a, b, squares = self.pairs.sums[-4:, kept]
        difference = (b - a) / n
        columns = {
            "class": [class_names[code] for code in target[kept].tolist()],
            "word": [vocabulary.words[code] for code in word[kept].tolist()],
            "n": n.astype(int),
            "a": a / n,
            "b": b / n,
            "difference": difference,
            **dict(zip(COLUMNS[6:], _over_texts(difference, squares, n), strict=True)),
        }
        table = pd.DataFrame(columns | self._against_seeds(kept))
        by = table["p_seeds"] if self.n_runs > 2 else -table["difference"].abs()
        return table.iloc[by.argsort(kind="stable")].reset_index(drop=True)

    def _against_seeds(self, kept: np.ndarray) -> dict[str, np.ndarray]:
        """Test B against A and the references; nothing without references."""
        if self.n_runs <= 2:
            return {}
        n, shares = self._of_runs()[:-1, :2, kept].swapaxes(0, 1)
        tests = [
            moderated_test(pulls[:-1], pulls[-1], partial(_covariates, texts)) for pulls, texts in self._pulls(kept)
        ]
        test = max(tests, key=lambda each: each.tail_df)
        q = _adjusted(test.p)
        values = ((shares / n).mean(0), test.difference / test.error, test.p, q, q <= FALSE_DISCOVERY_RATE)
        return dict(zip(SEED_COLUMNS, values, strict=True))

    def _of_runs(self) -> np.ndarray:
        """Return, per run, the number of texts of each pair, then the sums of the powers: `(R, 1 + E, P)`."""
        return self.pairs.sums[:-4].reshape(self.n_runs, 1 + len(EXPONENTS), -1)

    def _pulls(self, kept: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield, per exponent, the pulls `(R, n)`, and the mean number of texts of the word in A and the references."""
        word = self.pairs.codes // self.n_classes
        n, *sums = self._of_runs().swapaxes(0, 1)
        texts = _of_word(n, word)[:, kept]
        for of_pair in sums:
            yield (2 * of_pair - _of_word(of_pair, word))[:, kept] / texts, texts[:-1].mean(0)


def _of_word(sums: np.ndarray, word: np.ndarray) -> np.ndarray:
    """Return the sums `(R, P)` over the pairs of the same word, for each pair."""
    return np.stack([np.bincount(word, row)[word] for row in sums])


def _covariates(n: np.ndarray, pulls: np.ndarray) -> np.ndarray:
    """Return what the variance of a pull among runs depends on: the number of texts, and the size of the pull."""
    least = max(LEAST_PULL * float(np.abs(pulls).mean()), np.finfo(np.float64).tiny)
    return np.log(np.stack([n, np.abs(pulls.mean(0)) + least], axis=1))


def _over_texts(mean: np.ndarray, squares: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the ends of the interval of mean differences, p and q of the paired t-test; NaN for few texts."""
    mean = np.where(n >= MIN_TEXTS, mean, np.nan)
    df = np.maximum(n - 1, 1)
    error = np.sqrt(np.maximum(squares - n * np.square(mean), 0) / df / n)
    margin = stats.t.ppf(0.975, df) * error
    t = np.divide(np.abs(mean), error, out=np.where(mean == 0, 0.0, np.inf), where=error != 0)
    p = np.where(np.isnan(mean), np.nan, 2 * stats.t.sf(t, df))
    return mean - margin, mean + margin, p, _adjusted(p)


def _adjusted(p: np.ndarray) -> np.ndarray:
    """Adjust p-values by Benjamini and Hochberg; NaN, which stands for no test, stays NaN."""
    tested = ~np.isnan(p)
    q = np.full(len(p), np.nan)
    if tested.any():
        q[tested] = stats.false_discovery_control(p[tested])
    return q

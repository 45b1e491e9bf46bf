"""Find texts that two runs predict alike but explain differently."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from hf_gradexplain.audit.compare.paired_words import top_words
from hf_gradexplain.audit.compare.runs_in_step import RunFiles
from hf_gradexplain.audit.read_words import Vocabulary, WordBlock
from hf_gradexplain.audit.words.sums import shares
from hf_gradexplain.evaluation.read_documents import BLOCK, read_tables

LISTED = 20
"""Number of texts that are kept."""

WORDS = 3
"""Number of words that a text is shown with."""

COLUMNS = ["id", "prediction", "spearman", "words_a", "words_b", "text"]


@dataclass
class ChangedTexts:
    """The texts whose explanations have the lowest rank correlation, among the texts with equal predictions.

    Attributes:
        method: The method whose scores are compared.
        n_equal: The number of texts with equal predictions.
        lowest: The texts that were found, the lowest correlation first.
    """

    method: str
    n_equal: int = 0
    lowest: list[dict[str, Any]] = field(default_factory=list)

    def add(self, a: WordBlock, b: WordBlock, spearman: np.ndarray, vocabulary: Vocabulary) -> None:
        """Add documents and the correlations of their explanations, `(n,)`; NaN if a document has none."""
        equal = a.prediction == b.prediction
        self.n_equal += int(equal.sum())
        candidates = np.flatnonzero(equal & ~np.isnan(spearman))
        candidates = candidates[np.argsort(spearman[candidates], kind="stable")][:LISTED]
        if len(self.lowest) == LISTED:
            candidates = candidates[spearman[candidates] < self.lowest[-1]["spearman"]]
        words_a, words_b = (self._words(block, candidates, vocabulary) for block in (a, b))
        rows = [
            {
                "id": int(a.ids[i]),
                "prediction": int(a.prediction[i]),
                "spearman": float(spearman[i]),
                "words_a": of_a,
                "words_b": of_b,
            }
            for i, of_a, of_b in zip(candidates, words_a, words_b, strict=True)
        ]
        self.lowest = sorted(self.lowest + rows, key=lambda row: row["spearman"])[:LISTED]

    def table(self, run: RunFiles, class_names: list[str]) -> pd.DataFrame:
        """Return one row per text, the lowest correlation first.

        Args:
            run: The run to read the texts from.
            class_names: The names of the classes.

        Returns:
            Columns `id, prediction, spearman, words_a, words_b, text`, where `words_a` and `words_b` are the three
            highest-scored words in each run with their shares of the score.
        """
        ids = np.array([row["id"] for row in self.lowest], dtype=np.int64)
        texts = dict(_texts(run, ids)) if len(ids) else {}
        rows = [{**row, "prediction": class_names[row["prediction"]], "text": texts[row["id"]]} for row in self.lowest]
        return pd.DataFrame(rows, columns=COLUMNS)

    def _words(self, block: WordBlock, documents: np.ndarray, vocabulary: Vocabulary) -> list[str]:
        """Return the highest-scored words of these documents, with their shares, as text."""
        share, top = shares(block, self.method), top_words(block, self.method, WORDS)
        of_document = [top[block.document[top] == document] for document in documents]
        return [", ".join(f"{vocabulary.words[block.word[i]]} {share[i]:+.2f}" for i in found) for found in of_document]


def _texts(run: RunFiles, ids: np.ndarray) -> Iterator[tuple[int, str]]:
    for table in read_tables(run.documents, ("id", "text"), BLOCK, ids):
        yield from zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)

"""A short example review with the words "great" and "bad", explained for every model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_gradexplain.explainer import Explainer
from hf_gradexplain.files import atomic_write_text

REVIEW = "The plot is thin and the end is bad, but the actors are great, and I was never bored."
METHODS = ("loo", "signed_gi")
POSITIVE = 1
"""The explained class."""

NEGLIGIBLE = 0.05
"""A score below this share of the largest score in the review counts as 0."""


def explain_review(model: str, path: Path) -> None:
    """Explain the review for the positive class, and write its words and scores as JSON."""
    explanation = Explainer.from_pretrained(model)([REVIEW], METHODS, unit="word_type", labels=[POSITIVE])[0]
    record = {
        "words": [unit.text for unit in explanation.units],
        "scores": {method: explanation.scores[method].tolist() for method in METHODS},
        "probability": float(explanation.probabilities[POSITIVE]),
    }
    atomic_write_text(path, json.dumps(record, indent=1) + "\n")


def word_sign(words: Sequence[str], scores: Sequence[float], word: str) -> int:
    """Return the sign of a word's score, 1 or -1; 0 if the score is at most `NEGLIGIBLE` times the largest score.

    >>> word_sign(["great", "bad", "film"], [2.0, -1.0, 0.01], "great")
    1
    >>> word_sign(["great", "bad", "film"], [2.0, -1.0, 0.01], "film")
    0
    """
    score, largest = scores[list(words).index(word)], max(map(abs, scores))
    return 0 if abs(score) <= NEGLIGIBLE * largest else (1 if score > 0 else -1)


def read_review(path: Path) -> dict[str, Any]:
    """Read the file that `explain_review` wrote."""
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record

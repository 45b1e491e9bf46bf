"""A review of our own with "great" and "bad" in it, as every model reads it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_gradexplain.explain import Explainer
from hf_gradexplain.files import atomic_write_text

TEXT = "The plot is thin and the end is bad, but the actors are great, and I was never bored."
METHODS = ("loo", "signed_gi")
POSITIVE = 1
"""The class that is explained."""

NEGLIGIBLE = 0.05
"""A word whose score is below this share of the review's largest is missed."""


def explain_review(model: str, path: Path) -> None:
    """Explain the review for the class of positive ones, and write words and scores as JSON."""
    found = Explainer.from_pretrained(model)([TEXT], METHODS, unit="word_type", labels=[POSITIVE])[0]
    record = {
        "words": [unit.text for unit in found.units],
        "scores": {method: found.scores[method].tolist() for method in METHODS},
        "probability": float(found.probabilities[POSITIVE]),
    }
    atomic_write_text(path, json.dumps(record, indent=1) + "\n")


def word_sign(words: Sequence[str], scores: Sequence[float], word: str) -> int:
    """Which side a word takes: 1 for the class, -1 against it, 0 if its score is next to `NEGLIGIBLE`.

    >>> word_sign(["great", "bad", "film"], [2.0, -1.0, 0.01], "great")
    1
    >>> word_sign(["great", "bad", "film"], [2.0, -1.0, 0.01], "film")
    0
    """
    score, largest = scores[list(words).index(word)], max(map(abs, scores))
    return 0 if abs(score) <= NEGLIGIBLE * largest else (1 if score > 0 else -1)


def read_review(path: Path) -> dict[str, Any]:
    """What `explain_review` wrote."""
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record

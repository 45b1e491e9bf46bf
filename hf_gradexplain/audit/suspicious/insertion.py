"""Insert words into texts and predict the results."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from hf_gradexplain.audit.suspicious.insertion_places import Place
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.options import Options
from hf_gradexplain.text.texts import WholeText

CHUNK = 2048
"""The number of texts that are made and predicted at a time."""


def predict(engine: AttributionEngine, texts: Sequence[WholeText], options: Options) -> tuple[np.ndarray, np.ndarray]:
    """Return the predicted classes `(N,)` and the probabilities `(N, C)` of texts: one forward pass, no gradients.

    Args:
        engine: The classifier.
        texts: The texts.
        options: How the texts are read; the methods are ignored.
    """
    predicted = np.zeros(len(texts), dtype=np.int64)
    probabilities = np.zeros((len(texts), len(engine.class_names)))
    for batch in engine.score(engine.encode(texts, options), options, methods={}):
        logits = batch.forward.logits.detach()
        objective, rows = batch.forward.classifier.objective, list(batch.indices)
        predicted[rows] = objective.predicted(logits).cpu().numpy()
        probabilities[rows] = objective.probability(logits).double().cpu().numpy()
    return predicted, probabilities


def insert_words(
    engine: AttributionEngine, places: Sequence[Place], words: Sequence[str], options: Options
) -> tuple[np.ndarray, np.ndarray]:
    """Insert each word into each text at its place and predict the results, in `W n` forward passes.

    Args:
        engine: The classifier.
        places: The `n` places.
        words: The `W` words; an empty one leaves the texts as they are.
        options: How the texts are read.

    Returns:
        The predicted classes `(W, n)` and the probabilities `(W, n, C)`.
    """
    rows = max(1, CHUNK // max(1, len(places)))
    parts = [
        predict(engine, [place.insert(word) for word in words[i : i + rows] for place in places], options)
        for i in range(0, len(words), rows)
    ]
    shape = (len(words), len(places))
    predicted = np.concatenate([part[0] for part in parts]).reshape(shape)
    return predicted, np.concatenate([part[1] for part in parts]).reshape(*shape, -1)


def excess_p_values(flips: np.ndarray, ordinary: np.ndarray, n: int, margin: float) -> np.ndarray:
    """Return the p-values `(W,)` of the hypothesis that a word flips at most `margin` more texts than ordinary words.

    The hypothesis is about all texts of other classes, of which `n` were drawn. If ordinary words flip a share `o` of
    them, the word flips a share of at most `p = o + margin`. The p-value is that of the one-sided binomial test:
    `P(K >= k)` for `K ~ Binomial(n, p)` and the observed number `k`.

    `o` is measured on the same `n` texts and taken as known. Some texts are so close to the decision boundary that any
    word flips them. A sample with more of them has a larger `k` and a larger `o`, so that their difference varies less
    than `k` alone, and the p-value is too large rather than too small.

    Args:
        flips: `(W,)` the number of texts that each word flips, 0 to `n`.
        ordinary: `(W,)` the share `o` for each word, 0 to 1; NaN if there is no ordinary word, which gives a p-value of
            1.
        n: The number of texts.
        margin: A difference of two shares, 0 or more.
    """
    rate = np.minimum(np.nan_to_num(ordinary, nan=1.0) + margin, 1)
    p: np.ndarray = binom.sf(flips - 1, n, rate)
    return p

"""What a model does with texts into which a word is inserted."""

from collections.abc import Sequence

import numpy as np

from hf_gradexplain.audit.insertion_places import Place
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
    """Insert each word into each text at its place and predict the result, `W n` forward passes.

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


def excess_p_value(flips: np.ndarray, controls: np.ndarray) -> float:
    """Return the p-value of the hypothesis that a word flips a text no more often than the control words do.

    Under it, the word and the `M` control words are exchangeable in each text: which of the `M + 1` outcomes of a text
    is that of the word is drawn at random. Given the number `s_i` of words that flip text `i`, the word then flips it
    with probability `s_i / (M + 1)`, and the number of texts that it flips has a Poisson binomial distribution. The
    p-value is the exact probability of a number as large as the observed one, or larger. A text that every word flips,
    or none, says nothing. With `M = 1`, this is McNemar's exact test, one-sided (McNemar 1947).

    Args:
        flips: `(n,)` whether the word flips each text.
        controls: `(M, n)` whether each control word does, at the same place.
    """
    chances = (flips + controls.sum(0)) / (len(controls) + 1)
    distribution = np.ones(1)
    for chance in chances[(chances > 0) & (chances < 1)]:
        distribution = np.convolve(distribution, (1 - chance, chance))
    observed = int(flips.sum()) - int((chances == 1).sum())
    return float(min(1.0, distribution[observed:].sum()))

"""Insert words into texts and predict the results."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.special import betaln, expit

from hf_gradexplain.audit.suspicious.insertion_places import Place
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.options import Options
from hf_gradexplain.text.texts import WholeText

CHUNK = 2048
"""The number of texts that are made and predicted at a time."""

MEANS = np.linspace(-9, 4, 200)
"""The logits of the mean rate at which words flip texts: 0.01 % to 98 %."""

CORRELATIONS = np.linspace(-9, 2, 24)
"""The logits of the correlation of two texts with the same word: from words that are all alike to 88 %."""


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


def excess_p_values(flips: np.ndarray, controls: np.ndarray, n: int) -> np.ndarray:
    """Return the p-values `(W,)` of the hypothesis that a word is like the control words.

    Each word flips texts at its own rate. Under the hypothesis, the rate of a word is drawn from the same beta
    distribution as the rates of the `M` control words. The distribution has the mean `mu`, and `rho` is the correlation
    between two texts with the same word. The number `K` of texts, out of `n`, that a word flips then has a
    beta-binomial distribution. The p-value is `P(K >= k)` for the observed number `k`, averaged over `mu` and `rho`
    with weights that are their likelihood, given the counts of the control words. This is the posterior predictive
    distribution with a uniform prior of the logits of `mu` and `rho` (Gelman et al. 2013, Bayesian Data Analysis,
    section 5.3). With few control words, their distribution is uncertain and the p-value is larger; without control
    words, it says nothing about the word. If some texts are easier to flip than others, the counts vary less than
    assumed, and the p-value is too large rather than too small.

    Args:
        flips: `(W,)` the number of texts that each word flips, 0 to `n`.
        controls: `(M,)` the number that each control word flips, at the same places.
        n: The number of texts.
    """
    log_probabilities, probabilities = _beta_binomials(n)
    likelihood = np.bincount(controls, minlength=n + 1) @ log_probabilities
    weights = np.exp(likelihood - likelihood.max())
    distribution = probabilities @ (weights / weights.sum())
    return np.minimum(distribution[::-1].cumsum()[::-1], 1)[flips]


@cache
def _beta_binomials(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `log P(K = k)` and `P(K = k)` for `n` texts: a row per `k`, a column per `mu` and `rho`."""
    mu, rho = (grid.ravel() for grid in np.meshgrid(expit(MEANS), expit(CORRELATIONS)))
    a, b = mu * (1 - rho) / rho, (1 - mu) * (1 - rho) / rho
    k = np.arange(n + 1)[:, None]
    logs = betaln(k + a, n - k + b) - betaln(a, b) - np.log(n + 1) - betaln(n - k + 1, k + 1)
    return logs, np.exp(logs)

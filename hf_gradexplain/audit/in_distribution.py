"""Are texts with masked words like those that the model was trained on? A test for each text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import Tensor

from hf_gradexplain.classifier.embedding_lookups import record_linear_inputs
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.evaluate import document_ranks
from hf_gradexplain.options import BaselineName, Options, UnitName
from hf_gradexplain.perturb import generic
from hf_gradexplain.text.texts import Text
from hf_gradexplain.viz.cell import cell_html, cell_text
from hf_gradexplain.viz.tables import TextTable, text_table

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""The shares of masked words that are tested by default."""

LEVEL = 0.05
"""A text with a smaller p-value counts as out of distribution."""

FEWEST = 120
"""The smallest number of reference texts, of which a third has to tell 2.5 % of unusual texts apart."""

Features = Sequence[np.ndarray]
"""Per layer, the features of `N` texts: `(N, D)`, where `D` differs between layers."""


@dataclass(frozen=True, eq=False)
class InDistribution:
    """How many texts are out of distribution when a share of their words is masked; `in_distribution` makes it.

    Attributes:
        shares: The `S` shares of masked words.
        p: `(N, S)` the p-value of each text.
        prediction: `(N, S)` the predicted class.
        confidence: `(N, S)` its probability (of a regression: the output).
        method: The method that chose the words.
        reference: The number of reference texts.
        reference_masked: Whether half of them had random words masked.
    """

    shares: tuple[float, ...]
    p: np.ndarray
    prediction: np.ndarray
    confidence: np.ndarray
    method: str
    reference: int
    reference_masked: bool

    def to_frame(self) -> pd.DataFrame:
        """Return one row per share of masked words.

        The columns are `share`; `out_of_distribution`, the share of texts with p ≤ 0.05, of which 0.05 is expected
        where masked texts are like the reference; its exact binomial 95 % interval `ci_low`, `ci_high`; `confidence`,
        the mean probability of the predicted class; and `n`, the number of texts.
        """
        n, rows = len(self.p), []
        for share, p, confidence in zip(self.shares, self.p.T, self.confidence.T, strict=True):
            out = int((p <= LEVEL).sum())
            interval = stats.binomtest(out, n).proportion_ci()
            rows.append((share, out / n, interval.low, interval.high, confidence.mean(), n))
        return pd.DataFrame(rows, columns=["share", "out_of_distribution", "ci_low", "ci_high", "confidence", "n"])

    def __repr__(self) -> str:
        return cell_text(title=self._title, sentences=self._sentences, table=self._table)

    def _repr_html_(self) -> str:
        return cell_html(title=self._title, sentences=self._sentences, table=self._table)

    @property
    def _title(self) -> str:
        return f"Masked texts out of distribution (p ≤ {LEVEL})"

    @property
    def _sentences(self) -> list[str]:
        masked = ", half of them with random words masked" if self.reference_masked else " without masked words"
        chosen = "drawn at random" if self.method == "random" else f"those with the highest scores of {self.method}"
        return [
            f"Compared with {self.reference:,} reference texts{masked}. The masked words are {chosen}. "
            f"{LEVEL:.0%} are expected where masked texts are like the reference texts."
        ]

    @property
    def _table(self) -> TextTable:
        return text_table(self.to_frame())


def in_distribution(
    engine: AttributionEngine,
    texts: Sequence[Text],
    reference: Sequence[Text],
    *,
    reference_masked: bool = False,
    method: str = "random",
    unit: UnitName = "word",
    baseline: BaselineName | None = None,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> InDistribution:
    """Test how many texts are out of the distribution of reference texts when words of them are masked.

    The test is that of `Detector`. Texts without units cannot be masked and are left out.

    Args:
        engine: An `Explainer`, or its engine.
        texts: The texts to test.
        reference: Other texts of the kind that the model was trained on, but did not see; at least 120, better
            several hundred, see `Detector`.
        reference_masked: Whether half of the reference texts get 0 to 100 % of their words masked, as in masked
            fine-tuning: True for a model that was trained so.
        method: The method whose highest-scored words are masked first, as on a removal curve; `random` for any.
        unit: What is masked: `word`, `word_type`, ...
        baseline: What replaces the word vector of a masked word, as in `Options`.
        shares: The shares of masked words, 0 to 1.
        seed: The seed of every random draw.

    Raises:
        GradexplainError: An argument cannot be used.
    """
    if len(reference) < FEWEST:
        raise GradexplainError(
            f"the test needs {FEWEST} or more reference texts, but got {len(reference)}: give more texts"
        )
    if wrong := [share for share in shares if not 0 <= share <= 1]:
        raise GradexplainError(f"shares must be shares of masked words from 0 to 1, but one is {wrong[0]}")
    options = Options((method,), unit, target="predicted", baseline=baseline, seed=seed)
    random = Options(("random",), unit, target="predicted", baseline=baseline, seed=seed)
    known = {copies.order: copies for copies in _run(engine, reference, random, None if reference_masked else (0.0,))}
    if len(known) < FEWEST:
        raise GradexplainError(
            f"only {len(known)} of the reference texts are different ones with words, but the test needs {FEWEST}: "
            "give more texts"
        )
    features = [known[order].features for order in sorted(known)]
    detector = Detector.fit([np.concatenate(layer) for layer in zip(*features, strict=True)])
    tested = {x.index: (detector(x.features), *x.outputs) for x in _run(engine, texts, options, tuple(shares))}
    if not tested:
        raise GradexplainError("none of the texts has words that can be masked: give other texts")
    p, prediction, confidence = map(np.stack, zip(*(tested[i] for i in sorted(tested)), strict=True))
    return InDistribution(tuple(shares), p, prediction, confidence, method, len(known), reference_masked)


@dataclass(frozen=True, eq=False)
class Detector:
    """A test of whether a text is like reference texts: MaSF (max, Simes, Fisher).

    Of each linear layer of the model, a text's features are the largest value over its tokens of each number that the
    layer reads: `(D,)`.

    1. Each feature gets a two-sided p-value among those of the first two thirds of the reference, see `two_sided`.
       Those of a layer are combined by Simes: `s = min_i D p_(i) / i`.
    2. Each `s` gets a two-sided p-value among those of the same texts: a small one for a layer where the text is
       unusual, and for one where it is unusually close to the middle of all features. Those of the `L` layers are
       combined by Fisher: `t = -2 sum log p`.
    3. The p-value of the text is the share of such large `t` in the last third, of `n` texts:
       `p = (1 + #{t_i >= t}) / (n + 1)`.

    It is valid whatever the features are, and however they depend on each other: of texts like the reference texts, a
    share of at most `a` has `p <= a`, on average over reference texts (a conformal p-value; Bates et al., "Testing for
    Outliers with Conformal p-values", Annals of Statistics 2023). To be powerful, it needs more reference texts than
    a layer has features.

    Source: Haroush, Frostig, Heller and Soudry, "A Statistical Framework for Efficient Out of Distribution Detection in
    Deep Neural Networks" (ICLR 2022), as Madsen, Reddy and Chandar, "Faithfulness Measurable Masked Language Models"
    (ICML 2024), use it. There, the last step takes the same reference texts as the others, by which new texts look more
    unusual than these.

    Attributes:
        features: Per layer, the features of the first two thirds, sorted: `(m, D)`.
        simes: Per layer, their combined p-values, sorted: `(m,)`.
        fisher: The statistics `t` of the last third, sorted: `(n,)`.
    """

    features: tuple[np.ndarray, ...]
    simes: tuple[np.ndarray, ...]
    fisher: np.ndarray

    @classmethod
    def fit(cls, features: Features) -> "Detector":
        """Return the test, given the features of reference texts in random order."""
        m = len(features[0]) * 2 // 3
        known = tuple(np.sort(layer[:m], 0) for layer in features)
        of_known = tuple(np.sort(s) for s in _simes_by_layer(known, [layer[:m] for layer in features]))
        return cls(known, of_known, np.sort(_fisher(known, of_known, [layer[m:] for layer in features])))

    def __call__(self, features: Features) -> np.ndarray:
        """Return the p-values of texts: `(N,)`."""
        t, n = _fisher(self.features, self.simes, features), len(self.fisher)
        return (1 + n - self.fisher.searchsorted(t)) / (n + 1)


def _simes_by_layer(reference: Sequence[np.ndarray], features: Features) -> list[np.ndarray]:
    return [simes(two_sided(m, x)) for m, x in zip(reference, features, strict=True)]


def _fisher(reference: Sequence[np.ndarray], of_simes: Sequence[np.ndarray], features: Features) -> np.ndarray:
    """Return the statistics `t` of texts, `(N,)`."""
    combined = zip(of_simes, _simes_by_layer(reference, features), strict=True)
    p = np.concatenate([two_sided(known[:, None], s[:, None]) for known, s in combined], 1)
    t: np.ndarray = stats.combine_pvalues(p, method="fisher", axis=1).statistic
    return t


def two_sided(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the p-values of features `(N, D)` among those of the reference, sorted `(m, D)`: `(N, D)`.

    `p = min(1, 2 (1 + min(#{r <= x}, #{r >= x})) / (m + 1))`.
    """
    known, x = (torch.from_numpy(np.ascontiguousarray(part.T)) for part in (reference, values))
    below, above = torch.searchsorted(known, x, right=True), len(reference) - torch.searchsorted(known, x)
    p: np.ndarray = 2 * (1 + torch.minimum(below, above)).double().numpy().T / (len(reference) + 1)
    return np.minimum(1, p)


def simes(p: np.ndarray) -> np.ndarray:
    """Combine p-values `(N, D)` by Simes (1986), `min_i D p_(i) / i`: `(N,)`."""
    combined: np.ndarray = (np.sort(p, 1) * p.shape[1] / np.arange(1, 1 + p.shape[1])).min(1)
    return combined


@dataclass(frozen=True, eq=False)
class _Copies:
    """Masked copies of a text.

    Attributes:
        index: The position of the text.
        order: A random number that depends on the text only.
        features: Their features, per layer `(S, D)`.
        outputs: Their predicted classes and the probabilities of these, `(S,)` each.
    """

    index: int
    order: float
    features: list[np.ndarray]
    outputs: tuple[np.ndarray, np.ndarray]


def _run(
    engine: AttributionEngine, texts: Sequence[Text], options: Options, shares: tuple[float, ...] | None
) -> Iterator[_Copies]:
    """Yield the masked copies of each text that has words.

    Args:
        engine: The engine.
        texts: The texts.
        options: How words are chosen: by the scores of its method.
        shares: The shares of masked words; None for one copy of each text, masked as in masked fine-tuning.
    """
    for scored in engine.run(texts, options):
        ranks = document_ranks(scored, options.seed, "random")[0]
        for i, document in enumerate(scored.forward.batch.documents):
            if document.n_units:
                n, rng = document.n_units, document.rng(options.seed, "in distribution")
                order, rate = rng.random(), rng.random() * (rng.random() < 0.5)
                counts = np.array([rng.binomial(n, rate)]) if shares is None else np.rint(n * np.array(shares))
                removed = torch.from_numpy(ranks[i, :n] < counts[:, None]).to(scored.forward.logits.device)
                with frozen_eval_mode(engine.model):
                    yield _Copies(scored.indices[i], order, *_features(scored.forward.only(i), removed))


@torch.no_grad()
def _features(forward: ForwardPass, removed: Tensor) -> tuple[list[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the features and the outputs of a text without sets of units `(S, U)`, see `_Copies`."""
    copies, order, layers = torch.zeros(len(removed), dtype=torch.long, device=removed.device), [], []
    logits = forward.logits.new_zeros(len(removed), forward.logits.shape[1])
    with record_linear_inputs(forward.classifier.model) as read:
        for rows, part in generic.run_masked_copies(forward, copies, lambda rows: removed[rows]):
            layers.append([_maxima(x, len(rows)) for x in read.values() if len(x) == len(rows)])
            logits[rows] = part.to(logits.dtype)
            order.append(rows.cpu().numpy())
    back = np.concatenate(order).argsort()
    objective = forward.classifier.objective
    outputs = objective.predicted(logits), objective.probability(logits).amax(-1).double()
    prediction, confidence = (x.cpu().numpy() for x in outputs)
    return [np.concatenate(layer)[back] for layer in zip(*layers, strict=True)], (prediction, confidence)


def _maxima(x: Tensor, copies: int) -> np.ndarray:
    """Return the largest value over the tokens of each number that a layer reads: `(S, ..., D)` to `(S, D)`."""
    maxima: np.ndarray = x.reshape(copies, -1, x.shape[-1]).amax(1).float().cpu().numpy()
    return maxima

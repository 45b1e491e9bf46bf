"""Test for each text whether, with masked words, it is still like the texts that the model was trained on."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import Tensor

from hf_gradexplain.audit.detector import Detector
from hf_gradexplain.classifier.embedding_lookups import record_linear_inputs
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.evaluate import document_ranks
from hf_gradexplain.options import BaselineName, Options, UnitName
from hf_gradexplain.options.values import as_list, plain, real_number
from hf_gradexplain.perturb import generic
from hf_gradexplain.text.texts import Text, checked
from hf_gradexplain.viz.cell import cell_html, cell_text
from hf_gradexplain.viz.tables import TextTable, text_table

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""The shares of masked words that are tested by default."""

LEVEL = 0.05
"""A text counts as out of distribution if its p-value is at most this."""

FEWEST = 300
"""The smallest number of reference texts. With fewer, the share of texts out of distribution depends more on the
reference than on the tested texts, see `InDistribution.expected`."""


@dataclass(frozen=True, eq=False)
class InDistribution:
    """How many texts are out of distribution when a share of their words is masked; the result of `in_distribution`.

    Attributes:
        shares: The `S` shares of masked words.
        p: `(N, S)` the p-value of each text.
        prediction: `(N, S)` the predicted class.
        confidence: `(N, S)` the probability of this class (for regression, the output).
        method: The method that chose the words.
        reference: The number of reference texts.
        reference_masked: Whether random words were masked in half of the reference texts.
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

        The columns are

        - `share`, the share of masked words;
        - `out_of_distribution`, the share of texts with p ≤ 0.05; in 95 % of cases it lies in the range `expected` if
          masked texts are like the reference texts;
        - `ci_low` and `ci_high`, its exact binomial 95 % interval over texts, for these reference texts;
        - `confidence`, the mean probability of the predicted class;
        - `n`, the number of texts.
        """
        n, rows = len(self.p), []
        for share, p, confidence in zip(self.shares, self.p.T, self.confidence.T, strict=True):
            out = int((p <= LEVEL).sum())
            interval = stats.binomtest(out, n).proportion_ci()
            rows.append((share, out / n, interval.low, interval.high, confidence.mean(), n))
        return pd.DataFrame(rows, columns=["share", "out_of_distribution", "ci_low", "ci_high", "confidence", "n"])

    @property
    def expected(self) -> tuple[float, float]:
        """The range of the share of texts with p ≤ 0.05 that is expected if the texts are like the reference.

        It contains the share for 95 % of all possible sets of reference texts. All p-values use the same `n` reference
        texts, the last third, so they depend on each other. Given the reference, each text has p ≤ 0.05 with the same
        probability, which is itself random: `Beta(k, n + 1 - k)` with `k = floor(0.05 (n + 1))`. The number of such
        texts among `N` is therefore beta-binomial (Bates et al. 2023, as in `Detector`). The range is from the 2.5 %
        to the 97.5 % quantile of this distribution, divided by `N`.
        """
        n = self.reference - self.reference * 2 // 3
        k = int(LEVEL * (n + 1))
        low, high = stats.betabinom(len(self.p), k, n + 1 - k).ppf([0.025, 0.975]) / len(self.p)
        return float(low), float(high)

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
        low, high = self.expected
        chosen = "drawn at random" if self.method == "random" else f"those with the highest scores of {self.method}"
        return [
            f"Compared with {self.reference:,} reference texts{masked}. The masked words are {chosen}. "
            f"If masked texts are like the reference texts, {LEVEL:.0%} of them are out of distribution on average, "
            f"and {low:.0%} to {high:.0%} for 95 % of references of this size. Intervals are for these reference texts."
        ]

    @property
    def _table(self) -> TextTable:
        return text_table(self.to_frame())


def in_distribution(
    engine: AttributionEngine,
    texts: Text | Iterable[Text],
    reference: Iterable[Text],
    *,
    reference_masked: bool = False,
    method: str = "random",
    unit: UnitName = "word",
    baseline: BaselineName | None = None,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> InDistribution:
    """Test how many texts are out of the distribution of reference texts when some of their words are masked.

    The test is that of `Detector`. Texts without units cannot be masked and are left out.

    Args:
        engine: An `Explainer`.
        texts: The texts to test, in a list, an array, a Series or a column.
        reference: Other texts, of the kind that the model was trained on, but not training texts. At least 300, better
            a thousand, see `InDistribution.expected` and `Detector`.
        reference_masked: Whether to mask 0 to 100 % of the words in half of the reference texts, as in masked
            fine-tuning. Give True for a model that was trained in this way.
        method: The method whose highest-scored words are masked first, as on a removal curve; `random` for random
            words.
        unit: What is masked: `word`, `word_type`, ...
        baseline: What replaces the word vector of a masked word, as in `Options`.
        shares: The shares of masked words, 0 to 1.
        seed: The seed of every random draw.

    Raises:
        GradexplainError: An argument cannot be used.
    """
    texts, reference, shares = checked(plain(texts)), _as_reference(reference), _as_shares(shares)
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
            f"the test needs {FEWEST} different reference texts with words, but got {len(known)}: give more texts"
        )
    features = [known[order].features for order in sorted(known)]
    detector = Detector.fit([np.concatenate(layer) for layer in zip(*features, strict=True)])
    tested = {x.index: (detector(x.features), *x.outputs) for x in _run(engine, texts, options, shares)}
    if not tested:
        raise GradexplainError("none of the texts has words that can be masked: give other texts")
    p, prediction, confidence = map(np.stack, zip(*(tested[i] for i in sorted(tested)), strict=True))
    return InDistribution(shares, p, prediction, confidence, method, len(known), reference_masked)


def _as_reference(reference: Iterable[Text]) -> list[Text]:
    """Return the reference texts in a list; the message of an error says that it is about them."""
    try:
        return checked(plain(reference))
    except GradexplainError as error:
        raise GradexplainError(f"reference: {error}") from error


def _as_shares(shares: Iterable[float]) -> tuple[float, ...]:
    """Return the shares of masked words as numbers of Python."""
    given = as_list(shares, "shares must be a list of shares of masked words, such as [0, 0.5, 1]", "share")
    if not given:
        raise GradexplainError("shares must be shares of masked words, but there is none: give at least one")
    return tuple(real_number("each of the shares", share) for share in given)


@dataclass(frozen=True, eq=False)
class _Copies:
    """The masked copies of a text.

    Attributes:
        index: The position of the text.
        order: A random number that depends on the text only.
        features: The features of the copies, per layer `(S, D)`.
        outputs: The predicted classes of the copies and the probabilities of these classes, `(S,)` each.
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
        options: The options; words are chosen by the scores of the method in them.
        shares: The shares of masked words; None for one copy of each text, masked as in masked fine-tuning.
    """
    layers: Collection[str] | None = None
    for scored in engine.run(texts, options):
        ranks = document_ranks(scored, options.seed, "random")[0]
        for i, document in enumerate(scored.forward.batch.documents):
            if document.n_units:
                n, rng = document.n_units, document.rng(options.seed, "in distribution")
                order, rate = rng.random(), rng.random() * (rng.random() < 0.5)
                counts = np.array([rng.binomial(n, rate)]) if shares is None else np.rint(n * np.array(shares))
                removed = torch.from_numpy(ranks[i, :n] < counts[:, None]).to(scored.forward.logits.device)
                forward = scored.forward.only(i)
                with frozen_eval_mode(engine.model):
                    layers = _layers(forward) if layers is None else layers
                    copies = _Copies(scored.indices[i], order, *_features(forward, removed, layers))
                yield copies


@torch.no_grad()
def _layers(forward: ForwardPass) -> Collection[str]:
    """Return the names of the linear layers whose input begins with a row per copy, and not with a row per token.

    If there are as many copies as tokens, one pass cannot tell these apart. Two passes with different numbers of copies
    can.
    """
    names: list[set[str]] = []
    with record_linear_inputs(forward.classifier.model) as read:
        for n in (1, 2):
            copies = torch.zeros(n, dtype=torch.long, device=forward.logits.device)
            nothing = torch.zeros(n, forward.batch.units.size, dtype=torch.bool, device=copies.device)
            for rows, _ in generic.run_masked_copies(forward, copies, nothing.__getitem__):
                names.append({name for name, x in read.items() if len(x) == len(rows)})
    return set.intersection(*names)


@torch.no_grad()
def _features(
    forward: ForwardPass, removed: Tensor, names: Collection[str]
) -> tuple[list[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the features and the outputs of a text without sets of units `(S, U)`, see `_Copies`.

    Args:
        forward: The forward pass of the text.
        removed: The sets of units.
        names: The layers, see `_layers`.
    """
    copies, order, layers = torch.zeros(len(removed), dtype=torch.long, device=removed.device), [], []
    logits = forward.logits.new_zeros(len(removed), forward.logits.shape[1])
    with record_linear_inputs(forward.classifier.model) as read:
        for rows, part in generic.run_masked_copies(forward, copies, lambda rows: removed[rows]):
            layers.append([_maxima(x, len(rows)) for name, x in read.items() if name in names])
            logits[rows] = part.to(logits.dtype)
            order.append(rows.cpu().numpy())
    back = np.concatenate(order).argsort()
    objective = forward.classifier.objective
    outputs = objective.predicted(logits), objective.probability(logits).amax(-1)
    prediction, confidence = (x.cpu().numpy() for x in outputs)
    return [np.concatenate(layer)[back] for layer in zip(*layers, strict=True)], (prediction, confidence)


def _maxima(x: Tensor, copies: int) -> np.ndarray:
    """Return, for each number that a layer reads, its largest value over the tokens: `(S, ..., D)` to `(S, D)`."""
    maxima: np.ndarray = x.reshape(copies, -1, x.shape[-1]).amax(1).float().cpu().numpy()
    return maxima

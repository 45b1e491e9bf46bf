"""Hybrid documents, which join sentences of two classes: do methods point to the sentences of the predicted class?

The test needs no human annotation (Poerner, Roth and Schütze 2018, section 4.1). It assumes that a classifier, on
average, finds more evidence for a class in the sentences of a text of that class.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from hf_gradexplain.audit.plausibility.places import Places
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.engine.leave_out import check_any_scored, leave_out
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explanation import Explanation, Explanations
from hf_gradexplain.options import CUSTOM, Options
from hf_gradexplain.options.values import whole_number
from hf_gradexplain.text.sentences import sentences
from hf_gradexplain.text.texts import Text, text_parts, undivided
from hf_gradexplain.viz.cell import cell_html, cell_text
from hf_gradexplain.viz.tables import TextTable, counted, text_table, with_interval

SENTENCES = 5
"""The largest number of sentences of each of the two texts; two times five are the ten of Poerner et al."""

_SENTENCES, _TIES = 2018, 2019
"""What the random numbers of a document are drawn for: its sentences, and the order of equal scores."""


@dataclass(frozen=True)
class HybridDocument:
    """Sentences of two texts of different classes in random order, joined by blanks.

    Attributes:
        text: The text.
        sentences: `(start, end, label)` of each sentence: its place in the text, and the class of the text that it is
            from.
        sources: The positions of the two texts in the dataset.
    """

    text: str
    sentences: tuple[tuple[int, int, int], ...]
    sources: tuple[int, int]

    def of_class(self, label: int) -> list[tuple[int, int]]:
        """Return the spans of the sentences of a class."""
        return [(start, end) for start, end, known in self.sentences if known == label]


def make_hybrids(texts: Sequence[str], labels: Sequence[int | None], n: int, seed: int = 0) -> list[HybridDocument]:
    """Join sentences of texts of different classes.

    For each document, a random text is drawn, then a random text of another class. Both give the same number of random
    sentences: as many as the text with fewer sentences has, and at most `SENTENCES`. Document `i` depends only on `i`
    and the seed, so a larger `n` only adds documents.

    Args:
        texts: The texts.
        labels: Their classes; texts without one are not drawn.
        n: The number of documents.
        seed: The seed of the random numbers.

    Raises:
        GradexplainError: The texts are not of two classes.
    """
    known = np.array([i for i, label in enumerate(labels) if label is not None and texts[i].strip()], dtype=np.int64)
    classes = np.array([labels[i] for i in known], dtype=np.int64)
    if len(np.unique(classes)) < 2:
        raise GradexplainError(
            "hybrid documents join sentences of two classes, but the number of classes among the labels is "
            f"{len(np.unique(classes))}: give texts of at least two classes, with their labels"
        )
    return [_join(texts, known, classes, np.random.default_rng((seed, i, _SENTENCES))) for i in range(n)]


def labelled_hybrids(
    engine: AttributionEngine, texts: Sequence[Text], labels: Sequence[int | None], options: Options, n: int
) -> list[HybridDocument]:
    """Check the model, the texts and the units, then join sentences of texts; see `make_hybrids`.

    Raises:
        GradexplainError: The model has no classes, a text is a pair or a conversation, the units are given for each
            text, a label is no class, or the texts are not of two classes.
    """
    if engine.profile.n_outputs < 2:
        raise GradexplainError(
            f"hybrid documents need a model of several classes, but {type(engine.model).__name__} has one output"
        )
    if options.unit == CUSTOM:
        raise GradexplainError("hybrid documents are new texts, so the given units do not fit them: give unit='word'")
    if not all(isinstance(undivided(text), str) for text in texts):
        raise GradexplainError("hybrid documents join sentences of single texts, not of pairs or conversations")
    if any(not isinstance(label, int | None) for label in labels):
        raise GradexplainError("hybrid documents need one class for each text as its label, not a list or a number")
    return make_hybrids([text_parts(text)[0] for text in texts], labels, n, options.seed)


def hybrid_options(options: Options) -> Options:
    """Return the options for hybrid documents: those given, but with the predicted class as target.

    It is compared with no other class: where the given options explain a contrast, hybrid documents explain the loss.
    """
    objective = "loss" if options.objective == "contrast" else options.objective
    return replace(options, target="predicted", against=None, objective=objective)


def hybrid_hits(
    explanations: Iterable[tuple[int, Explanation]], hybrids: Sequence[HybridDocument], seed: int = 0
) -> pd.DataFrame:
    """Return for each document and method whether its highest-scored word stands in a sentence of the predicted class.

    Equal scores are put in random order, seeded per document. If a unit occurs several times, each occurrence counts as
    a word.

    Args:
        explanations: Pairs of the number of a document and the explanation of its predicted class.
        hybrids: All documents.
        seed: The seed of the order of equal scores.

    Returns:
        One row per document and method: `document`; `prediction`; `method`; `word`, the highest-scored word; `hit`,
        null if the prediction is neither of the two classes, or if the model read no word of the sentences of the
        predicted class; and `chance`, the share of words that stand in sentences of the predicted class.
    """
    rows = []
    for number, explanation in explanations:
        places = Places.of(explanation, np.random.default_rng((seed, number, _TIES)))
        right = places.inside(hybrids[number].of_class(explanation.prediction))
        firsts = np.argmin(places.ranks, axis=1) if len(right) else [None] * len(explanation.scores)
        for method, first in zip(explanation.scores, firsts, strict=True):
            word = "" if first is None else explanation.text[slice(*places.spans[first])]
            found = (bool(right[first]), float(right.mean())) if right.any() else (None, np.nan)
            rows.append((number, explanation.prediction_label, method, word, *found))
    hits = pd.DataFrame(rows, columns=["document", "prediction", "method", "word", "hit", "chance"])
    return hits.astype({"hit": "boolean"})


def hybrid_table(hits: pd.DataFrame) -> pd.DataFrame:
    """Return how often each method hits.

    Args:
        hits: See `hybrid_hits`.

    Returns:
        One row per method: `method`; `hit_rate`, the share of hits; `ci_low` and `ci_high`, Wilson's 95 % interval of
        the hit rate; `chance`, the expected hit rate of a random word; `n`, the number of documents that are counted;
        and `n_undefined`, the number of documents that are not counted.
    """
    rows = []
    for method, of_method in hits.groupby("method", sort=False):
        known = of_method["hit"].dropna()
        row = {"method": method, "hit_rate": np.nan, "ci_low": np.nan, "ci_high": np.nan}
        if n := len(known):
            test = binomtest(int(known.sum()), n)
            low, high = test.proportion_ci(method="wilson")
            row |= {"hit_rate": test.statistic, "ci_low": low, "ci_high": high}
        rows.append({**row, "chance": of_method["chance"].mean(), "n": n, "n_undefined": len(of_method) - n})
    return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class HybridDocuments:
    """How often methods point to sentences of the predicted class; the result of `Explainer.hybrid_documents`.

    Attributes:
        documents: The documents.
        explanations: Their explanations, without those of documents that are left out.
        hits: One row per document and method, see `hf_gradexplain.audit.plausibility.hybrid.hybrid_hits`.
        left_out: The positions of the documents that cannot be scored, and the reasons.
    """

    documents: tuple[HybridDocument, ...]
    explanations: Explanations
    hits: pd.DataFrame
    left_out: Mapping[int, str] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per method.

        The columns are

        - `method`;
        - `hit_rate`, the share of documents whose highest-scored word stands in a sentence of the predicted class, with
          its 95 % interval `ci_low`, `ci_high`;
        - `chance`, the expected hit rate of a random word;
        - `n` and `n_undefined`, the numbers of documents that are counted and that are not counted.
        """
        return hybrid_table(self.hits)

    def __repr__(self) -> str:
        return cell_text(title=self._title, sentences=self._sentences, table=self._table)

    def _repr_html_(self) -> str:
        return cell_html(title=self._title, sentences=self._sentences, table=self._table)

    @property
    def _title(self) -> str:
        return counted(len(self.documents), "hybrid document")

    @property
    def _sentences(self) -> list[str]:
        said = ["How often the highest-scored word stands in a sentence of the predicted class."]
        if self.left_out:
            position, reason = min(self.left_out.items())
            said += [f"{counted(len(self.left_out), 'document')} left out, for example document {position}: {reason}."]
        return said

    @property
    def _table(self) -> TextTable:
        frame = self.to_frame()
        columns = (frame[name] for name in ("hit_rate", "ci_low", "ci_high"))
        cells = [with_interval(*row) for row in zip(*columns, strict=True)]
        return text_table(frame.assign(hit_rate=cells).drop(columns=["ci_low", "ci_high"]))


def explain_hybrids(
    engine: AttributionEngine, texts: Sequence[Text], labels: Sequence[int | None], options: Options, n: int
) -> HybridDocuments:
    """Make hybrid documents and explain their predicted classes.

    Args:
        engine: The classifier.
        texts: The texts to draw sentences from.
        labels: Their classes.
        options: How to explain.
        n: The number of documents.

    Raises:
        GradexplainError: See `labelled_hybrids`; or there is no document to make, or none can be scored.
    """
    n = whole_number("n", n)
    if n < 1:
        raise GradexplainError(f"n must be a number of documents, 1 or larger, but is {n}")
    hybrids = labelled_hybrids(engine, texts, labels, options, n)
    options = hybrid_options(options)
    texts = [hybrid.text for hybrid in hybrids]
    parts, left_out = leave_out(lambda rows: engine.explanations([texts[i] for i in rows], options), range(n))
    check_any_scored(left_out, n, "hybrid document")
    explanations = Explanations(chain.from_iterable(parts))
    explained = zip((i for i in range(n) if i not in left_out), explanations, strict=True)
    return HybridDocuments(tuple(hybrids), explanations, hybrid_hits(explained, hybrids, options.seed), left_out)


def _join(texts: Sequence[str], known: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> HybridDocument:
    """Return a document from two of the texts, given their positions and classes."""
    first = rng.integers(len(known))
    second = rng.choice(np.flatnonzero(classes != classes[first]))
    divided = [[(i, span) for span in sentences(texts[known[i]])] for i in (first, second)]
    size = min(SENTENCES, *map(len, divided))
    drawn = [part[j] for part in divided for j in rng.choice(len(part), size, replace=False)]
    text, places = "", list[tuple[int, int, int]]()
    for j in rng.permutation(len(drawn)):
        i, (start, end) = drawn[j]
        text += " " if text else ""
        places.append((len(text), len(text) + end - start, int(classes[i])))
        text += texts[known[i]][start:end]
    return HybridDocument(text, tuple(places), (int(known[first]), int(known[second])))

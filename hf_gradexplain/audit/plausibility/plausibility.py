"""Compare scores with human rationales, by the measures of ERASER (DeYoung et al. 2020, section 4.1).

A rationale shows what convinces people, not what the model uses. A method can agree with rationales and be unfaithful.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from hf_gradexplain.audit.plausibility.places import Places
from hf_gradexplain.evaluation.bootstrap import Means, bootstrap_weights, percentile_interval
from hf_gradexplain.evaluation.documents import RATIONALE, EvaluatedDocument, iterate_documents, open_documents
from hf_gradexplain.evaluation.read_documents import BLOCK
from hf_gradexplain.text.rationales import runs

IOU = 0.5
"""A predicted span matches a span of the rationale if their overlap is at least this share of their union."""

_PURPOSE = 2020
"""The purpose of the random order of equal scores, so that its random numbers are not those of the bootstrap."""

MEASURES = ("iou_f1", "token_f1", "auprc")

Range = tuple[int, int]
"""Words of a text that follow one another: the index of the first one, and of the one after the last."""


def plausibility_tables(paths: Sequence[Path], seed: int = 0) -> dict[str, pd.DataFrame]:
    """Return the table `plausibility` by its name; nothing for documents that have no rationales."""
    known = bool(paths) and RATIONALE in open_documents(paths[0]).schema_arrow.names
    return {"plausibility": plausibility_table(paths, seed)} if known else {}


def plausibility_table(paths: Sequence[Path], seed: int = 0) -> pd.DataFrame:
    """Compare the scores of every method with the human rationales of the documents.

    A document has `N` words, and each occurrence counts: a unit that occurs twice is two words with the same score. A
    word belongs to the rationale if it shares a character with a span of the rationale. A method predicts the `k` words
    with the highest scores, where `k` is the mean number of words in a rationale, rounded. Equal scores are put in
    random order, seeded per document. Documents whose rationale has no words are left out.

    - `token_f1`: the F1 score of the predicted words, `2 P R / (P + R)`, mean over documents.
    - `iou_f1`: consecutive predicted words form one span. A predicted span matches if it shares, with a span of the
      rationale, at least half of the words in the union of the two. Precision is the share of a document's predicted
      spans that match; recall is the number of matches divided by the number of spans in the rationale. The F1 score is
      computed from the mean precision and the mean recall over documents.
    - `auprc`: the area under the precision-recall curve of the first `1 ... N` words, by the trapezoidal rule, mean
      over documents. It needs no `k`. As in ERASER, the curve begins at recall 0 with precision 1. For a random order,
      its expected value is therefore larger than the share of words that belong to the rationale: 0.20 for 1 of 10
      words, 0.11 for 20 of 200. To see it for your texts, evaluate the method `random`.

    Args:
        paths: The document files, with the column `rationale`.
        seed: Seed of the order of equal scores and of the bootstrap.

    Returns:
        One row per method: `method`; `iou_f1`, `token_f1`, `auprc`, each with `X_ci_low` and `X_ci_high`, its 95 %
        interval of the bootstrap over documents, see `hf_gradexplain.evaluation.bootstrap.percentile_interval`; `k`;
        `n`, the number of documents that are counted; and `n_undefined`, the number of documents that are not counted.
    """
    lengths = [len(_marked(gold)) for block in _blocks(paths, seed) for _, _, gold in block]
    marked = [length for length in lengths if length]
    k = int(np.floor(np.mean(marked) + 0.5)) if marked else 0
    methods = next((list(d.explanation.scores) for d in iterate_documents(paths, ())), [])
    sums = Means(4 * len(methods))
    for block in _blocks(paths, seed):
        kept = [(number, agreement(places.ranks, gold, k)) for number, places, gold in block if gold]
        if kept:
            ids, values = zip(*kept, strict=True)
            sums.add(np.stack(values).reshape(len(ids), -1), bootstrap_weights(ids, seed))
    rows = [{"method": method, **_row(sums, m)} for m, method in enumerate(methods)]
    return pd.DataFrame(rows).assign(k=k, n=len(marked), n_undefined=len(lengths) - len(marked))


def agreement(ranks: np.ndarray, gold: Sequence[Range], k: int) -> np.ndarray:
    """Compare the orders of a document's words with its rationale.

    Args:
        ranks: `(M, N)` the rank of each word by each method; 0 for the highest score.
        gold: The spans of the rationale, at least one.
        k: The number of predicted words.

    Returns:
        `(M, 4)`: precision and recall of the spans, the F1 score of the words, and the area under the curve of
        precision over recall; see `plausibility_table`.
    """
    truth = np.isin(np.arange(ranks.shape[1]), _marked(gold))
    by_rank = np.zeros(ranks.shape, dtype=bool)
    np.put_along_axis(by_rank, ranks, np.broadcast_to(truth, ranks.shape), axis=1)
    hits, n = np.cumsum(by_rank, axis=1), min(k, ranks.shape[1])
    precision = np.insert(hits / np.arange(1, ranks.shape[1] + 1), 0, 1, axis=1)
    recall = np.insert(hits / truth.sum(), 0, 0, axis=1)
    spans = [_span_scores(runs(chosen), gold) for chosen in ranks < n]
    token_f1 = 2 * hits[:, n - 1] / (n + truth.sum())
    return np.column_stack([np.array(spans), token_f1, np.trapezoid(precision, recall, axis=1)])


def _blocks(paths: Sequence[Path], seed: int) -> Iterator[list[tuple[int, Places, list[Range]]]]:
    """Yield the id, the words and the spans of the rationale of each document, `BLOCK` documents at a time."""
    documents = iterate_documents(paths, ())
    while block := [_read(document, seed) for document in islice(documents, BLOCK)]:
        yield block


def _read(document: EvaluatedDocument, seed: int) -> tuple[int, Places, list[Range]]:
    places = Places.of(document.explanation, np.random.default_rng((seed, document.id, _PURPOSE)))
    return document.id, places, places.ranges(document.rationale or ())


def _row(sums: Means, m: int) -> dict[str, float]:
    """Return the measures of one method with their intervals."""
    values = sums.mean[4 * m : 4 * m + 4]
    replicates = values + sums.deviations[:, 4 * m : 4 * m + 4]
    means = np.array([_f1(values[0], values[1]), values[2], values[3]])
    replicates = np.column_stack([_f1(replicates[:, 0], replicates[:, 1]), replicates[:, 2:]])
    low, high = percentile_interval(means, replicates - means, sums.n[4 * m : 4 * m + 3], (0, 1))
    row: dict[str, float] = {}
    for i, name in enumerate(MEASURES):
        row |= {name: means[i], f"{name}_ci_low": low[i], f"{name}_ci_high": high[i]}
    return row


def _span_scores(predicted: Sequence[Range], gold: Sequence[Range]) -> tuple[float, float]:
    """Return the precision and the recall of predicted spans, at least one."""
    matches = sum(max(_iou(span, other) for other in gold) >= IOU for span in predicted)
    return matches / len(predicted), matches / len(gold)


def _iou(one: Range, other: Range) -> float:
    shared = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return shared / (_length(one) + _length(other) - shared)


def _marked(spans: Sequence[Range]) -> list[int]:
    """Return the words of some spans, each once."""
    return sorted({word for span in spans for word in range(*span)})


def _length(span: Range) -> int:
    return span[1] - span[0]


def _f1(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Return the harmonic mean: 0 where both are 0, and NaN where they are NaN."""
    total = precision + recall
    return np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total != 0)

"""Evaluate a scored batch: removal curves, correlations, and optional measurements."""

from collections.abc import Collection, Sequence

import numpy as np
import torch

from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.engine.scored import ScoredBatch
from hf_gradexplain.errors import NotFiniteError
from hf_gradexplain.evaluation.correlation import compared_by_sign, correlate_all, sign_agreement
from hf_gradexplain.evaluation.documents import EvaluatedDocument
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.naopc import document_bounds
from hf_gradexplain.evaluation.random_band import random_ranks, summarize_orders
from hf_gradexplain.explanation.correlation import REFERENCE
from hf_gradexplain.options import TiesName
from hf_gradexplain.perturb import removal_curves, subset_logits
from hf_gradexplain.perturb.orders import batch_removal_ranks


def evaluate_batch(
    scored: ScoredBatch, ids: Sequence[int], labels: Sequence[int | None], measures: Measures
) -> list[EvaluatedDocument]:
    """Evaluate every method on every document of a batch.

    Args:
        scored: The batch.
        ids: Row numbers of the documents.
        labels: Labels of the documents, None where there is none.
        measures: How ties are broken, and what to measure in addition to removal curves and correlations.
    """
    explanations, methods, curves = scored.explanations(labels), list(scored.scores), batch_curves(scored, measures)
    bounds = batch_bounds(scored, curves["curves"][0, :, 0], measures.beam_size) if measures.bounds else None
    spread = summarize_orders(curves["random_orders"]) if measures.random_orders else {}
    lengths = np.array([document.n_units for document in scored.forward.batch.documents])
    real = scored.forward.batch.units.real
    scores = {m: x.detach().where(real, 0).cpu().double().numpy() for m, x in scored.scores.items()}
    precision = scored.forward.classifier.precision
    correlations = correlate_all(scores, lengths, precision)
    signs = {m: sign_agreement(scores[m], scores[REFERENCE], precision) for m in compared_by_sign(methods)}
    documents = []
    for b, explanation in enumerate(explanations):
        of_document = {name: x[:, b, : lengths[b] + 1] for name, x in curves.items()}
        documents.append(
            EvaluatedDocument(
                id=ids[b],
                label=labels[b],
                explanation=explanation,
                curves=dict(zip(methods, of_document["curves"], strict=True)),
                correlations=correlations[b],
                signs={m: {name: int(n[b]) for name, n in counts.items()} for m, counts in signs.items()},
                negative_first=dict(zip(methods, of_document.get("negative_first", ()), strict=False)),
                random_orders={name: x[b, : lengths[b] + 1] for name, x in spread.items()},
                bounds=bounds[b] if bounds else {},
            )
        )
    return documents


def batch_curves(scored: ScoredBatch, measures: Measures) -> dict[str, np.ndarray]:
    """Return the removal curves of all orders, which are computed together.

    Returns:
        `curves` and, if measured, `negative_first`, `(M, B, U + 1)` each, and `random_orders`, `(R, B, U + 1)` for `R`
        random orders.
    """
    seed = scored.options.seed
    ranks = document_ranks(scored, seed, measures.ties)
    orders = {"curves": ranks}
    if measures.both_ends:
        orders["negative_first"] = reversed_ranks(scored, ranks)
    if measures.random_orders:
        orders["random_orders"] = random_batch_ranks(scored, seed, measures.random_orders)
    curves = target_probabilities(scored, np.concatenate(list(orders.values())), measures.k_grid or None)
    sections = np.cumsum([len(x) for x in orders.values()])[:-1]
    return dict(zip(orders, np.split(curves, sections), strict=True))


def document_ranks(scored: ScoredBatch, seed: int, ties: TiesName) -> np.ndarray:
    """Return the order in which each method removes each document's units: `(M, B, U)` ranks."""
    scores = torch.stack([x.detach() for x in scored.scores.values()]).cpu().double().numpy()
    documents = scored.forward.batch.documents
    rngs = [document.rng(seed, "ties") for document in documents] if ties == "random" else None
    lengths = np.array([document.n_units for document in documents])
    return batch_removal_ranks(scores, lengths, rngs, scored.forward.classifier.precision)


def reversed_ranks(scored: ScoredBatch, ranks: np.ndarray) -> np.ndarray:
    """Return the reversed orders: `(M, B, U)` to `(M, B, U)`; the order of equal scores is reversed, too."""
    counts = np.array([document.n_units for document in scored.forward.batch.documents])
    return np.maximum(counts[:, None] - 1 - ranks, 0)


def random_batch_ranks(scored: ScoredBatch, seed: int, orders: int) -> np.ndarray:
    """Return `R` random orders of the units of each document: `(R, B, U)` ranks."""
    batch = scored.forward.batch
    ranks = np.zeros((orders, len(batch.documents), batch.units.size), dtype=np.int64)
    for i, document in enumerate(batch.documents):
        ranks[:, i, : document.n_units] = random_ranks(document, seed, orders)
    return ranks


@torch.no_grad()
def target_probabilities(scored: ScoredBatch, ranks: np.ndarray, steps: Collection[int] | None = None) -> np.ndarray:
    """Return `f(x^(k))`, the target's probability without the `k` units ranked first: `(M, B, U)` to `(M, B, U + 1)`.

    Args:
        scored: The batch.
        ranks: Orders of removal.
        steps: The values of `k` at which the model runs, besides 0 and `U`; in between, the curve is interpolated
            linearly. None for every `k`.

    Raises:
        NotFiniteError: One of these probabilities is not finite.
    """
    forward = scored.forward
    with frozen_eval_mode(forward.classifier.model):
        logits = removal_curves(forward, torch.from_numpy(ranks).to(forward.batch.target.device), steps)
    curves = forward.target_probability(logits).cpu().double().numpy()
    k, count = np.arange(curves.shape[-1]), forward.batch.units.count.cpu().numpy()[:, None]
    computed = np.isin(k, [0, *(k if steps is None else steps)]) | (k == count)
    if not np.isfinite(curves[:, computed]).all():
        raise NotFiniteError("the probabilities without some units", forward.classifier.precision)
    return _interpolate(curves)


@torch.no_grad()
def batch_bounds(scored: ScoredBatch, full_text: np.ndarray, beam_size: int) -> list[dict[str, float | bool]]:
    """Return the bounds of each document's AOPC, given the probabilities of the full texts, `full_text` `(B,)`."""
    batch, bounds = scored.forward.batch, []
    with frozen_eval_mode(scored.forward.classifier.model):
        for b, document in enumerate(batch.documents):

            def value(removed: np.ndarray, b: int = b) -> np.ndarray:
                sets = torch.zeros(len(removed), batch.units.size, dtype=torch.bool, device=batch.target.device)
                sets[:, : removed.shape[1]] = torch.from_numpy(removed).to(sets.device)
                text_of = torch.full((len(sets),), b, device=sets.device)
                logits = subset_logits(scored.forward, text_of, sets).unsqueeze(0)
                values = scored.forward.target_probability(logits, slice(b, b + 1))[0].cpu().double().numpy()
                if not np.isfinite(values).all():
                    raise NotFiniteError("the probabilities without some units", scored.forward.classifier.precision)
                return values

            bounds.append(document_bounds(value, float(full_text[b]), document.n_units, beam_size))
    return bounds


def _interpolate(curves: np.ndarray) -> np.ndarray:
    """Fill the gaps (NaN) of the curves `(M, B, U + 1)` linearly, in place."""
    k, rows = np.arange(curves.shape[-1]), curves.reshape(-1, curves.shape[-1])
    unknown = np.isnan(rows)
    for curve, gaps in zip(rows, unknown, strict=True) if unknown.any() else ():
        curve[gaps] = np.interp(k[gaps], k[~gaps], curve[~gaps])
    return curves

"""From a scored batch to evaluated documents."""

from collections.abc import Collection, Sequence

import numpy as np
import torch

from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.engine import ScoredBatch
from hf_gradexplain.evaluation.aopc import removal_ranks
from hf_gradexplain.evaluation.correlation import REFERENCE, compared_by_sign, correlate_all, sign_agreement
from hf_gradexplain.evaluation.documents import EvaluatedDocument
from hf_gradexplain.evaluation.extra_measures import Measures
from hf_gradexplain.evaluation.naopc import document_bounds
from hf_gradexplain.evaluation.random_band import over_orders, random_ranks
from hf_gradexplain.perturb import removal_curves
from hf_gradexplain.perturb.subsets import Subsets


def evaluate_batch(
    scored: ScoredBatch, ids: Sequence[int], labels: Sequence[int | None], measures: Measures
) -> list[EvaluatedDocument]:
    """Put every method to the test on every document of a batch.

    Args:
        scored: The batch.
        ids: Its documents' row numbers.
        labels: Their labels, None where there is none.
        measures: What to measure beside removal curves and correlations.
    """
    seed, methods = scored.options.seed, list(scored.scores)
    ranks = document_ranks(scored, seed)
    orders = {"curves": ranks}
    if measures.both_ends:
        orders["negative_first"] = reversed_ranks(scored, ranks)
    if measures.random_orders:
        orders["random_orders"] = random_batch_ranks(scored, seed, measures.random_orders)
    curves = target_probabilities(scored, np.concatenate(list(orders.values())), measures.k_grid or None)
    found = dict(zip(orders, np.split(curves, np.cumsum([len(x) for x in orders.values()])[:-1]), strict=True))
    bounds = batch_bounds(scored, curves[0, :, 0], measures.beam_size) if measures.bounds else None
    documents = []
    for b, explanation in enumerate(scored.explanations()):
        own = {name: x[:, b, : len(explanation.units) + 1] for name, x in found.items()}
        scores = explanation.scores
        documents.append(
            EvaluatedDocument(
                id=ids[b],
                label=labels[b],
                explanation=explanation,
                curves=dict(zip(methods, own["curves"], strict=True)),
                correlations=correlate_all(scores),
                signs={m: sign_agreement(scores[m], scores[REFERENCE]) for m in compared_by_sign(methods)},
                negative_first=dict(zip(methods, own.get("negative_first", ()), strict=False)),
                random_orders=over_orders(own["random_orders"]) if measures.random_orders else {},
                bounds=bounds[b] if bounds else {},
            )
        )
    return documents


def document_ranks(scored: ScoredBatch, seed: int) -> np.ndarray:
    """The order in which each method removes each document's units: `(M, B, U)`, ties broken as the options say."""
    scores = torch.stack([x.detach() for x in scored.scores.values()]).cpu().double().numpy()
    ranks = np.zeros(scores.shape, dtype=np.int64)
    for i, document in enumerate(scored.forward.batch.documents):
        n = len(document.units)
        rng = document.rng(seed, "ties") if scored.options.ties == "random" else None
        ranks[:, i, :n] = removal_ranks(scores[:, i, :n], rng)
    return ranks


def reversed_ranks(scored: ScoredBatch, ranks: np.ndarray) -> np.ndarray:
    """The same orders from their other end: `(M, B, U)` to `(M, B, U)`; the last of equals goes first."""
    counts = np.array([len(document.units) for document in scored.forward.batch.documents])
    return np.maximum(counts[:, None] - 1 - ranks, 0)


def random_batch_ranks(scored: ScoredBatch, seed: int, orders: int) -> np.ndarray:
    """`R` random orders of the units of each document: `(R, B, U)`."""
    batch = scored.forward.batch
    ranks = np.zeros((orders, len(batch.documents), batch.units.size), dtype=np.int64)
    for i, document in enumerate(batch.documents):
        ranks[:, i, : len(document.units)] = random_ranks(document, seed, orders)
    return ranks


@torch.no_grad()
def target_probabilities(scored: ScoredBatch, ranks: np.ndarray, steps: Collection[int] | None = None) -> np.ndarray:
    """`f_y(x^(k))`, the target's probability without the `k` units ranked first: `(M, B, U)` to `(M, B, U + 1)`.

    Given `steps`, the model need only be asked at those `k` and at the ends; between them the curve is linear.
    """
    forward = scored.forward
    with frozen_eval_mode(forward.classifier.model):
        logits = removal_curves(forward, torch.from_numpy(ranks).to(forward.batch.target.device), steps)
    return _joined(forward.target_probability(logits).cpu().double().numpy())


@torch.no_grad()
def batch_bounds(scored: ScoredBatch, plain: np.ndarray, beam_size: int) -> list[dict[str, float | bool]]:
    """The bounds of each document's AOPC, whose probabilities with all their units are `plain` `(B,)`."""
    batch, objective, bounds = scored.forward.batch, scored.forward.classifier.objective, []
    with frozen_eval_mode(scored.forward.classifier.model):
        subsets = Subsets(scored.forward)
        for b, document in enumerate(batch.documents):

            def value(removed: np.ndarray, b: int = b) -> np.ndarray:
                sets = torch.zeros(len(removed), batch.units.size, dtype=torch.bool, device=batch.target.device)
                sets[:, : removed.shape[1]] = torch.from_numpy(removed).to(sets.device)
                logits = subsets.logits(b, sets)
                return objective.probability(logits)[:, batch.target[b]].cpu().double().numpy()

            bounds.append(document_bounds(value, float(plain[b]), len(document.units), beam_size))
    return bounds


def _joined(curves: np.ndarray) -> np.ndarray:
    """Straight lines where the curves `(M, B, U + 1)` have gaps."""
    k = np.arange(curves.shape[-1])
    for curve in curves.reshape(-1, len(k)):
        known = ~np.isnan(curve)
        if not known.all():
            curve[:] = np.interp(k, k[known], curve[known])
    return curves

"""From a scored batch to evaluated documents."""

import numpy as np
import torch

from hf_gradexplain.evaluation.aopc import removal_ranks
from hf_gradexplain.explain import ScoredBatch
from hf_gradexplain.perturb import removal_curves
from hf_gradexplain.state import left_as_found


def document_ranks(scored: ScoredBatch, seed: int) -> np.ndarray:
    """The order in which each method removes the units of each document: `(M, B, U)`, ties broken at random."""
    scores = torch.stack([x.detach() for x in scored.scores.values()]).double().cpu().numpy()
    ranks = np.zeros(scores.shape, dtype=np.int64)
    for i, document in enumerate(scored.reading.batch.documents):
        n = len(document.units)
        ranks[:, i, :n] = removal_ranks(scores[:, i, :n], document.rng(seed, "ties"))
    return ranks


@torch.no_grad()
def target_probabilities(scored: ScoredBatch, ranks: np.ndarray) -> np.ndarray:
    """`f_y(x^(k))`, the target's probability without the `k` units ranked first: `(M, B, U)` to `(M, B, U + 1)`."""
    target = scored.reading.batch.target
    with left_as_found(scored.classifier.model):
        logits = removal_curves(scored.classifier, scored.reading, torch.from_numpy(ranks).to(target.device))
    probabilities = scored.classifier.objective.probability(logits)
    index = target[None, :, None, None].expand(*probabilities.shape[:-1], 1)
    return probabilities.gather(-1, index).squeeze(-1).double().cpu().numpy()

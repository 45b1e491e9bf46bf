"""The formulas that turn evidence into scores: pure functions `(evidence, units) -> (B, U)`.

`e` is the vector of a word and `g = dl_y/de` its gradient. A signed score is positive if the unit supports the target.
The gradient of a unit is taken with respect to the rows of the embedding table that it uses: gradients are summed over
the occurrences of a row, and concatenated over different rows (the pieces of a word). Equations are numbered as in Du &
Xu, *Towards a Better Understanding of Gradient-Based Explanatory Methods in NLP*.
"""

import torch
from torch import Tensor

from hf_gradexplain.text.data import Gradients, NoisyGradients, Sampled
from hf_gradexplain.text.unit_index import Units


def sa_raw(evidence: Gradients, units: Units) -> Tensor:
    """Sensitivity, raw: `sum_i g_i` (Eq. 2).

    The score is zero up to rounding error if the word vectors go straight into layer normalisation, as in BERT, GPT-2
    and BART, because this layer ignores a shift that all dims share. A ranking by such scores is noise.
    """
    return units.sum(evidence.grad.sum(-1))


def sa_l1(evidence: Gradients, units: Units) -> Tensor:
    """Sensitivity, L1 norm: `sum_i |g_i|` (Eq. 3)."""
    return units.over_rows(units.sum_rows(evidence.grad).abs().sum(-1), "sum")


def sa_l2(evidence: Gradients, units: Units) -> Tensor:
    """Sensitivity, L2 norm: `sqrt(sum_i g_i^2)` (Eq. 3).

    `g` is divided by the text's largest `|g_i|` before it is squared. Otherwise the squares of tiny gradients would
    underflow, for example if the prediction is very sure.
    """
    grad = evidence.grad
    largest = units.largest(grad.abs().amax((1, 2))).clamp_min(torch.finfo(grad.dtype).tiny)
    scaled = grad / units.by_sequence(largest)[:, None, None]
    return units.over_rows(units.sum_rows(scaled).square().sum(-1), "sum").sqrt() * largest.unsqueeze(1)


def sa_linf(evidence: Gradients, units: Units) -> Tensor:
    """Sensitivity, maximum norm: `max_i |g_i|` (Eq. 3)."""
    return units.over_rows(units.sum_rows(evidence.grad).abs().amax(-1), "amax")


def signed_gi(evidence: Gradients, units: Units) -> Tensor:
    """Signed gradient times input: `-sum_i g_i e_i` (Eq. 6); with a baseline `b`, `-sum_i g_i (e_i - b_i)`.

    The score is a linear estimate of how much the loss rises when the word is replaced by the baseline. It is zero up
    to rounding error if the baseline is zero and the word vectors go straight into a layer that ignores their length,
    such as RMS normalisation.
    """
    e, b = evidence.embedding, evidence.baseline
    return -units.sum((evidence.grad * (e if b is None else e - b)).sum(-1))


def gradient_times_input(evidence: Gradients, units: Units) -> Tensor:
    """Signed gradient times input before its sum over dims: `-g_i e_i`, `(B, U, D)`."""
    e, b = evidence.embedding, evidence.baseline
    return -units.sum(evidence.grad * (e if b is None else e - b))


def vargrad(evidence: NoisyGradients, units: Units) -> Tensor:
    """Variance of the gradient over noisy copies, summed over dims: `sum_i Var(g_i)` (Adebayo et al. 2018).

    This is the mean squared distance of the unit's noisy gradients from their mean. It is zero if the gradient does not
    depend on the word vectors, as with the objective `logit` for a model whose logits are linear in them.
    """
    return units.over_rows(evidence.variance.sum(-1), "sum")


def completeness_gap(scores: Tensor, rise: Tensor) -> Tensor:
    """Return how far the scores `(B, U)` of each text are from adding up to the rise of the loss: `(B,)`.

    The gap is `(sum_u score_u - rise) / max(|rise|, 1e-3)`. 0 means that the scores add up; -0.1 means that their sum
    is a tenth of the rise too low.
    """
    return (scores.sum(1) - rise) / rise.abs().clamp_min(1e-3)


def sampled(evidence: Sampled, units: Units) -> Tensor:
    """Return the scores `(B, U)` of evidence that was estimated from random copies."""
    return evidence.scores


def as_is(evidence: Tensor, units: Units) -> Tensor:
    """Return the evidence, which is a score already: `(B, U)`."""
    return evidence

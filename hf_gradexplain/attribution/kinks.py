"""Points between the baseline and the input at which another window of a long text gets the largest logit."""

from itertools import pairwise

import torch
from torch import Tensor

from hf_gradexplain.attribution.perturbed_copies import PerturbedCopies
from hf_gradexplain.classifier.combine import Pool
from hf_gradexplain.classifier.hooked_classifier import ForwardPass

_GRID = 20
"""The number of equal parts that the line is divided into at first."""

_HALVINGS = 12
"""How often a part is halved if the deciding windows change in it; the last half is 1/80,000 of the line."""

_MOST = 40
"""No part is halved if that would leave more parts than this, as between windows with equal logits up to rounding."""

_ANY = -1
"""Stands for the deciding window of a class that the loss does not depend on."""


def kinks(forward: ForwardPass, baseline: tuple[Tensor, ...] | None) -> dict[int, list[float]]:
    """Return where the gradient of the loss jumps on the line from the baseline to the input, text by text.

    With `pool="max"`, each class has the logit of one window, the *deciding* one. Where another window becomes the
    deciding one, the loss is continuous but its gradient jumps. The model runs at both ends of the line and at 19
    points between them. The parts in which the deciding window of a class changes are then halved again and again. Two
    changes that cancel each other within a part are not found.

    Args:
        forward: The forward pass over the texts.
        baseline: The start of the line, one vector per table; None for zero.

    Returns:
        For each text with kinks, by its number in the batch, one point just before each kink: numbers between 0 and 1,
        ascending. Other values of `pool` and texts of one sequence have no kinks.
    """
    batch, combine = forward.batch, forward.classifier.combine
    if batch.sequences is None or not isinstance(combine, Pool) or combine.how != "max":
        return {}
    several = (batch.sequences.real.sum(1) > 1).nonzero()[:, 0]
    found = {int(text): _kinks_of(forward, text.unsqueeze(0), baseline) for text in several}
    return {text: points for text, points in found.items() if points}


def _kinks_of(forward: ForwardPass, text: Tensor, baseline: tuple[Tensor, ...] | None) -> list[float]:
    """Return the kinks of one text `(1,)`."""
    grid = [i / _GRID for i in range(_GRID + 1)]
    at = list(zip(grid, _deciding(forward, text, grid, baseline), strict=True))
    parts = [(start, end) for start, end in pairwise(at) if start[1] != end[1]]
    for _ in range(_HALVINGS if parts else 0):
        middles = [(start + end) / 2 for (start, _), (end, _) in parts]
        between = zip(middles, _deciding(forward, text, middles, baseline), strict=True)
        triples = [(start, middle, end) for (start, end), middle in zip(parts, between, strict=True)]
        halves = [half for a, b, c in triples for half in ((a, b), (b, c)) if half[0][1] != half[1][1]]
        if len(halves) > _MOST:
            break
        parts = halves
    return [start for (start, _), _ in parts]


def _deciding(
    forward: ForwardPass, text: Tensor, points: list[float], baseline: tuple[Tensor, ...] | None
) -> list[list[int]]:
    """Return the deciding window of each class at points of the line: `(n, C)`."""
    copies = PerturbedCopies(forward, len(points), text)
    found = []
    for each in copies.forward_passes(copies.on_the_line(copies.values(points), copies.constant(baseline))):
        batch, combine, objective = each.batch, each.classifier.combine, each.classifier.objective
        assert batch.sequences is not None
        assert isinstance(combine, Pool)
        window = combine.deciding(batch.sequences.by_text(each.sequence_logits), batch.sequences.real)
        assert window is not None
        matters = objective.slope(each.logits, batch.target, batch.against) != 0
        found.append(torch.where(matters, window, _ANY))
    return torch.cat(found).tolist() if found else []

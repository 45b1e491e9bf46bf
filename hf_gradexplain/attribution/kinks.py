"""Where the windows that decide under the maximum change, on the line from the baseline to the input."""

from itertools import pairwise

import torch
from torch import Tensor

from hf_gradexplain.attribution.perturbed_copies import PerturbedCopies
from hf_gradexplain.classifier.combine import Pool
from hf_gradexplain.classifier.hooked_classifier import ForwardPass

_GRID = 20
"""The number of equal parts of the line that are looked at."""

_HALVINGS = 12
"""How often a part in which the deciding windows change is halved: its end is then known to 1/80,000 of the line."""

_MOST = 40
"""The number of parts beyond which they are not halved any more, as between windows that are equal up to rounding."""

_ANY = -1
"""Stands for the deciding window of a class that the loss does not depend on."""


def kinks(forward: ForwardPass, baseline: tuple[Tensor, ...] | None) -> dict[int, list[float]]:
    """Return where the gradient of the loss jumps on the line from the baseline to the input, text by text.

    With `pool="max"`, each class has the logit of one window. Where another window takes over, the loss is continuous
    but its gradient is not. Both ends of the line and 19 points between them are run, and the parts in which the window
    of a class changes are halved. Two changes that cancel each other within a part are not found.

    Args:
        forward: The forward pass over the texts.
        baseline: The start of the line, one vector per table; None for zero.

    Returns:
        For each text with kinks, by its number in the batch: points between 0 and 1 just before each, ascending.
        Nothing for other pools and for texts that are one sequence.
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

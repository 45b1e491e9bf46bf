"""Gradients averaged along a path (Integrated Gradients) or over noise (SmoothGrad)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import torch
from scipy.special import roots_jacobi
from torch import Tensor

from hf_gradexplain.attribution.formulas import completeness_gap, signed_gi
from hf_gradexplain.attribution.kinks import kinks
from hf_gradexplain.attribution.perturbed_copies import CopyGradients, PerturbedCopies
from hf_gradexplain.attribution.sources import Source
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.lookups import Edit
from hf_gradexplain.classifier.objective import widest
from hf_gradexplain.text.data import Gradients, NoisyGradients

STEPS = (20, 40, 80, 160)
"""Numbers of points of a quadrature, tried in this order until the scores add up."""

_ENOUGH = 0.01
"""No further number of points is tried if the relative gap of the sum of the scores is at most this."""


@dataclass(frozen=True)
class IntegratedGradients(Source):
    """Gradients averaged along the straight line from the baseline to the input (Sundararajan et al. 2017, Eq. 1).

    The word vectors of all units move together; special tokens do not move. The formula `signed_gi` turns this
    average into scores that add up to the rise of the loss when all units are removed,
    `sum_u score_u = l_y(all masked) - l_y(x)`, up to the error of the quadrature (see `gauss_radau`). With one step,
    the average is the plain gradient.

    With `rules`, every gradient follows a rule set of relevance propagation. The scores then have no known sum, and
    with one step they are those of plain relevance propagation.

    With `pool="max"`, the logit of a long text is the largest one of its windows. The line is cut where the window
    with the largest logit changes (see `kinks`), and each piece has its own quadrature. The number of points of a piece
    is proportional to its length, and at least 1. Finding the cuts takes 21 forward passes, and 12 more per cut. With
    rules or one step, the line is not cut.

    Args:
        steps: Number of points on the line; each takes a forward and a backward pass. With None, 20 points are tried
            first, then 40, 80 and 160, until the sum of the scores is within 1 % of the rise of the loss.
        rules: Name of a rule set in `hf_gradexplain.propagation.rules`; None for ordinary gradients. With rules, None
            for `steps` means 20.
    """

    steps: int | None = None
    rules: str | None = None
    gradients: ClassVar[bool] = True

    def passes(self, units: float) -> float:
        """Return the number of passes for a text.

        A text may take more passes: to find kinks, or for more points if `steps` is None.
        """
        return self.steps or STEPS[0]

    @property
    def complete(self) -> bool:  # type: ignore[override]
        """Whether the scores that the formula `signed_gi` computes from this average add up to the rise of the loss."""
        return self.rules is None

    @property
    def propagates(self) -> bool:  # type: ignore[override]
        """Whether the gradients follow rules of relevance propagation."""
        return self.rules is not None

    def __call__(self, forward: ForwardPass) -> Gradients:
        """Return the word vectors of the texts and the averaged gradients, both `(S, T, D)`."""
        classifier, batch = forward.classifier, forward.batch
        if self.rules is not None:
            return self._average(forward, self.steps or STEPS[0], classifier.baseline)
        baseline = classifier.gradient_baseline
        rise, cuts = self._rise(forward), {} if self.steps == 1 else kinks(forward, baseline)
        evidence = replace(self._average(forward, self.steps or STEPS[0], baseline, cuts), rise=rise)
        for steps in () if self.steps else STEPS[1:]:
            gap = completeness_gap(signed_gi(evidence, batch.units), rise)
            (texts,) = torch.where(gap.abs() > _ENOUGH)
            if not len(texts):
                break
            rows = forward.batch.sequences_of(texts)
            finer = self._average(forward, steps, baseline, cuts, texts).grad
            grad = evidence.grad.to(torch.promote_types(evidence.grad.dtype, finer.dtype))
            grad[rows] = finer[rows].to(grad)
            evidence = replace(evidence, grad=grad)
        return evidence

    def _rise(self, forward: ForwardPass) -> Tensor:
        """Return the rise of the loss when all units are replaced by the baseline: `(B,)`."""
        classifier, units = forward.classifier, forward.batch.units
        masking = replace(classifier, baseline=classifier.gradient_baseline)
        masked = units.unit_of < units.size

        def edit_of(sequences: Tensor, columns: slice) -> Edit:
            return masking.mask(masked[sequences][:, columns])

        with torch.no_grad():
            return masking.forward(forward.batch, graph=False, edit_of=edit_of).loss() - forward.loss()

    def _average(
        self,
        forward: ForwardPass,
        steps: int,
        baseline: tuple[Tensor, ...] | None,
        cuts: Mapping[int, Sequence[float]] = MappingProxyType({}),
        texts: Tensor | None = None,
    ) -> Gradients:
        """Return the averaged gradients of `texts`, or of all texts if it is None; those of other texts are zero."""
        chosen = range(len(forward.logits)) if texts is None else texts.tolist()
        together = [text for text in chosen if text not in cuts]
        quadratures = [(together, gauss_radau(steps))]
        quadratures += [([text], piecewise(steps, cuts[text])) for text in chosen if text in cuts]
        parts = []
        for some, (points, weights) in quadratures:
            copies = PerturbedCopies(forward, len(points), forward.batch.target.new_tensor(some))
            parts.append(_on_the_line(copies, points, weights, baseline, self.rules))
        total = parts[0].grad
        for part in parts[1:]:  # each part is zero for the texts of the other parts
            total = total + part.grad
        return replace(parts[0], grad=total)


@dataclass(frozen=True)
class SequentialIntegratedGradients(Source):
    """Gradients averaged, separately for each unit, along a line on which only this unit moves (Enguehard 2023).

    The word vectors of one unit move from the baseline to the input, and all others stay. With the formula `signed_gi`,
    the score of the unit is the rise of the loss when this unit alone is replaced by the baseline,
    `l_y(x without unit) - l_y(x)`. This is the score of `loo` with the same baseline, up to the error of the quadrature
    (see `gauss_radau`). With `pool="max"`, lines are not cut at kinks, so this error is larger. Unlike the scores of
    integrated gradients, the scores of a text have no known sum. With one step, the average is the plain gradient.

    The paper divides the scores of a text by their norm, which does not change their order. This class does not, so
    that the scores keep the scale of the loss.

    Args:
        steps: Number of points on each line; None for 20. A text of `U` units takes `U * steps` forward and backward
            passes.
    """

    steps: int | None = None
    gradients: ClassVar[bool] = True

    def passes(self, units: float) -> float:
        """Return the number of passes for a text."""
        return units * (self.steps or STEPS[0])

    def __call__(self, forward: ForwardPass) -> Gradients:
        """Return the word vectors of the texts and the averaged gradients, both `(S, T, D)`."""
        steps, baseline = self.steps or STEPS[0], forward.classifier.gradient_baseline
        return _on_the_line(PerturbedCopies(forward, steps, each_unit=True), *gauss_radau(steps), baseline)


def _on_the_line(
    copies: PerturbedCopies,
    points: Sequence[float],
    weights: Sequence[float],
    baseline: tuple[Tensor, ...] | None,
    rules: str | None = None,
) -> Gradients:
    """Return the gradients averaged over copies at these points of the line from the baseline to the input."""
    edit_of = copies.on_the_line(copies.values(points), copies.constant(baseline))
    return copies.average(copies.gradients(edit_of, rules), copies.values(weights), baseline)


@dataclass(frozen=True)
class SmoothGrad(Source):
    """Gradients averaged over copies with Gaussian noise on the units' word vectors (SmoothGrad, Smilkov et al. 2017).

    The standard deviation of the noise is `level` times the range of the text's own word vectors, that is, their
    largest component minus their smallest. The noise depends only on the text and the seed. At `level=0` the average is
    the plain gradient. If the logits are linear in the word vectors and the objective is `logit`, the average is the
    plain gradient at any level.

    Args:
        copies: Number of noisy copies; each takes a forward and a backward pass.
        level: Relative noise level; Smilkov et al. use 0.1 to 0.2.
    """

    copies: int = 20
    level: float = 0.15
    gradients: ClassVar[bool] = True
    seeded: ClassVar[bool] = True

    def passes(self, units: float) -> float:
        """Return the number of passes for a text."""
        return self.copies

    def __call__(self, forward: ForwardPass) -> NoisyGradients:
        """Return the word vectors of the texts, the averaged gradients, and the variance of the gradients."""
        copies = PerturbedCopies(forward, self.copies)
        noise_of = copies.drawn(self._draw)

        def edit_of(rows: Tensor, sequences: Tensor, columns: slice) -> Edit:
            def add_noise(table: int, vectors: Tensor, tokens: slice) -> Tensor:
                return vectors + noise_of(table, rows, sequences)[:, columns][:, tokens].to(vectors.device)

            return add_noise

        variance = _RowVariance(copies)
        parts = variance.watch(copies.gradients(edit_of))
        baseline = forward.classifier.gradient_baseline
        mean = copies.average(parts, copies.values([1 / self.copies] * self.copies), baseline)
        return NoisyGradients(mean.embedding, mean.grad, mean.baseline, variance=variance.result())

    def _draw(self, rng: Callable[[str], np.random.Generator], number: int, table: int, vectors: Tensor) -> Tensor:
        """Return noise for vectors `(n, D)`."""
        width = vectors.max() - vectors.min() if vectors.numel() else 0
        noise = rng(f"noise {table} {number}").normal(size=tuple(vectors.shape))
        return self.level * width * torch.from_numpy(noise).to(vectors)


class _RowVariance:
    """The variance of the gradient of each embedding-table row that a unit uses, over the `n` copies of a text.

    The gradient of the first copy is subtracted from all gradients, so that the variance of a constant is 0. Sums are
    in the widest dtype, so that squares of tiny gradients do not underflow.
    """

    def __init__(self, copies: PerturbedCopies) -> None:
        self._copies = copies
        self._sums: tuple[Tensor, ...] = ()

    def watch(self, parts: Iterable[CopyGradients]) -> Iterator[CopyGradients]:
        """Add the gradients of some copies, and pass them on."""
        copies = self._copies
        for part in parts:
            values = part.units.sum_rows(part.grad)
            values = values.to(widest(values.device))
            texts, is_first = copies.text_of[part.copies], copies.number[part.copies] == 0
            if not self._sums:
                shape = len(copies.batch.target), *values.shape[1:]
                self._sums = tuple(values.new_zeros(shape) for _ in range(3))
            first, total, squares = self._sums
            first[texts[is_first]] = values[is_first]
            difference = values - first[texts]
            total.index_add_(0, texts, difference)
            squares.index_add_(0, texts, difference.square())
            yield part

    def result(self) -> Tensor:
        """Return the variances `(B, R, D)`."""
        _, total, squares = self._sums
        return (squares - total.square() / self._copies.n).clamp_min(0) / self._copies.n


def gauss_radau(n: int) -> tuple[list[float], list[float]]:
    """Return the `n` points and weights of Gauss-Radau quadrature on (0, 1], with 1 as the last point.

    The rule is exact for polynomials up to degree `2 n - 2`. With `n = 1`, its only point is 1, the input itself, so
    that Integrated Gradients with one step is the plain gradient. Gauss-Legendre quadrature, which captum uses, is
    exact up to degree `2 n - 1`, but with `n = 1` its only point is 0.5.

    >>> gauss_radau(1)
    ([1.0], [1.0])
    >>> [round(x, 4) for x in gauss_radau(2)[0]]
    [0.3333, 1.0]
    """
    if n == 1:
        return [1.0], [1.0]
    # With -1 as a fixed point, the other points on [-1, 1] are those of the Gauss rule for the weight function 1 + x.
    # Mirroring and scaling to (0, 1] turns the fixed point into 1.
    roots, weights = roots_jacobi(n - 1, 0, 1)
    points, weights = (1 - roots) / 2, weights / (1 + roots) / 2
    return [*points[::-1].tolist(), 1.0], [*weights[::-1].tolist(), 1 / n**2]


def piecewise(n: int, cuts: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return points and weights on (0, 1] of a Gauss-Radau quadrature for each piece between cuts.

    A piece of length `l` has `n l` points, rounded up. Without cuts this is `gauss_radau`.

    >>> piecewise(2, [0.5])
    ([0.5, 1.0], [0.5, 0.5])

    Args:
        n: The number of points of an uncut line.
        cuts: Points between 0 and 1, ascending.
    """
    points, weights = list[float](), list[float]()
    for start, end in pairwise([0.0, *cuts, 1.0]):
        if length := end - start:
            own, shares = gauss_radau(ceil(n * length))
            points += [start + length * x for x in own]
            weights += [length * share for share in shares]
    return points, weights

"""Gradients averaged over moved copies of a text: on the way from the baseline, or in noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.polynomial.legendre import legroots, legval
from torch import Tensor

from hf_gradexplain.attribution.sources import baseline_of, gradients_of
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.lookups import Edit
from hf_gradexplain.classifier.memory import run_in_chunks
from hf_gradexplain.text.data import Gradients


@dataclass(frozen=True)
class IntegratedGradients:
    """Gradients averaged on the straight way from the baseline to the text (Sundararajan et al. 2017, Eq. 1).

    All units' word vectors move together, special tokens stay. So the scores of `signed_gi` made of this average add up
    to the rise of the loss as all units are removed: `sum_u score_u = l_y(all masked) - l_y(x)`, as far as the average
    is the integral. It is taken by Gauss-Radau quadrature, exact for polynomials of degree `2 steps - 2`. The last of
    its points is the text itself, so one step is the plain gradient.

    Args:
        steps: Points on the way, each a forward and a backward pass.
    """

    steps: int = 20
    graph: ClassVar[bool] = False
    gradients: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Gradients:
        """The word vectors of the text and the average of the gradients, both `(B, T, D)`."""
        points, weights = gauss_radau(self.steps)
        copies, baselines = _PerturbedCopies(forward, self.steps), forward.classifier.baseline
        along = copies.spread(points)

        def edit(at: slice) -> Edit:
            def moved(table: int, vectors: Tensor, tokens: slice) -> Tensor:
                baseline = 0 if baselines is None else baselines[table].to(vectors.device)
                there = baseline + along[at].to(vectors)[:, None, None] * (vectors - baseline)
                here = copies.ordinary[copies.text[at], tokens].unsqueeze(2)
                return torch.where(here.to(vectors.device), there, vectors)

            return moved

        return copies.average(edit, copies.spread(weights))


@dataclass(frozen=True)
class SmoothGrad:
    """Gradients averaged over copies with Gaussian noise on the units' word vectors (SmoothGrad, Smilkov et al. 2017).

    The noise has the standard deviation `level` times the range of the text's own vectors, from the least to the
    greatest component. It depends on the text and the seed alone. Without noise this is the plain gradient, and on a
    model whose logits are linear in the vectors, with the objective `logit`, it is so with any noise.

    Args:
        copies: Noisy copies, each a forward and a backward pass.
        level: The paper takes 0.1 to 0.2.
    """

    copies: int = 20
    level: float = 0.15
    graph: ClassVar[bool] = False
    gradients: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Gradients:
        """The word vectors of the text and the average of the gradients, both `(B, T, D)`."""
        copies = _PerturbedCopies(forward, self.copies)
        tables = forward.classifier.word_vectors(forward.batch.inputs)

        def edit(at: slice) -> Edit:
            noise = [self._noise(copies, at, table, vectors) for table, vectors in enumerate(tables)]
            return lambda table, vectors, tokens: vectors + noise[table][:, tokens].to(vectors.device)

        return copies.average(edit, copies.spread([1 / self.copies] * self.copies))

    def _noise(self, copies: "_PerturbedCopies", at: slice, table: int, vectors: Tensor) -> Tensor:
        """`(N, T, D)`: what is added to some of the copies, given the vectors of all texts `(B, T, D)`."""
        batch, drawn = copies.batch, []
        for text, copy in copies.of(at):
            own = vectors[text, copies.ordinary[text]]
            rng = batch.documents[text].rng(batch.seed, f"noise {table} {copy}")
            noise = torch.from_numpy(rng.normal(size=tuple(own.shape))).to(own)
            width = own.max() - own.min() if own.numel() else 0
            drawn.append(torch.zeros_like(vectors[text]))
            drawn[-1][copies.ordinary[text]] = self.level * width * noise
        return torch.stack(drawn)


class _PerturbedCopies:
    """`n` moved copies of every text of a batch: `B n` rows, the copies of one text side by side.

    Only `ordinary` tokens move, those that belong to a unit: `(B, T)` bool.
    """

    def __init__(self, forward: ForwardPass, n: int) -> None:
        self.classifier, self.batch, self.n = forward.classifier, forward.batch, n
        self.ordinary = forward.batch.units.unit_of < forward.batch.units.size
        self.text = torch.arange(len(forward.logits), device=forward.logits.device).repeat_interleave(n)

    def spread(self, values: Sequence[float]) -> Tensor:
        """What each copy of a text has, for the copies of all: `n` numbers to `(B n,)`."""
        return torch.tensor(values, dtype=torch.float64).repeat(len(self.text) // self.n)

    def of(self, at: slice) -> list[tuple[int, int]]:
        """The text and the number of some copies."""
        return [divmod(row, self.n) for row in range(at.start, at.stop)]

    def average(self, edit: Callable[[slice], Edit], weights: Tensor) -> Gradients:
        """The word vectors of the texts, and the weighted sum of their copies' gradients."""
        classifier, inputs = self.classifier, self.batch.inputs
        vectors = torch.cat(classifier.word_vectors(inputs), -1)
        total = vectors.new_zeros(vectors.shape, dtype=torch.promote_types(vectors.dtype, torch.float32))

        def run(at: slice) -> Tensor:
            some = {name: x[self.text[at]] for name, x in inputs.items()}
            copies = replace(self.batch, inputs=some, target=self.batch.target[self.text[at]])
            grad = gradients_of(classifier.forward(copies, graph=True, edit=edit(at))).grad
            return grad * weights[at].to(grad)[:, None, None]

        length = inputs["input_ids"].shape[1]
        parts = run_in_chunks(classifier.model, len(self.text), length, classifier.batch_tokens, run, graph=True)
        for at, grads in parts:
            total.index_add_(0, self.text[at], grads)
        return Gradients(vectors, total, baseline_of(classifier))


def gauss_radau(n: int) -> tuple[list[float], list[float]]:
    """The `n` points and weights of Gauss-Radau quadrature on (0, 1], of which 1 is the last point.

    >>> gauss_radau(1)
    ([1.0], [1.0])
    >>> [round(x, 4) for x in gauss_radau(2)[0]]
    [0.3333, 1.0]
    """
    # On [-1, 1) with the point -1: the roots of (P_{n-1} + P_n) / (1 + x). Mirrored, -1 becomes 1.
    roots = legroots(np.array([0.0] * (n - 1) + [1.0, 1.0]))
    roots = np.concatenate([[-1.0], np.sort(roots.real)[1:]])
    weights = (1 - roots) / (n * legval(roots, [0.0] * (n - 1) + [1.0])) ** 2
    return ((1 - roots) / 2)[::-1].tolist(), (weights / 2)[::-1].tolist()

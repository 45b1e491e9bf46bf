"""Gradients averaged along a path (Integrated Gradients) or over noise (SmoothGrad)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from scipy.special import roots_jacobi
from torch import Tensor

from hf_gradexplain.attribution.formulas import completeness_gap, signed_gi
from hf_gradexplain.attribution.sources import concatenated, gradients_of, propagated_gradients
from hf_gradexplain.classifier.hooked_classifier import ForwardPass
from hf_gradexplain.classifier.lookups import Edit
from hf_gradexplain.classifier.memory import run_in_chunks
from hf_gradexplain.text.data import Gradients

STEPS = (20, 40, 80, 160)
"""Numbers of points that are tried one after the other."""

_ENOUGH = 0.01
"""The relative gap of the sum that needs no more points."""


@dataclass(frozen=True)
class IntegratedGradients:
    """Gradients averaged along the straight line from the baseline to the input (Sundararajan et al. 2017, Eq. 1).

    The word vectors of all units move together; special tokens stay. The scores of `signed_gi` computed from this
    average add up to the rise of the loss when all units are removed, `sum_u score_u = l_y(all masked) - l_y(x)`, up to
    the error of the quadrature (see `gauss_radau`). One step is the plain gradient.

    With `rules`, every gradient follows a rule set of relevance propagation. The scores then have no known sum, and one
    step is relevance propagation.

    Args:
        steps: Number of points on the line; each costs a forward and a backward pass. None for as many as a text needs:
            20, then twice as many until its sum is within 1 % of the rise, up to 160.
        rules: Name of the rule set, see `hf_gradexplain.propagation.rules`; None for ordinary gradients. With rules,
            `steps` has to be given.
    """

    steps: int | None = None
    rules: str | None = None
    graph: ClassVar[bool] = False
    gradients: ClassVar[bool] = True

    @property
    def complete(self) -> bool:
        """Whether the scores of `signed_gi` add up to the rise of the loss."""
        return self.rules is None

    @property
    def propagates(self) -> bool:
        """Whether it propagates relevance."""
        return self.rules is not None

    def __call__(self, forward: ForwardPass) -> Gradients:
        """Return the word vectors of the texts and the averaged gradients, both `(S, T, D)`."""
        classifier, batch = forward.classifier, forward.batch
        if self.rules is not None:
            return self._average(forward, self.steps or STEPS[0], classifier.baseline)
        baseline = classifier.gradient_baseline
        rise = self._rise(forward)
        evidence = replace(self._average(forward, self.steps or STEPS[0], baseline), rise=rise)
        for steps in () if self.steps else STEPS[1:]:
            gap = completeness_gap(signed_gi(evidence, batch.units), rise)
            (texts,) = torch.where(gap.abs() > _ENOUGH)
            if not len(texts):
                break
            rows = forward.batch.sequences_of(texts)
            evidence.grad[rows] = self._average(forward, steps, baseline, texts).grad[rows]
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
        self, forward: ForwardPass, steps: int, baselines: tuple[Tensor, ...] | None, texts: Tensor | None = None
    ) -> Gradients:
        """Return the averaged gradients; zero for texts not in `texts` (default: all)."""
        points, weights = gauss_radau(steps)
        copies = _PerturbedCopies(forward, steps, texts)
        position = copies.repeat_per_text(points)

        def edit_of(rows: Tensor, sequences: Tensor, columns: slice) -> Edit:
            def interpolate(table: int, vectors: Tensor, tokens: slice) -> Tensor:
                baseline = 0 if baselines is None else baselines[table].to(vectors.device)
                moved = baseline + position[rows.cpu()].to(vectors)[:, None, None] * (vectors - baseline)
                in_unit = copies.in_unit[:, columns][sequences, tokens].unsqueeze(2)
                return torch.where(in_unit.to(vectors.device), moved, vectors)

            return interpolate

        averaged = copies.average_gradients(edit_of, copies.repeat_per_text(weights), self.rules)
        return replace(averaged, baseline=concatenated(baselines))


@dataclass(frozen=True)
class SmoothGrad:
    """Gradients averaged over copies with Gaussian noise on the units' word vectors (SmoothGrad, Smilkov et al. 2017).

    The standard deviation of the noise is `level` times the range of the text's own vectors, from the smallest to the
    largest component. The noise depends on the text and the seed only. At `level=0` this is the plain gradient. For a
    model whose logits are linear in the vectors, with the objective `logit`, it is the plain gradient at any level.

    Args:
        copies: Number of noisy copies; each costs a forward and a backward pass.
        level: Relative noise level; Smilkov et al. use 0.1 to 0.2.
    """

    copies: int = 20
    level: float = 0.15
    graph: ClassVar[bool] = False
    gradients: ClassVar[bool] = True

    def __call__(self, forward: ForwardPass) -> Gradients:
        """Return the word vectors of the texts and the averaged gradients, both `(S, T, D)`."""
        copies = _PerturbedCopies(forward, self.copies)
        tables = forward.classifier.word_vectors(forward.batch.inputs)

        def edit_of(rows: Tensor, sequences: Tensor, columns: slice) -> Edit:
            noise = [self._noise(copies, rows, sequences, *each)[:, columns] for each in enumerate(tables)]
            return lambda table, vectors, tokens: vectors + noise[table][:, tokens].to(vectors.device)

        return copies.average_gradients(edit_of, copies.repeat_per_text([1 / self.copies] * self.copies))

    def _noise(
        self, copies: "_PerturbedCopies", rows: Tensor, sequences: Tensor, table: int, vectors: Tensor
    ) -> Tensor:
        """Return the noise `(s, T, D)` of some sequences of copies, given the vectors of all `(S, T, D)`.

        Args:
            copies: The copies.
            rows: `(s,)` the copy that each sequence belongs to.
            sequences: `(s,)` the sequence of the batch that it repeats.
            table: The number of the embedding table.
            vectors: The word vectors of the batch.
        """
        batch, noise_of = copies.batch, torch.zeros_like(vectors[sequences])
        running = set(rows.tolist())
        for row in sorted(running):
            text = copies.text_of[row : row + 1]
            own, chosen = batch.sequences_of(text), (rows == row).nonzero()[:, 0]
            if (row, table) not in copies.noise:  # the sequences of a copy may run in several passes
                copies.noise = {key: noise for key, noise in copies.noise.items() if key[0] in running}
                rng = batch.documents[int(text)].rng(batch.seed, f"noise {table} {row % copies.n}")
                copies.noise[row, table] = self._draw(vectors[own], copies.in_unit[own], rng)
            noise_of[chosen] = copies.noise[row, table][sequences[chosen] - own[0]]
        return noise_of

    def _draw(self, vectors: Tensor, in_unit: Tensor, rng: np.random.Generator) -> Tensor:
        """Return noise for the vectors of a text `(k, T, D)`; 0 for tokens that are in no unit `(k, T)`."""
        noise, unit_vectors = torch.zeros_like(vectors), vectors[in_unit]
        width = unit_vectors.max() - unit_vectors.min() if unit_vectors.numel() else 0
        drawn = torch.from_numpy(rng.normal(size=tuple(unit_vectors.shape))).to(unit_vectors)
        noise[in_unit] = self.level * width * drawn
        return noise


class _PerturbedCopies:
    """`n` perturbed copies of each text of a batch, or of some: `B n` rows, the copies of one text next to each other.

    Attributes:
        in_unit: `(S, T)` bool, True for the tokens that belong to a unit; only these are perturbed.
        text_of: `(B n,)` text of each row, the shortest first.
        lengths: `(B n,)` number of tokens of each row, padding included.
        noise: The noise that was drawn last, by row and table.
    """

    def __init__(self, forward: ForwardPass, n: int, texts: Tensor | None = None) -> None:
        self.classifier, self.batch, self.n = forward.classifier, forward.batch, n
        self.noise: dict[tuple[int, int], Tensor] = {}
        self.in_unit = forward.batch.units.unit_of < forward.batch.units.size
        chosen = torch.arange(len(forward.logits), device=forward.logits.device) if texts is None else texts
        lengths, order = forward.batch.padded_lengths[chosen].sort(stable=True)
        self.text_of, self.lengths = chosen[order].repeat_interleave(n), lengths.repeat_interleave(n).tolist()

    def repeat_per_text(self, values: Sequence[float]) -> Tensor:
        """Repeat the `n` values of a text's copies for every text: `(B n,)`."""
        return torch.tensor(values, dtype=torch.float64).repeat(len(self.text_of) // self.n)

    def average_gradients(
        self, edit_of: Callable[[Tensor, Tensor, slice], Edit], weights: Tensor, rules: str | None = None
    ) -> Gradients:
        """Return the word vectors of the texts and the weighted sum of the gradients of their copies.

        Args:
            edit_of: Gives the edit of some sequences of copies, `(rows, sequences, columns)`: the copy `(s,)` that each
                belongs to, the sequence `(s,)` of the batch that it repeats, and the columns that are run: the rest is
                padding.
            weights: `(B n,)` weight of each copy.
            rules: Name of the rule set that the gradients follow; None for ordinary gradients.
        """
        classifier, inputs = self.classifier, self.batch.inputs
        vectors = torch.cat(classifier.word_vectors(inputs), -1)
        total = vectors.new_zeros(vectors.shape, dtype=torch.promote_types(vectors.dtype, torch.float32))

        def run(chunk: slice) -> tuple[Tensor, slice, Tensor]:
            copies, copy_of, sequences = self.batch.take(self.text_of[chunk])
            rows, widest = copy_of + chunk.start, self.batch.columns(int(copies.lengths.max()))

            def edit_some(some: Tensor, columns: slice) -> Edit:
                within = range(self.in_unit.shape[1])[widest][columns]
                return edit_of(rows[some], sequences[some], slice(within.start, within.stop))

            forward = classifier.forward(copies, graph=True, edit_of=edit_some)
            grad = (gradients_of(forward) if rules is None else propagated_gradients(forward, rules)).grad
            return sequences, widest, grad * weights[rows.cpu()].to(grad)[:, None, None]

        chunks = run_in_chunks(classifier.model, self.lengths, classifier.batch_tokens, run, graph=True)
        for _, (sequences, columns, grads) in chunks:
            total[:, columns].index_add_(0, sequences, grads)
        return Gradients(vectors, total, concatenated(classifier.gradient_baseline))


def gauss_radau(n: int) -> tuple[list[float], list[float]]:
    """Return the `n` points and weights of Gauss-Radau quadrature on (0, 1], with 1 as the last point.

    The rule is exact for polynomials up to degree `2 n - 2`. Gauss-Legendre quadrature, which captum uses, is exact up
    to `2 n - 1`, but for `n = 1` its point is 0.5. Here the point for `n = 1` is 1, the input itself: Integrated
    Gradients in one step is the plain gradient.

    >>> gauss_radau(1)
    ([1.0], [1.0])
    >>> [round(x, 4) for x in gauss_radau(2)[0]]
    [0.3333, 1.0]
    """
    if n == 1:
        return [1.0], [1.0]
    # With -1 as a fixed point, the other points on [-1, 1] are those of the Gauss rule for the weight function 1 + x.
    # Mirrored and scaled to (0, 1], the fixed point becomes 1.
    roots, weights = roots_jacobi(n - 1, 0, 1)
    points, weights = (1 - roots) / 2, weights / (1 + roots) / 2
    return [*points[::-1].tolist(), 1.0], [*weights[::-1].tolist(), 1 / n**2]

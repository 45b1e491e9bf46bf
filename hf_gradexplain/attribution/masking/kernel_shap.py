"""KernelSHAP: Shapley values by constrained least squares on random sets of units.

The rise of the loss, as a function of the removed units, is approximated by a linear function with a coefficient per
unit. The coefficients have to add up to `l(all removed) - l(x)`. The coefficients of the best such approximation are
the Shapley values (Lundberg & Lee 2017, *A Unified Approach to Interpreting Model Predictions*, theorem 2):

    argmin over b of  sum over sets S of  k(S) (l(x without S) - l(x) - sum of b_u over S)^2
    k(S) = (U - 1) / (C(U, |S|) |S| (U - |S|))

**Pairs.** A set is drawn together with its complement (Covert & Lee 2021, *Improving KernelSHAP: Practical Shapley
Value Estimation via Linear Regression*). The scores then depend only on half the difference of the two losses,
`g = (l(x without S) - l(x without all but S)) / 2`. The scores are the coefficients of a regression of `g` on `w`
without intercept, where `w_u` is 1/2 for units in the set and -1/2 for all other units. Effects of pairs of units
cancel in `g`.

**Sizes.** A set has `s` units with a probability proportional to `1 / (s (U - s))`; all sets of one size are equally
likely. If a size has no more sets than would be drawn of it, each of its sets runs once, with its exact weight, as in
SHAP's `KernelExplainer`. The sizes 1 and `U - 1` are tested first, then 2 and `U - 2`, and so on, until a size `m`
has more sets than would be drawn. The sets of the sizes `m` to `U - m` are drawn.

**Errors.** The scores are a function of sums over independent pairs; their standard errors follow from the residuals of
the drawn pairs, see `regression.robust_errors`. The errors are valid if there are many pairs. If there are hardly more
pairs than units, the scores are unstable and the errors large. With no more pairs than units, the residuals could even
be 0. So the errors are first checked after at least `2 U` drawn pairs, or after `U` if all sets of one unit are
enumerated.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np

from hf_gradexplain.attribution.masking.budget import FIRST_DRAWS, Budget
from hf_gradexplain.attribution.masking.game import EstimatedScores, Game
from hf_gradexplain.attribution.masking.regression import robust_errors
from hf_gradexplain.attribution.masking.shapley import exact_estimate
from hf_gradexplain.attribution.masking.source import SampledSource


@dataclass(frozen=True)
class KernelShap(SampledSource):
    """Shapley values by KernelSHAP, see `hf_gradexplain.attribution.masking.kernel_shap`.

    They are exact, with errors of 0, in the same cases as those of `shapley`. Up to `2 U` pairs of sets may run even if
    `max_evals` is smaller. Together with the copy that has all units removed, these are `4 U + 1` masked copies.
    """

    def estimate(self, game: Game, budget: Budget) -> EstimatedScores:
        """Return the Shapley values of a game."""
        budget = replace(budget, max_evals=allowed_copies(game.size, budget.max_evals))
        return exact_estimate(game, budget.max_evals) or sampled_values(game, budget)

    def most_copies(self, units: int, max_evals: int) -> int:
        """Return the largest number of masked copies that a text of this number of units takes."""
        allowed = allowed_copies(units, max_evals)
        return 2**units - 1 if 2**units - 1 <= allowed else 1 + 2 * _most_pairs(allowed)


@dataclass(frozen=True, eq=False)
class Sizes:
    """The possible sizes of the smaller set of a pair: all sets of some sizes are enumerated, the others are drawn.

    Attributes:
        enumerated: `(E, U)` the smaller set of each pair that is enumerated.
        weights: `(E,)` the probabilities of these pairs.
        drawn: `(n,)` the sizes whose sets are drawn.
        probabilities: `(n,)` the probabilities of these sizes.
    """

    enumerated: np.ndarray
    weights: np.ndarray
    drawn: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of(cls, units: int, pairs: int) -> "Sizes":
        """Return the sizes for `U` units, given the largest number of pairs that may run."""
        sizes = np.arange(1, units // 2 + 1)
        p = np.where(2 * sizes == units, 1, 2) / (sizes * (units - sizes))
        p, n = p / p.sum(), 0
        sets, weights = [np.zeros((0, units), bool)], [np.zeros(0)]
        for size in sizes.tolist():
            n_sets = comb(units, size) // (2 if 2 * size == units else 1)
            if pairs * p[n] / p[n:].sum() < n_sets:
                break
            members = list(combinations(range(units), size))[:n_sets]
            sets.append(np.zeros((n_sets, units), bool))
            np.put_along_axis(sets[-1], np.array(members), True, 1)
            weights.append(np.full(n_sets, p[n] / n_sets))
            pairs, n = pairs - n_sets, n + 1
        return cls(np.concatenate(sets), np.concatenate(weights), sizes[n:], p[n:])

    def draw(self, rng: np.random.Generator, pairs: int) -> np.ndarray:
        """Return random sets of the sizes that are not enumerated: `(pairs, U)`."""
        random = rng.random((pairs, self.enumerated.shape[1] + 1))
        size = self.drawn[np.searchsorted(np.cumsum(self.probabilities), random[:, 0] * self.probabilities.sum())]
        return random[:, 1:].argsort(1).argsort(1) < size[:, None]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of a set and its complement, and half the difference of their losses.

    Attributes:
        sets: `(N, U)` one set of each pair; the enumerated pairs come first.
        halves: `(C, N)` half the difference of the losses without the set and without its complement.
        weights: `(E,)` the weights of the enumerated pairs. The drawn pairs have equal weights, and the weights of all
            pairs add up to 1.
        rise: `(C,)` the rise of the loss when all units are removed, which the scores add up to.
    """

    sets: np.ndarray
    halves: np.ndarray
    weights: np.ndarray
    rise: np.ndarray

    def __add__(self, other: "Pairs") -> "Pairs":
        """Return these pairs and further ones, which are all drawn."""
        joined = np.concatenate([self.sets, other.sets]), np.concatenate([self.halves, other.halves], 1)
        return Pairs(*joined, self.weights, self.rise)

    @property
    def estimate(self) -> EstimatedScores:
        """The Shapley values by weighted least squares, and their standard errors."""
        enumerated, (n, units) = len(self.weights), self.sets.shape
        drawn = n - enumerated
        rows = self.sets - 0.5
        weights = np.append(self.weights, np.full(drawn, (1 - self.weights.sum()) / drawn))
        equal = np.repeat(self.rise[:, None] / units, units, 1)
        # Each coefficient is an equal share of the rise plus a difference; the differences add up to 0.
        free = np.eye(units) - 1 / units
        inverse = np.linalg.pinv(free @ (rows.T * weights) @ rows @ free, 1e-10, hermitian=True)
        scores = equal + ((self.halves - equal @ rows.T) * weights) @ rows @ inverse
        residuals = self.halves - scores @ rows.T
        errors = robust_errors(rows[enumerated:], weights[enumerated:], inverse, residuals[:, enumerated:])
        return EstimatedScores.after(drawn, scores, errors)


def sampled_values(game: Game, budget: Budget) -> EstimatedScores:
    """Return estimates of the Shapley values by constrained least squares on random pairs of sets."""
    most = _most_pairs(budget.max_evals)
    sizes, rng = Sizes.of(game.size, most), game.rng("kernel_shap")
    whole = game.losses(np.ones((1, game.size), bool))[:, 0]

    def draw(first: int, stop: int) -> Pairs:
        sets = sizes.draw(rng, stop - first)
        if first == 0:
            sets = np.concatenate([sizes.enumerated, sets])
        without, without_others = np.split(game.losses(np.concatenate([sets, ~sets])), 2, 1)
        return Pairs(sets, (without - without_others) / 2, sizes.weights, whole - game.plain)

    least = game.size if len(sizes.enumerated) else 2 * game.size
    return budget.sample(draw, budget.looks(most - len(sizes.enumerated), max(FIRST_DRAWS, least)))


def allowed_copies(units: int, max_evals: int) -> int:
    """Return how many masked copies a text may take: `max_evals`, or two pairs of sets per unit if these are more."""
    return max(max_evals, 4 * units + 1)


def _most_pairs(max_evals: int) -> int:
    """Return the largest number of pairs of sets; one of the copies is that with all units removed."""
    return (max_evals - 1) // 2

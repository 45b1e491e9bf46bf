"""Shapley values: by closed form, by enumeration, or by random orders of removal with standard errors.

A unit's Shapley value is the rise of the loss when it is removed, averaged over all orders in which the units of the
text can be removed (Shapley 1953, Strumbelj & Kononenko 2010):

    score_u = mean over orders of  l(x without u and what comes before it) - l(x without what comes before u)

The scores add up exactly to `l(all removed) - l(x)`, with any number of orders.

**Random orders.** One draw has four orders: a random order, the same order rotated by half its length, and the reverse
of both. An order and its reverse together are exact for effects of single units and of pairs (Mitchell et al. 2022,
*Sampling Permutations for Shapley Value Estimation*). The rotated order removes last what the random order removes in
its first half. A score is the mean over draws, and its standard error comes from the spread of the draws. If
`max_evals` allows fewer than eight draws of four orders, a draw is an order and its reverse.

Draws of two orders come in pairs, unless there are enough of them for a correction by surrogates: the order of the
second draw of a pair is that of the first, rotated by half its length. The spread within a pair is larger than that of
independent draws, so that the errors are too large rather than too small. Intervals from a few independent draws would
be too narrow, because their spread is often small by chance. Draws that are corrected have to be independent.

**Control variate.** If each masked copy is a pass over the model, each draw is corrected by a surrogate function that
is fitted to all other draws. This reduces the spread, see `hf_gradexplain.attribution.masking.surrogate`. A linear
surrogate would not help, because every order gives the exact Shapley values of a linear function.
"""

from dataclasses import dataclass
from math import comb
from typing import ClassVar

import numpy as np

from hf_gradexplain.attribution.masking.budget import FIRST_DRAWS, Budget, Drawn, Means
from hf_gradexplain.attribution.masking.game import Earlier, EstimatedScores, Game, all_sets
from hf_gradexplain.attribution.masking.source import SampledSource
from hf_gradexplain.attribution.masking.surrogate import LEAST_DRAWS, CorrectedWalks
from hf_gradexplain.attribution.masking.walks import Walks
from hf_gradexplain.perturb import Shortcut


@dataclass(frozen=True)
class Shapley(SampledSource):
    """Shapley values of the units, see `hf_gradexplain.attribution.masking.shapley`.

    They are exact, with errors of 0, in two cases: if the logits are a sum over units and the objective is linear in
    them (FastText with the objective `logit`), and if `max_evals` copies are enough for all sets of units.

    At least two draws of two orders, which are `4 U - 3` masked copies, run even if `max_evals` is smaller.
    """

    continues: ClassVar[bool] = True

    def estimate(self, game: Game, budget: Budget) -> EstimatedScores:
        """Return the Shapley values of a game."""
        return shapley_values(game, budget, self.earlier)

    def most_copies(self, units: int, max_evals: int) -> int:
        """Return the largest number of masked copies that a text of this number of units takes."""
        return most_copies(units, max_evals)

    def saved_by(self, shortcut: Shortcut, units: int) -> bool:
        """Return whether a shortcut replaces the masked copies of a text.

        If `max_evals` is enough for all sets of units, only a shortcut for sets of units can replace the copies.
        Otherwise, copies run along random orders, and only a shortcut for removal curves can replace them.
        """
        return shortcut.has_subsets if 2**units - 1 <= self.budget.max_evals else shortcut.has_curves


def shapley_values(game: Game, budget: Budget, earlier: Earlier | None = None) -> EstimatedScores:
    """Return the Shapley values of a game, continuing the `earlier` draws if there are any."""
    left = budget.max_evals - (earlier.copies if earlier else 0)
    return exact_estimate(game, left) or sampled_values(game, budget, earlier)


def exact_estimate(game: Game, max_evals: int) -> EstimatedScores | None:
    """Return the Shapley values if they have a closed form or all sets fit into `max_evals` copies; otherwise None."""
    if game.size == 1 or game.linear:
        scores = single_removals(game)
    elif 2**game.size - 1 <= max_evals:
        scores = exact_values(game)
    else:
        return None
    return EstimatedScores.exact(scores)


def single_removals(game: Game) -> np.ndarray:
    """Return the rise of the loss when each unit is removed alone: `(C, U)`."""
    return game.losses(np.eye(game.size, dtype=bool)) - game.plain[:, None]


def exact_values(game: Game) -> np.ndarray:
    """Return the Shapley values by enumeration of all sets of units: `(C, U)`.

    For a unit and a set of `s` other units, the units before the unit are exactly this set in
    `s! (U - s - 1)! / U!` of all orders.
    """
    units = game.size
    numbers = np.arange(2**units)
    sets = all_sets(units)
    losses = game.losses(sets)
    losses[:, 0] = game.plain
    sizes = sets.sum(1)
    share_of = np.array([1 / (units * comb(units - 1, s)) for s in range(units)])
    scores = np.empty((len(losses), units))
    for unit in range(units):
        without = numbers[~sets[:, unit]]
        rises = losses[:, without | 1 << unit] - losses[:, without]
        scores[:, unit] = rises @ share_of[sizes[without]]
    return scores


def sampled_values(game: Game, budget: Budget, earlier: Earlier | None = None) -> EstimatedScores:
    """Return estimates of the Shapley values by random orders; draws have as many orders as the `earlier` ones."""
    orders = orders_per_draw(game.size, budget.max_evals)
    if earlier is not None:
        orders = 4 if earlier.copies >= 4 * earlier.draws * (game.size - 1) else 2
    run = walk if game.has_shortcut else CorrectedWalks.run
    shared = 1 + earlier.copies - earlier.draws * orders * (game.size - 1) if earlier else 1
    most = most_draws(game.size, budget.max_evals, orders, shared)
    paired = orders == 2 and (game.has_shortcut or most < LEAST_DRAWS)

    def base_order(number: int) -> np.ndarray:
        turned = number % 2 if paired else 0
        return np.roll(game.rng(f"shapley {number - turned}").permutation(game.size), turned * (game.size // 2))

    def draw(first: int, stop: int) -> Drawn:
        base = np.stack([base_order(number) for number in range(first, stop)])
        turned = [base, np.roll(base, game.size // 2, axis=1)][: orders // 2]
        return run(game, np.stack(turned, 1))

    found = EstimatedScores.of_all([earlier.estimates[k] for k in game.classes]) if earlier else None
    return budget.sample(draw, budget.looks(most), found)


def orders_per_draw(units: int, max_evals: int) -> int:
    """Return the number of orders of one draw: four, or two if `max_evals` does not allow eight draws of four."""
    return 4 if 4 * FIRST_DRAWS * (units - 1) < max_evals else 2


def most_draws(units: int, max_evals: int, orders: int | None = None, shared: int = 1) -> int:
    """Return the largest number of draws, at least two.

    Args:
        units: The number of units, `U`.
        max_evals: The largest number of masked copies.
        orders: The number of orders of a draw; None for `orders_per_draw`.
        shared: How often the copy with all units removed runs. All draws of a call share it, so it runs once in the
            first call, and once more in each call that continues the draws.
    """
    of_a_draw = (orders or orders_per_draw(units, max_evals)) * (units - 1)
    return max(2, (max_evals - shared) // of_a_draw)


def most_copies(units: int, max_evals: int) -> int:
    """Return the largest number of masked copies that the Shapley values of a text take."""
    if 2**units - 1 <= max_evals:
        return 2**units - 1
    return 1 + most_draws(units, max_evals) * orders_per_draw(units, max_evals) * (units - 1)


def walk(game: Game, orders: np.ndarray) -> Means:
    """Return the mean rises of the loss as the units are removed one by one, in given orders and in reverse.

    Args:
        game: The game.
        orders: `(D, M, U)` the `M` orders of each of `D` draws.
    """
    return Means.of(Walks.run(game, orders).draws())

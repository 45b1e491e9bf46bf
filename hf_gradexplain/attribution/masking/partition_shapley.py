"""Owen values of a text's hierarchy: Shapley values over the orders that keep each clause and sentence together.

The units of a text are the leaves of a binary tree. The list of the text's sentences is halved again and again, until
each part is one sentence. The clauses of a sentence and the units of a clause are halved in the same way, see
`hf_gradexplain.text.hierarchy`. An order of removal keeps to the tree if, at every node, one half is removed completely
before the other. A unit's Owen value (Owen 1977, *Values of Games with a Priori Unions*, over several levels) is the
rise of the loss when it is removed, averaged over all such orders:

    score_u = mean over sets S of  l(x without S and u) - l(x without S)

Each node on the way from the root to `u` has one half without `u`. A set `S` is the union of any of these halves. For a
unit at depth `d` there are `2^d` sets `S`, so that a balanced tree takes about `2/3 U^2` masked copies if `U` is a
power of two, and up to `3/4 U^2` otherwise. These are the values of SHAP's `PartitionExplainer` for a tree of sentences
and clauses. When SHAP's explainer has used up its copies, it divides the value of each remaining group equally among
the units of the group. This method draws orders at random instead.

The scores add up exactly to `l(all removed) - l(x)`, with any number of orders. The scores of the units of a sentence
add up to the Owen value that the sentence would have as one unit.

**Random orders.** One draw has four orders: a random order of the tree, the same order with the two halves of the text
swapped, and the reverse of both. Errors are computed as for `shapley`.

If `max_evals` allows fewer than eight such draws, a draw is an order and its reverse, and draws come in pairs. The
order of the second draw of a pair has the two halves of the text swapped. Within each half, its two parts stand in the
same order as in the first draw; within these parts, the order is random again. Take a unit at depth 2 or more, the
other half of the text, and the other part of the unit's own half. In one draw of the pair, both are removed before the
unit or both after it; in the other draw, one is removed before the unit and one after it. So the two draws have
different sets `S` for this unit. Two independent draws would often have the same sets for a unit, and a spread of 0
would then hide the error. The spread within a pair is larger than that of independent draws, so the errors are too
large rather than too small.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hf_gradexplain.attribution.masking.budget import Budget, Means
from hf_gradexplain.attribution.masking.game import EstimatedScores, Game
from hf_gradexplain.attribution.masking.shapley import most_draws, orders_per_draw, single_removals, walk
from hf_gradexplain.attribution.masking.source import SampledSource

Tree = int | tuple[Any, Any]
"""A leaf, which is the number of a unit, or a pair of trees."""


@dataclass(frozen=True)
class PartitionShapley(SampledSource):
    """Owen values of the units, see `hf_gradexplain.attribution.masking.partition_shapley`.

    They are exact, with errors of 0, if the sets of the text's tree take no more than `max_evals` copies, or if the
    loss is known to be a sum over units. At least two draws of two orders, which are `4 U - 3` masked copies, run even
    if `max_evals` is smaller.
    """

    by_parts: ClassVar[bool] = True

    def estimate(self, game: Game, budget: Budget) -> EstimatedScores:
        """Return the Owen values of a text."""
        return owen_values(game, binary(game.hierarchy), budget)

    def most_copies(self, units: int, max_evals: int) -> int:
        """Return the number of masked copies for this number of units if draws do not stop early.

        The number depends on the tree of the text; here it is given for a text of one clause.
        """
        if units == 1:
            return 1
        copies, of_a_draw = n_copies(binary(range(units))), orders_per_draw(units, max_evals) * (units - 1)
        return copies if copies <= max_evals else 1 + even_draws(units, max_evals) * of_a_draw


def binary(nested: int | Sequence[Any]) -> Tree:
    """Return nested lists as a binary tree: each list is halved until one entry is left.

    >>> binary([[[0, 1, 2], [3]], [[4, 5]]])
    (((0, (1, 2)), 3), (4, 5))
    """
    if isinstance(nested, int):
        return nested
    if len(nested) == 1:
        return binary(nested[0])
    middle = len(nested) // 2
    return binary(nested[:middle]), binary(nested[middle:])


def owen_values(game: Game, tree: Tree, budget: Budget) -> EstimatedScores:
    """Return the Owen values of a game."""
    if game.size == 1 or game.linear:
        scores = single_removals(game)
    elif n_copies(tree) <= budget.max_evals:
        scores = exact_values(game, tree)
    else:
        return sampled_values(game, tree, budget)
    return EstimatedScores.exact(scores)


def n_copies(tree: Tree, contexts: int = 1) -> int:
    """Return the number of masked copies that the exact values take.

    Each copy lacks one half of a node and one of the sets `S` around this node. One more copy lacks all units.

    Args:
        tree: A tree, or a half of a larger tree.
        contexts: The number of sets `S` around this tree; 1 if it is not a half of a larger tree.
    """
    whole = contexts == 1
    if isinstance(tree, int):
        return int(whole)
    return whole + 2 * contexts + sum(n_copies(half, 2 * contexts) for half in tree)


def exact_values(game: Game, tree: Tree) -> np.ndarray:
    """Return the Owen values by enumeration of the sets around each unit: `(C, U)`."""
    paths = dict(_paths(tree, game.size))
    before = {u: _unions(around) for u, around in paths.items()}
    each = np.eye(game.size, dtype=bool)
    sets = np.concatenate([part for u in paths for part in (before[u], before[u] | each[u])])
    distinct, number = np.unique(sets, axis=0, return_inverse=True)
    losses, scores = game.losses(distinct)[:, number.ravel()], np.empty((len(game.forwards), game.size))
    for u, of_unit in zip(paths, np.split(losses, np.cumsum([2 * len(before[u]) for u in paths])[:-1], 1), strict=True):
        without, removed = np.split(of_unit, 2, 1)
        scores[:, u] = (removed - without).mean(1)
    return scores


def sampled_values(game: Game, tree: Tree, budget: Budget) -> EstimatedScores:
    """Return estimates of the Owen values by random orders of the tree."""
    orders = orders_per_draw(game.size, budget.max_evals)

    def orders_of(number: int) -> list[list[int]]:
        rng = game.rng(f"partition_shapley {number}")
        of_pair = game.rng(f"partition_shapley pair {number // 2}") if orders == 2 else None
        first, second = (_order(half, rng, of_pair) for half in tree)  # type: ignore[union-attr]
        swapped = [first + second, second + first]
        return swapped if of_pair is None else [swapped[number % 2]]

    def draw(first: int, stop: int) -> Means:
        return walk(game, np.array([orders_of(number) for number in range(first, stop)]))

    return budget.sample(draw, budget.looks(even_draws(game.size, budget.max_evals)))


def even_draws(units: int, max_evals: int) -> int:
    """Return the largest number of draws; it is even if a draw has two orders."""
    draws = most_draws(units, max_evals)
    return draws - draws % 2 if orders_per_draw(units, max_evals) == 2 else draws


def _order(tree: Tree, rng: np.random.Generator, top: np.random.Generator | None = None) -> list[int]:
    """Return the units of a tree in a random order that keeps the units below each node together.

    Args:
        tree: The tree.
        rng: Draws which half of each node comes first.
        top: Draws which half of the root comes first; None for `rng`.
    """
    if isinstance(tree, int):
        return [tree]
    halves = [_order(half, rng) for half in tree]
    return halves[0] + halves[1] if (top or rng).random() < 0.5 else halves[1] + halves[0]


def _paths(tree: Tree, size: int, around: tuple[np.ndarray, ...] = ()) -> Iterator[tuple[int, tuple[np.ndarray, ...]]]:
    """Yield each unit with the other half, `(U,)` bool, of each node on the way from the root to the unit."""
    if isinstance(tree, int):
        yield tree, around
        return
    for half, other in (tree, tree[::-1]):
        members = np.zeros(size, bool)
        members[_members(other)] = True
        yield from _paths(half, size, (*around, members))


def _members(tree: Tree) -> list[int]:
    return [tree] if isinstance(tree, int) else [u for half in tree for u in _members(half)]


def _unions(sets: Sequence[np.ndarray]) -> np.ndarray:
    """Return the unions of all choices of disjoint sets: `(2^d, U)`."""
    unions = np.zeros((1, len(sets[0])), bool)
    for each in sets:
        unions = np.concatenate([unions, unions | each])
    return unions

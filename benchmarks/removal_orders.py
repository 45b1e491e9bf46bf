"""Compute scores of units from a value function of the set of masked units.

A value function takes `N` sets of masked units, `(N, U)` bool, and returns a number for each, `(N,)`, such as the loss
of the target. The number rises when evidence for the target is masked. Scores are `(U,)`; the highest-scored unit is
removed first.
"""

from collections.abc import Callable
from math import comb

import numpy as np

from hf_gradexplain.evaluation.naopc import extreme_sums

Value = Callable[[np.ndarray], np.ndarray]


def all_sets(n_units: int) -> np.ndarray:
    """Return every set of units, `(2^U, U)` bool: unit `u` is in set `i` if bit `u` of `i` is 1."""
    return (np.arange(2**n_units)[:, None] >> np.arange(n_units) & 1).astype(bool)


def lookup(table: np.ndarray) -> Value:
    """Return the value function that reads the values of `all_sets` from a table `(2^U,)`."""
    return lambda masked: table[masked @ (1 << np.arange(masked.shape[1]))]


def leave_one_out(value: Value, n_units: int) -> np.ndarray:
    """Return the rise of the value when one unit is masked: `v(u) - v(nothing)`."""
    return value(np.eye(n_units, dtype=bool)) - value(np.zeros((1, n_units), dtype=bool))


def one_in(value: Value, n_units: int) -> np.ndarray:
    """Return the fall of the value when one unit is shown and all others are masked: `v(all) - v(all but u)`."""
    return value(np.ones((1, n_units), dtype=bool)) - value(~np.eye(n_units, dtype=bool))


def removed_and_kept(value: Value, n_units: int) -> np.ndarray:
    """Return the mean of `leave_one_out` and `one_in`: the two ends of the average that is the Shapley value."""
    return (leave_one_out(value, n_units) + one_in(value, n_units)) / 2


def leave_two_out(value: Value, n_units: int) -> np.ndarray:
    """Return the mean of two rises: of leave-one-out, and of masking the unit with one other unit masked already.

    The second is averaged over the other unit. `U (U + 1) / 2` masked copies.
    """
    first, second = np.triu_indices(n_units, 1)
    pairs = np.zeros((len(first), n_units), dtype=bool)
    pairs[np.arange(len(first)), first] = pairs[np.arange(len(first)), second] = True
    together = np.zeros((n_units, n_units))
    together[first, second] = together[second, first] = value(pairs)
    singles = value(np.eye(n_units, dtype=bool))
    after_another = (together.sum(1) - (singles.sum() - singles)) / max(n_units - 1, 1)
    return (leave_one_out(value, n_units) + after_another) / 2


def shapley(value: Value, n_units: int) -> np.ndarray:
    """Return the exact Shapley values of the units: `2^U` masked copies.

    The score of a unit is the rise of the value when it is masked, averaged over the sets of units that are masked
    already, with weight `|S|! (U - |S| - 1)! / U!`.
    """
    sets = all_sets(n_units)
    values, sizes = value(sets), sets.sum(1)
    scores = np.empty(n_units)
    for u in range(n_units):
        without = np.flatnonzero(~sets[:, u])
        weights = np.array([1 / (n_units * comb(n_units - 1, size)) for size in range(n_units)])[sizes[without]]
        scores[u] = weights @ (values[without | 1 << u] - values[without])
    return scores


def greedy(value: Value, n_units: int, steps: int) -> np.ndarray:
    """Return the scores of leave-one-out that is computed again after each removal.

    In each step the unit is masked whose masking raises the value most, the first of equal ones. After `steps` units,
    the others follow in the order of their rise in the last step.
    """
    masked, scores, rises = np.zeros(n_units, dtype=bool), np.zeros(n_units), np.zeros(0)
    for step in range(min(steps, n_units)):
        left = np.flatnonzero(~masked)
        rises = value(masked | np.eye(n_units, dtype=bool)[left])
        chosen = left[rises.argmax()]
        scores[left] = -step - 2 + np.argsort(np.argsort(rises)) / len(left)
        scores[chosen], masked[chosen] = -step, True
    return scores


def best_area(probability: Value, n_units: int) -> float:
    """Return the AOPC(U) of the best order of removal, found exactly from all `2^U` sets."""
    start = float(probability(np.zeros((1, n_units), dtype=bool))[0])
    least, _ = extreme_sums(probability, n_units)
    return (n_units * start - least) / (n_units + 1)


def additivity(odds: Value, removed: np.ndarray) -> tuple[float, float]:
    """Return the rise of a value when a set of units is masked together, and the sum of their single rises.

    With the log odds against the target as the value, the two are equal for evidence that adds up. Redundant evidence
    has a sum that is too small, evidence that works only together one that is too large.
    """
    n_units = len(removed)
    joint = odds(removed[None])[0] - odds(np.zeros((1, n_units), dtype=bool))[0]
    return float(joint), float(leave_one_out(odds, n_units)[removed].sum())
